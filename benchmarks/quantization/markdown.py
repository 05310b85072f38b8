"""Figures on quantization and binary networks for README.md: `python -m benchmarks.quantization.markdown`.

Read from what `python -m benchmarks.quantize`, `benchmarks.binary_kernels` and `benchmarks.bibench` wrote.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT

FOLDER = ROOT / "build" / "bench"
FILES = ("quantize.json", "binary_kernels.json", "binary_digits.json")
CORES = {"m0": "Cortex-M0", "m3": "Cortex-M3", "m4": "Cortex-M4", "m7": "Cortex-M7", "m55": "Cortex-M55"}
# Rows without a limit that are shown all the same.
WITHOUT_LIMIT = ("top-1", "faster", "biases")


def load(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The documents of `FILES`; those that are not there are left out."""
    paths = [folder / name for name in FILES]
    return [json.loads(p.read_text()) for p in paths if p.is_file() and p.stat().st_size]


def markdown_table(documents: list[dict[str, Any]]) -> str:
    """Figures with a limit, speed-ups and accuracies; outputs that differ are summed in one row."""
    lines = ["| | figure | value | limit |", "|---|---|---:|---:|"]
    differ = 0.0
    for figure in (f for d in documents for f in d["figures"]):
        row = figure["row"]
        if "differ" in row or "unlike the reference" in row:
            differ += figure["value"]
        elif figure["limit"] is not None or any(words in row for words in WITHOUT_LIMIT):
            limit = "" if figure["limit"] is None else f"{figure['limit']:,g}"
            lines.append(
                f"| {CORES.get(figure['model'], figure['model'])} | {row} | {figure['text']} | {limit} |"
            )
    lines.append(f"| all | outputs that differ from the reference | {differ:g} | 0 |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Print the table; exit status 0."""
    print(markdown_table(load()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
