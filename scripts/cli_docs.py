"""Writes docs/cli.md from the commands themselves; `make docs` runs it, and a test compares."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "cli.md"
# What typer adds to the program itself; its wording is typer's, so it is not compared.
NOT_OURS = {"--install-completion", "--show-completion", "--help"}
HEAD = """# Command line

<!-- Written by scripts/cli_docs.py from the commands; change their help texts, then run `make docs`. -->
"""
TAIL = """
## Conventions

- Results go to stdout; errors, log and progress go to stderr.
- With `--json` stdout gets exactly one object: `schema_version`, `status` (`"ok"` or `"error"`), the
  command's own keys, and where it failed `error` with `code`, `message`, `hint` and the values behind them.
- Errors have a stable code, `EW-AREA-WHAT`, a message with the failing value, and a hint.
- Exit status: 0 ok, 1 the work failed (mismatch, over budget), 2 usage, 3 device or tool not found,
  4 unsupported or damaged model, 130 interrupted.
- Shell completion: `edgewright --install-completion`.
"""


def render() -> str:
    """The whole page."""
    sys.path.insert(0, str(ROOT))
    from edgewright.cli import PROGRAM, build_app

    root = typer.main.get_command(build_app())
    pages = list(_commands(PROGRAM, root))
    index = [f"| [`{name}`](#{_anchor(name)}) | {_first_line(command)} |" for name, command in pages[1:]]
    table = "\n".join(["| command | what it does |", "|---|---|", *index])
    program, *commands = [_section(name, command) for name, command in pages]
    return "\n".join([HEAD, program, table, "", *commands]).rstrip() + "\n" + TAIL


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The program, then every command that does something, in the order of the help text."""
    children = getattr(command, "commands", {})
    if not children or name.count(" ") == 0:
        yield name, command
    for child, subcommand in children.items():
        yield from _commands(f"{name} {child}", subcommand)


def _section(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not NOT_OURS & set(p.opts)]
    needed = [f"{max(o.opts, key=len)} {o.metavar}" for o in options if o.required]
    usage = " ".join([name, *(a.metavar for a in arguments), *needed, "[OPTIONS]"])
    if getattr(command, "commands", {}):
        usage = f"{name} COMMAND"
    lines = [f"## {name}", "", _help(command), "", f"    {usage}", ""]
    if arguments or options:
        lines += ["| argument or option | meaning |", "|---|---|"]
        lines += [f"| `{a.metavar}` | {_cell(a)} |" for a in arguments]
        lines += [f"| {_names(o)} | {_cell(o)} |" for o in options]
        lines.append("")
    return "\n".join(lines)


def _names(option: Any) -> str:
    names = ", ".join(f"`{o}`" for o in sorted((*option.opts, *option.secondary_opts), key=len))
    return names if _is_flag(option) else f"{names} `{option.metavar}`"


def _is_flag(option: Any) -> bool:
    return bool(option.is_flag)


def _cell(parameter: Any) -> str:
    text = " ".join((parameter.help or "").split())
    if parameter.param_type_name == "option":
        if parameter.required:
            text += " Required."
        elif not _is_flag(parameter) and parameter.default not in (None, "", (), []):
            text += f" Default: {parameter.default}."
    if parameter.envvar:
        text += f" Environment: `{parameter.envvar}`."
    return text.replace("|", "\\|")


def _help(command: Any) -> str:
    paragraphs = re.split(r"\n\s*\n", (command.help or "").strip())
    return "\n\n".join(" ".join(p.split()) for p in paragraphs)


def _first_line(command: Any) -> str:
    return _help(command).split("\n\n")[0]


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def main() -> int:
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(render(), encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
