"""Inference on a device: cases in, arrays by output name out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgewright.converter.program import Array, Program
from edgewright.errors import UsageError
from edgewright.runtime.devices.device import Device
from edgewright.runtime.inputs import Case, case_bytes


def infer_cases(program: Program, cases: Sequence[Case], device: Device) -> dict[str, Array]:
    """Outputs [cases, *source_shape] by output name."""
    rows: dict[str, list[Array]] = {p.name: [] for p in program.outputs}
    for case in cases:
        data = device.infer(case_bytes(program, case))
        start = 0
        for port in program.outputs:
            t = program.values[port.value]
            raw = np.frombuffer(data[start : start + t.size_bytes], np.dtype(t.dtype).newbyteorder("<"))
            rows[port.name].append(port.to_source(raw.astype(t.dtype).reshape(t.shape)))
            start += t.size_bytes
    return {name: np.stack(arrays) for name, arrays in rows.items()}


def save_outputs(path: Path, outputs: dict[str, Array]) -> None:
    """Write an .npz, whole or not at all.

    Raises:
        UsageError: EW-OUT-WRITE, EW-OUT-KIND for another suffix.
    """
    if path.suffix != ".npz":
        raise UsageError("EW-OUT-KIND", f"{path}: outputs are written as .npz")
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **outputs)  # type: ignore[arg-type]
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError("EW-OUT-WRITE", f"cannot write {path}: {error}") from error
