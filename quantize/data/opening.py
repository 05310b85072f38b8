"""Which samples a path holds for which input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from edgewright.converter.program import Array
from edgewright.errors import UsageError
from edgewright.quantize.data.images import SUFFIXES as IMAGE_SUFFIXES
from edgewright.quantize.data.images import image_reader
from edgewright.quantize.data.preprocess import Preprocess
from edgewright.quantize.data.refusal import refused
from edgewright.quantize.data.sources import (
    ArraySource,
    FileSource,
    Source,
    npz_headers,
    open_npy,
    open_npz,
    read_bin,
)

Shape = tuple[int, ...]
# Samples, their element type, and the axis of the channels where that is known.
Opened = tuple[Source, np.dtype[np.generic], int | None]
FILE_SUFFIXES = (".npy", ".npz", ".bin")
FOLDER_SUFFIXES = (".npy", ".bin", *IMAGE_SUFFIXES)


def split_key(path: Path | str) -> tuple[Path, str | None]:
    """`data.npz:x` -> (data.npz, "x"), other paths as they are."""
    text = str(path)
    head, found, key = text.rpartition(".npz:")
    return (Path(f"{head}.npz"), key) if found and key and not Path(text).exists() else (Path(path), None)


def open_source(
    path: Path, key: str | None, inputs: Mapping[str, Shape], spec: Preprocess
) -> dict[str, Opened]:
    """Open a path for all inputs of a model.

    Args:
        path: See `load_dataset`.
        key: Name of the array of an .npz.
        inputs: Shapes by name.
        spec: How the data is to be read.

    Raises:
        UsageError: see `load_dataset`.
    """
    if not path.exists():
        raise refused("EW-DATA-MISSING", f"{path} does not exist")
    if path.is_dir():
        name, shape = _only(inputs, path)
        return {name: _open_folder(path, name, shape, spec)}
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _open_archive(path, key, inputs, spec)
    if suffix not in FILE_SUFFIXES:
        kinds = ", ".join(FILE_SUFFIXES)
        text = f"{path}: data comes as {kinds} or a folder, not {path.suffix or 'without suffix'}"
        raise refused("EW-DATA-KIND", text)
    name, shape = _only(inputs, path)
    array = open_npy(path) if suffix == ".npy" else _open_bin(path, shape, spec)
    return {name: (_cases(array, name, _raw_shape(shape, name, spec), str(path)), array.dtype, None)}


def data_files(folder: Path) -> list[Path]:
    """The samples of a folder in order: its files by name, or where it has none those of its subfolders.

    Raises:
        UsageError: EW-DATA-EMPTY, EW-DATA-KIND for files of several kinds.
    """
    try:
        own = _sorted_files(folder)
        if not own:
            subfolders = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
            own = [file for sub in subfolders for file in _sorted_files(sub)]
    except OSError as error:
        raise refused("EW-DATA-FILE", f"{folder}: cannot be read: {error}") from error
    if not own:
        kinds = ", ".join(FOLDER_SUFFIXES)
        raise refused("EW-DATA-EMPTY", f"{folder}: has no samples", f"samples are files named {kinds}")
    kinds_there = {"image" if p.suffix.lower() in IMAGE_SUFFIXES else p.suffix.lower() for p in own}
    if len(kinds_there) > 1:
        listed = ", ".join(sorted(kinds_there))
        raise refused("EW-DATA-KIND", f"{folder}: has files of several kinds: {listed}", "keep one kind")
    return own


def fitting_cases(shape: Sequence[int], one: Shape) -> int | None:
    """Number of samples an array of this shape holds for an input of shape `one`; None where it does not fit.

    The input's shape with or without its batch of 1, alone or behind a number of samples; or flat,
    [samples, elements].
    """
    shape = tuple(shape)
    inner = one[1:] if one[:1] == (1,) else one
    if shape in (one, inner):
        return 1
    if shape[1:] in (one, inner) or (len(shape) == 2 and shape[1] == int(np.prod(one))):
        return shape[0]
    return None


def _sorted_files(folder: Path) -> list[Path]:
    found = (p for p in folder.iterdir() if p.suffix.lower() in FOLDER_SUFFIXES and p.is_file())
    return sorted(p for p in found if not p.name.startswith("."))


def _only(inputs: Mapping[str, Shape], path: Path) -> tuple[str, Shape]:
    if len(inputs) != 1:
        hint = "give an .npz with an array by name"
        raise refused("EW-DATA-NAME", f"{path}: the model has several inputs: {', '.join(inputs)}", hint)
    return next(iter(inputs.items()))


def _raw_shape(shape: Shape, name: str, spec: Preprocess) -> Shape:
    """Shape of a raw sample: the input's, before its axes are brought into order."""
    axes = spec.transpose if spec.input in (None, name) else None
    if axes is None:
        return shape
    if len(axes) != len(shape):
        text = f"[array] transpose = {list(axes)} does not fit input {name} of {list(shape)}"
        raise refused("EW-SPEC-VALUE", text, f"it needs {len(shape)} axes")
    return tuple(shape[axes.index(axis)] for axis in range(len(shape)))


