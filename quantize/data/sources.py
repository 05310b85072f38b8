"""Where raw samples come from: an array in a file, a .bin file, or one file a sample. Read when asked for."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from edgewright.converter.program import Array
from edgewright.quantize.data.refusal import refused
from edgewright.runtime.inputs import DAMAGED, Header, read_header

# Members of an archive up to this size are kept in memory, larger ones in a temporary file.
MEMORY_BYTES = 64 << 20
MAX_MEMBER_BYTES = 4 << 30
MAX_SAMPLE_BYTES = 1 << 30
CHUNK_BYTES = 1 << 20


class Source(Protocol):
    """Raw samples by index."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Array:
        """A sample in the shape the file has it, without the leading number of samples."""
        ...

    def name(self, index: int) -> str:
        """What to call a sample in a message."""
        ...


@dataclass(frozen=True)
class ArraySource:
    """Samples along the first axis of an array, which may lie in a file."""

    array: Array
    where: str

    def __len__(self) -> int:
        return len(self.array)

    def read(self, index: int) -> Array:
        return np.array(self.array[index])

    def name(self, index: int) -> str:
        return f"{self.where}, sample {index}"


@dataclass(frozen=True)
class FileSource:
    """One file a sample."""

    paths: Sequence[Path]
    reader: Callable[[Path], Array]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> Array:
        return self.reader(self.paths[index])

    def name(self, index: int) -> str:
        return str(self.paths[index])


def open_npy(path: Path) -> Array:
    """The array of a .npy file as a read-only memory map.

    Raises:
        UsageError: EW-DATA-FILE, EW-DATA-DTYPE.
    """
    try:
        with path.open("rb") as file:
            header = read_header(file)
            there = path.stat().st_size - file.tell()
        _check_header(header, there, str(path))
        if not header.data_bytes:
            return np.zeros(header.shape, header.dtype)  # no bytes to map
        mapped: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGED as error:
        raise refused("EW-DATA-FILE", f"{path}: cannot be read: {error}") from error
    return mapped


def npz_headers(path: Path) -> dict[str, Header]:
    """Shape and type of the arrays of an archive by name.

    Raises:
        UsageError: EW-DATA-FILE.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = {}
            for info in archive.infolist():
                if info.filename.endswith(".npy"):
                    with archive.open(info) as file:
                        found[info.filename.removesuffix(".npy")] = read_header(file)
            return found
    except DAMAGED as error:
        raise refused("EW-DATA-FILE", f"{path}: cannot be read: {error}") from error


def open_npz(path: Path, key: str) -> Array:
    """An array of an archive, in memory where it is small, else unpacked piece by piece into a temporary
    file that is mapped.

    Raises:
        UsageError: EW-DATA-FILE, EW-DATA-DTYPE, EW-DATA-SIZE.
    """
    where = f"{path}:{key}"
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(f"{key}.npy")
            with archive.open(info) as file:
                header = read_header(file)
            _check_header(header, info.file_size, where)
            if header.data_bytes > MAX_MEMBER_BYTES:
                hint = "save it as .npy, which is read in place"
                raise refused("EW-DATA-SIZE", f"{where}: {header.data_bytes} bytes", hint)
            with archive.open(info) as file:
                if header.data_bytes <= MEMORY_BYTES:
                    array: Array = np.lib.format.read_array(file, allow_pickle=False)
                    return array
                with tempfile.NamedTemporaryFile(suffix=".npy") as spilled:
                    while chunk := file.read(CHUNK_BYTES):
                        spilled.write(chunk)
                    spilled.flush()
                    # The map keeps the file's bytes after its name is gone.
                    return open_npy(Path(spilled.name))
    except DAMAGED as error:
        raise refused("EW-DATA-FILE", f"{where}: cannot be read: {error}") from error


def read_bin(path: Path, dtype: str) -> Array:
    """All elements of a raw little-endian file, mapped, as one dimension.

    Raises:
        UsageError: EW-DATA-FILE, EW-DATA-SIZE.
    """
    kind = np.dtype(dtype).newbyteorder("<")
    try:
        size = path.stat().st_size
        if size % kind.itemsize:
            raise refused("EW-DATA-SIZE", f"{path}: {size} bytes are no whole number of {dtype} elements")
        mapped: Array = np.memmap(path, kind, mode="r") if size else np.zeros(0, kind)
    except DAMAGED as error:
        raise refused("EW-DATA-FILE", f"{path}: cannot be read: {error}") from error
    return mapped


def check_sample_bytes(elements: int, where: str) -> None:
    """Refuse a single sample that takes too much memory.

    Raises:
        UsageError: EW-DATA-SIZE.
    """
    if elements * 8 > MAX_SAMPLE_BYTES:
        raise refused("EW-DATA-SIZE", f"{where}: {elements} elements in one sample")


def _check_header(header: Header, there: int, where: str) -> None:
    """Refuse by the header alone; `there` is an upper bound of the bytes that follow."""
    if header.dtype.kind not in "fiub":
        hint = "save it as float32"
        raise refused("EW-DATA-DTYPE", f"{where} is {header.dtype}, no array of real numbers", hint)
    if header.data_bytes > there:
        raise refused("EW-DATA-FILE", f"{where}: {header.data_bytes} bytes announced, {there} there")
