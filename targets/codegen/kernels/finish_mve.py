"""Assembler of the requantization for Helium, sixteen channels at a time.

Narrowing to half the width interleaves two vectors, so the channels of 16 are spread over their fours as
(0 4 8 12) (2 6 10 14) (1 5 9 13) (3 7 11 15), those of 8 as (0 2 4 6) (1 3 5 7); a last four is in order.

A rounding shift rounds halves up: where they have to go away from zero, negative values get one less.
VQDMULH rounds down, so that with it the rounding of the shift is the only one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


def channel_fours(outputs: int) -> npt.NDArray[np.int32]:
    """Channels in the order of the sums: int32 [fours, 4], -1 where there is none.

    >>> channel_fours(9).tolist()
    [[0, 2, 4, 6], [1, 3, 5, 7], [8, -1, -1, -1]]
    """
    sixteens, rest = divmod(outputs, 16)
    blocks = [np.arange(16).reshape(4, 4).T[[0, 2, 1, 3]] + 16 * n for n in range(sixteens)]
    first = 16 * sixteens
    if rest >= 8:
        blocks.append(np.arange(8).reshape(4, 2).T + first)
        first, rest = first + 8, rest - 8
    for start in range(first, outputs, 4):
        blocks.append(np.array([[c if c < outputs else -1 for c in range(start, start + 4)]]))
    return np.concatenate(blocks).astype(np.int32)


@dataclass(frozen=True)
class Finish:
    """How the sums of a tile of pixels become bytes.

    Args:
        outputs: Channels.
        pixels: Of a tile, 1 or 2.
        form: "relu", "linear", "bounded" (two roundings) or "once_right" (one); all shifts go right.
        zero_point, low, high: Of the output.
    """

    outputs: int
    pixels: int
    form: str
    zero_point: int
    low: int
    high: int

    @property
    def fours(self) -> npt.NDArray[np.int32]:
        return channel_fours(self.outputs)

    @property
    def clamped(self) -> bool:
        """Whether the clamp is narrower than int8."""
        return (self.low, self.high) != (-128, 127)

    @property
    def name(self) -> str:
        numbers = (self.zero_point, self.low, self.high)
        return f"{self.outputs}_{self.form}_{'_'.join(str(n & 255) for n in numbers)}"

    @property
    def blocks(self) -> tuple[int, int, int]:
        """How the channels are cut: (sixteens, eights, single ones)."""
        sixteens, rest = divmod(self.outputs, 16)
        return sixteens, rest // 8, rest % 8


def finish_lines(finish: Finish) -> list[str]:
    """r1 pixels left, r2 multipliers and shifts, r3 sums, r4 out; leaves r3; [sp, 112] is the next out.

    The second pixel is stored first: where it does not exist its place (r6) is that of the first.
    """
    sixteens, eights, rest = finish.blocks
    lines = ["mov r9, r3", f"movw r0, #{finish.zero_point & 0xFFFF}"]
    if finish.form in ("linear", "bounded"):
        lines.append("movs r8, #1")
    if finish.clamped:
        lines += [f"movw r10, #{finish.low & 0xFF}", f"movw r12, #{finish.high & 0xFF}"]
    if finish.pixels == 2:
        lines += [*_offset("r6", "r4", finish.outputs), "cmp r1, #1", "it eq", "moveq r6, r4"]
    if sixteens:
        body = _block(finish, 4)
        if sixteens > 1:
            body = [f"movw lr, #{sixteens}", "dls lr, lr", "6:", *body, "le lr, 6b"]
        lines += body
    if eights:
        lines += _block(finish, 2)
    for first in range(0, rest, 4):
        lines += _block(finish, 1, min(4, rest - first))
    last = "r6" if finish.pixels == 2 else "r4"
    return [*lines, f"str {last}, [sp, #112]"]


def finish_instructions(finish: Finish) -> int:
    """Executed for a tile of pixels."""
    sixteens = finish.blocks[0]
    # The block in the loop stands for all, and LE runs once a block.
    repeated = (sixteens - 1) * (len(_block(finish, 4)) + 1) if sixteens > 1 else 0
    return len(finish_lines(finish)) - (sixteens > 1) + repeated


def _offset(target: str, source: str, value: int) -> list[str]:
    if value < 4096:
        return [f"addw {target}, {source}, #{value}"]
    return [f"movw {target}, #{value}", f"add {target}, {target}, {source}"]


def _vector(finish: Finish, q: str, at: int, multiplier: str, shift: str) -> list[str]:
    """Four sums, multiplied and shifted."""
    multiply = "vqdmulh.s32" if finish.form == "once_right" else "vqrdmulh.s32"
    lines = [f"vldrw.u32 {q}, [r9, #{at}]", f"{multiply} {q}, {q}, {multiplier}"]
    if finish.form in ("linear", "bounded"):
        lines += [f"vpt.s32 lt, {q}, zr", f"vsubt.i32 {q}, {q}, r8"]
    return [*lines, f"vrshl.s32 {q}, {q}, {shift}"]


def _pair(finish: Finish, target: str, at: tuple[int, int]) -> list[str]:
    """Two fours, narrowed to 16 bits, with the factors in Q0 to Q3."""
    lines = _vector(finish, "q4", at[0], "q0", "q1") + _vector(finish, "q5", at[1], "q2", "q3")
    lines += [f"vqmovnb.s32 {target}, q4", f"vqmovnt.s32 {target}, q5"]
    return lines + ([f"vqadd.s16 {target}, {target}, r0"] if finish.zero_point else [])


def _clamp(finish: Finish, q: str) -> list[str]:
    if not finish.clamped:
        return []
    return ["vdup.8 q4, r10", f"vmax.s8 {q}, {q}, q4", "vdup.8 q4, r12", f"vmin.s8 {q}, {q}, q4"]


def _block(finish: Finish, fours: int, count: int = 4) -> list[str]:
    """One block of 4, 2 or 1 fours of channels, of all pixels of the tile; `count`: channels of the last."""
    pixels = finish.pixels
    outs = {0: "r4", 1: "r6"}
    kept = {0: "q6", 1: "q7"}
    factors = [f"vldrw.u32 q{n}, [r2], #16" for n in range(4 if fours > 1 else 2)]
    lines = list(factors)
    if fours == 1:
        for p in reversed(range(pixels)):
            lines += _vector(finish, "q4", 16 * p, "q0", "q1")
            lines += ["vqmovnb.s32 q6, q4"]
            lines += ["vqadd.s16 q6, q6, r0"] if finish.zero_point else []
            lines += ["vqmovnb.s16 q6, q6", *_clamp(finish, "q6")]
            if count == 4:
                lines.append(f"vstrb.32 q6, [{outs[p]}], #4")
            else:
                lines += [f"movs r1, #{count}", "vctp.32 r1", "vpst", f"vstrbt.32 q6, [{outs[p]}]"]
                lines.append(f"add {outs[p]}, #{count}")
        return [*lines, f"add r9, #{16 * pixels}"]
    step = 16 * pixels
    for p in range(pixels):
        lines += _pair(finish, kept[p], (16 * p, step + 16 * p))
    if fours == 4:
        lines += factors
    for p in reversed(range(pixels)):
        if fours == 4:
            lines += _pair(finish, "q4", (2 * step + 16 * p, 3 * step + 16 * p))
        lines.append(f"vqmovnb.s16 {kept[p]}, {kept[p]}")
        lines += [f"vqmovnt.s16 {kept[p]}, q4"] if fours == 4 else []
        lines += _clamp(finish, kept[p])
        store = "vstrb.8" if fours == 4 else "vstrb.16"
        lines.append(f"{store} {kept[p]}, [{outs[p]}], #{4 * fours}")
    return [*lines, f"add r9, #{fours * step}"]