def _cases(array: Array, name: str, one: Shape, where: str) -> ArraySource:
    """An array as samples of an input."""
    count = fitting_cases(array.shape, one)
    if count is None:
        raise _wrong_shape(array.shape, name, one, where)
    return ArraySource(array.reshape(count, *one), where)


def _wrong_shape(shape: Sequence[int], name: str, one: Shape, where: str) -> UsageError:
    text = (
        f"{where} has shape {list(shape)}; input {name} takes {list(one)}, or that behind a number of samples"
    )
    moved = sorted(shape[-3:]) == sorted(one[-3:]) and len(one) == 4
    hint = "axes in another order: [array] transpose in a preprocessing file" if moved else ""
    return refused("EW-DATA-SHAPE", text, hint)


def _open_archive(
    path: Path, key: str | None, inputs: Mapping[str, Shape], spec: Preprocess
) -> dict[str, Opened]:
    headers = npz_headers(path)
    chosen: dict[str, str] = {name: name for name in inputs if name in headers}
    if len(inputs) == 1:
        name, shape = next(iter(inputs.items()))
        one = _raw_shape(shape, name, spec)
        fitting = [k for k, h in headers.items() if fitting_cases(h.shape, one) is not None]
        if key is not None:
            chosen = {name: key} if key in headers else {}
        elif not chosen and (len(fitting) == 1 or len(headers) == 1):
            chosen = {name: (fitting or list(headers))[0]}
    elif key is not None:
        text = f"{path}:{key} is one array; the model's inputs are {', '.join(inputs)}"
        raise refused("EW-DATA-NAME", text, "give an .npz with an array by name")
    if len(chosen) < len(inputs):
        asked = f", not {key}" if key is not None else ""
        have, want = ", ".join(headers) or "none", ", ".join(inputs)
        text = f"{path}: has the arrays {have}{asked}; the model's inputs are {want}"
        raise refused("EW-DATA-NAME", text, f"choose one: {path.name}:ARRAY" if len(inputs) == 1 else "")
    found: dict[str, Opened] = {}
    for name, member in chosen.items():
        one = _raw_shape(inputs[name], name, spec)
        where = f"{path}:{member}"
        if fitting_cases(headers[member].shape, one) is None:  # before its data is unpacked
            raise _wrong_shape(headers[member].shape, name, one, where)
        array = open_npz(path, member)
        found[name] = (_cases(array, name, one, where), array.dtype, None)
    return found


def _bin_dtype(size: int, elements: int, spec: Preprocess, path: Path) -> str:
    """Element type of a .bin file: the specification's, or float32 where the size says so."""
    if spec.values.dtype is not None:
        return spec.values.dtype
    if size % (4 * elements):
        text = f"{path}: {size} bytes are no samples of {elements} float32 elements"
        raise refused("EW-DATA-SIZE", text, 'another type: [values] dtype = "int8" in a preprocessing file')
    return "float32"


def _open_bin(path: Path, shape: Shape, spec: Preprocess) -> Array:
    elements = int(np.prod(shape))
    array = read_bin(path, _bin_dtype(_file_bytes(path), elements, spec, path))
    if array.size % elements:
        text = f"{path}: {array.size} {array.dtype} elements are no multiple of a sample's {elements}"
        raise refused("EW-DATA-SIZE", text)
    return array.reshape(array.size // elements, elements)


def _file_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise refused("EW-DATA-FILE", f"{path}: cannot be read: {error}") from error


def _open_folder(folder: Path, name: str, shape: Shape, spec: Preprocess) -> Opened:
    paths = data_files(folder)
    if paths[0].suffix.lower() in IMAGE_SUFFIXES:
        own = spec if spec.input in (None, name) else Preprocess()
        reader = image_reader(own.image, name, shape)
        return FileSource(paths, reader), np.dtype(np.uint8), reader.channel_axis
    one = _raw_shape(shape, name, spec)
    if paths[0].suffix.lower() == ".npy":
        dtype = open_npy(paths[0]).dtype
        return FileSource(paths, partial(_read_npy, name=name, one=one, dtype=dtype)), dtype, None
    kind = _bin_dtype(_file_bytes(paths[0]), int(np.prod(shape)), spec, paths[0])
    return FileSource(paths, partial(_read_one_bin, one=one, dtype=kind)), np.dtype(kind), None


def _read_npy(path: Path, name: str, one: Shape, dtype: np.dtype[np.generic]) -> Array:
    array = open_npy(path)
    if array.dtype != dtype:
        raise refused("EW-DATA-DTYPE", f"{path} is {array.dtype}, the samples before it are {dtype}")
    if fitting_cases(array.shape, one) != 1:
        raise _wrong_shape(array.shape, name, one, str(path))
    return np.array(array).reshape(one)


def _read_one_bin(path: Path, one: Shape, dtype: str) -> Array:
    array = read_bin(path, dtype)
    if array.size != int(np.prod(one)):
        text = f"{path}: {array.size} {dtype} elements; one sample has {int(np.prod(one))}"
        raise refused("EW-DATA-SIZE", text)
    return np.array(array).reshape(one)
