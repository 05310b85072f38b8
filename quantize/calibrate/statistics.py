"""Extremes and histograms of activations, kept while samples pass; no activation is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgewright.converter.lower.attributes import node_name
from edgewright.converter.program import Array
from edgewright.errors import ModelError
from edgewright.quantize.calibrate.running import Runner, Samples, in_runs
from edgewright.quantize.graph_edit import name_of
from edgewright.quantize.tensor_plan import Group

BINS = 2048
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Seen:
    """Values of the tensors of a group.

    Args:
        low: The smallest, or 0 where all are positive.
        high: The largest, or 0 where all are negative.
        counts: float64 [BINS], values by equal parts of low .. high; None where not counted. Values that
            are exactly 0, as behind a Relu, are not among them: int8 holds them exactly whatever the range.
        constant: Whether every tensor of the group had one and the same value on all samples.
    """

    low: float
    high: float
    counts: npt.NDArray[np.float64] | None = None
    constant: bool = False


def observe(
    model: ir.Model,
    groups: Sequence[Group],
    samples: Samples,
    *,
    histograms: bool,
    progress: Progress = lambda done, total: None,
) -> list[Seen]:
    """Run all samples and look at the source tensors of every group.

    Args:
        model: The prepared float model.
        groups: Those whose range is wanted.
        samples: Calibration inputs.
        histograms: Count values as well, which takes a second run of all samples.
        progress: Called with samples done and in all.

    Raises:
        ModelError: EW-QUANT-NAN naming the tensor and its node; EW-QUANT-RUN.
    """
    sources = list(dict.fromkeys(v for g in groups for v in g.sources))
    runs = list(in_runs(sources))
    total = len(samples) * len(runs) * (2 if histograms else 1)
    done = 0

    def passed() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    extremes = _Extremes({name_of(v): v for v in sources})
    for names in runs:
        runner = Runner(model, names)
        for index in range(len(samples)):
            extremes.add(runner.run(samples[index]))
            passed()
    seen = [_joined(group, extremes) for group in groups]
    if not histograms:
        return seen
    by_name: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        for value in group.sources:
            by_name.setdefault(name_of(value), []).append(index)
    counts = [np.zeros(BINS, np.float64) for _ in groups]
    for names in runs:
        runner = Runner(model, names)
        for index in range(len(samples)):
            for name, data in runner.run(samples[index]).items():
                for group_index in by_name[name]:
                    counts[group_index] += _histogram(data, seen[group_index])
            passed()
    return [replace(s, counts=c) for s, c in zip(seen, counts, strict=True)]


class _Extremes:
    """Running minimum and maximum by tensor name."""

    def __init__(self, values: dict[str, ir.Value]) -> None:
        self._values = values
        self.low = dict.fromkeys(values, np.inf)
        self.high = dict.fromkeys(values, -np.inf)

    def add(self, tensors: dict[str, Array]) -> None:
        for name, data in tensors.items():
            low, high = float(data.min()), float(data.max())
            if not (np.isfinite(low) and np.isfinite(high)):
                raise self._not_finite(name, data)
            self.low[name] = min(self.low[name], low)
            self.high[name] = max(self.high[name], high)

    def _not_finite(self, name: str, data: Array) -> ModelError:
        bad = data.reshape(-1)[~np.isfinite(data.reshape(-1))]
        maker = self._values[name].producer()
        by = "the input" if maker is None else f"node {node_name(maker)} ({maker.op_type})"
        where = f"tensor {name}, of {by}," if maker is not None else f"{by} {name}"
        return ModelError(
            "EW-QUANT-NAN",
            f"{where} has {bad.size} of {data.size} elements that are not finite ({bad[0]}) on a calibration "
            "sample",
            "check the calibration data, and the float model's results on it",
            tensor=name,
            node="" if maker is None else node_name(maker),
        )


def _joined(group: Group, extremes: _Extremes) -> Seen:
    names = [name_of(v) for v in group.sources]
    low = min(0.0, *group.covered, *(extremes.low[n] for n in names))
    high = max(0.0, *group.covered, *(extremes.high[n] for n in names))
    return Seen(low, high, constant=all(extremes.low[n] == extremes.high[n] for n in names))


def _histogram(data: Array, seen: Seen) -> npt.NDArray[np.float64]:
    width = seen.high - seen.low
    if width <= 0:
        return np.zeros(BINS, np.float64)
    flat = data.reshape(-1)
    flat = flat[flat != 0]
    index = ((flat - np.float32(seen.low)) * np.float32(BINS / width)).astype(np.int32)
    return np.bincount(np.clip(index, 0, BINS - 1), minlength=BINS).astype(np.float64)
