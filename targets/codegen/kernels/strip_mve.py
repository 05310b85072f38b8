"""Assembler of depthwise convolutions for Helium: one channel at a time over a run of output pixels.

The input lies in scratch channel by channel, as a strip in which the taps of an output are neighbours:
pixel i of the run and line y across it at byte `lines * i + y`, where `lines` lines are there at a time.
So an output is one VMLADAV of at most 16 bytes, and a vector holds the taps of several outputs, which
share its load and differ in weights that are shifted: those of the next pixels of a line, or of the next
lines. Eight sums fill two vectors, which are requantized together: outputs in the lanes, constants of the
channel in core registers, results scattered to their pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgewright.targets.codegen.kernels.tile_mve import SUMS

# Registers of weights: Q4 to Q6.
MOST_SHARED = 3
# Largest immediate of ADDW, and of VLDRB after its address is used.
WIDE, POST = 4095, 127
# 32 strips are filled at a time, with 16 bits for the distance of the last one.
MOST_PITCH = 0xFFFF // 31
# Instructions of a channel besides its outputs, of eight outputs besides loads and products.
CHANNEL, EIGHT = 15, 19


@dataclass(frozen=True)
class Strip:
    """Taps and outputs of a channel.

    Args:
        along: Taps along the run.
        across: Taps across it.
        stride: (along the run, across it).
        outputs: (of the run, lines computed at a time).
        pitch: Bytes from the strip of a channel to the next one's.
        out_step: Bytes from an output to the next (of the run, of the next line).
        form: Requantization: "relu", "linear", "bounded" of ew_finish_mve.h.
        clamp: (low, high) of the bounded form.
    """

    along: int
    across: int
    stride: tuple[int, int]
    outputs: tuple[int, int]
    pitch: int
    out_step: tuple[int, int]
    form: str
    clamp: tuple[int, int] = (-128, 127)

    @property
    def lines(self) -> int:
        """Lines the strip holds at a time."""
        return self.across + (self.outputs[1] - 1) * self.stride[1]

    @property
    def field(self) -> int:
        """Bytes from the first tap of an output to the last."""
        return self.lines * (self.along - 1) + self.across

    @property
    def advance(self) -> int:
        """Bytes from the taps of an output to those of the next pixel."""
        return self.stride[0] * self.lines

    @property
    def count(self) -> int:
        """Outputs of a channel."""
        return self.outputs[0] * self.outputs[1]

    @property
    def shifts(self) -> tuple[int, ...]:
        """Bytes from a load to the taps of each output that shares it."""
        if self.outputs[1] > 1:
            return tuple(self.stride[1] * n for n in range(self.outputs[1]))
        return tuple(self.advance * n for n in range(min(MOST_SHARED, (16 - self.field) // self.advance + 1)))

    @property
    def weight_bytes(self) -> int:
        """Weights of a channel: zeros, so that they can be loaded shifted, and the taps."""
        return -(-(self.shifts[-1] + 16) // 4) * 4

    def place(self, n: int) -> tuple[int, int]:
        """(bytes to the taps, bytes to the result) of the n-th output."""
        pixel, line = divmod(n, self.outputs[1])
        taps = pixel * self.advance + line * self.stride[1]
        return taps, pixel * self.out_step[0] + line * self.out_step[1]

    @property
    def possible(self) -> bool:
        """Whether taps fit a vector, offsets their instructions, and all blocks of eight look the same."""
        if self.field > 16:
            return False
        fits = self.field + self.shifts[-1] <= 16 and len(self.shifts) <= MOST_SHARED
        reach = self.place(7)[0] <= POST and self.weight_bytes <= POST
        alike = 8 % self.outputs[1] == 0 or self.count <= 9
        wide = max(self.place(n)[1] for n in range(8))
        return fits and reach and alike and self.pitch <= MOST_PITCH and wide < 1 << 16

    @property
    def instructions(self) -> int:
        """Of one channel."""
        full, rest = divmod(self.count, 8)
        fix = {"relu": 0, "linear": 4, "bounded": 10}[self.form]
        shared = len(self.shifts)
        last = EIGHT + fix + 3 + rest + -(-rest // shared) - (5 if rest == 1 else 2 if rest <= 4 else 0)
        return CHANNEL + shared + full * (EIGHT + fix + 8 + -(-8 // shared)) + (last if rest else 0)

    @property
    def code_bytes(self) -> int:
        """Of the function, about."""
        once = self.count if self.count < 16 else 8 + self.count % 8
        return 4 * (CHANNEL + 20 + 4 * once)

    @property
    def name(self) -> str:
        sizes = (self.along, self.across, *self.stride, *self.outputs, self.pitch, *self.out_step)
        clamp = f"_{self.clamp[0] & 255}_{self.clamp[1] & 255}" if self.form == "bounded" else ""
        return f"ew_strip_{'_'.join(map(str, sizes))}_{self.form}{clamp}_mve"


def strip_source(strip: Strip) -> str:
    """C of the function: naked, with guards, so that layers of equal shape share it."""
    body = "\n".join(f'      "{line}\\n"' for line in _assembler(strip))
    guard = strip.name.upper()
    return f"""#ifndef {guard}
