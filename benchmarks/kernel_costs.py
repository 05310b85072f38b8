"""Measure what kernels cost and write the cost tables: `python -m benchmarks.kernel_costs`.

Runs the layers of `benchmarks/costs/grid.py` on emulated boards with the cycle-counting plugin, fits a
coefficient to every kind of work, and writes targets/costs/<model>.toml. Then the models of MLPerf Tiny and
the example model, which the fit has not seen, are predicted and measured layer by layer. Exit status: 0, 2
where the command line is wrong.

`--kinds packed packed_depthwise` measures only these kinds of layers: coefficients that no other kind has are
fitted anew, all others stay as the table has them. For a new family of kernels, so that the rest need not be
measured again: add a kind to the grid, and run with `--kinds` and its name.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.costs.grid import ALL_KINDS, cases, program_of
from benchmarks.costs.measure import FAMILIES, Layer, board_of, measure_layers
from benchmarks.costs.tables import Fit, add_to_table, fit_table, layer_work, refit_kinds, write_table
from benchmarks.costs.validation import print_validation
from edgewright.errors import EdgewrightError
from edgewright.targets.cpu import cpu_class
from edgewright.targets.forms import node_kernels

# More take the search for an order of independent layers long.
LAYERS_A_PROGRAM = 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, fit, write, validate; returns the exit status."""
    options = parse(arguments)
    try:
        for model in options.only:
            if options.kinds:
                measure_kinds(model, options.kinds)
            elif not options.validate:
                measure(model)
            if not options.kinds:
                print_validation(model)
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def measure(model: str) -> None:
    """Measure the grid, fit and write the table of a family, and print the errors by group."""
    begin = time.monotonic()
    fit = fit_table(model, measure_grid(model, list(ALL_KINDS)))
    write_table(fit)
    _print_fit(model, fit, begin)


def measure_kinds(model: str, kinds: Sequence[str]) -> None:
    """Measure some kinds of the grid, and add their coefficients to the table of a family."""
    begin = time.monotonic()
    others = work_names(model, [kind for kind in ALL_KINDS if kind not in kinds])
    fit = refit_kinds(model, measure_grid(model, kinds), others)
    add_to_table(fit, kinds)
    _print_fit(model, fit, begin)


def work_names(model: str, kinds: Sequence[str]) -> set[str]:
    """All work that layers of these kinds have on a family."""
    board = board_of(model)
    cpu = cpu_class(board.features, board.cpu)
    layers = [(op, types) for kind in kinds for op, types in cases(kind)]
    programs = [
        program_of("grid", layers[i : i + LAYERS_A_PROGRAM]) for i in range(0, len(layers), LAYERS_A_PROGRAM)
    ]
    kernels = [k for p in programs for own in node_kernels(p, cpu).values() for k in own.layer]
    return {name for kernel in kernels for name in layer_work(kernel)}


def _print_fit(model: str, fit: Fit, begin: float) -> None:
    print(f"{model}: {len(fit.layers)} layers, {time.monotonic() - begin:.0f} s; relative error of the fit")
    for group in (*fit.groups, None):
        median, largest = fit.error(group)
        print(f"  {group or 'all':16s} median {median:6.2%}  max {largest:6.2%}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; argparse itself ends with status 2 where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kernel_costs", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--only", nargs="+", choices=list(FAMILIES), default=list(FAMILIES), metavar="MODEL")
    parser.add_argument("--kinds", nargs="+", choices=ALL_KINDS, metavar="KIND", help="measure only these")
    parser.add_argument("--validate", action="store_true", help="only compare the present tables with models")
    return parser.parse_args(arguments)


def measure_grid(model: str, kinds: Sequence[str]) -> list[Layer]:
    """Every layer of some kinds of the grid on the emulated board of a family."""
    layers: list[Layer] = []
    for kind in kinds:
        waiting = list(cases(kind))
        for start in range(0, len(waiting), LAYERS_A_PROGRAM):
            program = program_of("grid", waiting[start : start + LAYERS_A_PROGRAM])
            with tempfile.TemporaryDirectory(prefix="edgewright-costs-") as folder:
                layers += measure_layers(program, model, Path(folder), kind)
    return layers


if __name__ == "__main__":
    sys.exit(main())
