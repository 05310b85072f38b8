"""Writing a report's files, each one whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgewright.errors import WorkError
from edgewright.runtime.report.html import render_html
from edgewright.runtime.report.text import render_text


def write_report(
    folder: Path, report: Mapping[str, Any], pictures: Mapping[str, str] | None = None
) -> list[Path]:
    """Write report.json, report.txt and report.html into a folder.

    Args:
        folder: Where to.
        report: From `build_report`.
        pictures: <svg> elements for the page (`inline_pictures`).

    Raises:
        WorkError: EW-REPORT-WRITE where the folder cannot be written.
    """
    texts = {
        "report.json": json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "report.txt": render_text(report),
        "report.html": render_html(report, pictures),
    }
    return write_texts(folder, texts)


def write_texts(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write files into a folder, which is made where there is none.

    Args:
        folder: Where to.
        texts: Contents by file name.

    Raises:
        WorkError: EW-REPORT-WRITE where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            _write_whole(folder / name, text)
    except OSError as error:
        raise WorkError("EW-REPORT-WRITE", f"cannot write the report to {folder}: {error}") from error
    return [folder / name for name in texts]


def _write_whole(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
