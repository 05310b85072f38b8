"""Assembler of 3x3 depthwise layers on planes: all output rows of some channels, in one or two passes.

With stride 1 the windows of every other row begin with an even row, the others with an odd one; each kind
has a pass of its own, whose weights stay in registers. They come from shared words in flash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.depthwise_steps import Steps
from edgewright.targets.codegen.kernels.planes_compact import COMPACT_BYTES, compact_load
from edgewright.targets.codegen.kernels.planes_rows import Columns, Parity, row
from edgewright.targets.codegen.kernels.planes_text import COLUMN, POINTERS, TENSOR, advance, function

# Passes of a layer that has one kind of rows, and of one that has both.
ALONE = {
    odd: Parity(odd, ("r2", "r3", "r4"), ("r5", "r6"), "r7", "r8", ("r9", "r10"), ("r11", "r12"))
    for odd in (False, True)
}
EVEN = Parity(False, ("r2", "r3", "r4"), ("r5", "r6"), "r9", "r10", ("r7", "r8"), ("r11", "r12"))
ODD = Parity(True, ("r5", "r6", "r7"), ("r2", "r3"), "r9", "r11", ("r4", "r8"), ("r10", "r12"))


@dataclass(frozen=True)
class OutputRow:
    """An output row and where its window begins.

    Args:
        index: The output row.
        first: First input row of the window, -1 for one row above the tensor.
        pair: Only the two rows that pair lie inside the tensor.
    """

    index: int
    first: int
    pair: bool

    @property
    def odd(self) -> bool:
        return self.first % 2 == 1

    @property
    def pairs(self) -> int:
        """The row pair its words begin with."""
        return self.first // 2


def output_rows(rows: int, outputs: int, stride: int, pad: int) -> list[OutputRow] | None:
    """The output rows of a tensor of some rows, or None where a window lies further outside."""
    found = []
    for r in range(outputs):
        first = r * stride - pad
        last = rows - 1 + rows % 2  # a row of zeros makes an odd tensor even
        odd = first % 2 == 1
        if first < -1 or first + (2 if odd else 1) > last:
            return None
        found.append(OutputRow(r, first, first + (0 if odd else 2) > last or first < 0))
    return found


def pass_words(weights: npt.NDArray[np.int8], steps: Steps, odds: Sequence[bool]) -> npt.NDArray[np.uint32]:
    """Words of weights and factors of each channel: uint32 [C, 7] for one kind of rows, [C, 10] for both."""
    w = (weights.astype(np.int64) << steps.scale) & 0xFFFF
    if len(odds) == 1:
        upper = int(odds[0])
        full = [_pack(w[upper, k], w[upper + 1, k]) for k in range(3)]
        third = w[0 if odds[0] else 2]
        words = [*full, _pack(third[0], third[1]), _pack(third[2], steps.offset[0])]
    else:
        words = [_pack(w[r, k], w[r + 1, k]) for r in (0, 1) for k in range(3)]
        words.append(_pack(steps.offset[1], steps.offset[0]))
    factors = [steps.multiplier, *steps.addend]
    packed = np.stack([v & 0xFFFFFFFF for v in (*words, *factors)], axis=1)
    return np.ascontiguousarray(packed.astype(np.uint32))


def _pack(low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return (low & 0xFFFF) | ((high & 0xFFFF) << 16)


def channels_function(
    name: str,
    view: Columns,
    rows: Sequence[OutputRow],
    row_bytes: int,
    widened: Sequence[str],
    *,
    compact: bool = False,
) -> str | None:
    """C of a function (planes, out, words, x) of four channels; None: too large.

    Args:
        name: Of the function.
        view: The horizontal part of the layer.
        rows: From `output_rows`.
        row_bytes: Bytes of an output row.
        widened: Instructions that make the planes (`widen`).
        compact: Words are those of `compact_words`.
    """
    odds = sorted({r.odd for r in rows})
    both = len(odds) == 2
    passes = []
    for odd in odds:
        parity = (ODD if odd else EVEN) if both else ALONE[odd]
        made = _pass(view, parity, [r for r in rows if r.odd == odd], row_bytes)
        if made is None:
            return None
        passes.append([*_load(odd, both, compact), *made])
    lines = ["push {r4-r11, lr}", "sub sp, #8", "push {r0-r3}", *widened, "ldm sp, {r0-r2}"]
    lines += ["mov r3, #4", "str r3, [sp, #12]", "1:", *passes[0]]
    for more in passes[1:]:
        lines += ["ldm sp, {r0-r2}", *more]
    lines += ["ldm sp, {r0-r3}", "add r0, #4", "add r1, #1", f"add r2, #{_words_bytes(both, compact)}"]
    lines += ["subs r3, #1", "stm sp, {r0-r3}", "bne 1b", "add sp, #24", "pop {r4-r11, pc}"]
    return function(name, f"{POINTERS}, {TENSOR}", lines)


def rows_function(
    name: str,
    view: Columns,
    odd: bool,
    step: tuple[int, int],
    *,
    both: bool,
    single: bool = False,
    compact: bool = False,
) -> str | None:
    """C of a function (planes, out, words, rows) of whole rows of one kind, four channels; None: too large.

    Args:
        name: Of the function.
        view: The horizontal part of the layer.
        odd: The windows begin with an odd row.
        step: Bytes of planes and of output from one row to the next.
        both: The layer has both kinds, whose weights are stored together.
        single: It is called for one row at a time.
        compact: Words are those of `compact_words`.
    """
    parity = (ODD if odd else EVEN) if both else ALONE[odd]
    made = row(view, parity, False, "lr")
    if made is None:
        return None
    body, done = made
    spare = parity.words[0]
    lines = ["push {r4-r11, lr}", "sub sp, #8", "push {r0-r3}", "mov r3, #4", "str r3, [sp, #20]"]
    lines += ["1:", *_load(odd, both, compact)]
    if not single:
        moved = done * COLUMN, done // view.stride * view.pixel
        body = [*body, *advance("r0", step[0] - moved[0], spare), *advance("r1", step[1] - moved[1], spare)]
        count = "ldr {}, [sp, #12]"
        body = _counted(body, count, inner=done > 0, spare=spare)
    lines += [*body, "ldm sp, {r0-r2}", "ldr r3, [sp, #20]", "add r0, #4", "add r1, #1"]
    lines += [f"add r2, #{_words_bytes(both, compact)}", "subs r3, #1", "stm sp, {r0-r2}"]
    lines += ["str r3, [sp, #20]", "bne 1b", "add sp, #24", "pop {r4-r11, pc}"]
    return function(name, f"{POINTERS}, int32_t rows EW_UNUSED", lines)


def _words_bytes(both: bool, compact: bool) -> int:
    """Bytes of the words of a channel."""
    if compact:
        return COMPACT_BYTES
    return 40 if both else 28


def _load(odd: bool, both: bool, compact: bool) -> list[str]:
    """Words of a channel into registers."""
    if compact:
        return compact_load((ODD if odd else EVEN) if both else ALONE[odd], both=both)
    if not both:
        return ["ldm r2, {r2-r8}"]
    if odd:
        return ["ldm r2, {r2-r11}", "pkhbt r2, r2, r3, lsl #16", "pkhbt r3, r4, r8, lsl #16"]
    return ["ldm r2, {r2-r10}", "pkhtb r5, r6, r5, asr #16", "pkhtb r6, r8, r7, asr #16"]


def _pass(view: Columns, parity: Parity, rows: Sequence[OutputRow], row_bytes: int) -> list[str] | None:
    """All rows of one kind; rows that follow one another and do the same are a loop."""
    lines: list[str] = []
    spare = parity.words[0]
    planes, out = 0, 0  # where r0 and r1 point to
    for _, group in groupby(rows, key=lambda r: r.pair):
        run = list(group)
        made = row(view, parity, run[0].pair, "lr")
        if made is None:
            return None
        body, done = made
        moved = done * COLUMN, done // view.stride * view.pixel
        at = run[0].pairs * view.pitch, run[0].index * row_bytes
        lines += [*advance("r0", at[0] - planes, spare), *advance("r1", at[1] - out, spare)]
        planes, out = at[0] + moved[0], at[1] + moved[1]
        if len(run) > 1:
            step = view.pitch, (run[1].index - run[0].index) * row_bytes
            body = [*body, *advance("r0", step[0] - moved[0], spare)]
            body += advance("r1", step[1] - moved[1], spare)
            body = _counted(body, f"mov {{}}, #{len(run)}", inner=done > 0, spare=spare)
            planes, out = at[0] + len(run) * step[0], at[1] + len(run) * step[1]
        lines += body
    return lines


def _counted(body: list[str], count: str, *, inner: bool, spare: str) -> list[str]:
    """A loop; `count`: the instruction that sets a register to the number of turns."""
    if not inner:
        return [count.format("lr"), "2:", *body, "subs lr, #1", "bne 2b"]
    begin = [count.format(spare), f"str {spare}, [sp, #16]", "2:"]
    end = [f"ldr {spare}, [sp, #16]", f"subs {spare}, #1", f"str {spare}, [sp, #16]", "bne 2b"]
    return [*begin, *body, *end]
