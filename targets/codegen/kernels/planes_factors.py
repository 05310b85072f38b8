"""What kernels on planes multiply and requantize with, and the instructions that do it.

Two forms: steps (`depthwise_steps.py`), and two roundings in four instructions (`FoldedEpilogue`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.targets.codegen.kernels.depthwise_steps import find_steps
from edgewright.targets.codegen.kernels.folded_requantization import folded_epilogue
from edgewright.targets.codegen.kernels.planes_schedule import Instruction, Word

Int64Array = npt.NDArray[np.int64]

# Taps whose sums surely fit, whatever the weights.
MOST_TAPS = 128


@dataclass(frozen=True, eq=False)
class Factors:
    """Scaled weights and the constants of the requantization, all by channel.

    Args:
        weights: int64 [kh, kw, C], those of the op times a power of two.
        start: int64 [C], what sums begin with.
        multiplier, addend: int64 [C].
        shift: int64 [C], None where the layer has one.
        common: The shift of the layer, 0 where every channel has its own.
    """

    weights: Int64Array
    start: Int64Array
    multiplier: Int64Array
    addend: Int64Array
    shift: Int64Array | None
    common: int

    @property
    def names(self) -> tuple[str, ...]:
        """The words behind the weights, in their order."""
        start = ("start",) if self.start.any() else ()
        return (*start, "multiplier", "addend", *(() if self.shift is None else ("shift",)))

    @property
    def reason(self) -> str:
        """The requantization, for the report."""
        return "linear requantization" if self.shift is not None else "step requantization"

    def packed(self, words: Sequence[Int64Array]) -> npt.NDArray[np.uint32]:
        """Words of weights and factors: uint32 [C, n]."""
        factors = [getattr(self, name) for name in self.names]
        return np.ascontiguousarray(np.stack([*words, *factors], axis=1) & 0xFFFFFFFF).astype(np.uint32)

    def pair(self, first: tuple[int, int] | None, second: tuple[int, int] | None) -> Int64Array:
        """A word of two taps (row, column); None is a zero."""
        low, high = (
            np.zeros_like(self.start) if tap is None else self.weights[tap] & 0xFFFF
            for tap in (first, second)
        )
        return np.asarray(low | (high << 16), np.int64)

    def multiply(
        self, register: str, halves: str, words: tuple[Word, ...], first: bool, factors: Word
    ) -> Instruction:
        """Add a product of words to a sum, or begin the sum.

        Args:
            register: The sum.
            halves: "d" for both halves, else that of each word, as "bt".
            words: Planes and weights.
            first: The sum begins.
            factors: Where the words behind the weights begin.
        """
        if not first:
            return Instruction(f"smla{halves} {register}, {{0}}, {{1}}, {register}", words)
        if "start" in self.names:
            start = self.word("start", factors)
            return Instruction(f"smla{halves} {register}, {{0}}, {{1}}, {{2}}", (*words, start))
        call = "smuad" if halves == "d" else f"smul{halves}"
        return Instruction(f"{call} {register}, {{0}}, {{1}}", words)

    def finish(self, register: str, spare: str, factors: Word) -> list[Instruction]:
        """Requantize a sum."""
        multiplier, addend = (self.word(name, factors) for name in ("multiplier", "addend"))
        if self.shift is None:
            return [
                Instruction(f"smmla {register}, {register}, {{0}}, {{1}}", (multiplier, addend)),
                Instruction(f"ssat {register}, #8, {register}, asr #{self.common}"),
            ]
        return [
            Instruction(f"add {spare}, {{0}}, {register}, asr #31", (addend,)),
            Instruction(f"smmlar {register}, {register}, {{0}}, {spare}", (multiplier,)),
            Instruction(f"asr {register}, {register}, {{0}}", (self.word("shift", factors),)),
            Instruction(f"ssat {register}, #8, {register}"),
        ]

    def word(self, name: str, factors: Word) -> Word:
        """Where a constant lies, if they begin at `factors`."""
        return factors[0], factors[1] + 4 * self.names.index(name)


def find_factors(op: DepthwiseConv2D) -> Factors | None:
    """Constants of a layer in the cheapest form that is exact, or None."""
    weights = op.weights.astype(np.int64)
    if weights[..., 0].size > MOST_TAPS:
        return None
    steps = find_steps(op, np.zeros((1, weights.shape[2]), np.int64))
    if steps is not None:
        start = steps.offset[0] << 16
        return Factors(weights << steps.scale, start, steps.multiplier, steps.addend[0], None, steps.shift)
    call = folded_epilogue(op.requantize, op.weights.transpose(2, 0, 1), 0, once=False)
    # Inputs lie further from their zero point than from zero, but by no more than fits above 2^29.
    if call is None or not call.full or (np.abs(call.bias.astype(np.int64)) >= 1 << 30).any():
        return None
    start, multiplier, addend, shift = (
        v.astype(np.int64) for v in (call.bias, call.multiplier, call.addend, call.shift)
    )
    return Factors(weights * 2, start, multiplier, addend, shift, 0)
