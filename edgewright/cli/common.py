"""What all commands share: `--json`, `--debug`, how results and errors are printed, exit codes.

A command is a function that takes typed parameters and returns an `Output`; `add_command` gives it the
shared options. Results go to stdout; errors, log and progress to stderr. With `--json` stdout gets
exactly one object: {"schema_version", "status": "ok" | "error", "error": {"code", "message", "hint",
...details}} and the command's own keys.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import sys
import traceback
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from edgewright import log
from edgewright.errors import EdgewrightError, UsageError

SCHEMA_VERSION = 1
EXIT_OK = 0
EXIT_INTERRUPTED = 130

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Log everything; show tracebacks of errors.")]


@dataclass(frozen=True)
class Output:
    """Result of a command.

    Args:
        data: The command's keys of the JSON object (JSON-ready values).
        text: The same for people; ends up on stdout.
        error: Set where the work was done and failed, and there is a result to show all the same.
    """

    data: Mapping[str, object] = field(default_factory=dict)
    text: str = ""
    error: EdgewrightError | None = None


class InternalError(EdgewrightError):
    """An exception nobody expected: a bug of edgewright."""

    exit_code = 1


class Interrupted(EdgewrightError):
    """The user pressed Ctrl-C."""

    exit_code = EXIT_INTERRUPTED


def add_command(app: typer.Typer, name: str, function: Callable[..., Output], *, panel: str = "") -> None:
    """Register a command under its name, with `--json` and `--debug`.

    Args:
        app: Where it goes.
        name: On the command line.
        function: Its docstring is the help text; its parameters are typer's.
        panel: Heading under which the help text of `edgewright` lists it.
    """

    @functools.wraps(function)
    def command(*args: Any, json: bool, debug: bool, **kwargs: Any) -> int:
        log.configure(debug=debug)
        with _stdout_reserved(json):
            output = function(*args, **kwargs)
        return print_output(output, as_json=json, debug=debug)

    # typer reads the parameters from the signature; annotations are resolved where they were written.
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = [
        p.replace(annotation=hints[p.name]) for p in inspect.signature(function).parameters.values()
    ]
    for option, annotation in (("json", JsonOption), ("debug", DebugOption)):
        parameters.append(
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        )
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    app.command(name, rich_help_panel=panel or None)(command)


@contextlib.contextmanager
def _stdout_reserved(as_json: bool) -> Iterator[None]:
    """With `--json`, whatever is printed on the way goes to stderr."""
    if not as_json:
        yield
        return
    with contextlib.redirect_stdout(sys.stderr):
        yield


def print_output(output: Output, *, as_json: bool, debug: bool) -> int:
    """Print a command's result, and its error where it has one; returns the exit status."""
    if as_json:
        print_json(output.data, output.error)
    elif output.text:
        print(output.text, flush=True)
    if output.error is None:
        return EXIT_OK
    if not as_json:
        print_error(output.error, debug=debug)
    return output.error.exit_code


def print_json(data: Mapping[str, object], error: EdgewrightError | None) -> None:
    """The one object of `--json`, on stdout."""
    document: dict[str, object] = {"schema_version": SCHEMA_VERSION, "status": "error" if error else "ok"}
    if error is not None:
        document["error"] = error.details | {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
        }
    print(json.dumps(document | dict(data), default=str, indent=2), flush=True)


def print_error(error: EdgewrightError, *, debug: bool) -> None:
    """Code, message and hint on stderr; with `debug` the traceback first."""
    from rich.console import Console
    from rich.text import Text

    if debug:
        traceback.print_exception(error)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text(error.code, style="bold red"), Text(f" {error.message}"))
    if error.hint:
        console.print(Text("  hint:", style="bold"), Text(error.hint))


def report_exception(raised: BaseException, *, as_json: bool, debug: bool) -> int:
    """Print what ended a command; returns the exit status."""
    error = as_edgewright_error(raised)
    if as_json:
        if debug:
            error.details["traceback"] = "".join(traceback.format_exception(error))
        print_json({}, error)
    else:
        print_error(error, debug=debug)
    return error.exit_code


def as_edgewright_error(raised: BaseException) -> EdgewrightError:
    """The error with a code that stands for any exception."""
    if isinstance(raised, EdgewrightError):
        return raised
    if isinstance(raised, KeyboardInterrupt | typer.Abort):
        return Interrupted("EW-INTERRUPTED", "interrupted")
    # typer's own exceptions have moved between modules, but kept this method.
    describe = getattr(raised, "format_message", None)
    if describe is not None:
        context = getattr(raised, "ctx", None)
        command = context.command_path if context is not None else "edgewright"
        return UsageError("EW-USAGE", str(describe()), f"{command} --help")
    what = f"{type(raised).__name__}: {raised}" if str(raised) else type(raised).__name__
    error = InternalError(
        "EW-INTERNAL",
        f"unexpected error, {what}",
        "this is a bug of edgewright: run it again with --debug and report what it prints",
    )
    error.__cause__ = raised
    return error
