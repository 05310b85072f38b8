"""Every command line in the documentation is one that exists, with arguments it takes."""

from __future__ import annotations

import re
import shlex
import tomllib

import click
import pytest
import typer.main

from edgewright.cli import build_app
from tests.docs.pages import ROOT, pages

PROMPT = re.compile(r"^\s*\$ (.+)$", re.MULTILINE)
# Indented code blocks, and lines of inline code, that start with the program's name.
INDENTED = re.compile(r"^ {4,}((?:edgewright|python|pip|make) .+)$", re.MULTILINE)
INLINE = re.compile(r"`((?:edgewright|make) [a-z][^`\n]*)`")


def command_lines() -> list[tuple[str, str]]:
    """(page, command line) of everything that looks like one."""
    found = []
    for page in pages():
        if page.name == "docs/cli.md":  # written from the commands; its usage lines hold placeholders
            continue
        lines = [*PROMPT.findall(page.text), *INDENTED.findall(page.text), *INLINE.findall(page.prose)]
        found += [(page.name, line.partition("  #")[0].strip()) for line in lines]
    return found


def parse(arguments: list[str]) -> None:
    """Let the command line's own parser accept the arguments, without running the command."""
    command, name = typer.main.get_command(build_app()), "edgewright"
    context = click.Context(command, info_name=name)
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name = arguments[0]
        found = command.get_command(context, name)
        assert found is not None, f"there is no command {name!r}"
        command, arguments = found, arguments[1:]
    command.make_context(name, list(arguments), parent=context)


def check_edgewright(arguments: list[str]) -> None:
    mentioned_only = len(arguments) < 3 and not any("." in a or "/" in a for a in arguments)
    # "`edgewright check`" in a sentence names a command, it does not call it.
    parse([*arguments, "--help"] if mentioned_only else arguments)


def check_make(arguments: list[str]) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert arguments and set(arguments) <= targets, f"the Makefile has {sorted(targets)}"


def check_python(arguments: list[str]) -> None:
    paths = arguments[2:] if arguments[:2] == ["-m", "pytest"] else arguments[:1]
    for path in paths:
        assert (ROOT / path).exists(), f"there is no {path}"


def check_pip(arguments: list[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert arguments[0] == "install"
    for name in re.findall(r"\.\[([\w,]+)\]", " ".join(arguments)):
        assert set(name.split(",")) <= set(extras)


CHECKS = {
    "edgewright": check_edgewright,
    "make": check_make,
    "python": check_python,
    "pip": check_pip,
}
# Commands of other programs that the pages show.
OTHERS = {"source", "git", "qemu-system-arm", "cd"}
# mlcommons' runner, which is not part of this repository.
FOREIGN = re.compile(r"\b(main|emulated)\.py\b")


class HelpShown(Exception):
    """`--help` was reached: the command exists."""


@pytest.mark.parametrize("where, line", command_lines())
def test_command_line_parses(where, line, capsys):
    words = shlex.split(line)
    if FOREIGN.search(line):
        assert where == "docs/mlperf_tiny.md"
        return
    program, arguments = words[0], words[1:]
    assert program in CHECKS or program in OTHERS, f"{where}: {line}"
    if program not in CHECKS:
        return
    try:
        CHECKS[program](arguments)
    except click.exceptions.Exit as shown:  # --help
        assert shown.exit_code == 0
    except click.UsageError as error:
        pytest.fail(f"{where}: {line}: {error.format_message()}")


def test_they_are_found():
    found = command_lines()
    assert len(found) > 30
    assert ("README.md", "make demo") in found
    assert any(line.startswith("edgewright flash") and "--dry-run" in line for _, line in found)


@pytest.mark.parametrize(
    "line", ["edgewright deplay model.onnx --board x", "edgewright deploy m.onnx --board x --prot /dev/x"]
)
def test_a_wrong_one_is_noticed(line):
    with pytest.raises((AssertionError, click.UsageError)):
        check_edgewright(shlex.split(line)[1:])
