"""Reruns the commands whose output the pages show, and writes what they print now; `make docs` runs it.

A block of text that begins with `$ edgewright` is such an output, of the last command where it begins with
several; one that ends with `…` shows only what comes before the second table. Commands run in a folder of
their own with the repository's examples in it. Models of MLPerf Tiny are looked for in the folder
EDGEWRIGHT_MODELS names; blocks of models that are not there stay as they are.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(ROOT / name for name in ("README.md", "docs/memory.md", "docs/quantize.md", "docs/accuracy.md"))
BLOCK = re.compile(r"^```text\n(?P<commands>(?:\$ edgewright [^\n]+\n)+)(?P<output>.*?)^```\n", re.M | re.S)
# What follows a block: when it was made.
STAMP = re.compile(r"\s*\((?P<when>\d+ \w+ \d{4}, commit [0-9a-f]{7})")
CUT = "…\n"


def command_lines(block: re.Match[str]) -> list[str]:
    """What follows `$ edgewright` in each line of a block's beginning."""
    return [line.removeprefix("$ edgewright ") for line in block["commands"].splitlines()]


def find_model(commands: list[str]) -> Path | None:
    """The model the first command names; None where it is not here."""
    name = shlex.split(commands[0])[1]
    places = [ROOT / name, Path(os.environ.get("EDGEWRIGHT_MODELS", ROOT)) / name]
    return next((p for p in places if p.is_file()), None)


def run_commands(commands: list[str], model: Path) -> str:
    """What the last one prints: results, then errors."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "build").mkdir()
        if not (folder / shlex.split(commands[0])[1]).exists():
            (folder / model.name).symlink_to(model)
        for command in commands:
            done = subprocess.run(
                [sys.executable, "-m", "edgewright", *shlex.split(command)],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
    return done.stdout + done.stderr


def shown(output: str, like: str) -> str:
    """The part of an output that a block shows."""
    output = "\n".join(line.rstrip() for line in output.splitlines()) + "\n"
    return "\n\n".join(output.split("\n\n")[:2]) + "\n" + CUT if like.endswith(CUT) else output


def renew(text: str) -> str:
    """The page with what its commands print now; where that differs, the date and commit of today."""
    parts, at = [], 0
    commit = subprocess.run(
        ["git", "rev-parse", "--short=7", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    for block in BLOCK.finditer(text):
        commands = command_lines(block)
        model = find_model(commands)
        if model is None:
            print(f"edgewright {commands[0]}: there is no such model", file=sys.stderr)
            continue
        output = shown(run_commands(commands, model), block["output"])
        parts += [text[at : block.start("output")], output]
        at = block.end("output")
        stamp = STAMP.match(text, block.end())
        if stamp and output != block["output"]:
            today = date.today()
            parts += [text[at : stamp.start("when")], f"{today.day} {today:%B %Y}, commit {commit}"]
            at = stamp.end("when")
    return "".join([*parts, text[at:]])


def main() -> int:
    """Rewrite the pages; exit status 0."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(renew(text), encoding="utf-8")
        print(f"reran the commands of {page.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
