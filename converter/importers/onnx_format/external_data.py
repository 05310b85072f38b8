"""Load the weights a model keeps in files beside it, and only beside it.

A model file is data from elsewhere: a location such as `/etc/passwd`, `../key` or a link that
leads out of the folder would make the importer read, and later ship, a file nobody meant to give.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from onnx import TensorProto

from edgewright.converter.importers.limits import MAX_FILE_BYTES
from edgewright.converter.importers.onnx_format.tensors import data_bytes, model_tensors
from edgewright.errors import ModelError


def load_external_data(model: onnx.ModelProto, folder: Path) -> list[bytes]:
    """Move all external data into the model.

    Args:
        model: Changed in place: its tensors hold raw data afterwards.
        folder: The folder of the model file.

    Returns:
        The blocks that were read, in the order of the model's tensors.

    Raises:
        ModelError: EW-ONNX-EXTERNAL, a location outside the folder, a missing or too short file.
    """
    blocks: list[bytes] = []
    total_bytes = 0
    for place, tensor in model_tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        size_bytes = data_bytes(place, tensor)
        total_bytes += size_bytes
        if total_bytes > MAX_FILE_BYTES:
            raise ModelError("EW-MODEL-SIZE", f"the external data is larger than {MAX_FILE_BYTES:,} bytes")
        block = _read_block(place, tensor, folder, size_bytes)
        tensor.raw_data = block
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]
        blocks.append(block)
    return blocks


def _read_block(place: str, tensor: TensorProto, folder: Path, size_bytes: int) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    path = _inside(place, location, folder)
    offset = _number(place, entries.get("offset", "0"), "offset")
    length = _number(place, entries.get("length", str(size_bytes)), "length")
    if length != size_bytes:
        raise _error(
            place, f"claims {length:,} bytes in {location!r}; its shape and type need {size_bytes:,}"
        )
    try:
        # Not blocking: opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise _error(place, f"names {location!r}, which is not a regular file")
            if offset + length > info.st_size:
                raise _error(
                    place,
                    f"needs bytes {offset:,} to {offset + length:,} of {location!r}, "
                    f"which has {info.st_size:,}",
                )
            file.seek(offset)
            block = file.read(length)
    except OSError as error:
        raise _error(place, f"names {location!r}: {error.strerror or error}") from None
    if len(block) != length:
        raise _error(place, f"{location!r} became shorter while it was read")
    return block


def _inside(place: str, location: str, folder: Path) -> Path:
    """The file of a location, with all links resolved, which has to lie in the model's folder."""
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    plain = bool(location) and "\0" not in location and not posix.is_absolute() and not windows.anchor
    if not plain or ".." in posix.parts or ".." in windows.parts:
        raise _outside(place, location)
    try:
        root = folder.resolve(strict=True)
        path = (root / posix).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _error(place, f"names {location!r}: {reason}") from None
    if not path.is_relative_to(root):
        raise _outside(place, location)
    return path


def _number(place: str, text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise _error(place, f"has the {what} {text[:40]!r}, which is not a byte count")
    return int(text)


def _outside(place: str, location: str) -> ModelError:
    return ModelError(
        "EW-ONNX-EXTERNAL",
        f"{place} names the file {location[:200]!r}, which is not inside the model's folder",
        "put the weights beside the model, or save it with the weights inside: onnx.save(model, path)",
    )


def _error(place: str, what: str) -> ModelError:
    return ModelError("EW-ONNX-EXTERNAL", f"external data: {place} {what}")
