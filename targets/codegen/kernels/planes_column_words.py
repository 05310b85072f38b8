"""Constants of depthwise layers over the rows of a single column with int8 weights, as they lie in flash.

Of each four channels the weights, a word a tap, then the words of the requantization; `ew_planes_dsp.h`
makes words of two taps of them. The addend of the form with two roundings follows from its shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.targets.codegen.kernels.planes_factors import Factors


@dataclass(frozen=True, eq=False)
class ColumnWords:
    """Constants of a layer.

    Args:
        words: uint32 [C / 4, n].
        taps: Words of weights.
        scale: Power of two that weights are multiplied by.
        stored: Names of the factors behind the weights.
        rounding: The addend is this, shifted by one bit less than the shift, where it is not stored.
    """

    words: npt.NDArray[np.uint32]
    taps: int
    scale: int
    stored: tuple[str, ...]
    rounding: int

    def body(self, pairs: int, factors: Factors) -> list[str]:
        """C: the words of four channels from k to w.

        Args:
            pairs: Words of weights in w.
            factors: The order of the words behind them.
        """
        lines = []
        for n, name in enumerate(factors.names):
            kept = name if name in self.stored else "shift"
            word = f"k[{self.taps + 4 * self.stored.index(kept)} + c]"
            value = word if kept == name else f"{self.rounding & 0xFFFFFFFF}u << ({word} - 1)"
            lines.append(f"w[{pairs + 4 * n} + c] = {value};")
        copied = "\n      ".join(lines)
        unpack = f"ew_planes_unpack_column(k, w, {self.taps}, {self.scale});"
        return [unpack, f"for (int32_t c = 0; c < 4; c++) {{\n      {copied}\n    }}"]


def column_words(op: DepthwiseConv2D, factors: Factors) -> ColumnWords | None:
    """Constants of a layer, or None where weights are scaled differently or there is one tap."""
    weights = op.weights[:, 0].astype(np.int64)
    scale = 1 if factors.shift is not None else 8
    if len(weights) < 2 or (factors.weights[:, 0] != weights << scale).any():
        return None
    stored, rounding = factors.names, 2 * op.requantize.output.zero_point + 1
    if factors.shift is not None and (factors.addend == rounding << (factors.shift - 1)).all():
        stored = tuple(name for name in stored if name != "addend")
    fours = (weights & 0xFF).reshape(len(weights), -1, 4)
    packed = (fours << np.array([0, 8, 16, 24])).sum(axis=2).T
    behind = [getattr(factors, name).reshape(-1, 4) for name in stored]
    wide = np.concatenate([packed, *behind], axis=1) & 0xFFFFFFFF
    words = np.ascontiguousarray(wide).astype(np.uint32)
    return ColumnWords(words, len(weights), scale, stored, rounding)
