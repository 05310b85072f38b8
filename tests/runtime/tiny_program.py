"""A two-layer program with an op of its own, so that runtime tests depend on no real operator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import Node, Port, Program, Quantization, TensorType

SHA256 = "ab" * 32
Q = Quantization(0.5, -3)


@dataclass(frozen=True)
class AddConstant(OpKind):
    """Wrapping int8 addition of a constant."""

    amount: int
    kind: ClassVar[str] = "addconst"

    def output_type(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def golden(self, *inputs):
        return (inputs[0].astype(np.int64) + self.amount).astype(np.int8)

    def macs(self, *inputs: TensorType) -> int:
        return inputs[0].elements


def tiny_program() -> Program:
    """NCHW [1, 2, 3, 4] int8 -> +5 -> +7 -> the same shape."""
    shape = (3, 4, 2)
    kind = TensorType(shape, "int8", Q)
    return Program(
        name="tiny",
        source_sha256=SHA256,
        inputs=(Port("x", "x_hwc", (1, 2, 3, 4), (0, 2, 3, 1)),),
        outputs=(Port("y", "b", (1, 2, 3, 4), (0, 2, 3, 1)),),
        values={"x_hwc": kind, "a": kind, "b": kind},
        nodes=(
            Node("first", AddConstant(5), ("x_hwc",), "a"),
            Node("second", AddConstant(7), ("a",), "b"),
        ),
    )


def tiny_manifest(board: str = "mps2-an386") -> dict:
    layer = {"kind": "addconst", "output_shape": [3, 4, 2], "dtype": "int8", "macs": 24, "weights_bytes": 0}
    return {
        "schema_version": 1,
        "model": {"name": "tiny", "sha256": SHA256, "macs": 48, "source": "tiny.onnx"},
        "board": board,
        "layers": [
            layer | {"name": "first", "output_value": "a", "kernel": "addconst_s8", "why": "only one"},
            layer | {"name": "second", "output_value": "b", "kernel": "addconst_s8", "why": "only one"},
        ],
        "memory": {
            "arena_bytes": 48,
            "stack_bytes": 120,
            "static_bytes": 300,
            "code_bytes": 900,
            "weights_bytes": 0,
            "ram_bytes": 468,
            "flash_bytes": 900,
        },
        "firmware": {"elf": "firmware/firmware.elf", "bin": "firmware/firmware.bin"},
        "program": "program",
    }


def write_build(folder: Path, **changes: object) -> Path:
    """A build folder with a manifest (and no program or firmware)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(tiny_manifest() | changes))
    return folder
