"""Assembler of the dot products for Helium: a tile of 4 channels x 2 pixels, or of 8 channels x 1 pixel.

VMLADAVA adds sixteen int8 products to an even core register, and there are eight of those (LR is one). So
a tile has eight sums and leaves the odd registers for pointers. In 4 x 2 a step of sixteen inputs takes
four vectors of weights, two of pixels and eight products: 14 instructions for 128 products. Vectors of
pixels that fit are held in Q0 to Q5 while all channels pass; weights stream through Q6 and Q7.

One call runs over a run of pixels and all channels. Weights and biases are one stream: for each tile of
channels eight start values, then vectors of weights, step by step. The sums of a tile of pixels go to
memory as they are, int32 [fours of channels][pixels][4], until `finish_mve` makes bytes of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.finish_mve import Finish, channel_fours, finish_lines

VECTOR = 16
# Even core registers: the sums of a tile.
SUMS = ("r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr")
SUM_LIST = "{r0, r2, r4, r6, r8, r10, r12, lr}"
# Steps unrolled in full; more run in a loop of LOOP_STEPS.
MOST_STEPS, LOOP_STEPS = 40, 4
# Reach of the immediate offset of VLDRW.
REACH = 508


@dataclass(frozen=True)
class TileShape:
    """What a tile function reads.

    Args:
        pixels: 1 (with 8 channels) or 2 (with 4 channels).
        rows: Rows of the receptive field, each with a pointer of its own.
        vectors: Vectors of 16 inputs in a row.
        step: Bytes from one output pixel to the next in every row.
    """

    pixels: int
    rows: int
    vectors: int
    step: int

    @property
    def channels(self) -> int:
        return 8 // self.pixels

    @property
    def steps(self) -> int:
        return self.rows * self.vectors

    @property
    def looped(self) -> bool:
        """Whether the steps are a loop instead of a line of code."""
        return self.rows == 1 and (self.steps > MOST_STEPS or self._span > 2 * REACH)

    @property
    def _span(self) -> int:
        """Bytes between the first and the last vector that one pointer reaches."""
        return VECTOR * (self.vectors - 1) + (self.step if self.rows > 1 and self.pixels > 1 else 0)

    @property
    def bias(self) -> int:
        """Bytes the pointers are ahead of their rows, so that offsets of both signs are used."""
        return 0 if self.looped or self._span <= REACH else -(-(self._span - REACH) // VECTOR) * VECTOR

    @property
    def possible(self) -> bool:
        """Whether there are registers for the rows, and immediate offsets reach every vector."""
        aligned = self.step % 4 == 0
        if self.rows == 1:
            return aligned
        return aligned and self.rows <= 3 and self.steps <= MOST_STEPS and self._span <= 2 * REACH - VECTOR

    @property
    def held(self) -> int:
        """Steps whose pixels stay in registers while all channels pass."""
        if self.looped:
            return 0
        most = 6 // self.pixels
        return self.steps if self.steps <= most else most - 1

    @property
    def code_bytes(self) -> int:
        steps = 2 * LOOP_STEPS if self.looped else self.steps
        return 4 * (8 + self.channels + self.pixels) * steps + 400

    @property
    def name(self) -> str:
        return f"ew_dot_{self.channels}x{self.pixels}_{self.rows}x{self.vectors}_{self.step}_mve"


def weight_stream(
    weights: npt.NDArray[np.int8], bias: npt.NDArray[np.int32], shape: TileShape
) -> npt.NDArray[np.int32]:
    """Start values and weights as a tile function reads them, as words.

    Args:
        weights: int8 [O, kh, kw * I]; a row, or all rows together, is filled up with zeros to vectors.
        bias: int32 [O].
        shape: Of the tile.
    """
    order, tile = channel_fours(len(weights)), shape.channels // 4
    order = np.pad(order, ((0, -len(order) % tile), (0, 0)), constant_values=-1).reshape(-1, shape.channels)
    field = weights.reshape(len(weights), shape.rows, -1)
    filled = np.zeros((len(weights) + 1, shape.rows, shape.vectors * VECTOR), np.int8)
    filled[:-1, :, : field.shape[2]] = field
    vectors = filled.reshape(len(filled), shape.steps, VECTOR)[order].transpose(0, 2, 1, 3)
    starts = np.tile(np.append(bias, 0).astype(np.int32)[order], (1, shape.pixels))
    parts = [starts, np.ascontiguousarray(vectors).reshape(len(order), -1).view(np.int32)]
    return np.concatenate(parts, axis=1)


def tile_name(shape: TileShape, finish: Finish) -> str:
    """Name of the function of a layer."""
    return f"{shape.name}_{finish.name}"


def tile_source(shape: TileShape, finish: Finish) -> str:
    """C of the function: naked, with guards, so that layers that need the same share it."""
    name = tile_name(shape, finish)
    body = "\n".join(f'      "{line}\\n"' for line in _assembler(shape, finish))
    return f"""#ifndef {name.upper()}
