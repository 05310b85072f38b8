"""Cost tables: what a unit of a kernel's work costs on a family of cores, measured.

One TOML file for each family, written by `python -m benchmarks.kernel_costs`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgewright.errors import WorkError

TABLES = Path(__file__).resolve().parent
SCHEMA_VERSION = 1

# Timing table of the emulator's plugin by CPU. No table is published for the M33, whose pipeline is close
# to the M4's; the M7 issues two instructions at a time, so that instruction counts are all that can be
# said honestly.
CYCLE_MODELS = {
    "cortex-m0": "m0",
    "cortex-m0plus": "m0plus",
    "cortex-m3": "m3",
    "cortex-m4": "m4",
    "cortex-m33": "m4",
    "cortex-m55": "m55",
}
INSTRUCTION_MODELS = {"cortex-m7": "m7"}


def cycle_model(cpu: str) -> str | None:
    """Name of the timing table for a CPU ("cortex-m4" -> "m4"), None where there is none."""
    return CYCLE_MODELS.get(cpu)


def cost_model(cpu: str) -> str:
    """Name of the cost table for a CPU: of its timing table, or of one in instructions ("cortex-m7")."""
    return CYCLE_MODELS.get(cpu) or INSTRUCTION_MODELS[cpu]


@dataclass(frozen=True)
class CostTable:
    """Measured costs of one family of cores.

    Args:
        model: Name, of the file too.
        unit: "cycles" as the emulator's plugin estimates them (no wait states), or "instructions".
        coefficients: Cost of one unit of work, by name.
    """

    model: str
    unit: str
    coefficients: Mapping[str, float]

    def cost(self, work: Mapping[str, float]) -> float:
        """Sum of counts times coefficients.

        Raises:
            WorkError: EW-COST-UNKNOWN for work that was never measured.
        """
        coefficients = self.coefficients
        total = 0.0
        try:
            for name, count in work.items():
                total += count * coefficients[name]
        except KeyError as error:
            raise WorkError(
                "EW-COST-UNKNOWN",
                f"the costs of {self.model} have nothing called {error.args[0]!r}",
                "measure again: python -m benchmarks.kernel_costs",
            ) from error
        return total


@cache
def cost_table(model: str) -> CostTable:
    """The table of a family, e.g. "m4".

    Raises:
        WorkError: EW-COST-MODEL where there is none.
    """
    path = TABLES / f"{model}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in TABLES.glob("*.toml")))
        raise WorkError("EW-COST-MODEL", f"no cost table is called {model!r}", f"there are: {known}")
    data = tomllib.loads(path.read_text())
    return CostTable(model, data["unit"], {k: float(v) for k, v in data["coefficients"].items()})
