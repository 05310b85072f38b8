"""`edgewright doctor`: what of the toolchain is there."""

from __future__ import annotations

from dataclasses import asdict

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.table import text_table
from edgewright.errors import DeviceError


def doctor() -> Output:
    """Say what of the toolchain is there, in which version, and what to install for what.

    Ends with status 3 where something is missing that emulated boards need.
    """
    from edgewright.runtime.doctor import examine, unusable

    findings = examine()
    rows = [
        (
            f.status if f.required or f.status != "missing" else "optional",
            f.name,
            f.version or "-",
            f.purpose,
            f.install,
        )
        for f in findings
    ]
    missing = unusable(findings)
    names = [f.name for f in missing]
    error = DeviceError(
        "EW-DOCTOR-MISSING",
        f"missing or not usable: {', '.join(names)}",
        "; ".join(dict.fromkeys(f.install for f in missing)),
        missing=names,
    )
    return Output(
        {"findings": [asdict(f) for f in findings]},
        text_table(("status", "what", "version", "needed for", "install"), rows),
        error if missing else None,
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "doctor", doctor)
