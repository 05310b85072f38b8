"""Load a model file: read it within bounds, tell its kind, hand it to that kind's importer."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import onnx_ir as ir

from edgewright.converter.importers.file_kind import detect
from edgewright.converter.importers.imported_model import ImportedModel, c_identifier
from edgewright.converter.importers.limits import MAX_FILE_BYTES
from edgewright.errors import EdgewrightError, ModelError, UsageError

Shapes = Mapping[str, Sequence[int]]


class Importer(Protocol):
    """Turns the bytes of a model file into a normalized ONNX model.

    Args:
        data: The whole file.
        folder: Where the file lies; external data may only come from there.
        shapes: Shapes of graph inputs given by the user.

    Returns:
        The model, and the bytes of external data in the order they were read (for the hash).
    """

    def __call__(self, data: bytes, folder: Path, shapes: Shapes) -> tuple[ir.Model, list[bytes]]: ...


# What to do where the place that found the damage knows no better.
HINTS = {
    "EW-MODEL-MISSING": "give the path of an .onnx or .tflite file",
    "EW-MODEL-EMPTY": "copy or export the model again",
    "EW-ONNX-DAMAGED": "copy or export the model again",
    "EW-TFLITE-DAMAGED": "copy or export the model again",
}


def load_model(path: Path, *, shapes: Shapes | None = None) -> ImportedModel:
    """Load an .onnx or .tflite file as a normalized ONNX model.

    Args:
        path: The model file. Nothing in it is executed.
        shapes: Shape per graph input name, for inputs with symbolic dimensions.

    Raises:
        UsageError: EW-MODEL-MISSING, EW-MODEL-UNREADABLE, or a shape that does not fit.
        ModelError: The file is damaged, too large, of another kind, or holds what is not supported.
    """
    path = Path(path)
    try:
        data = _read(path)
        kind = detect(data[:512], path)
        model, external = _importer(kind)(data, path.parent, shapes or {})
    except EdgewrightError as error:
        details = {"file": str(path)} | error.details
        hint = error.hint or HINTS.get(error.code, "")
        raise type(error)(error.code, f"{path}: {error.message}", hint, **details) from error.__cause__
    except MemoryError:
        raise ModelError(
            "EW-MODEL-SIZE", f"{path}: not enough memory to load the model", file=str(path)
        ) from None
    digest = hashlib.sha256(data)
    for block in external:
        digest.update(block)
    return ImportedModel(c_identifier(path.stem), digest.hexdigest(), kind, model)


def _importer(kind: str) -> Importer:
    """The importer of a kind; imported late because the other one's libraries are not needed."""
    if kind == "tflite":
        from edgewright.converter.importers.tflite_format.read_tflite import read_tflite

        return read_tflite
    from edgewright.converter.importers.onnx_format.read_onnx import read_onnx

    return read_onnx


def _read(path: Path) -> bytes:
    """The content of a regular file of at most `MAX_FILE_BYTES`."""
    try:
        # Not blocking: opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            info = os.fstat(file.fileno())
            _check_size(info)
            data = file.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError("EW-MODEL-MISSING", "there is no such file") from None
    except IsADirectoryError:
        raise _directory() from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError("EW-MODEL-UNREADABLE", f"cannot be read: {reason}") from None
    if not data:
        raise ModelError("EW-MODEL-EMPTY", "the file is empty (0 bytes)")
    if len(data) > MAX_FILE_BYTES:
        raise ModelError("EW-MODEL-SIZE", f"the file is larger than {MAX_FILE_BYTES:,} bytes")
    return data


def _check_size(info: os.stat_result) -> None:
    if stat.S_ISDIR(info.st_mode):
        raise _directory()
    if not stat.S_ISREG(info.st_mode):
        raise ModelError("EW-MODEL-KIND", "this is not a regular file", "give the path of a model file")
    if info.st_size > MAX_FILE_BYTES:
        raise ModelError(
            "EW-MODEL-SIZE",
            f"the file has {info.st_size:,} bytes, more than the {MAX_FILE_BYTES:,} edgewright reads",
        )


def _directory() -> ModelError:
    return ModelError(
        "EW-MODEL-KIND",
        "this is a directory",
        "give the path of an .onnx or .tflite file (a TensorFlow SavedModel is converted with "
        "tf.lite.TFLiteConverter)",
    )
