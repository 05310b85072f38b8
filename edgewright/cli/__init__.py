"""The command line: `run` parses the arguments and runs one command.

A command is one file with a function and `register(app)`; it is listed in `MODULES`. Command files
import what they need inside the function, so that `--help` does not wait for ONNX and TVM.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Annotated

import typer

from edgewright import __version__
from edgewright.cli import (
    bench,
    binarize,
    boards,
    build,
    check,
    convert,
    deploy,
    devices,
    doctor,
    evaluate,
    flash,
    plan,
    quantize,
    stream,
    tune,
    verify,
)
from edgewright.cli import run as run_command
from edgewright.cli.common import EXIT_INTERRUPTED, EXIT_OK, report_exception

# The order of the help text.
MODULES: tuple[ModuleType, ...] = (
    *(deploy, check, convert, quantize, binarize, plan, stream, tune, build),
    *(flash, run_command, verify, evaluate, bench, devices, boards, doctor),
)

PROGRAM = "edgewright"


def build_app() -> typer.Typer:
    """The command line with all its commands."""
    app = typer.Typer(
        name=PROGRAM,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for module in MODULES:
        module.register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """From a trained model and a board to verified, measured firmware.

    New here? First see whether everything is installed: edgewright doctor. Then deploy a model to an
    emulated board: edgewright deploy MODEL --board mps2-an386.

    Results go to stdout, everything else to stderr. Exit status: 0 ok, 1 the work failed (mismatch,
    over budget), 2 usage, 3 device or tool not found, 4 unsupported or damaged model, 130 interrupted.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: Without the program's name.

    Returns:
        The exit status.
    """
    arguments = list(arguments) or ["--help"]
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json, debug = "--json" in options, "--debug" in options
    try:
        status = build_app()(arguments, prog_name=PROGRAM, standalone_mode=False)
    except (Exception, KeyboardInterrupt) as raised:
        return report_exception(raised, as_json=as_json, debug=debug)
    if status == EXIT_INTERRUPTED:  # typer caught Ctrl-C itself
        return report_exception(KeyboardInterrupt(), as_json=as_json, debug=debug)
    return status if isinstance(status, int) else EXIT_OK
