"""How well a quantized model follows its float model on samples that were not used to calibrate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgewright.converter.program import Array
from edgewright.quantize.accuracy.metrics import cosine, rank_of
from edgewright.quantize.calibrate.running import Runner, Samples
from edgewright.quantize.data.labels import Labels, check_labels
from edgewright.quantize.graph_edit import name_of

# Functions at the end of a model whose results hide what went on before: most are next to 0 or 1.
_SQUASHING = ("Softmax", "Sigmoid")
_QDQ = ("QuantizeLinear", "DequantizeLinear")

# Of a model without any error.
LARGEST_SQNR_DB = 200.0


@dataclass(frozen=True)
class Score:
    """Figures of a model on held-back samples.

    Args:
        top1: Part of the samples whose largest output is the label's, None without labels.
        cosine: Mean over samples and signals (see `Observed`) of the cosine to the float model.
        sqnr_db: Signal-to-quantization-noise ratio of the signals.
    """

    top1: float | None
    cosine: float
    sqnr_db: float


@dataclass(frozen=True, eq=False)
class Observed:
    """What a model gives for one sample.

    Args:
        output: Its first output.
        signals: Its outputs; in the place of those that a Softmax or a Sigmoid makes, the input of that.
    """

    output: Array
    signals: list[Array]


def signal_names(model: ir.Model) -> list[str]:
    """Names of the tensors that errors are measured on, one an output, of a float or a quantized model."""
    names = []
    for value in model.graph.outputs:
        maker = value.producer()
        while maker is not None and maker.op_type in _QDQ and maker.inputs[0] is not None:
            maker = maker.inputs[0].producer()
        squashed = maker is not None and maker.op_type in _SQUASHING
        source = maker.inputs[0] if squashed and maker is not None else value
        assert source is not None
        names.append(name_of(source))
    return names


def observe_outputs(model: ir.Model, samples: Samples) -> list[Observed]:
    """Run a model on all samples."""
    first, signals = name_of(model.graph.outputs[0]), signal_names(model)
    runner = Runner(model, list(dict.fromkeys([first, *signals])))
    found = []
    for index in range(len(samples)):
        tensors = runner.run(samples[index])
        found.append(Observed(tensors[first], [tensors[name] for name in signals]))
    return found


def score(found: Sequence[Observed], wanted: Sequence[Observed], labels: Labels | None) -> Score:
    """Compare what two models give.

    Args:
        found: By the quantized model.
        wanted: By the float model, for the same samples.
        labels: Classes, of the first output.

    Raises:
        UsageError: EW-LABELS-…, labels that are no classes of the model.
    """
    pairs = [p for f, w in zip(found, wanted, strict=True) for p in zip(f.signals, w.signals, strict=True)]
    top1 = None if labels is None else top1_of(found, labels)
    return Score(top1, float(np.mean([cosine(f, w) for f, w in pairs])), sqnr_db(pairs))


def top1_of(found: Sequence[Observed], labels: Labels) -> float:
    """Part of the samples whose first output is largest at the label."""
    scores = [f.output.reshape(-1) for f in found]
    check_labels(labels, scores[0].size)
    return float(np.mean([rank_of(s, int(k)) == 0 for s, k in zip(scores, labels, strict=True)]))


def sqnr_db(pairs: Sequence[tuple[Array, Array]]) -> float:
    """10 log10 (sum of w^2 / sum of (f - w)^2) over pairs (found f, wanted w)."""
    return decibels_of(noise_to_signal(pairs))


def noise_to_signal(pairs: Sequence[tuple[Array, Array]]) -> float:
    """Sum of (f - w)^2 / sum of w^2 over pairs (found f, wanted w)."""
    noise = sum(float(np.sum((f.astype(np.float64) - w) ** 2)) for f, w in pairs)
    signal = sum(float(np.sum(w.astype(np.float64) ** 2)) for _, w in pairs)
    return noise / max(signal, 1e-300)


def decibels_of(ratio: float) -> float:
    """A noise-to-signal ratio as SQNR in decibels, at most `LARGEST_SQNR_DB`."""
    return min(LARGEST_SQNR_DB, -10 * float(np.log10(max(ratio, 1e-300))))


def score_data(found: Score) -> Mapping[str, float | None]:
    """JSON-ready."""
    return {"top1": found.top1, "cosine": found.cosine, "sqnr_db": found.sqnr_db}
