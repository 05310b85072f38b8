"""From a float model file and calibration data to a quantized model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx_ir as ir

from edgewright.converter.importers import ImportedModel, load_model, save_onnx
from edgewright.errors import UsageError
from edgewright.quantize.data import Dataset, load_dataset, load_labels
from edgewright.quantize.data.labels import Labels
from edgewright.quantize.deployable import check_deployable
from edgewright.quantize.equalize import equalized
from edgewright.quantize.flash_budget import fit_formats
from edgewright.quantize.graph_edit import name_of, shape_of
from edgewright.quantize.layer_formats import choose_formats, named_formats
from edgewright.quantize.prepare import prepare
from edgewright.quantize.quantize_model import Progress, Quantized, calibrate, finish, silent
from edgewright.quantize.search import Found, search
from edgewright.quantize.sensitivity import Sensitivity, measure_sensitivity
from edgewright.quantize.settings import Settings

DEFAULT_SAMPLES = 256
# Part of the samples that a search holds back.
HELD_BACK = 0.25
DEFAULTS = Settings()


@dataclass(frozen=True)
class QuantizeJob:
    """What to quantize and how.

    Args:
        model: The float model's file.
        data: Calibration data, as `load_dataset` takes it.
        out: The .onnx file to write.
        preprocess: Specification of the data.
        labels: Labels of the data, for a search.
        shapes: Shapes of inputs with symbolic dimensions.
        samples: Samples to use at most, spread evenly over the data.
        settings: How.
        search: Try range methods, equalization and bias correction.
        budget_bytes: Search weights formats that take no more, packed.
    """

    model: Path
    data: Path
    out: Path
    preprocess: Path | None = None
    labels: Path | None = None
    shapes: Mapping[str, Sequence[int]] | None = None
    samples: int = DEFAULT_SAMPLES
    settings: Settings = DEFAULTS
    search: bool = False
    budget_bytes: int | None = None


@dataclass(frozen=True, eq=False)
class QuantizedFile:
    """What was made.

    Args:
        imported: The quantized model.
        quantized: The same with the float model it follows.
        samples: Number of calibration samples.
        found: Result of the search, if there was one.
        sensitivities: Of layers and formats, where a budget was given.
    """

    imported: ImportedModel
    quantized: Quantized
    samples: int
    found: Found | None = None
    sensitivities: list[Sensitivity] = field(default_factory=list)

    @property
    def int8_bytes(self) -> int:
        """What the weights would take as int8."""
        return sum(layer.weights for layer in self.quantized.layers)


def quantize_file(job: QuantizeJob, progress: Progress = silent) -> QuantizedFile:
    """Quantize and write the model; the file is there only when everything is done.

    Raises:
        ModelError: EW-QUANT-…, and those of reading a model.
        UsageError: EW-DATA-…, EW-SPEC-…, EW-LABELS-…, EW-QUANT-…, EW-FILE-….
        WorkError: EW-QUANT-BUDGET.
    """
    _check_out(job)
    imported = load_model(job.model, shapes=job.shapes)
    prepared = prepare(imported)
    inputs = {name_of(v): shape_of(v) for v in imported.model.graph.inputs}
    data = load_dataset(job.data, inputs, job.preprocess)
    labels = None if job.labels is None else load_labels(job.labels, len(data), data.names)
    chosen = np.unique(np.linspace(0, len(data) - 1, min(job.samples, len(data))).round().astype(np.int64))
    picked = Dataset(data.columns, data.order[chosen].tolist())
    picked_labels = None if labels is None else labels[chosen]
    settings, sensitivities = _fitted(job, prepared, picked, progress)
    found = None
    if job.search:
        found = _searched(prepared, picked, picked_labels, settings, progress)
        quantized = found.best
    else:
        quantized = finish(calibrate(prepared, picked, settings, progress), settings, progress)
    check_deployable(quantized.model, settings.allow_float)
    made = replace(imported, model=quantized.model)
    save_onnx(made, job.out)
    return QuantizedFile(made, quantized, len(picked), found, sensitivities)


def _check_out(job: QuantizeJob) -> None:
    if job.out.exists() and job.model.exists() and job.out.samefile(job.model):
        raise UsageError(
            "EW-FILE-SAME",
            f"{job.out} is the model itself",
            "give another file with -o: models stay as they are",
        )


def _fitted(
    job: QuantizeJob, prepared: ir.Model, samples: Dataset, progress: Progress
) -> tuple[Settings, list[Sensitivity]]:
    """The settings with weights formats that fit the budget, and what the choice was made from."""
    formats = choose_formats(prepared, job.settings)
    if job.budget_bytes is None:
        return job.settings, []
    named = set(named_formats(list(formats), job.settings))
    ends = set() if job.settings.all_layers else {next(iter(formats)), next(reversed(formats))}
    model = equalized(prepared) if job.settings.equalize else prepared
    measured = measure_sensitivity(model, samples, job.settings, progress)
    allowed = [s for s in measured if s.layer not in named | ends or s.format == formats[s.layer]]
    return replace(job.settings, layer_weights=fit_formats(allowed, job.budget_bytes)), measured


def _searched(
    prepared: ir.Model, samples: Dataset, labels: Labels | None, settings: Settings, progress: Progress
) -> Found:
    count = max(1, round(HELD_BACK * len(samples)))
    held_back, rest = samples.split(count)
    decisive = None
    if labels is not None:
        by_order = dict(zip(samples.order.tolist(), labels.tolist(), strict=True))
        decisive = np.array([by_order[i] for i in held_back.order.tolist()], np.int64)
    return search(prepared, rest, held_back, decisive, settings, progress)
