"""Inputs for a model: from .npy, .npz or .bin files, or random; checked before anything is allocated.

A case is a mapping from input name to an array of the port's `source_shape` and the program's dtype.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgewright.converter.program import ITEM_BYTES, Array, Port, Program
from edgewright.errors import UsageError

MAX_INPUT_BYTES = 256 << 20
MAX_HEADER_BYTES = 10_000
# What numpy and zipfile raise for files that are damaged, encrypted or packed in unknown ways.
DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
)
Case = dict[str, Array]


@dataclass(frozen=True)
class Header:
    """What a .npy member says of itself before its data is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def data_bytes(self) -> int:
        size = self.dtype.itemsize
        for extent in self.shape:
            size *= extent
        return size


def random_cases(program: Program, cases: int, seed: int = 0) -> list[Case]:
    """Seeded random inputs over the full range of their type.

    The first two cases hold only the smallest and only the largest value, then uniform values; one
    element in 16 is an extreme. Float inputs are standard normal.
    """
    rng = np.random.default_rng(seed)
    return [{p.name: _random(rng, program, p, index) for p in program.inputs} for index in range(cases)]


def _random(rng: np.random.Generator, program: Program, port: Port, index: int) -> Array:
    dtype = np.dtype(program.values[port.value].dtype)
    if dtype.kind == "f":
        return rng.standard_normal(port.source_shape).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    if index < 2:
        return np.full(port.source_shape, (low, high)[index], dtype)
    values = rng.integers(low, high, port.source_shape, dtype=dtype, endpoint=True)
    extreme = rng.integers(0, 32, port.source_shape)
    values[extreme == 0] = low
    values[extreme == 1] = high
    return values


def load_cases(program: Program, path: Path, *, limit: int | None = None) -> list[Case]:
    """Read the cases of a file.

    .npy holds the only input; .npz holds an array per input by name (for a model with one input the only
    array that fits will do); .bin holds the inputs concatenated, little-endian. Arrays may have one case
    (the input's shape) or a leading dimension of cases, with or without the batch of one.

    Args:
        program: Gives names, shapes and types.
        path: The file.
        limit: Read at most so many cases.

    Raises:
        UsageError: EW-INPUT-FILE (unreadable, damaged), EW-INPUT-KIND, EW-INPUT-SHAPE, EW-INPUT-DTYPE,
            EW-INPUT-SIZE, EW-INPUT-NAME.
    """
    readers = {".npy": _load_npy, ".npz": _load_npz, ".bin": _load_bin}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            "EW-INPUT-KIND",
            f"{path}: inputs come as {', '.join(readers)}, not {path.suffix or 'without suffix'}",
        )
    try:
        size = path.stat().st_size
        if size > MAX_INPUT_BYTES:
            raise UsageError("EW-INPUT-SIZE", f"{path}: {size} bytes; at most {MAX_INPUT_BYTES}")
        cases = reader(program, path)
    except DAMAGED as error:
        raise UsageError("EW-INPUT-FILE", f"{path}: cannot be read: {error}") from error
    if not cases:
        raise UsageError("EW-INPUT-FILE", f"{path}: holds no inputs")
    return cases[:limit]


def case_bytes(program: Program, case: Mapping[str, Array]) -> bytes:
    """The inputs of a case as the device takes them: HWC, little-endian, concatenated."""
    return b"".join(_to_value(program, p, case[p.name]).tobytes() for p in program.inputs)


def _to_value(program: Program, port: Port, array: Array) -> Array:
    kind = program.values[port.value]
    value = port.to_value(array, kind.shape)
    return value.astype(np.dtype(kind.dtype).newbyteorder("<"))


def _load_npy(program: Program, path: Path) -> list[Case]:
    if len(program.inputs) != 1:
        names = ", ".join(p.name for p in program.inputs)
        raise UsageError(
            "EW-INPUT-NAME",
            f"{path}: the model has several inputs: {names}",
            "give an .npz with an array by name",
        )
    port = program.inputs[0]
    with path.open("rb") as file:
        header = read_header(file)
        _check(program, port, header, path, path.stat().st_size - file.tell())
    with path.open("rb") as file:
        array = np.load(file, allow_pickle=False)
    return [{port.name: a} for a in _split(port, array)]


def _load_npz(program: Program, path: Path) -> list[Case]:
    with zipfile.ZipFile(path) as archive:
        members = {
            i.filename.removesuffix(".npy"): i for i in archive.infolist() if i.filename.endswith(".npy")
        }
        headers = {name: _member_header(archive, info) for name, info in members.items()}
        chosen = _choose(program, headers, path)
        for port, name in chosen:
            _check(program, port, headers[name], path, members[name].file_size, name)
        columns = []
        for _, name in chosen:
            with archive.open(members[name]) as file:
                columns.append(np.lib.format.read_array(file, allow_pickle=False))
    return list(_zip_cases(chosen, columns, path))