#define {guard}
EW_NAKED_MVE void {strip.name}(EW_STRIP_ARGUMENTS_MVE) {{
  __asm volatile(
{body});
}}
#endif
"""


def _assembler(strip: Strip) -> list[str]:
    """r0 strips, r1 out, r2 constants and weights, r3 `ew_strip`.

    On the stack: [sp, 64] strip, [sp, 68] out, [sp, 72] constants, [sp, 76] channels left.
    """
    lines = ["push {r0-r11, lr}", "vpush {d8-d15}", "ldr r0, [r3, #32]", "str r0, [sp, #76]"]
    lines += ["vldrw.u32 q3, [r3]", "vldrw.u32 q7, [r3, #16]", "1:", "ldr r2, [sp, #72]"]
    lines += ["ldmia r2!, {r7, r9, r11}"]
    last = strip.shifts[-1]
    for n, shift in enumerate(strip.shifts[:-1]):
        lines.append(f"vldrb.u8 q{4 + n}, [r2, #{last - shift}]")
    lines.append(f"vldrb.u8 q{3 + len(strip.shifts)}, [r2], #{strip.weight_bytes}")
    lines += ["ldrd r1, r3, [sp, #64]", f"addw r0, r1, #{strip.pitch}", "add r4, r3, #1"]
    lines += ["strd r0, r4, [sp, #64]", "str r2, [sp, #72]"]
    full, rest = divmod(strip.count, 8)
    if full > 1:
        lines += [f"movw r5, #{full}", "2:"]
    if full:
        lines += _outputs(strip, 8)
        if full > 1 or rest:
            lines += [f"addw r1, r1, #{strip.place(8)[0]}", *_step_out(strip)]
    if full > 1:
        lines += ["subs r5, #1", "bne 2b"]
    if rest:
        lines += _outputs(strip, rest)
    lines += ["ldr r0, [sp, #76]", "subs r0, #1", "str r0, [sp, #76]", "bne 1b"]
    return [*lines, "vpop {d8-d15}", "add sp, #16", "pop {r4-r11, pc}"]


def _step_out(strip: Strip) -> list[str]:
    step = strip.place(8)[1]
    if step <= WIDE:
        return [f"addw r3, r3, #{step}"]
    return [f"movw r0, #{step & 0xFFFF}", f"movt r0, #{step >> 16}", "add r3, r3, r0"]


def _outputs(strip: Strip, count: int) -> list[str]:
    """Up to eight outputs: even ones in Q0, odd ones in Q1, which narrowing interleaves."""
    lines = []
    shared = len(strip.shifts)
    for n in range(count):
        turn, which = divmod(n, shared)
        vector = f"q{(2, 0)[turn % 2]}"
        if which == 0:
            lines.append(f"vldrb.u8 {vector}, [r1, #{strip.place(n)[0]}]")
        lines.append(f"vmladav.s8 {SUMS[n]}, {vector}, q{4 + which}")
    vectors = [q for q in (0, 1) if q < count]
    for q in vectors:
        lines.append(f"vmov q{q}[2], q{q}[0], {SUMS[q]}, {SUMS[q + 4]}")
        if q + 2 < count:
            lines.append(f"vmov q{q}[3], q{q}[1], {SUMS[q + 2]}, {SUMS[q + 6]}")
    lines += [f"vadd.i32 q{q}, q{q}, r7" for q in vectors]
    lines += [f"vqrdmulh.s32 q{q}, q{q}, r9" for q in vectors]
    if strip.form != "relu":
        for q in vectors:
            lines += [f"vshr.s32 q2, q{q}, #31", f"vadd.i32 q{q}, q{q}, q2"]
    lines += [f"vrshl.s32 q{q}, r11" for q in vectors]
    lines.append("vqmovnb.s32 q0, q0")
    if len(vectors) > 1:
        lines.append("vqmovnt.s32 q0, q1")
    lines.append("vqadd.s16 q0, q0, q7")
    if strip.form == "bounded":
        for bound, limit in zip(strip.clamp, ("vmax", "vmin"), strict=True):
            lines += [f"movw r0, #{bound & 0xFFFF}", "vdup.16 q2, r0", f"{limit}.s16 q0, q0, q2"]
    lines.append("vqmovnb.s16 q0, q0")
    if count == 8:
        return [*lines, "vstrb.16 q0, [r3, q3]"]
    return [*lines, f"movs r0, #{count}", "vctp.16 r0", "vpst", "vstrbt.16 q0, [r3, q3]"]
