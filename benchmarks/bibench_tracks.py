"""The tracks of BiBench: one number an operator each, relative to the float (or int8) twin.

    accuracy on tasks           sqrt(mean over tasks of E(A_binary / A_float)^2), E over architectures, seeds
    accuracy on architectures   sqrt(mean over architectures of E(A_binary / A_float)^2), E over tasks, seeds
    robustness                  sqrt(mean over corruptions of E(K_binary / K_float)^2),
                                K = A_corrupted / A_clean
    training                    sqrt(((E(T_float / T_binary))^2 + (E(s_float / s_binary))^2) / 2),
                                T seconds of an epoch, s deviation of the accuracy over seeds
    theoretical                 sqrt((compression^2 + speed-up^2) / 2), over the float twin
    measured                    sqrt((E(cycles_int8 / cycles_binary)^2 + E(bytes_int8 / bytes_binary)^2) / 2)

The quadratic means are BiBench's (Qin et al., ICML 2023, arXiv:2301.11233, section 4). Differences: here K is
the part of the accuracy that a corruption leaves; s is taken over seeds; measured is against int8 on a
microcontroller instead of float on a phone. A_binary is that of the deployed network, int8 where it is not
binary; A_float that of the float twin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

FLOAT = "float"
Record = Mapping[str, Any]
# A deviation of three runs may come out as 0: at least a quarter of a point, about one test image.
SMALLEST_DEVIATION = 0.0025


def quadratic_mean(values: Iterable[float]) -> float:
    """sqrt(mean of squares)."""
    return float(np.sqrt(np.mean(np.square([*values]))))


def accuracy_track(records: Sequence[Record], operator: str, axis: str) -> float:
    """Relative accuracy over the values of an axis, "task" or "architecture"."""
    twins = {_place(r): r["accuracy"] for r in records if r["operator"] == FLOAT}
    own = [r for r in records if r["operator"] == operator]
    means = [
        np.mean([r["deployed"] / max(twins[_place(r)], 1e-9) for r in own if r[axis] == value])
        for value in _values(own, axis)
    ]
    return quadratic_mean(means)


def robustness_track(records: Sequence[Record], operator: str) -> float:
    """Part of the accuracy that is left, relative to the float twin's."""
    twins = {_place(r): r for r in records if r["operator"] == FLOAT}
    own = [r for r in records if r["operator"] == operator]
    means = [
        np.mean([_kept(r, name) / max(_kept(twins[_place(r)], name), 1e-9) for r in own])
        for name in own[0]["corrupted"]
    ]
    return quadratic_mean(means)


def training_track(records: Sequence[Record], operator: str) -> float:
    """Seconds of an epoch and deviation over seeds, relative to the float twin's."""
    times, deviations = [], []
    for task in _values(records, "task"):
        for architecture in _values(records, "architecture"):
            twin, own = (
                [
                    r
                    for r in records
                    if (r["operator"], r["task"], r["architecture"]) == (o, task, architecture)
                ]
                for o in (FLOAT, operator)
            )
            times.append(np.mean([r["seconds"] for r in twin]) / np.mean([r["seconds"] for r in own]))
            deviations.append(_deviation(twin) / _deviation(own))
    return quadratic_mean((float(np.mean(times)), float(np.mean(deviations))))


def theoretical_track(pairs: Iterable[tuple[float, float]]) -> float:
    """(compression, speed-up) of every network over its float twin."""
    compressions, speed_ups = zip(*pairs, strict=True)
    return quadratic_mean((float(np.mean(compressions)), float(np.mean(speed_ups))))


def measured_track(builds: Sequence[Record], operator: str) -> float | None:
    """Cycles and flash of the emulated board, relative to the int8 twin's; None where nothing was built."""
    twins = {(b["task"], b["architecture"]): b for b in builds if b["operator"] == FLOAT}
    own = [b for b in builds if b["operator"] == operator]
    if not own:
        return None

    def gain(key: str) -> float:
        return float(np.mean([twins[b["task"], b["architecture"]][key] / b[key] for b in own]))

    return quadratic_mean((gain("cycles"), gain("weights_bytes")))


def mean_of(records: Sequence[Record], value: Callable[[Record], float], **wanted: object) -> float | None:
    """Mean over the records whose keys are as wanted; None where there are none."""
    found = [value(r) for r in records if all(r[k] == v for k, v in wanted.items())]
    return float(np.mean(found)) if found else None


def _place(record: Record) -> tuple[object, ...]:
    return record["task"], record["architecture"], record["seed"]


def _values(records: Sequence[Record], axis: str) -> list[Any]:
    return list(dict.fromkeys(r[axis] for r in records))


def _kept(record: Record, corruption: str) -> float:
    return float(np.mean(record["corrupted"][corruption])) / max(record["accuracy"], 1e-9)


def _deviation(records: Sequence[Record]) -> float:
    return max(float(np.std([r["deployed"] for r in records])), SMALLEST_DEVIATION)
