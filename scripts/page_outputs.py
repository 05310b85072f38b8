"""Reruns the commands whose output the pages show, and writes what they print now; `make docs` runs it.

A block of text that begins with `$ edgewright` is such an output; one that ends with `…` shows only what
comes before the second table. Models of MLPerf Tiny are looked for in the folder EDGEWRIGHT_MODELS names;
blocks of models that are not there stay as they are.
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
PAGES = (ROOT / "README.md", ROOT / "docs" / "memory.md")
BLOCK = re.compile(r"^```text\n\$ edgewright (?P<command>[^\n]+)\n(?P<output>.*?)^```\n", re.M | re.S)
# What follows a block: when it was made.
STAMP = re.compile(r"\s*\((?P<when>\d+ \w+ \d{4}, commit [0-9a-f]{7})")
CUT = "…\n"


def find_model(command: str) -> Path | None:
    """The model a command line names; None where it is not here."""
    name = shlex.split(command)[1]
    places = [ROOT / name, Path(os.environ.get("EDGEWRIGHT_MODELS", ROOT)) / name]
    return next((p for p in places if p.is_file()), None)


def run_command(command: str, model: Path) -> str:
    """What `edgewright COMMAND` prints: results, then errors."""
    subcommand, _, *options = shlex.split(command)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "edgewright", subcommand, str(model), *options],
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
        model = find_model(block["command"])
        if model is None:
            print(f"edgewright {block['command']}: there is no such model", file=sys.stderr)
            continue
        output = shown(run_command(block["command"], model), block["output"])
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
