"""Predictions against measurements, layer by layer, of models the fit has not seen."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.costs.measure import Layer, measure_layers
from benchmarks.figures import MODELS
from benchmarks.locate import locate
from benchmarks.machine import ROOT
from edgewright.errors import UsageError
from edgewright.targets.build import load_program_of
from edgewright.targets.costs import estimate_kernel_cycles

EXAMPLE = ROOT / "examples" / "digits" / "digits_int8.onnx"


def print_validation(model: str) -> None:
    """A table of every model on the board of a family: predicted, measured, relative error."""
    for name, path in _models():
        with tempfile.TemporaryDirectory(prefix="edgewright-costs-") as folder:
            layers = measure_layers(load_program_of(path), model, Path(folder))
        print(f"\n{name} on {model}")
        for layer in layers:
            what = f"{layer.kernel.family}, {layer.kernel.variant}"
            _print_row(what, estimate_kernel_cycles(layer.kernel, model), layer.cost)
        _print_row("all of them", predicted_cost(layers, model), sum(x.cost for x in layers))


def predicted_cost(layers: list[Layer], model: str) -> float:
    """Sum of the estimates."""
    return sum(estimate_kernel_cycles(x.kernel, model) for x in layers)


def _models() -> Iterator[tuple[str, Path]]:
    yield "digits", EXAMPLE
    for model in MODELS:
        try:
            yield model.key, locate([model], None)[model.file]
        except UsageError as error:
            print(f"{model.key} is left out: {error.message}")


def _print_row(what: str, predicted: float, measured: int) -> None:
    print(f"  {what:60.60s} {predicted:14,.0f} {measured:14,d} {predicted / measured - 1:+8.1%}")
