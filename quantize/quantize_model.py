"""Post-training quantization of a float model: the order of its steps.

prepare -> equalize -> calibrate -> round weights -> QDQ graph -> correct biases -> check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgewright.converter.importers import ImportedModel
from edgewright.converter.program import Quantization
from edgewright.errors import UsageError
from edgewright.quantize.bias_correction import corrected
from edgewright.quantize.calibrate.ranges import METHODS, quantization_of
from edgewright.quantize.calibrate.running import Samples
from edgewright.quantize.calibrate.statistics import Seen, observe
from edgewright.quantize.deployable import check_deployable, check_operators
from edgewright.quantize.emit_qdq import QuantizedWeights, emit_qdq
from edgewright.quantize.equalize import equalized
from edgewright.quantize.feedback import ROUNDS, round_with_feedback
from edgewright.quantize.formats import FORMATS
from edgewright.quantize.graph_edit import name_of
from edgewright.quantize.input_statistics import InputStatistics, input_statistics
from edgewright.quantize.layer_formats import choose_formats
from edgewright.quantize.layers import Layer, find_layers
from edgewright.quantize.prepare import prepare
from edgewright.quantize.round_weights import best_scales, largest_scales, nearest_levels
from edgewright.quantize.settings import Settings
from edgewright.quantize.tensor_plan import TensorPlan, plan_tensors

# Called with (what is going on, done, in all).
Progress = Callable[[str, int, int], None]
DEFAULTS = Settings()


def silent(what: str, done: int, total: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class LayerReport:
    """A layer of the quantized model.

    Args:
        name: Of its node.
        op: Its operator.
        format: Of its weights.
        weights: Their number.
        weight_bytes: Their size, packed.
    """

    name: str
    op: str
    format: str
    weights: int
    weight_bytes: int


@dataclass(frozen=True, eq=False)
class Quantized:
    """A quantized model.

    Args:
        model: With QuantizeLinear and DequantizeLinear nodes.
        float_model: The float model it was made from, prepared and equalized; tensors of the same name
            mean the same in both.
        layers: In graph order.
        settings: Those it was made with.
        constants: Tensors that had one value on all samples: dead parts, or samples that do not reach them.
    """

    model: ir.Model
    float_model: ir.Model
    layers: list[LayerReport]
    settings: Settings
    constants: tuple[str, ...] = ()

    @property
    def weight_bytes(self) -> int:
        """Of all layers, packed."""
        return sum(layer.weight_bytes for layer in self.layers)


@dataclass(eq=False)
class Calibrated:
    """A prepared model with what was seen of its activations.

    Args:
        model: The prepared float model.
        plan: What of it is quantized.
        seen: Values of the plan's groups, None for those of fixed quantization.
        samples: Calibration inputs.
        inputs: Statistics of the inputs of layers, None until they are needed.
    """

    model: ir.Model
    plan: TensorPlan
    seen: list[Seen | None]
    samples: Samples
    inputs: InputStatistics | None = None

    def quantizations(self, method: str) -> dict[str, Quantization]:
        """Of every tensor that is quantized, by name."""
        found: dict[str, Quantization] = {}
        for group, seen in zip(self.plan.groups, self.seen, strict=True):
            chosen = group.fixed
            if seen is not None:
                chosen = quantization_of(METHODS[method](seen), group.name)
            assert chosen is not None
            found.update({name_of(v): chosen for v in group.members})
        return found


def quantize_model(
    imported: ImportedModel,
    samples: Samples,
    settings: Settings = DEFAULTS,
    progress: Progress = silent,
) -> Quantized:
    """Quantize a float model.

    Args:
        imported: The float model.
        samples: Calibration inputs: mappings from input name to float32 in the model's shapes.
        settings: How.
        progress: Called with (what, done, total).

    Raises:
        ModelError: EW-QUANT-… naming the node or the tensor.
        UsageError: EW-QUANT-EMPTY, EW-QUANT-CONSTANT, EW-QUANT-LAYER, EW-QUANT-FORMAT.
    """
    prepared = prepare(imported)
    choose_formats(prepared, settings)  # wrong names are refused before minutes of work
    made = finish(calibrate(prepared, samples, settings, progress), settings, progress)
    check_deployable(made.model, settings.allow_float)
    return made


def calibrate(
    prepared: ir.Model,
    samples: Samples,
    settings: Settings,
    progress: Progress = silent,
    *,
    histograms: bool | None = None,
) -> Calibrated:
    """Equalize where wanted, and look at the activations.

    Args:
        prepared: Result of `prepare`.
        samples: Calibration inputs.
        settings: `equalize`, `ranges` and `allow_float` count.
        progress: Called with (what, done, total).
        histograms: Count values too; None where the method needs it.
    """
    if len(samples) == 0:
        raise UsageError("EW-QUANT-EMPTY", "there are no calibration samples", "give at least one input")
    model = equalized(prepared) if settings.equalize else prepared
    plan = plan_tensors(model.graph)
    check_operators(plan.float_nodes, settings.allow_float)
    wanted = [g for g in plan.groups if g.fixed is None]
    counted = settings.ranges != "minmax" if histograms is None else histograms
    seen = observe(
        model, wanted, samples, histograms=counted, progress=lambda d, n: progress("calibrate", d, n)
    )
    by_group = dict(zip(map(id, wanted), seen, strict=True))
    for value in model.graph.inputs:
        if any(s.constant and value in g.sources for g, s in zip(wanted, seen, strict=True)):
            raise UsageError(
                "EW-QUANT-CONSTANT",
                f"input {name_of(value)} has one and the same value everywhere in the {len(samples)} samples",
                "calibrate with inputs like those the device will see",
            )
    return Calibrated(model, plan, [by_group.get(id(g)) for g in plan.groups], samples)


def finish(calibrated: Calibrated, settings: Settings, progress: Progress = silent) -> Quantized:
    """Round the weights, correct the biases and write the quantized graph."""
    formats = choose_formats(calibrated.model, settings)
    layers = find_layers(calibrated.model.graph)
    quantizations = calibrated.quantizations(settings.ranges)
    _look_at_inputs(calibrated, layers, formats, settings, progress)
    weights: dict[str, QuantizedWeights] = {}
    for index, layer in enumerate(layers):
        weights[layer.name] = rounded(layer, formats[layer.name], calibrated.inputs, settings)
        progress("round weights", index + 1, len(layers))
    model = emit_qdq(calibrated.model, quantizations, weights)
    reports = [_report(layer, formats[layer.name]) for layer in layers]
    groups = zip(calibrated.plan.groups, calibrated.seen, strict=True)
    constants = tuple(group.name for group, seen in groups if seen is not None and seen.constant)
    return Quantized(model, calibrated.model, reports, settings, constants)


def _look_at_inputs(
    calibrated: Calibrated,
    layers: list[Layer],
    formats: dict[str, str],
    settings: Settings,
    progress: Progress,
) -> None:
    """Run the float model once more where rounding or bias correction needs to know layers' inputs."""
    coarse = {x.name for x in layers if formats[x.name] != "int8"} if settings.feedback else set()
    known = calibrated.inputs
    if known is not None and coarse <= known.asked:
        return
    if known is None and not coarse and not settings.correct_bias:
        return
    calibrated.inputs = input_statistics(
        calibrated.model, layers, coarse, calibrated.samples, lambda d, n: progress("look at inputs", d, n)
    )


