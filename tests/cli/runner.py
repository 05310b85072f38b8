"""Runs a command line in this process and catches what it prints; usable in module fixtures."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewright.cli import run

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_int8.onnx"
SAMPLES = DIGITS.parent / "samples.npz"


@dataclass(frozen=True)
class Result:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON object on stdout; anything beside it is an error."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        assert document["status"] in ("ok", "error") and document["schema_version"] == 1
        assert (document["status"] == "ok") == (self.status == 0)
        return document

    @property
    def code(self) -> str:
        """Code of the error of `--json`, checked to be complete."""
        error = self.document["error"]
        assert error["code"].startswith("EW-") and error["message"]
        assert "Traceback" not in self.err
        return error["code"]


def cli(*arguments: object) -> Result:
    """Run `edgewright ARGUMENTS`."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run([str(a) for a in arguments])
    return Result(status, out.getvalue(), err.getvalue())


def cli_json(*arguments: object) -> Result:
    """Run it with `--json`."""
    return cli(*arguments, "--json")


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones included, with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
