"""A quantized model against its float model: outputs, and every tensor that both have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import onnx

from edgewright.converter.program import Array
from edgewright.errors import ModelError, UsageError
from edgewright.quantize.accuracy.diagnose import diagnose_all, summary_notes
from edgewright.quantize.accuracy.input_range import input_notes
from edgewright.quantize.accuracy.layers import LayerMeter
from edgewright.quantize.accuracy.meter import OutputMeter, task_of
from edgewright.quantize.accuracy.metrics import Labels
from edgewright.quantize.accuracy.onnx_run import OnnxRun, model_inputs, model_outputs, read_model
from edgewright.quantize.accuracy.result import AccuracyReport
from edgewright.quantize.accuracy.tensors import Pair, find_pairs, forced_name, with_float_inputs

Model = onnx.ModelProto | Path
Progress = Callable[[int, int], None]
NO_PAIRS = "the models have no tensors of the same name: their layers could not be compared"


def compare(
    prepared_float: Model | None,
    quantized: Model,
    dataset: Sequence[Mapping[str, Array]],
    labels: Labels | None = None,
    progress: Progress | None = None,
    *,
    name: str = "",
) -> AccuracyReport:
    """Run both models in onnxruntime and compare them.

    Per sample: the float model, the quantized one, and the quantized one with every layer reading the float
    model's tensors, which tells errors that a layer makes from those it inherits. Memory is bounded by the
    tensors of one sample.

    Args:
        prepared_float: The float model; None for the figures of the quantized one alone.
        quantized: The QDQ model.
        dataset: float32 samples by input name.
        labels: int64, one a sample.
        progress: Called with (done, total).
        name: Of the model, for the report.

    Raises:
        ModelError: EW-EVAL-ONNX, EW-EVAL-INPUT, EW-EVAL-MODELS where the models do not belong together.
        UsageError: EW-DATA-…, EW-LABELS-RANGE, EW-LABELS-COUNT.
        WorkError: EW-EVAL-NAN.
    """
    begin = time.monotonic()
    other = read_model(quantized)
    reference = read_model(prepared_float) if prepared_float is not None else None
    if reference is not None:
        check_same_ports(reference, other)
    if labels is not None and len(labels) != len(dataset):
        raise UsageError("EW-LABELS-COUNT", f"{len(labels)} labels for {len(dataset)} samples")
    if not len(dataset):
        raise UsageError("EW-DATA-EMPTY", "there are no samples")
    output = model_outputs(other)[0]
    inputs = model_inputs(other)
    task = task_of([t.shape for t in inputs], output.shape, labels)
    meter, float_meter = OutputMeter(task), OutputMeter(task)
    layers = _Layers(reference, other) if reference is not None else None
    run = layers.run if layers else OnnxRun(other)
    for index in range(len(dataset)):
        sample = dataset[index]
        label = int(labels[index]) if labels is not None else None
        autoencoded = sample[inputs[0].name]
        result = run(sample)
        want = None
        if layers is not None and reference is not None:
            reals = layers.float_run(sample)
            want = reals[model_outputs(reference)[0].name].reshape(output.shape)
            layers.add(sample, reals, result)
            float_meter.add(want, label, None, autoencoded)
        meter.add(result[output.name].reshape(output.shape), label, want, autoencoded)
        if progress:
            progress(index + 1, len(dataset))
    diagnosed = diagnose_all(layers.meters) if layers else ()
    notes = (*input_notes(layers.meters), *summary_notes(diagnosed)) if layers else ()
    if layers is not None and not layers.meters:
        notes = (*notes, NO_PAIRS)
    return AccuracyReport(
        model=name or other.graph.name,
        on="onnxruntime",
        output=output.name,
        task=task,
        quantized=meter.metrics(),
        reference=float_meter.metrics() if layers else None,
        layers=diagnosed,
        notes=notes,
        seconds=time.monotonic() - begin,
    )


class _Layers:
    """Three sessions and a meter for each tensor that both models have."""

    def __init__(self, reference: onnx.ModelProto, quantized: onnx.ModelProto) -> None:
        self.pairs: list[Pair] = find_pairs(reference, quantized)
        self.meters = [LayerMeter(p) for p in self.pairs]
        reads = [p.reads[0] for p in self.pairs]
        inputs = {v.name for v in reference.graph.input}
        self.float_run = OnnxRun(reference, [p.tensor for p in self.pairs if p.tensor not in inputs])
        self.run = OnnxRun(quantized, reads)
        self._forced = OnnxRun(with_float_inputs(quantized, self.pairs), reads) if self.pairs else None

    def add(
        self, sample: Mapping[str, Array], reals: Mapping[str, Array], result: Mapping[str, Array]
    ) -> None:
        """One sample that both models have run on."""
        if self._forced is None:
            return
        known = {**sample, **reals}
        forced = {forced_name(p): known[p.tensor] for p in self.pairs}
        own = self._forced({**sample, **forced})
        for meter, pair in zip(self.meters, self.pairs, strict=True):
            read = pair.reads[0]
            meter.add(known[pair.tensor], result[read], own[read])


def check_same_ports(reference: onnx.ModelProto, other: onnx.ModelProto) -> None:
    """Both models have the same inputs, and outputs of the same size.

    Raises:
        ModelError: EW-EVAL-MODELS.
    """
    ins = [{t.name: t.shape for t in model_inputs(m)} for m in (reference, other)]
    outs = [[t.shape for t in model_outputs(m)] for m in (reference, other)]
    if ins[0] != ins[1] or outs[0] != outs[1]:
        text = (
            f"the float model takes {_listed(ins[0])} and gives {outs[0]}, "
            f"the quantized one takes {_listed(ins[1])} and gives {outs[1]}"
        )
        raise ModelError("EW-EVAL-MODELS", text, "give the float model that this one was quantized from")


def _listed(shapes: Mapping[str, Sequence[int]]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
