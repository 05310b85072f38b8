"""A real build of the hand-written model of the firmware tests, and its program."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import Node, Port, Program, TensorType
from edgewright.runtime.build_folder import BuildFolder, open_build
from edgewright.targets.board import load_board
from edgewright.targets.toolchain import build_firmware

LIBRARY = Path(__file__).resolve().parents[1] / "firmware" / "fake_model"
SHA256 = "00112233445566778899aabbccddeeff" * 2
WEIGHTS = (1, -2, 3, 100)


@dataclass(frozen=True)
class Shift(OpKind):
    """hidden[i] = in[i] + weight[i % 4], wrapping."""

    kind: ClassVar[str] = "shift"

    def output_type(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def golden(self, *inputs):
        return (inputs[0].astype(np.int64) + np.resize(WEIGHTS, 8)).astype(np.int8)


@dataclass(frozen=True)
class Combine(OpKind):
    """out[i] = hidden[i] ^ hidden[i + 4]."""

    kind: ClassVar[str] = "combine"

    def output_type(self, *inputs: TensorType) -> TensorType:
        return TensorType((1, 1, 4))

    def golden(self, *inputs):
        return inputs[0][..., :4] ^ inputs[0][..., 4:]


def fake_program() -> Program:
    return Program(
        name="fake",
        source_sha256=SHA256,
        inputs=(Port("in", "in", (1, 8), (0, 1)),),
        outputs=(Port("out", "out", (1, 4), (0, 1)),),
        values={"in": TensorType((1, 1, 8)), "hidden": TensorType((1, 1, 8)), "out": TensorType((1, 1, 4))},
        nodes=(Node("shift", Shift(), ("in",), "hidden"), Node("combine", Combine(), ("hidden",), "out")),
    )


def rows_library(folder: Path) -> Path:
    """The model whose input comes by rows."""
    shutil.copytree(LIBRARY, folder)
    header = folder / "firmware_model.h"
    header.write_text("#define FAKE_ROWS 1\n" + header.read_text())
    return folder


def fake_build(
    folder: Path,
    board: str,
    *,
    emulator: str | None = None,
    keep_input: bool = True,
    by_rows: bool = False,
) -> BuildFolder:
    """Compile the model's firmware for a board, and for the emulated one that stands in for it."""
    library = rows_library(folder / "library") if by_rows else LIBRARY
    build_firmware(library, load_board(board), folder / "firmware", keep_input=keep_input)
    layer = {"output_shape": [1, 1, 8], "dtype": "int8", "macs": 8, "weights_bytes": 4, "why": "the only one"}
    manifest = {
        "schema_version": 1,
        "model": {"name": "fake", "sha256": SHA256, "macs": 16, "source": "fake.onnx"},
        "board": board,
        "layers": [
            layer | {"name": "shift", "kind": "shift", "output_value": "hidden", "kernel": "shift_s8"},
            layer | {"name": "combine", "kind": "combine", "output_value": "out", "kernel": "combine_s8"},
        ],
        "memory": {
            "arena_bytes": 24,
            "stack_bytes": 48,
            "static_bytes": 100,
            "code_bytes": 96,
            "weights_bytes": 4,
        },
        "plan": {"input": "rows" if by_rows else "resident"},
        "firmware": {"elf": "firmware/firmware.elf", "bin": "firmware/firmware.bin"},
        "program": "program",
    }
    if emulator:
        build_firmware(library, load_board(emulator), folder / "emulator")
        manifest["emulator"] = {"board": emulator, "elf": "emulator/firmware.elf"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return open_build(folder)
