"""From measured layers to a cost table: fit and file."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from benchmarks.costs.fit import fit_costs
from benchmarks.costs.measure import FAMILIES, Layer
from benchmarks.machine import git_commit, machine, tool_versions
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.costs.cost_table import CYCLE_MODELS, SCHEMA_VERSION, TABLES, CostTable, cost_table
from edgewright.targets.costs.derived_work import bytes_work, derived_work
from edgewright.targets.costs.estimate import OTHER, driver_work

DRIVER = ("layer", "row", "row_input", "row_window")
TOOLS = ("edgewright", "arm-none-eabi-gcc", "qemu-system-arm")
HEAD = """# Cost of one unit of work. Written by `python -m benchmarks.kernel_costs`; for the names see
# targets/codegen/kernels/work.py and derived_work.py.
"""


@dataclass(frozen=True)
class Fit:
    """A fitted table, the layers it comes from, and the relative error of each of them."""

    table: CostTable
    layers: tuple[Layer, ...]
    errors: tuple[float, ...]

    def error(self, group: str | None = None) -> tuple[float, float]:
        """(median, largest) size of the relative errors, of one group of layers or of all."""
        pairs = zip(self.errors, self.layers, strict=True)
        found = [abs(e) for e, x in pairs if group in (None, x.group)]
        return float(np.median(found)), max(found)

    @property
    def groups(self) -> list[str]:
        return list(dict.fromkeys(x.group for x in self.layers))


def layer_work(kernel: RowKernel, *, other: bool = False) -> dict[str, float]:
    """All work of a layer, driver included; `other`: as of a kind that was never measured."""
    own = bytes_work(kernel, OTHER) if other else kernel.work or derived_work(kernel)
    call = {**own, **driver_work(kernel)}
    return {"layer": 1.0, **{name: count * kernel.out_rows for name, count in call.items()}}


def fit_table(model: str, layers: Sequence[Layer]) -> Fit:
    """Coefficients of a family: the driver's from kernels that do nothing, then all others."""
    unit = "cycles" if FAMILIES[model][0] in CYCLE_MODELS else "instructions"
    coefficients = _fit([x for x in layers if x.group == "driver"])
    coefficients = {name: coefficients[name] for name in DRIVER}
    driver = dict(coefficients)
    coefficients |= _fit(layers, coefficients)
    unknown = [x for x in layers if not x.kernel.work]
    coefficients |= _fit(unknown, driver, other=True)
    table = CostTable(model, unit, coefficients)
    errors = tuple(table.cost(layer_work(x.kernel)) / x.cost - 1 for x in layers)
    return Fit(table, tuple(layers), errors)


def refit_kinds(model: str, layers: Sequence[Layer], others: Collection[str]) -> Fit:
    """A family's table with the coefficients of some kinds of layers fitted anew.

    Args:
        model: Name of the table.
        layers: Measured layers of these kinds.
        others: Work of all other kinds, whose coefficients are kept.
    """
    present = cost_table(model)
    names = {name for x in layers for name in layer_work(x.kernel)}
    kept = {k: v for k, v in present.coefficients.items() if k not in names - set(others)}
    table = CostTable(model, present.unit, _fit(layers, kept))
    errors = tuple(table.cost(layer_work(x.kernel)) / x.cost - 1 for x in layers)
    return Fit(table, tuple(layers), errors)


def _fit(
    layers: Sequence[Layer], known: Mapping[str, float] | None = None, *, other: bool = False
) -> dict[str, float]:
    return fit_costs([layer_work(x.kernel, other=other) for x in layers], [x.cost for x in layers], known)


def write_table(fit: Fit) -> None:
    """Write targets/costs/<model>.toml: coefficients, and how they were measured."""
    errors = {group or "all": fit.error(group) for group in (*fit.groups, None)}
    _write(fit.table, {"measured": _measured(fit)}, errors)


def add_to_table(fit: Fit, kinds: Sequence[str]) -> None:
    """Write a table of which some kinds of layers were measured later than the rest."""
    path = TABLES / f"{fit.table.model}.toml"
    present = tomllib.loads(path.read_text())
    sections = {title: present[title] for title in present if title.startswith("measured")}
    sections[f"measured_{'_'.join(kinds)}"] = _measured(fit)
    errors = {kind: (error["median"], error["max"]) for kind, error in present["relative_error"].items()}
    for kind in fit.groups:
        errors.pop(kind, None)
    everything = errors.pop("all")  # of the layers measured together
    errors |= {kind: fit.error(kind) for kind in fit.groups}
    _write(fit.table, sections, errors | {"all": everything})


def _measured(fit: Fit) -> dict[str, object]:
    """How layers were measured."""
    versions = tool_versions()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        **{k: v for k, v in git_commit().items() if v is not None},
        "machine": machine()["cpu"],
        **{tool: versions[tool] for tool in TOOLS if tool in versions},
        "core": FAMILIES[fit.table.model][0],
        "board": FAMILIES[fit.table.model][1],
        "layers": len(fit.layers),
    }


def _write(
    table: CostTable,
    sections: Mapping[str, Mapping[str, object]],
    errors: Mapping[str, tuple[float, float]],
) -> None:
    error = {k: f"{{ median = {median:.4f}, max = {most:.4f} }}" for k, (median, most) in errors.items()}
    coefficients = {k: round(v, 3) for k, v in sorted(table.coefficients.items())}
    text = f'{HEAD}schema_version = {SCHEMA_VERSION}\nunit = "{table.unit}"\n'
    for title, values in sections.items():
        text += _section(title, {k: _literal(v) for k, v in values.items()})
    text += _section("relative_error", error)
    text += _section("coefficients", {k: _literal(v) for k, v in coefficients.items()})
    (TABLES / f"{table.model}.toml").write_text(text)


def _section(title: str, values: Mapping[str, str]) -> str:
    return f"\n[{title}]\n" + "".join(f"{k} = {v}\n" for k, v in values.items())


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'