def rounded(
    layer: Layer,
    format_name: str,
    inputs: InputStatistics | None,
    settings: Settings,
    rounds: int = ROUNDS,
) -> QuantizedWeights:
    """Weights of a layer in a format.

    Args:
        layer: Of the prepared float model.
        format_name: The format.
        inputs: What was seen of its input, None where rounding and bias correction do not look at it.
        settings: `feedback` and `correct_bias` count.
        rounds: Of rounding with feedback.
    """
    rows, form = layer.rows().astype(np.float64), FORMATS[format_name]
    moments = None if inputs is None or not settings.feedback else inputs.moments.get(layer.name)
    if form.name == "int8":
        scales = largest_scales(rows, form)
        levels = nearest_levels(rows, scales, form)
    elif moments is not None:
        levels, scales = round_with_feedback(rows, form, moments, rounds)
    else:
        scales = best_scales(rows, form)
        levels = nearest_levels(rows, scales, form)
    made = QuantizedWeights(form.name, levels, scales, layer.bias_data().astype(np.float64))
    if settings.correct_bias and inputs is not None:
        return corrected(rows, made, inputs.means[layer.name])
    return made


def _report(layer: Layer, format_name: str) -> LayerReport:
    count = int(layer.rows().size)
    packed = FORMATS[format_name].packed_bytes(count)
    return LayerReport(layer.name, layer.node.op_type, format_name, count, packed)
