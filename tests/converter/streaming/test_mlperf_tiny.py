"""MLPerf Tiny's streaming wakeword model is exact; its keyword spotting model pads in time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.program import Port
from edgewright.converter.streaming import analyse, deviation, run_stream, stream_program
from edgewright.errors import ModelError, UsageError
from edgewright.targets.build import load_program_of
from tests.converter.streaming.programs import assert_streams_exactly, random_signal
from tests.shared import shared_path


@pytest.fixture(scope="module")
def wakeword():
    return load_program_of(shared_path("models/mlperf_tiny/str_ww_ref_model.tflite"))


@pytest.fixture(scope="module")
def keywords():
    return load_program_of(shared_path("models/mlperf_tiny/kws_ref_model.tflite"))


def test_wakeword_is_bit_exact_over_a_thousand_steps(wakeword):
    # The features as well as the classes: those are the same for most noise.
    features = wakeword.nodes[-3].output
    program = replace(
        wakeword, outputs=(*wakeword.outputs, Port("features", features, (1, 1, 32), (0, 1, 2)))
    )
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 60, (1029, 1, 40)) * np.sin(np.arange(1029) / 37)[:, None, None]
    signal = np.clip(noise - 40, -128, 127).astype(np.int8)
    streamed = stream_program(program, 1)
    assert assert_streams_exactly(streamed, signal, program) == 1000
    seen = {call["features"].tobytes() for call in run_stream(streamed, signal[:200])}
    assert len(seen) > 150


def test_wakeword_cost_of_a_step(wakeword):
    streamed = stream_program(wakeword, 1)
    assert wakeword.macs == 826_368
    assert streamed.macs == 46_040 <= 0.065 * wakeword.macs
    # The window of each depthwise convolution less its new row: 2 x 40, 4, 9 and 14 x 128.
    assert streamed.state_bytes == 2 * 40 + (4 + 9 + 14) * 128 == 3_536
    assert streamed.ring_bytes == 3 * 40 + (5 + 10 + 15) * 128 <= 4_200
    assert streamed.warm_up_calls == 30


@pytest.mark.parametrize("hop", [2, 7, 15, 30])
def test_wakeword_of_longer_hops(wakeword, hop):
    streamed = stream_program(wakeword, hop)
    assert_streams_exactly(streamed, random_signal(np.random.default_rng(hop), wakeword, 120), wakeword)
    if hop == 30:
        assert (streamed.macs, streamed.state_bytes) == (wakeword.macs, 0)


def test_keywords_are_refused_with_every_op_that_pads(keywords):
    padded = [n for n in keywords.nodes if getattr(n.op, "padding", None) and n.op.padding.top]
    assert len(padded) == 5
    with pytest.raises(ModelError) as refused:
        stream_program(keywords, 2)
    assert refused.value.code == "EW-STREAM-INEXACT"
    assert refused.value.details["nodes"] == [n.name for n in padded]
    assert "4 rows above the window and 5 below" in refused.value.message
    assert [f.cause for f in analyse(keywords, 2).findings] == ["padding"] * 5


def test_keywords_need_an_even_hop(keywords):
    with pytest.raises(UsageError) as refused:
        stream_program(keywords, 3, padding="signal")
    assert refused.value.code == "EW-STREAM-HOP"
    assert refused.value.details["hop_multiple"] == 2
    assert refused.value.details["nodes"] == [keywords.nodes[0].name]


def test_keywords_with_signal_padding(keywords):
    streamed = stream_program(keywords, 2, padding="signal")
    # Four 3x3 convolutions need 4 rows more on either side, of stride 2; the first pads by 4 and 5.
    assert (streamed.before, streamed.after) == (2 * 4 + 4, 2 * 4 + 5)
    assert streamed.macs < 0.05 * keywords.macs
    signal = np.load(shared_path("data/kws01/kws01_first500.npz"))["inputs"][:5].reshape(-1, 10, 1)
    assert assert_streams_exactly(streamed, signal[:90]) == 9
    (found,) = deviation(keywords, streamed, signal).values()
    assert found.windows == (245 - streamed.window_rows) // 2 + 1
    assert 0.01 < found.nrmse < 0.2
    assert found.same_class > 0.7


def test_keywords_recomputed_are_exact(keywords):
    streamed = stream_program(keywords, 1, padding="recompute", alignment="recompute")
    signal = random_signal(np.random.default_rng(2), keywords, 52)
    assert assert_streams_exactly(streamed, signal, keywords) == 4
    assert streamed.macs == keywords.macs
    (found,) = deviation(keywords, streamed, signal).values()
    assert (found.nrmse, found.largest, found.same_class) == (0, 0, 1)
