"""Binary kernels against our own int8 kernels of the same shape: `python -m benchmarks.binary_kernels`.

Layers run on emulated boards with the cycle-counting plugin; every output is compared with golden. Exit
status: 0, 1 where a limit is missed, 2 where the command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.binary_runs import Run, binary_layer, host_rates, int8_layer, run_layer
from benchmarks.machine import ROOT
from benchmarks.outcome import check_writable, verdict, write_document
from benchmarks.results import Figure
from edgewright.cli.table import text_table
from edgewright.errors import EdgewrightError

OUT = ROOT / "build" / "bench" / "binary_kernels.json"
# What is promised, on the Cortex-M4.
DOT_INSTRUCTIONS, CONV_SPEEDUP, CONV_WEIGHTS = 0.36, 4.0, 0.125
DOT, CONV = "dot product 32x32x1024", "conv 3x3 28x28x128 to 128"
SMALL, WIDE = "conv 3x3 14x14x64 to 64", "conv 3x3 7x7x128 to 128"
SHAPES = {
    DOT: ((1, 32, 1024), 32, 1),
    CONV: ((28, 28, 128), 128, 3),
    SMALL: ((14, 14, 64), 64, 3),
    WIDE: ((7, 7, 128), 128, 3),
}
# Layers by family of cores. The whole list is for the core with limits; emulated time bounds the others.
LAYERS = {
    "m4": (DOT, CONV, SMALL),
    "m0": (SMALL,),
    "m3": (SMALL,),
    "m7": (SMALL,),
    "m55": (SMALL, WIDE),
}
HOST = (784, 1152, 128)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = parse(arguments)
    begin = time.monotonic()
    try:
        check_writable(options.out)
        result = {model: measure(model) for model in options.only}
        host = host_rates(*HOST) if options.host else None
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    figures = [f for model, layers in result.items() for f in figures_of(model, layers)]
    if host is not None:
        figures += host_figures(host)
    seconds = time.monotonic() - begin
    write_document(options.out, figures, seconds, result=result, host=host)
    rows = [
        (f.model, f.row, f.text + ("" if f.ok else " ✗"), "-" if f.limit is None else f"{f.limit:g}")
        for f in figures
    ]
    print(text_table(("core", "figure", "value", "limit"), rows, right=(2, 3)))
    return verdict(figures, options.out, seconds)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; argparse itself ends with status 2 where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.binary_kernels", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--only", nargs="+", choices=list(LAYERS), default=list(LAYERS), metavar="CORE")
    parser.add_argument("--no-host", dest="host", action="store_false", help="leave this machine out")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="JSON file to write")
    return parser.parse_args(arguments)


def measure(model: str) -> dict[str, Any]:
    """By layer: the runs with packed output, with int8 output, and of the int8 kernel."""
    found: dict[str, Any] = {}
    for name in LAYERS[model]:
        print(f"{model}: {name}", file=sys.stderr, flush=True)
        binary = binary_layer(*SHAPES[name])
        runs = {
            "signs": run_layer(binary, model),
            "to_int8": run_layer(binary_layer(*SHAPES[name], signs=False), model),
            "int8": run_layer(int8_layer(*SHAPES[name]), model),
        }
        found[name] = {"macs": binary.macs, **{key: asdict(run) for key, run in runs.items()}}
    return found


def figures_of(model: str, layers: dict[str, Any]) -> list[Figure]:
    """Figures of the layers of one core, with limits where there are any."""
    figures = []
    for name, layer in layers.items():
        runs = {key: Run(**layer[key]) for key in ("signs", "to_int8", "int8")}
        macs = layer["macs"]
        unit = "instructions" if runs["int8"].cycles is None else "est. cycles"
        dot = DOT_INSTRUCTIONS if (model, name) == ("m4", DOT) else None
        promised = (model, name) == ("m4", CONV)
        each = runs["signs"].instructions / macs
        figures.append(_below(f"{name}: instructions a MAC", model, each, dot))
        for key, title in (("signs", "signs"), ("to_int8", "int8 output"), ("int8", "int8 kernel")):
            figures.append(_below(f"{name}: {unit} a MAC, {title}", model, runs[key].cost / macs, None))
        faster = runs["int8"].cost / runs["signs"].cost
        limit = CONV_SPEEDUP if promised else None
        ok = limit is None or faster >= limit
        figures.append(
            Figure(f"{name}: times faster than int8", model, f"{faster:.2f}", faster, limit, ok=ok)
        )
        share = runs["signs"].weights_bytes / runs["int8"].weights_bytes
        title = f"{name}: weight bytes of those of int8"
        figures.append(_below(title, model, share, CONV_WEIGHTS if promised else None))
        differ = sum(not run.equal for run in runs.values())
        figures.append(_below(f"{name}: outputs that differ from golden", model, differ, 0, "d"))
    return figures


def host_figures(host: dict[str, float]) -> list[Figure]:
    """Rates of this machine."""
    rates = [
        Figure(f"binary dot product through LLVM: 10^9 MAC/s, {key}", "host", f"{rate:.1f}", rate)
        for key, rate in (("signs", host["binary"] / 1e9), ("int8 by the same loops", host["int8"] / 1e9))
    ]
    return [*rates, _below("binary dot product: outputs that differ", "host", 1 - int(host["equal"]), 0, "d")]


def _below(row: str, model: str, value: float, limit: float | None, form: str = ".4f") -> Figure:
    ok = limit is None or value <= limit
    return Figure(row, model, f"{value:{form}}", value, limit, ok=ok)


if __name__ == "__main__":
    sys.exit(main())
