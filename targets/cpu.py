"""CPU classes: what the kernels of a family may use. A board's core and features map to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MICRO_KERNELS = Path(__file__).resolve().parent / "cortex_m" / "include"


@dataclass(frozen=True)
class CpuClass:
    """A family of cores that share micro-kernels and schedules.

    Args:
        name: "scalar" (portable C: M0, M0+, M3 and the host), "dsp" (SMLAD: M4, M7, M33) or
            "mve" (Helium: M55).
        pixel_tiles: Numbers of output pixels a convolution micro-kernel can take at once, largest first.
        alignment: Alignment in bytes that buffers and weights need.
        dual_issue: The core issues two instructions at a time (M7): what counts is their number, so that
            one that loads several words is better than several that follow each other closely.
    """

    name: str
    pixel_tiles: tuple[int, ...]
    alignment: int = 4
    dual_issue: bool = False


SCALAR = CpuClass("scalar", (2, 1))
DSP = CpuClass("dsp", (3, 2, 1))
DUAL_DSP = CpuClass("dsp", (3, 2, 1), dual_issue=True)
MVE = CpuClass("mve", (1,), alignment=8)
CPU_CLASSES = {c.name: c for c in (SCALAR, DSP, MVE)}
DUAL_ISSUE_CORES = ("cortex-m7",)


def cpu_class(features: frozenset[str] | set[str] | tuple[str, ...], core: str = "") -> CpuClass:
    """The class of a core with these features ("dsp", "mve", "fpu", …) and this name ("cortex-m7")."""
    if "mve" in features:
        return MVE
    if "dsp" not in features:
        return SCALAR
    return DUAL_DSP if core in DUAL_ISSUE_CORES else DSP
