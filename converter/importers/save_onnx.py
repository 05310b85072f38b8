"""Write an imported model as an .onnx file, wholly or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import onnx_ir as ir

from edgewright.converter.importers.imported_model import ImportedModel
from edgewright.errors import UsageError


def save_onnx(imported: ImportedModel, path: Path) -> None:
    """Write `imported.model` to `path`, replacing what is there only when everything is on disk.

    Raises:
        UsageError: EW-FILE-WRITE, the file cannot be written.
    """
    path = Path(path)
    data = ir.to_proto(imported.model).SerializeToString(deterministic=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a directory")
        try:
            with partial.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError("EW-FILE-WRITE", f"cannot write {path}: {reason}", file=str(path)) from None
