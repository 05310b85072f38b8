"""Accuracy of a program on data, wherever a function runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edgewright.converter.program import Array, Port, Program
from edgewright.errors import DeviceError, ModelError
from edgewright.quantize.accuracy import AccuracyReport, OutputMeter, task_of
from edgewright.quantize.accuracy.input_range import outside_note
from edgewright.quantize.accuracy.metrics import Labels
from edgewright.quantize.accuracy.onnx_run import (
    OnnxRun,
    Tensor,
    model_inputs,
    model_outputs,
    quantized,
    read_model,
)
from edgewright.quantize.data import InputType

Progress = Callable[[int, int], None]
# A sample as the program takes it to its outputs by port name.
Infer = Callable[[Mapping[str, Array]], Mapping[str, Array]]


class FloatReference:
    """The float model that a program came from.

    Args:
        path: .onnx or .tflite.
        program: Whose inputs and outputs it has, of the same names or, where each has one, the same size.

    Raises:
        ModelError: EW-EVAL-MODELS.
    """

    def __init__(self, path: Path, program: Program) -> None:
        model = read_model(path)
        self._inputs = _matched(path, model_inputs(model), program.inputs)
        outputs = _matched(path, model_outputs(model), program.outputs[:1])
        self._output = outputs[program.outputs[0].name].name
        self._run = OnnxRun(model)

    def __call__(self, sample: Mapping[str, Array]) -> Array:
        """The first output for a sample of the program."""
        feed = {t.name: sample[name].reshape(t.shape) for name, t in self._inputs.items()}
        return self._run(feed)[self._output]


def _matched(path: Path, tensors: Sequence[Tensor], ports: Sequence[Port]) -> dict[str, Tensor]:
    """Tensors of a model by the names of a program's ports."""
    by_name = {t.name: t for t in tensors}
    if len(tensors) == len(ports) == 1:
        by_name = {ports[0].name: tensors[0]}
    for port in ports:
        other = by_name.get(port.name)
        if other is None or int(np.prod(other.shape)) != int(np.prod(port.source_shape)):
            have = ", ".join(f"{t.name} {list(t.shape)}" for t in tensors)
            text = f"{path} has {have}, and nothing like {port.name} {list(port.source_shape)} of the build"
            raise ModelError("EW-EVAL-MODELS", text, "give the float model that the build was made from")
    return by_name


def evaluate_program(
    program: Program,
    dataset: Sequence[Mapping[str, Array]],
    labels: Labels | None,
    infer: Infer,
    *,
    on: str,
    reference: FloatReference | None = None,
    progress: Progress | None = None,
) -> AccuracyReport:
    """Accuracy of a program's first output.

    Args:
        program: Gives names, shapes, and how integers stand for real numbers.
        dataset: float32 samples by input name.
        labels: int64, one a sample.
        infer: Runs a sample that the program's inputs can take.
        on: Where that is, for the report.
        reference: The float model.
        progress: Called with (done, total).

    Raises:
        DeviceError: that of `infer`, with the number of samples done before.
        UsageError: EW-DATA-…, EW-LABELS-RANGE.
    """
    begin = time.monotonic()
    inputs, output = (
        [port_tensor(program, p) for p in program.inputs],
        port_tensor(program, program.outputs[0]),
    )
    task = task_of([t.shape for t in inputs], output.shape, labels)
    meter, float_meter, ranges = OutputMeter(task), OutputMeter(task), InputRanges(program)
    for index in range(len(dataset)):
        sample = dataset[index]
        label = int(labels[index]) if labels is not None else None
        own_input = sample[inputs[0].name]
        ranges.add(sample)
        with _counted(index, len(dataset)):
            stored = infer({t.name: t.stored(sample[t.name]) for t in inputs})[output.name]
        want = None
        if reference is not None:
            want = reference(sample).reshape(output.shape)
            float_meter.add(want, label, None, own_input)
        meter.add(output.real(stored.reshape(output.shape)), label, want, own_input)
        if progress:
            progress(index + 1, len(dataset))
    return AccuracyReport(
        model=program.name,
        on=on,
        output=output.name,
        task=task,
        quantized=meter.metrics(),
        reference=float_meter.metrics() if reference else None,
        notes=tuple(ranges.notes()),
        seconds=time.monotonic() - begin,
    )


@contextmanager
def _counted(done: int, total: int) -> Iterator[None]:
    """Says in an error of the device how far the work had come."""
    try:
        yield
    except DeviceError as error:
        message = f"{error.message} (after {done} of {total} samples)"
        details = error.details | {"samples_done": done, "samples": total}
        raise DeviceError(error.code, message, error.hint, **details) from error


def port_tensor(program: Program, port: Port) -> Tensor:
    """A port, and how its integers stand for real numbers."""
    kind = program.values[port.value]
    q = kind.quantization
    integers = InputType(kind.dtype, q) if q is not None and kind.dtype in ("int8", "uint8") else None
    return Tensor(port.name, port.source_shape, integers)


class InputRanges:
    """Counts values that a program's quantized inputs cannot hold.

    Args:
        program: Quantizes an input itself, or takes integers.
    """

    def __init__(self, program: Program) -> None:
        self._types: dict[str, InputType] = {}
        for port in program.inputs:
            values = [port.value, *(n.output for n in program.nodes if port.value in n.inputs)]
            for kind in (program.values[v] for v in values):
                if kind.quantization is not None and kind.dtype in ("int8", "uint8"):
                    self._types.setdefault(port.name, InputType(kind.dtype, kind.quantization))
        self._outside = dict.fromkeys(self._types, 0)
        self._elements = dict.fromkeys(self._types, 0)

    def add(self, sample: Mapping[str, Array]) -> None:
        """One sample, real-valued."""
        for name, kind in self._types.items():
            x, q = sample[name], kind.quantization
            error = np.abs((quantized(x, kind).astype(np.float64) - q.zero_point) * q.scale - x)
            self._outside[name] += int(np.count_nonzero(error > 0.501 * q.scale + 1e-6 * np.abs(x)))
            self._elements[name] += x.size

    def notes(self) -> list[str]:
        """A sentence for each input with many of them."""
        found: list[str] = []
        for name, kind in self._types.items():
            found += outside_note(name, self._outside[name], self._elements[name], kind)
        return found