def _zip_cases(chosen: Sequence[tuple[Port, str]], columns: Sequence[Array], path: Path) -> Iterator[Case]:
    lists = [_split(port, column) for (port, _), column in zip(chosen, columns, strict=True)]
    if len({len(rows) for rows in lists}) > 1:
        counts = ", ".join(f"{name}: {len(rows)}" for (_, name), rows in zip(chosen, lists, strict=True))
        raise UsageError("EW-INPUT-SHAPE", f"{path}: the arrays hold different numbers of cases ({counts})")
    for rows in zip(*lists, strict=True):
        yield {port.name: row for (port, _), row in zip(chosen, rows, strict=True)}


def _choose(program: Program, headers: Mapping[str, Header], path: Path) -> list[tuple[Port, str]]:
    """Which array is for which input."""
    if all(p.name in headers for p in program.inputs):
        return [(p, p.name) for p in program.inputs]
    if len(program.inputs) == 1:
        port = program.inputs[0]
        dtype = program.values[port.value].dtype
        fitting = [n for n, h in headers.items() if _cases(port, h.shape) and h.dtype == np.dtype(dtype)]
        if len(fitting) == 1:
            return [(port, fitting[0])]
        if len(headers) == 1:
            return [(port, next(iter(headers)))]  # its check says what does not fit
    have = ", ".join(headers) or "none"
    want = ", ".join(p.name for p in program.inputs)
    raise UsageError("EW-INPUT-NAME", f"{path}: has the arrays {have}; the model's inputs are {want}")


def _load_bin(program: Program, path: Path) -> list[Case]:
    kinds = [np.dtype(program.values[p.value].dtype).newbyteorder("<") for p in program.inputs]
    sizes = [int(np.prod(p.source_shape)) * ITEM_BYTES[program.values[p.value].dtype] for p in program.inputs]
    data = path.read_bytes()
    if len(data) % sum(sizes):
        raise UsageError(
            "EW-INPUT-SIZE",
            f"{path}: {len(data)} bytes are no multiple of the {sum(sizes)} that one case takes",
        )
    cases = []
    for start in range(0, len(data), sum(sizes)):
        case: Case = {}
        for port, kind, size in zip(program.inputs, kinds, sizes, strict=True):
            case[port.name] = np.frombuffer(data[start : start + size], kind).reshape(port.source_shape)
            start += size
        cases.append(case)
    return cases


def read_header(file: IO[bytes]) -> Header:
    """Shape and dtype of a .npy stream, leaving it at the start of the data."""
    version = np.lib.format.read_magic(file)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if reader is None:
        raise ValueError(f"unknown version {version} of the .npy format")
    try:
        shape, _, dtype = reader(file, max_header_size=MAX_HEADER_BYTES)
    except Exception as error:  # the header is a Python literal, and numpy lets its parser's errors through
        raise ValueError(f"damaged header of the .npy format: {error}") from error
    return Header(tuple(int(n) for n in shape), dtype)


def _member_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    with archive.open(info) as file:
        return read_header(file)


def _check(program: Program, port: Port, header: Header, path: Path, data_bytes: int, name: str = "") -> None:
    """Refuse by the header alone; `data_bytes` is an upper bound of what the file really holds."""
    where = f"{path}: {name}" if name else f"{path}"
    want = program.values[port.value].dtype
    if header.dtype != np.dtype(want):
        raise UsageError(
            "EW-INPUT-DTYPE",
            f"{where} is {header.dtype}; input {port.name} takes {want}",
            _quantize_hint(program, port) if header.dtype.kind == "f" else "",
        )
    if not _cases(port, header.shape):
        raise UsageError(
            "EW-INPUT-SHAPE",
            f"{where} has shape {list(header.shape)}; input {port.name} takes {list(port.source_shape)}, "
            "or that with a leading number of cases",
        )
    if header.data_bytes > min(data_bytes, MAX_INPUT_BYTES):
        raise UsageError("EW-INPUT-FILE", f"{where}: {header.data_bytes} bytes announced, {data_bytes} there")


def _quantize_hint(program: Program, port: Port) -> str:
    q = program.values[port.value].quantization
    return f"quantize it: round(x / {q.scale:.9g}) + {q.zero_point}, clipped to the type" if q else ""


def _cases(port: Port, shape: Sequence[int]) -> int:
    """Number of cases an array of this shape holds for a port; 0 where it does not fit."""
    one = tuple(port.source_shape)
    shape = tuple(shape)
    inner = one[1:] if one[:1] == (1,) else one
    if shape in (one, inner):
        return 1
    if shape[1:] in (one, inner):
        return shape[0]
    # Flattened cases, [N, elements]: what data sets are often stored as.
    return shape[0] if len(shape) == 2 and shape[1] == int(np.prod(one)) else 0


def _split(port: Port, array: Array) -> list[Array]:
    cases = _cases(port, array.shape)
    return list(np.ascontiguousarray(array).reshape((cases, *port.source_shape)))
