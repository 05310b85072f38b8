"""What `edgewright binarize` does: load, train or take the weights as they are, quantize the rest, write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.importers import ImportedModel, load_model, save_onnx
from edgewright.converter.importers.imported_model import c_identifier
from edgewright.converter.importers.onnx_format.read_onnx import read_onnx
from edgewright.errors import UsageError
from edgewright.quantize.binary.algorithms import algorithm
from edgewright.quantize.binary.binarize_weights import BinarizedLayer, binarize_weights
from edgewright.quantize.binary.onnx_layer import AUTO, to_onnx
from edgewright.quantize.binary.torch_extra import require_torch
from edgewright.quantize.data import Dataset, load_dataset, load_labels
from edgewright.quantize.graph_edit import name_of, shape_of
from edgewright.quantize.prepare import prepare
from edgewright.quantize.quantize_model import quantize_model

if TYPE_CHECKING:
    from edgewright.quantize.train.session import Binarized
    from edgewright.quantize.train.settings import TrainSettings

# Called with (stage, sentence) when a stage is done, and with (stage, done, total) while it runs.
Say = Callable[[str, str], None]
Advance = Callable[[str, int, int], None]
CALIBRATION_SAMPLES = 128
UNTRAINED_DEFAULT, TRAINED_DEFAULT = "xnor_net", "react_net"


@dataclass(frozen=True)
class BinarizeJob:
    """What to binarize and how.

    Args:
        out: ONNX file to write.
        model: Float model; with `module`, the teacher, or None.
        data: Samples to train with, and to calibrate what stays int8.
        labels: Their classes; None learns from the float model.
        preprocess: TOML file that says what the data stands for.
        algorithm: Name; None is the default of the way.
        layers: Names, or `AUTO`.
        all_layers: With `AUTO`, the first and the last layer as well.
        trained: Whether to train.
        keep_float: Leave float what is not binary, for `edgewright quantize`.
        module: "FILE.py:ClassName" of a module with binary layers of its own; None converts the model.
        trust_code: Whether the module's file may be run.
        shapes: Shapes of inputs: with symbolic dimensions, or of the module.
        settings: Of the training, as keyword arguments of `TrainSettings`.
        resume: Go on from the checkpoint of an interrupted training.
    """

    out: Path
    model: Path | None = None
    data: Path | None = None
    labels: Path | None = None
    preprocess: Path | None = None
    algorithm: str | None = None
    layers: Sequence[str] = (AUTO,)
    all_layers: bool = False
    trained: bool = True
    keep_float: bool = False
    module: str | None = None
    trust_code: bool = False
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    resume: bool = False

    @property
    def folder(self) -> Path:
        """Where the report and the checkpoint of the training lie."""
        return self.out.with_name(f"{self.out.stem}-training")


def binarize(job: BinarizeJob, say: Say, advance: Advance) -> dict[str, Any]:
    """Do it all and write the model, and the report of a training.

    Returns:
        JSON-ready: `out`, `algorithm`, `layers`, `int8`, and of a training `training` and `report`.

    Raises:
        EdgewrightError: of the stage that failed; nothing is written then but the training's checkpoint.
    """
    _check(job)
    imported = None if job.model is None else load_model(job.model, shapes=job.shapes)
    data = _open_data(job, _inputs(job, imported))
    result: dict[str, Any]
    if job.trained:
        assert data is not None
        onnx_bytes, result = _train(job, imported, data, say, advance)
    else:
        assert imported is not None
        onnx_bytes, result = _untrained(job, imported, say)
    floating = _imported(onnx_bytes, job.out)
    if data is None or job.keep_float:
        save_onnx(floating, job.out)
        hint = f"edgewright quantize {job.out} --calibrate DATA -o …"
        say("write", f"{job.out}: what is not binary is float, for {hint}")
        return result | {"int8": False}
    count = min(CALIBRATION_SAMPLES, len(data))
    samples = data if count == len(data) else data.split(count)[0]
    quantized = quantize_model(floating, samples, progress=lambda what, d, n: advance(what, d, n))
    finished = ImportedModel(floating.name, "", "onnx", quantized.model)
    say("int8", f"the other layers, calibrated with {count} samples")
    save_onnx(finished, job.out)
    say("write", str(job.out))
    return result | {"int8": True}


def _check(job: BinarizeJob) -> None:
    """Options that do not go together, before anything is read."""
    if job.trained:
        require_torch()
    problems = (
        (job.model is None and job.module is None, "there is no model", "give a float .onnx file"),
        (job.module is not None and not job.trained, "--module with --no-train", "a module is trained"),
        (job.trained and job.data is None, "training needs data", "--data DATA, or --no-train"),
        (
            job.labels is None and job.model is None and job.module is not None,
            "a module needs labels, or a float model to learn from",
            "--labels LABELS",
        ),
        (job.labels is not None and job.data is None, "--labels without --data", "--data DATA"),
        (job.resume and not job.trained, "--resume with --no-train", "only a training is resumed"),
        (
            job.module is not None and job.algorithm is not None,
            "--algorithm with --module",
            "the module's layers say which algorithm they take",
        ),
    )
    for wrong, what, hint in problems:
        if wrong:
            raise UsageError("EW-BINARY-OPTIONS", what, hint)
    if job.algorithm is not None:
        algorithm(job.algorithm)
    if job.out.is_dir() or not job.out.parent.is_dir():  # found out before minutes of training
        what = "it is a directory" if job.out.is_dir() else f"there is no folder {job.out.parent}"
        raise UsageError("EW-FILE-WRITE", f"cannot write {job.out}: {what}", file=str(job.out))


def _inputs(job: BinarizeJob, imported: ImportedModel | None) -> dict[str, tuple[int, ...]]:
    """Shape of every input by name."""
    if imported is not None:
        return {name_of(v): shape_of(v) for v in imported.model.graph.inputs}
    shapes = {name: tuple(s) for name, s in job.shapes.items()}
    if not shapes or any(s[:1] != (1,) for s in shapes.values()):
        raise UsageError(
            "EW-BINARY-OPTIONS",
            "the shapes of the module's inputs are not known",
            "--shape NAME=1,… with a batch of 1, for each in their order; or give the float model as MODEL",
        )
    return shapes


def _open_data(job: BinarizeJob, inputs: Mapping[str, Sequence[int]]) -> Dataset | None:
    return None if job.data is None else load_dataset(job.data, inputs, job.preprocess)


def _untrained(job: BinarizeJob, imported: ImportedModel, say: Say) -> tuple[bytes, dict[str, Any]]:
    model = prepare(imported)
    method = job.algorithm or UNTRAINED_DEFAULT
    found = binarize_weights(model, job.layers, method=method, all_layers=job.all_layers)
    say("binarize", f"{len(found)} layers, weights as they are ({algorithm(method).title}), no training")
    for layer in found:
        if layer.note:
            say("note", f"{layer.name}: {layer.note}")
    return to_onnx(model), {
        "out": str(job.out),
        "algorithm": method,
        "layers": [_untrained_json(layer) for layer in found],
        "training": None,
        "report": None,
    }


def _untrained_json(layer: BinarizedLayer) -> dict[str, Any]:
    return {"name": layer.name, "relative_error": layer.relative_error, "note": layer.note}


def _train(
    job: BinarizeJob, imported: ImportedModel | None, data: Dataset, say: Say, advance: Advance
) -> tuple[bytes, dict[str, Any]]:
    from edgewright.quantize.train.session import Control
    from edgewright.quantize.train.settings import TrainSettings
    from edgewright.quantize.train.training_report import summary, training_document, write_training_report

    labels = None if job.labels is None else load_labels(job.labels, len(data), data.names)
    settings = TrainSettings(**job.settings)
    control = Control(
        checkpoint=job.folder / "checkpoint.pt",
        resume=job.resume,
        identity={"data": str(job.data), "labels": str(job.labels)},
        progress=lambda done, total: advance("train", done, total),
    )
    result = _trained(job, imported, data, labels, settings, control)
    document = training_document(result, asdict(settings))
    write_training_report(job.folder, document)
    say("train", f"{len(result.layers)} binary layers, {len(result.history)} epochs. {summary(document)}")
    (job.folder / "checkpoint.pt").unlink(missing_ok=True)
    return result.onnx, {
        "out": str(job.out),
        "algorithm": result.algorithm,
        "layers": document["layers"],
        "training": document,
        "report": str(job.folder / "training.html"),
    }


def _trained(
    job: BinarizeJob,
    imported: ImportedModel | None,
    data: Dataset,
    labels: npt.NDArray[np.int64] | None,
    settings: TrainSettings,
    control: Any,
) -> Binarized:
    from edgewright.quantize.train.binarize_model import binarize_model
    from edgewright.quantize.train.train_module import train_module

    if job.module is not None:
        from edgewright.quantize.train.module_file import load_module

        module = load_module(job.module, trusted=job.trust_code)
        inputs = _inputs(job, imported)
        return train_module(
            module, inputs, data, labels, teacher=imported, settings=settings, control=control
        )
    assert imported is not None
    return binarize_model(
        imported,
        data,
        labels,
        algorithm=job.algorithm or TRAINED_DEFAULT,
        layers=job.layers,
        all_layers=job.all_layers,
        settings=settings,
        control=control,
    )


def _imported(onnx_bytes: bytes, out: Path) -> ImportedModel:
    model, _ = read_onnx(onnx_bytes, Path(), {})
    return ImportedModel(c_identifier(out.stem), "", "onnx", model)
