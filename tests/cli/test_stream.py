"""`edgewright stream`: what it prints, writes and refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgewright.converter.streaming import stream_program
from edgewright.targets.build import load_program_of
from tests.cli.runner import DIGITS, cli, cli_json, tree
from tests.shared import shared_path

BOARD = ("--board", "mps2-an386")


@pytest.fixture(scope="module")
def wakeword():
    return shared_path("models/mlperf_tiny/str_ww_ref_model.tflite")


@pytest.fixture(scope="module")
def keywords():
    return shared_path("models/mlperf_tiny/kws_ref_model.tflite")


def test_figures_of_an_exact_model(wakeword):
    result = cli("stream", wakeword, *BOARD, "--hop", 1)
    assert result.status == 0
    assert "0.0557 of the window's 826,368" in result.out
    assert "3,544 B survive from call to call" in result.out
    assert "every output equals window inference" in result.out
    document = cli_json("stream", wakeword, *BOARD, "--hop", 1).document["stream"]
    streamed = stream_program(load_program_of(wakeword), 1)
    assert document["macs"] == streamed.macs == sum(op["macs"] for op in document["ops"])
    kept = document["input_kept_bytes"] + sum(op["kept_bytes"] for op in document["ops"])
    assert kept == streamed.state_bytes
    assert [op["kept_bytes"] for op in document["ops"]][:6] == [0, 512, 0, 1152, 0, 1792]
    # Measured on the emulated board: 129,954.
    assert document["estimated_cycles"] == pytest.approx(129_954, rel=0.03)


def test_no_cycles_where_the_core_has_no_timing_table(wakeword):
    result = cli("stream", wakeword, "--board", "mps2-an500", "--hop", 1)
    assert result.status == 0
    assert "est. cycles  " not in result.out.partition("\n\n")[0]
    document = cli_json("stream", wakeword, "--board", "mps2-an500", "--hop", 1).document["stream"]
    assert document["estimated_cycles"] is None


def test_writes_a_library_and_replaces_an_earlier_one(wakeword, tmp_path):
    out = tmp_path / "out"
    document = cli_json("stream", wakeword, *BOARD, "--hop", 1, "--out", out).document
    assert document["out"] == str(out)
    manifest = json.loads((out / "stream.json").read_text())
    assert manifest["state_bytes"] == 3_544
    header = (out / "library" / "str_ww_ref_model_stream.h").read_text()
    assert f"_STACK_BYTES {document['stack_bytes']}u" in header
    assert cli("stream", wakeword, *BOARD, "--hop", 2, "--out", out).status == 0
    assert json.loads((out / "stream.json").read_text())["hop"] == 2
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    refused = cli_json("stream", wakeword, *BOARD, "--hop", 1, "--out", tmp_path / "other")
    assert refused.code == "EW-OUT-EXISTS"
    assert tree(tmp_path / "other") == {"file": b"mine"}


def test_findings_of_an_inexact_model(keywords, tmp_path):
    out = tmp_path / "out"
    result = cli("stream", keywords, *BOARD, "--hop", 2, "--out", out)
    assert result.status == 4 and not out.exists()
    assert result.out.count("pads in time") == 5
    assert "EW-STREAM-INEXACT" in result.err and "padding recompute" in result.err
    document = cli_json("stream", keywords, *BOARD, "--hop", 2)
    assert document.code == "EW-STREAM-INEXACT"
    assert [f["cause"] for f in document.document["stream"]["findings"]] == ["padding"] * 5


def test_a_hop_that_does_not_fit(keywords):
    refused = cli_json("stream", keywords, *BOARD, "--hop", 3)
    assert (refused.status, refused.code) == (2, "EW-STREAM-HOP")
    assert refused.document["error"]["hop_multiple"] == 2
    assert cli_json("stream", keywords, *BOARD, "--hop", 0).code == "EW-STREAM-HOP"
    options = ("--padding", "recompute", "--alignment", "recompute")
    document = cli_json("stream", keywords, *BOARD, "--hop", 3, *options).document["stream"]
    assert document["exact"] and document["macs"] == document["window_macs"]
    assert document["ops"][1]["reason"] == "its input is new in every call"


def test_deviation_on_data(keywords, tmp_path):
    signal = np.load(shared_path("data/kws01/kws01_first500.npz"))["inputs"][:5].reshape(-1, 10)
    np.save(tmp_path / "signal.npy", signal)
    kind = load_program_of(keywords).values["input_1"]
    np.save(tmp_path / "real.npy", (signal.astype(np.float32) - kind.zero_point) * kind.scale)
    options = ("stream", keywords, *BOARD, "--hop", 2, "--padding", "signal", "--data")
    (found,) = cli_json(*options, tmp_path / "signal.npy").document["deviation"].values()
    assert 0.01 < found["nrmse"] < 0.2 and found["windows"] > 70
    (same,) = cli_json(*options, tmp_path / "real.npy").document["deviation"].values()
    assert same == found
    assert f"NRMSE {found['nrmse']:.4f}" in cli(*options, tmp_path / "signal.npy").out


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((90, 11), np.int8),
        np.zeros(90, np.int8),
        np.zeros((90, 10), np.int16),
        np.full((90, 10), np.nan),
    ],
    ids=["columns", "flat", "dtype", "nan"],
)
def test_signals_that_do_not_fit(keywords, tmp_path, array):
    file = tmp_path / "signal.npy"
    np.save(file, array)
    refused = cli_json("stream", keywords, *BOARD, "--hop", 2, "--padding", "signal", "--data", file)
    assert refused.code == "EW-STREAM-SIGNAL"


def test_signal_files_that_cannot_be_read(keywords, tmp_path):
    file = tmp_path / "signal.npy"
    options = ("stream", keywords, *BOARD, "--hop", 2, "--padding", "signal", "--data", file)
    assert cli_json(*options).code == "EW-STREAM-SIGNAL"
    file.write_bytes(b"no array")
    assert cli_json(*options).code == "EW-STREAM-SIGNAL"
    np.savez(tmp_path / "two.npz", a=np.zeros(3), b=np.zeros(3))
    (tmp_path / "two.npz").rename(file)
    assert cli_json(*options).code == "EW-STREAM-SIGNAL"
    # A header that promises terabytes is refused, nothing is allocated for it.
    with file.open("wb") as stream:
        header = {"descr": "|i1", "fortran_order": False, "shape": (10**13, 10)}
        np.lib.format.write_array_header_1_0(stream, header)
    assert cli_json(*options).code == "EW-STREAM-SIGNAL"
    file.write_bytes(b"")
    refused = cli_json(*options)
    assert refused.code == "EW-STREAM-SIGNAL" and refused.document["error"]["hint"]


def test_float_models_stream_too(tmp_path):
    """The example's inputs are float; its padding and strides do not fit a hop of one."""
    options = ("--hop", 1, "--padding", "recompute", "--alignment", "recompute")
    document = cli_json("stream", DIGITS, *BOARD, *options, "--out", tmp_path / "out").document["stream"]
    assert document["exact"] and document["ops"][0]["kind"] == "quantize"
    assert document["ops"][0]["new_rows"] == 1
