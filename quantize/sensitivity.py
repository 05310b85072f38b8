"""How much each layer's weights may be coarsened: the error of the outputs with only that layer changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from edgewright.converter.program import Array
from edgewright.quantize.calibrate.running import Runner, Samples
from edgewright.quantize.feedback import factored
from edgewright.quantize.formats import FORMATS
from edgewright.quantize.graph_edit import name_of
from edgewright.quantize.input_statistics import input_statistics
from edgewright.quantize.layers import Layer, find_layers
from edgewright.quantize.quantize_model import Progress, rounded, silent
from edgewright.quantize.score import decibels_of, noise_to_signal, signal_names
from edgewright.quantize.settings import Settings

# Samples that every layer and format is run with.
MAX_SAMPLES = 4


@dataclass(frozen=True)
class Sensitivity:
    """A layer with the weights of one format, everything else in float.

    Args:
        layer: Its name.
        format: Of its weights.
        weight_bytes: Their size, packed.
        noise: Sum of squared errors of the outputs (before a final Softmax), relative to that of the outputs.
    """

    layer: str
    format: str
    weight_bytes: int
    noise: float

    @property
    def sqnr_db(self) -> float:
        """The same in decibels, larger is better."""
        return decibels_of(self.noise)


def measure_sensitivity(
    model: ir.Model, samples: Samples, settings: Settings, progress: Progress = silent
) -> list[Sensitivity]:
    """Every layer in every format, rounded as the final model's are.

    Args:
        model: The prepared float model, equalized where the final one is.
        samples: Calibration inputs; the errors are measured with `MAX_SAMPLES` of them.
        settings: Rounding and bias correction.
        progress: Called with (what, done, total).
    """
    layers = find_layers(model.graph)
    names = {layer.name for layer in layers}
    inputs = input_statistics(
        model, layers, names, samples, lambda done, total: progress("look at inputs", done, total)
    )
    feeds = [name_of(v) for x in layers for v in (x.weights_value, x.bias) if v is not None]
    signals = list(dict.fromkeys(signal_names(model)))
    runner = Runner(model, signals, feeds)
    step = max(1, len(samples) // MAX_SAMPLES)
    chosen = [samples[i] for i in range(0, len(samples), step)][:MAX_SAMPLES]
    wanted = [runner.run(sample) for sample in chosen]
    found: list[Sensitivity] = []
    for layer in layers:
        if layer.name in inputs.moments:  # once for all formats, and gone with the layer
            inputs.moments[layer.name] = factored(inputs.moments[layer.name])
        for form in FORMATS.values():
            weights = rounded(layer, form.name, inputs, settings, rounds=1)
            changed = _changed(layer, weights.levels * weights.scales[:, None], weights.bias)
            made = [runner.run(sample, changed) for sample in chosen]
            size = form.packed_bytes(layer.rows().size)
            found.append(Sensitivity(layer.name, form.name, size, _noise(made, wanted)))
            progress("sensitivity", len(found), len(layers) * len(FORMATS))
        inputs.moments.pop(layer.name, None)
    return found


def _changed(layer: Layer, rows: Array, bias: Array) -> dict[str, Array]:
    changed = {name_of(layer.weights_value): layer.stored_of(rows).astype("float32")}
    if layer.bias is not None:
        changed[name_of(layer.bias)] = bias.astype("float32")
    return changed


def _noise(made: Sequence[Mapping[str, Array]], wanted: Sequence[Mapping[str, Array]]) -> float:
    return noise_to_signal([(m[name], w[name]) for m, w in zip(made, wanted, strict=True) for name in w])