#define {name.upper()}
EW_NAKED_MVE void {name}(EW_TILE_ARGUMENTS_MVE) {{
  __asm volatile(
{body});
}}
#endif
"""


def _assembler(shape: TileShape, finish: Finish) -> list[str]:
    """r0 pixels, r1 weights, r2 rows, r3 sums, [sp] multipliers and shifts, [sp, 4] out.

    After the pushes: [sp, 64] pixels left, [sp, 68] weights, [sp, 108] multipliers, [sp, 112] out.
    """
    rows = _row_registers(shape)
    step = shape.pixels * shape.step
    groups = -(-len(finish.fours) * 4 // shape.channels)
    lines = ["push {r0, r1, r4-r11, lr}", "vpush {d8-d15}"]
    lines += [f"ldr {register}, [r2, #{4 * n}]" for n, register in enumerate(rows[: shape.rows])]
    if shape.bias:
        lines += [line for register in rows[: shape.rows] for line in _add(register, shape.bias)]
    if shape.rows == 1 and shape.pixels == 2:
        lines += _add("r7", shape.step, source="r5")
    lines += ["1:", "ldr r1, [sp, #68]"]
    lines += [_load(shape, s, p, _held(shape, s, p)) for s in range(shape.held) for p in range(shape.pixels)]
    lines += ([f"movw r9, #{groups}", "2:"] if groups > 1 else []) + [f"ldmia r1!, {SUM_LIST}"]
    lines += _loop(shape) if shape.looped else _unrolled(shape)
    lines.append(f"stmia r3!, {SUM_LIST}")
    lines += ["subs r9, #1", "bne 2b"] if groups > 1 else []
    lines += [line for register in rows for line in _add(register, step)]
    lines += _add("r3", -32 * groups)
    lines += ["ldr r1, [sp, #64]", "ldr r2, [sp, #108]", "ldr r4, [sp, #112]", *finish_lines(finish)]
    lines += ["ldr r0, [sp, #64]", f"subs r0, #{shape.pixels}", "str r0, [sp, #64]", "bgt 1b"]
    return [*lines, "vpop {d8-d15}", "add sp, #8", "pop {r4-r11, pc}"]


def _row_registers(shape: TileShape) -> tuple[str, ...]:
    """Pointers: of the rows, or of the pixels of the only row."""
    return ("r5", "r7", "r11")[: shape.rows if shape.rows > 1 else shape.pixels]


def _add(register: str, value: int, source: str = "") -> list[str]:
    source = source or register
    if -4096 < value < 4096:
        return [f"{'add' if value >= 0 else 'sub'}w {register}, {source}, #{abs(value)}"]
    return [
        f"movw r0, #{value & 0xFFFF}",
        f"movt r0, #{value >> 16 & 0xFFFF}",
        f"add {register}, {source}, r0",
    ]


def _held(shape: TileShape, step: int, pixel: int) -> str:
    return f"q{step * shape.pixels + pixel}"


def _load(shape: TileShape, step: int, pixel: int, register: str) -> str:
    row, vector = divmod(step, shape.vectors)
    offset = VECTOR * vector - shape.bias
    rows = _row_registers(shape)
    if shape.rows == 1:
        return f"vldrw.u32 {register}, [{rows[pixel]}, #{offset}]"
    return f"vldrw.u32 {register}, [{rows[row]}, #{offset + pixel * shape.step}]"


def _products(shape: TileShape, pixels: Sequence[str]) -> list[str]:
    """One step: the weights of all channels of the tile, each times all its pixels."""
    lines = []
    for channel in range(shape.channels):
        weights = f"q{6 + channel % 2}"
        lines.append(f"vldrw.u32 {weights}, [r1], #16")
        lines += [
            f"vmladava.s8 {SUMS[p * shape.channels + channel]}, {x}, {weights}" for p, x in enumerate(pixels)
        ]
    return lines


def _unrolled(shape: TileShape) -> list[str]:
    lines = []
    for step in range(shape.steps):
        if step < shape.held:
            lines += _products(shape, [_held(shape, step, p) for p in range(shape.pixels)])
            continue
        streamed = ["q4", "q5"] if shape.pixels == 2 else ["q5"]
        lines += [_load(shape, step, p, q) for p, q in enumerate(streamed)]
        lines += _products(shape, streamed)
    return lines


def _loop(shape: TileShape) -> list[str]:
    rows = _row_registers(shape)
    streamed = ["q4", "q5"][: shape.pixels]
    step = [f"vldrw.u32 {q}, [{row}], #16" for q, row in zip(streamed, rows, strict=True)]
    step += _products(shape, streamed)
    turns, rest = divmod(shape.steps, LOOP_STEPS)
    lines = [f"movw r11, #{turns}", "3:", *step * LOOP_STEPS, "subs r11, #1", "bne 3b"] if turns else []
    lines += step * rest
    # Back to the first step. All sums are in registers: no constant but an immediate.
    back = VECTOR * shape.steps
    for part in [4080] * (back // 4080) + [back % 4080]:
        lines += [f"subw {row}, {row}, #{part}" for row in rows]
    return lines
