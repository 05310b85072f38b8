"""Measured costs of a model's kernels, which take the place of estimates: what `edgewright tune` writes.

A small JSON file: for each node what a layer takes with each of the kernels there are for it, by the name of
its variant, on an emulated or an attached board.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from edgewright.converter.program import Program
from edgewright.errors import UsageError
from edgewright.targets.board import Board

SCHEMA_VERSION = 1
MAX_FILE_BYTES = 16 << 20
SYNTAX_HINT = "a file that `edgewright tune MODEL --board BOARD -o FILE` wrote"
Source = Literal["emulator", "device"]
Unit = Literal["cycles", "instructions"]


@dataclass(frozen=True)
class Tuning:
    """Measured costs.

    Args:
        model_sha256: Of the model file.
        model: Its name, for people.
        core: CPU the code was made for.
        board: Board that ran.
        source: Estimated by an emulator, or measured on a device; one file holds one kind.
        unit: Of the costs.
        costs: Cost of an inference of the layer, by node and variant.
    """

    model_sha256: str
    model: str
    core: str
    board: str
    source: Source
    unit: Unit
    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def with_cost(self, node: str, variant: str, cost: float) -> Tuning:
        """The same with one more measurement."""
        own = {**self.costs.get(node, {}), variant: cost}
        return replace(self, costs={**self.costs, node: own})

    def cost(self, node: str, variant: str) -> float | None:
        """What was measured; None where nothing was."""
        return self.costs.get(node, {}).get(variant)


def save_tuning(tuning: Tuning, path: Path) -> None:
    """Write the file, whole or not at all.

    Raises:
        UsageError: EW-OUT-WRITE.
    """
    text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(tuning)}, indent=1) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(text)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError("EW-OUT-WRITE", f"cannot write {path}: {error}") from error


def load_tuning(path: Path) -> Tuning:
    """Read and check a file.

    Raises:
        UsageError: EW-TUNE-FILE where it cannot be read or is none.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError("EW-TUNE-FILE", f"{path} is larger than {MAX_FILE_BYTES:,} bytes", SYNTAX_HINT)
        data = json.loads(path.read_text())
    except OSError as error:
        raise UsageError("EW-TUNE-FILE", f"cannot read {path}: {error.strerror}", SYNTAX_HINT) from error
    except (ValueError, RecursionError) as error:
        raise UsageError("EW-TUNE-FILE", f"{path} is no JSON: {error}", SYNTAX_HINT) from error
    wrong = _problem(data)
    if wrong:
        raise UsageError("EW-TUNE-FILE", f"{path}: {wrong}", SYNTAX_HINT)
    return Tuning(**{key: data[key] for key in (*TEXTS, "costs")})


TEXTS = ("model_sha256", "model", "core", "board", "source", "unit")


def _problem(data: Any) -> str:
    """What is wrong with the content of a file; empty where nothing is."""
    if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
        return f"no tuning file of version {SCHEMA_VERSION}"
    missing = [key for key in TEXTS if not isinstance(data.get(key), str)]
    if missing:
        return f"{', '.join(missing)} missing"
    if data["source"] not in ("emulator", "device") or data["unit"] not in ("cycles", "instructions"):
        return f"costs in {data['unit']} from {data['source']}"
    costs = data.get("costs")
    if not isinstance(costs, dict) or not all(isinstance(own, dict) for own in costs.values()):
        return "no costs"
    for node, own in costs.items():
        for variant, cost in own.items():
            if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < math.inf:
                return f"the cost of {node}, {variant} is {cost!r}"
    return ""


def check_tuning(tuning: Tuning, program: Program, board: Board) -> None:
    """Refuse a file of another model or core.

    Raises:
        UsageError: EW-TUNE-MODEL, EW-TUNE-CORE.
    """
    if tuning.model_sha256 != program.source_sha256:
        raise UsageError(
            "EW-TUNE-MODEL",
            f"the tuning file is of {tuning.model}, of another content than this model",
            "tune this model: edgewright tune MODEL --board BOARD -o FILE",
        )
    if tuning.core != board.cpu:
        raise UsageError(
            "EW-TUNE-CORE",
            f"the tuning file is of a {tuning.core}, {board.id} has a {board.cpu}",
            f"tune for this board: edgewright tune MODEL --board {board.id} -o FILE",
        )
