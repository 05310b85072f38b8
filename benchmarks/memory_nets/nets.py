"""The nets of the memory figures, what is promised for each, and where their files lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.locate import DEVELOPMENT_FOLDERS, find_files
from benchmarks.memory_nets.cache import quantized
from tests.shared import SHARED

FOLDERS = (*DEVELOPMENT_FOLDERS, SHARED / "models" / "memory_nets")
PLANNING_S = 20.0


@dataclass(frozen=True)
class Limits:
    """What the smallest plan of each kind may take; None where nothing is promised.

    Args:
        resident_bytes: Arena with the whole input in RAM, nothing computed twice.
        rows_bytes: Arena with the input fed row by row, nothing computed twice.
        rows_recompute_bytes: The same with at most `RECOMPUTE` times the multiply-accumulates.
        cycles_ratio: Estimated cycles of the fastest plan within `resident_bytes`, in those of the layer plan
            with the smallest arena. ResNet8's line buffers leave no working memory for the large tiles that
            its layer plan has come to use, so its ratio is only shown.
        cycles: Of the same plan: 1.08 times what the layer plan took when all kernels computed row by row.
    """

    resident_bytes: int
    rows_bytes: int | None = None
    rows_recompute_bytes: int | None = None
    cycles_ratio: float | None = None
    cycles: float | None = None


@dataclass(frozen=True)
class Deployment:
    """A board on which `edgewright deploy` must succeed.

    Args:
        board: Its id.
        ram_kb: RAM the firmware may take, in KiB.
    """

    board: str
    ram_kb: int


@dataclass(frozen=True)
class Net:
    """One of the nets.

    Args:
        key: Its short name.
        file: An int8 .tflite file, or a float .onnx file that `quantize` makes int8.
        limits: What is promised.
        inputs: Number of inputs for each plan that is run on the emulated board; 0 where the net is too
            large for it, and runs on the host.
        deployment: Where it must be deployable.
    """

    key: str
    file: str
    limits: Limits
    inputs: int = 0
    deployment: Deployment | None = None


NETS = (
    Net(
        "VWW",
        "vww_96_int8.tflite",
        Limits(30_000, 12_000, 9_500, 1.08, 18.3e6),
        3,
        Deployment("netduinoplus2", 32),
    ),
    Net("ResNet8", "pretrainedResnet_quant.tflite", Limits(11_500, 10_300, 10_300, None, 22.9e6), 3),
    Net(
        "KWS", "kws_ref_model.tflite", Limits(4_500, 4_200, 4_200, 1.08, 6.2e6), 3, Deployment("microbit", 16)
    ),
    Net("SWW", "str_ww_ref_model.tflite", Limits(3_900), 3),
    Net(
        "mcunet-vww1",
        "mcunet-vww1_random.onnx",
        Limits(22_500, 15_500, 13_000),
        3,
        Deployment("netduinoplus2", 24),
    ),
    Net("mbv2-w0.35@144", "mbv2-w0.35_random.onnx", Limits(68_000, 27_000, 15_000), 1),
    Net("mcunet-in3", "mcunet-in3_random.onnx", Limits(100_000, 62_000, 55_000)),
    Net("mbv2-1.0@224", "mbv2_w1.0_r224.onnx", Limits(196_000, 108_000, 55_000)),
)


def find_nets(nets: Sequence[Net], folder: Path | None) -> dict[str, Path]:
    """Path of each net's file, by key.

    Args:
        nets: Those to be measured.
        folder: Where all of them lie; None looks at the environment, then at the development data.

    Raises:
        UsageError: EW-BENCH-FILES naming what is missing.
    """
    hint = "; --only leaves nets out"
    found = find_files([n.file for n in nets], folder, FOLDERS, "the float .onnx nets", hint)
    return {n.key: found[n.file] for n in nets}


def int8_file(file: Path) -> Path:
    """The int8 model of a net's file: itself, or for a float .onnx its quantized form."""
    return quantized(file) if file.suffix == ".onnx" else file
