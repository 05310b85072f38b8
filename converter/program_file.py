"""A Program on disk: program.json and arrays.npz in a folder.

The JSON holds the SHA-256 of the arrays' file, so a pair of files of different programs is noticed.
Both are data only: no pickle, and sizes are checked before anything is allocated.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from edgewright.converter.program import ITEM_BYTES, Array, Node, Port, Program, TensorType
from edgewright.converter.program_json import ARRAY_DTYPES, decode, encode, refuse
from edgewright.errors import ModelError

SCHEMA_VERSION = 1
JSON_NAME, ARRAYS_NAME = "program.json", "arrays.npz"
# No microcontroller model comes near; a damaged file must not exhaust the memory.
MAX_FILE_BYTES = 1 << 30
MAX_ELEMENTS = 1 << 31


def save_program(program: Program, folder: Path) -> None:
    """Write a program into a folder, made if need be. Files there are replaced when all is written."""
    arrays: dict[str, Array] = {}
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "name": program.name,
        "source_sha256": program.source_sha256,
        "inputs": encode(program.inputs, arrays, "inputs"),
        "outputs": encode(program.outputs, arrays, "outputs"),
        "values": {k: encode(v, arrays, f"values.{k}") for k, v in program.values.items()},
        "nodes": encode(program.nodes, arrays, "nodes"),
        "constants": {k: encode(v, arrays, f"constants.{k}") for k, v in program.constants.items()},
    }
    # Members are numbered: value names may hold what a file name cannot.
    numbered = {f"a{i}": np.ascontiguousarray(array) for i, array in enumerate(arrays.values())}
    content["arrays"] = dict(zip(arrays, numbered, strict=True))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **numbered)
    content["arrays_sha256"] = hashlib.sha256(buffer.getvalue()).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / ARRAYS_NAME, buffer.getvalue())
    _replace(folder / JSON_NAME, json.dumps(content, indent=1, allow_nan=False).encode())


def _replace(path: Path, data: bytes) -> None:
    """Write a file beside its place, then rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_program(folder: Path) -> Program:
    """Read and verify a program.

    Raises:
        ModelError: EW-PROGRAM-FILE where the files are missing, damaged or of different programs.
    """
    try:
        content = json.loads(_read(folder / JSON_NAME), parse_constant=_no_constant)
        archive = _read(folder / ARRAYS_NAME)
        if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
            raise refuse(JSON_NAME, f"it has no schema version {SCHEMA_VERSION}")
        if hashlib.sha256(archive).hexdigest() != content["arrays_sha256"]:
            raise refuse(ARRAYS_NAME, f"it does not belong to {JSON_NAME}")
        program = _program(content, _arrays(archive, content["arrays"]))
        program.verify()
    except ModelError as error:
        raise ModelError("EW-PROGRAM-FILE", f"{folder}: {error.message}", error.hint) from error
    except Exception as error:  # numpy, json, zipfile and the ops' shape rules raise what they like
        raise refuse(str(folder), f"{type(error).__name__}: {error}") from error
    return program


def _no_constant(name: str) -> float:
    raise refuse(JSON_NAME, f"{name} is no number")


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise ModelError("EW-PROGRAM-FILE", f"{path.name} is missing", "build the program again")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise refuse(path.name, f"{path.stat().st_size} bytes")
    return path.read_bytes()


def _arrays(archive: bytes, names: Mapping[str, str]) -> dict[str, Array]:
    """Arrays of the npz by their place in the program."""
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        sizes = {m.filename: m.file_size for m in members.infolist()}
        if sum(sizes.values()) > MAX_FILE_BYTES:
            raise refuse(ARRAYS_NAME, f"{sum(sizes.values())} bytes unpacked")
        return {
            place: _array(members.read(f"{name}.npy"), place)
            for place, name in names.items()
            if f"{name}.npy" in sizes
        }


def _array(data: bytes, place: str) -> Array:
    """Parse one .npy by hand: np.load would allocate whatever size the header names."""
    if data[:8] != b"\x93NUMPY\x01\x00":
        raise refuse(place, "its array is no npy file of version 1.0")
    start = 10 + int.from_bytes(data[8:10], "little")
    header = ast.literal_eval(data[10:start].decode("latin1"))
    dtype, shape = np.dtype(str(header["descr"])), tuple(int(n) for n in header["shape"])
    if dtype.name not in ARRAY_DTYPES or prod(shape) * dtype.itemsize != len(data) - start:
        raise refuse(place, f"its array is {dtype} {shape} in {len(data) - start} bytes")
    if header["fortran_order"]:
        raise refuse(place, "its array is in Fortran order")
    return np.frombuffer(data, dtype, offset=start).reshape(shape).copy()


def _program(content: Mapping[str, Any], arrays: Mapping[str, Array]) -> Program:
    values = {k: _tensor_type(v, arrays, f"values.{k}") for k, v in content["values"].items()}
    constants = {k: arrays[v["array"]] for k, v in content["constants"].items()}
    for name, array in constants.items():
        if (array.shape, array.dtype.name) != (values[name].shape, values[name].dtype):
            raise refuse(f"constants.{name}", f"{array.dtype} {array.shape}, not {values[name]}")
    inputs = _ports(content, "inputs", arrays, values)
    outputs = _ports(content, "outputs", arrays, values)
    nodes = [decode(Node, v, arrays, f"nodes.{i}") for i, v in enumerate(content["nodes"])]
    for node in nodes:
        if node.output not in values:
            raise refuse(f"node {node.name}", f"its output {node.output} has no type")
    name, source = str(content["name"]), str(content["source_sha256"])
    return Program(name, source, inputs, outputs, values, tuple(nodes), constants)


def _tensor_type(value: Any, arrays: Mapping[str, Array], place: str) -> TensorType:
    found = decode(TensorType, value, arrays, place)
    if min(found.shape) < 1 or found.elements > MAX_ELEMENTS or found.dtype not in ITEM_BYTES:
        raise refuse(place, f"{found.dtype} {found.shape}")
    return found


def _ports(
    content: Mapping[str, Any], key: str, arrays: Mapping[str, Array], values: Mapping[str, TensorType]
) -> tuple[Port, ...]:
    ports = tuple(decode(Port, v, arrays, f"{key}.{i}") for i, v in enumerate(content[key]))
    for port in ports:
        permutes = sorted(port.axes) == list(range(len(port.source_shape)))
        if not permutes or port.value not in values or prod(port.source_shape) != values[port.value].elements:
            raise refuse(f"{key} {port.name}", f"{port.source_shape} by {port.axes} is not {port.value}")
    return ports
