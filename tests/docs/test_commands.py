"""Every command line in the documentation is one that exists, with arguments it takes."""

from __future__ import annotations

import re
import shlex
import tomllib

import pytest
import typer.main

from edgewright.cli import PROGRAM, build_app
from tests.docs.pages import ROOT, pages

PROMPT = re.compile(r"^\s*\$ (.+)$", re.MULTILINE)
INDENTED = re.compile(r"^ {4,}((?:edgewright|python|pip|make) .+)$", re.MULTILINE)
INLINE = re.compile(r"`((?:edgewright|make) [a-z][^`\n]*)`")
# Other programs that the pages call.
OTHERS = {"source", "git", "cd", "qemu-system-arm"}
# mlcommons' runner, which is not part of this repository.
FOREIGN = re.compile(r"\b(main|emulated)\.py\b")


def command_lines() -> list[tuple[str, str]]:
    """(page, command line) of everything that looks like one."""
    found = []
    for page in pages():
        if page.name == "docs/cli.md":  # written from the commands; its usage lines hold placeholders
            continue
        lines = [*PROMPT.findall(page.text), *INDENTED.findall(page.text), *INLINE.findall(page.prose)]
        found += [(page.name, re.split(r"\s+#\s", line)[0].strip()) for line in lines]
    return sorted(set(found))


def parse(arguments: list[str]) -> None:
    """Let the command line's own parser take the arguments, without running the command.

    typer has moved its exceptions between modules; all of them carry an exit status.
    """
    command, name = typer.main.get_command(build_app()), PROGRAM
    while hasattr(command, "commands") and arguments and not arguments[0].startswith("-"):
        name = arguments[0]
        assert name in command.commands, f"there is no command {name!r}"
        command, arguments = command.commands[name], arguments[1:]
    try:
        command.make_context(name, list(arguments))
    except Exception as error:
        status = getattr(error, "exit_code", None)
        assert status == 0, f"{name} {arguments}: {getattr(error, 'message', error)}"  # 0: --help was reached


def check_edgewright(arguments: list[str]) -> None:
    # "`edgewright check`" in a sentence names a command and calls nothing.
    names_a_command = len(arguments) <= 2 and not any(set(a) & set("./-") for a in arguments)
    parse([*arguments, "--help"] if names_a_command else arguments)


def check_make(arguments: list[str]) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert arguments and set(arguments) <= targets, f"the Makefile has {sorted(targets)}"


def check_python(arguments: list[str]) -> None:
    paths = arguments[2:] if arguments[:2] == ["-m", "pytest"] else arguments[:1]
    if arguments[:1] == ["-m"] and arguments[1] != "pytest":
        paths = [f"{arguments[1].replace('.', '/')}.py"]
    assert paths
    for path in paths:
        assert (ROOT / path).exists(), f"there is no {path}"


def check_pip(arguments: list[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert arguments[0] == "install"
    for names in re.findall(r"\.\[([\w,]+)\]", " ".join(arguments)):
        assert set(names.split(",")) <= set(extras)


CHECKS = {
    "edgewright": check_edgewright,
    "make": check_make,
    "python": check_python,
    "pip": check_pip,
}


@pytest.mark.parametrize("where, line", command_lines())
def test_command_line_parses(where, line):
    if FOREIGN.search(line):
        assert where == "docs/mlperf_tiny.md"
        return
    program, *arguments = shlex.split(line)
    assert program in CHECKS or program in OTHERS, f"{where}: {line}"
    if program in CHECKS:
        CHECKS[program](arguments)


def test_they_are_found():
    found = command_lines()
    assert len(found) > 30
    assert ("README.md", "make demo") in found
    assert any(line.startswith("edgewright flash") and "--dry-run" in line for _, line in found)


@pytest.mark.parametrize(
    "line",
    [
        "edgewright deplay model.onnx --board x",
        "edgewright deploy model.onnx --board x --prot /dev/x",
        "edgewright deploy model.onnx",
        "edgewright verify",
        "edgewright boards lst",
        "make tset",
        "python -m pytest tests/nothing",
        "pip install -e .[nothing]",
    ],
)
def test_a_wrong_one_is_noticed(line):
    program, *arguments = shlex.split(line)
    if line == "edgewright verify":
        arguments = [*arguments, "--layers"]
    with pytest.raises(AssertionError):
        CHECKS[program](arguments)
