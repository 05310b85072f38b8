"""Accuracy on data: of a model file in onnxruntime, or of a build on the host, an emulator or a board."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgewright.converter.program import Array, Program
from edgewright.errors import UsageError
from edgewright.quantize.accuracy import AccuracyReport, compare
from edgewright.quantize.accuracy.metrics import Labels
from edgewright.quantize.accuracy.onnx_run import Tensor, model_inputs, read_model
from edgewright.quantize.data import Dataset, load_dataset, load_labels
from edgewright.runtime.build_folder import BuildFolder, open_build
from edgewright.runtime.devices.opening import AUTO, open_device
from edgewright.runtime.evaluate_program import (
    FloatReference,
    Infer,
    Progress,
    evaluate_program,
    port_tensor,
)
from edgewright.runtime.infer import infer_cases

On = Literal["host", "emulator", "serial"]


@dataclass(frozen=True)
class EvaluationJob:
    """What to evaluate on what.

    Args:
        target: Model file, or build folder.
        data, labels, preprocess: See `load_dataset` and `load_labels`.
        float_model: Model to compare with.
        on: Where a build runs; None is serial with a port, else the emulator.
        port: Serial port, "auto" for the one with the board's USB id; means nothing elsewhere.
        limit: Take the first samples only.
    """

    target: Path
    data: str
    labels: Path | None = None
    preprocess: Path | None = None
    float_model: Path | None = None
    on: On | None = None
    port: str | None = None
    limit: int | None = None


def evaluate(
    job: EvaluationJob, progress: Progress | None = None, notify: Callable[[str], None] | None = None
) -> AccuracyReport:
    """Run every sample and measure the accuracy.

    Args:
        job: What on what.
        progress: Called with (done, total).
        notify: Called with a sentence where another board stands in for the build's.

    Raises:
        UsageError: EW-EVAL-NOTHING without labels and without float model, EW-EVAL-ON for a place to run
            a model file, EW-DATA-…, EW-LABELS-….
        ModelError: EW-EVAL-MODELS, EW-EVAL-ONNX, EW-EVAL-INPUT.
        DeviceError: whatever the device raises, with the number of samples done before.
    """
    if job.labels is None and job.float_model is None:
        hint = "give --labels for the accuracy on data, --float for the difference to a model, or both"
        raise UsageError("EW-EVAL-NOTHING", "there is nothing to compare with", hint)
    if not job.target.is_dir():
        return _evaluate_file(job, progress)
    build = open_build(job.target)
    on = job.on or ("serial" if job.port is not None else "emulator")
    program = build.program()
    inputs = [port_tensor(program, p) for p in program.inputs]
    dataset, labels = _load(job, inputs)
    reference = FloatReference(job.float_model, program) if job.float_model else None
    with _running(build, program, on, job.port, notify) as infer:
        return evaluate_program(
            program, dataset, labels, infer, on=on, reference=reference, progress=progress
        )


def _evaluate_file(job: EvaluationJob, progress: Progress | None) -> AccuracyReport:
    if job.on is not None:
        hint = "build it first (edgewright build), and give the build folder"
        raise UsageError("EW-EVAL-ON", f"--on {job.on} is for a build folder, {job.target} is none", hint)
    model = read_model(job.target)
    dataset, labels = _load(job, model_inputs(model))
    return compare(job.float_model, model, dataset, labels, progress, name=job.target.name)


def _load(job: EvaluationJob, inputs: Sequence[Tensor]) -> tuple[Dataset, Labels | None]:
    types = {t.name: t.integers for t in inputs if t.integers is not None}
    dataset = load_dataset(job.data, {t.name: t.shape for t in inputs}, job.preprocess, types=types)
    labels = None
    if job.labels is not None:
        labels = load_labels(job.labels, len(dataset), dataset.names)[: job.limit]
    return dataset[: job.limit], labels


@contextmanager
def _running(
    build: BuildFolder, program: Program, on: On, port: str | None, notify: Callable[[str], None] | None
) -> Iterator[Infer]:
    """A function that infers one sample, while the device is open."""
    if on == "host":
        yield program.run
        return
    with open_device(build, (port or AUTO) if on == "serial" else None, notify=notify) as device:

        def infer(case: Mapping[str, Array]) -> Mapping[str, Array]:
            return {name: rows[0] for name, rows in infer_cases(program, [dict(case)], device).items()}

        yield infer
