"""Tables for README.md and docs/performance.md: `python -m benchmarks.speed.markdown [layers MODEL CORE]`.

Read from what `python -m benchmarks.performance` wrote. Without arguments the figures beside their limits and
beside the peers; with `layers IC m4` the layers of that run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import MODELS
from benchmarks.performance import MACS, OUT, show
from benchmarks.speed.limits import KEYS, M4_ANY, M7, M55, ROWS, SETTINGS

# Megacycles (milliseconds times clock) of the best submissions to MLPerf Tiny 0.5 to 1.3 on silicon, from
# github.com/mlcommons/tiny_results_v0.5 to v1.3; None where none was read.
PUBLISHED = {
    "M4": ("STM32L4R5, 120 MHz: ST, AD Plumerai", (19.8, 5.18, 10.7, 0.486, 2.15)),
    "M7": ("STM32H7A3, 280 MHz: ST, AD Bosch", (11.4, 3.16, 6.66, 0.302, 1.19)),
}
# Field of `benchmarks.figures.Incumbent` by row.
INCUMBENTS = {
    (M4_ANY.name, "cycles"): "m4_cycles",
    (M7.name, "instructions"): "m7_instructions",
    (M55.name, "instructions"): "m55_instructions",
    (M4_ANY.name, "code_bytes"): "code_bytes",
}


def figure_table(document: Mapping[str, Any]) -> str:
    """One row a figure, its limits and the incumbent's below."""
    cells = {(f["row"], f["model"]): f for f in document["figures"]}
    lines = [f"| | {' | '.join(KEYS)} |", "|---|" + "---:|" * len(KEYS)]
    for row in ROWS:
        found = [cells.get((row.title, key)) for key in KEYS]
        lines.append(_line(f"**{row.title}**", [_text(f) for f in found]))
        if any(v is not None for v in row.limits):
            lines.append(_line("to reach", ["" if v is None else show(row.key, v) for v in row.limits]))
        field = INCUMBENTS.get((row.setting.name, row.key))
        if field is not None:
            values = [getattr(m.incumbent, field) for m in MODELS]
            lines.append(_line("TFLM + CMSIS-NN, measured alike", [show(row.key, v) for v in values]))
        core = {"m4": "M4", "m7": "M7"}.get(row.setting.core)
        if core and row.key in ("cycles", "instructions") and row.setting in (M4_ANY, M7):
            name, values = PUBLISHED[core]
            lines.append(_line(f"published, silicon, Mcycles ({name})", [f"{v:g}" for v in values]))
    return "\n".join(lines) + "\n"


def _text(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "-"
    return f"**{figure['text']}**" if figure["ok"] else f"**{figure['text']}** (missed)"


def _line(title: str, cells: Sequence[str]) -> str:
    return f"| {title} | {' | '.join(cells)} |"


def layer_table(document: Mapping[str, Any], model: str, core: str) -> str:
    """The layers of a run for speed: kernel, cost, cost a MAC."""
    setting = next(s for s in SETTINGS if s.core == core and s.optimize == "speed")
    run = next(r for r in document["runs"] if r["model"] == model and r["setting"] == setting.name)
    unit = "cycles" if run["cycles"] is not None else "instructions"
    lines = [f"| layer | kernel | MAC | {unit} | a MAC |", "|---|---|---:|---:|---:|"]
    for number, layer in enumerate(run["layers"]):
        cost, macs = layer[unit], layer["macs"]
        each = f"{cost / macs:.2f}" if macs else ""
        kind = f"{number} {layer['kind']}"
        lines.append(_line(kind, [layer["kernel"], f"{macs:,}" if macs else "", f"{cost:,}", each]))
    total = run[unit]
    lines.append(
        _line("all", ["", f"{run['macs']:,}", f"{total:,}", f"{total / MACS[model]:.2f} of the model's"])
    )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Print a table; exit status 0, 2 where the command line is wrong."""
    document = json.loads(Path(OUT).read_text())
    if not arguments:
        print(figure_table(document), end="")
        return 0
    if len(arguments) != 3 or arguments[0] != "layers":
        print(__doc__, file=sys.stderr)
        return 2
    print(layer_table(document, arguments[1], arguments[2]), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
