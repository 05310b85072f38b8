"""RowKernel: the contract between an op kind and code generation.

A row kernel computes one output row of one op. In C all have one signature:

    void kernel(const void *const *rows, void *out, const void *const *constants, void *scratch);

`rows` holds the pointers to the input rows of all inputs, one after the other; rows outside the
tensor point to a row of zero points. One kernel serves all layers of the same shape, because
everything else comes by pointer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgewright.converter.program import Array


@dataclass(frozen=True)
class RowInput:
    """How an op walks over the rows of one input.

    Args:
        rows: Rows of the view of the input (1 when the kernel takes the tensor as a whole).
        row_bytes: Bytes of one row of that view.
        window: Rows the kernel reads at a time.
        stride: Input rows per output row.
        dilation: Distance between the rows of a window.
        pad_top: Rows of padding above the tensor; negative where the first rows are skipped.
        pad_value: Byte that fills a padding row; None passes a null pointer instead.
        repeat: Consecutive output rows that read the same window.
    """

    rows: int
    row_bytes: int
    window: int = 1
    stride: int = 1
    dilation: int = 1
    pad_top: int = 0
    pad_value: int | None = 0
    repeat: int = 1

    def window_rows(self, out_row: int) -> range:
        """Rows inside the tensor from the first to the last that an output row reads; may be empty."""
        first = out_row // self.repeat * self.stride - self.pad_top
        last = first + (self.window - 1) * self.dilation
        return range(max(0, first), min(self.rows, last + 1))


@dataclass(frozen=True, eq=False)
class RowKernel:
    """A row kernel of one layer.

    Args:
        family: Readable start of the C symbol, e.g. "conv_3x3_16x32_16"; a hash makes it unique.
        script: TVMScript of the PrimFunc, named `f`; empty for a kernel that is one micro-kernel call.
        arguments: C expressions passed to the PrimFunc (or to `call`), over rows[i], out, c[i], scratch.
        call: Micro-kernel called directly where `script` and `source` are empty.
        source: C of the kernel where it is no single PrimFunc: static functions `f`, called with
            `arguments`, and helpers `f_0`, `f_1`, …
        outputs: Names of the PrimFunc's parameters that it writes (all others become const).
        may_alias: The output may lie on an input (in place, or overtaking it), so no `restrict`.
        inputs: One per input of the node.
        out_rows: Times the driver calls the kernel.
        out_row_bytes: Bytes one call writes.
        constants: Arrays in flash, in the order of c[i].
        headers: Micro-kernel headers used.
        scratch_bytes: Arena bytes the kernel may overwrite while it runs.
        code_bytes: Code that is its own rather than shared with layers of other shapes, about.
        shared_code: Functions of headers that kernels of other shapes use too, with their bytes, about.
        variant: Short name of the way it computes, e.g. "tiles 2x4, int16 weights in flash".
        reason: Why this kernel was chosen, for the report.
        lead_bytes: Set by kernels that read every pixel before they write one at its place or after.
        accumulates: All calls add to the same output row, which the driver zeroes before the first.
        work: How often one call does each thing the cost tables name (`targets/costs`); empty where only
            the bytes read and written are counted.
    """

    family: str
    script: str
    arguments: tuple[str, ...]
    inputs: tuple[RowInput, ...]
    out_rows: int
    out_row_bytes: int
    call: str = ""
    source: str = ""
    outputs: tuple[str, ...] = ("Y",)
    may_alias: bool = False
    constants: tuple[Array, ...] = ()
    headers: tuple[str, ...] = ()
    scratch_bytes: int = 0
    code_bytes: int = 0
    shared_code: Mapping[str, int] = field(default_factory=dict)
    variant: str = "rows"
    reason: str = ""
    lead_bytes: int | None = None
    accumulates: bool = False
    work: Mapping[str, float] = field(default_factory=dict)

    @property
    def constant_bytes(self) -> int:
        """Bytes of its constants."""
        return sum(int(c.nbytes) for c in self.constants)

    @property
    def functions(self) -> dict[str, int]:
        """Functions that it needs and their bytes; those of layers with the same text are the same."""
        text = (self.family, self.script, self.source, self.call, *self.arguments)
        own = {hashlib.sha256("\0".join(text).encode()).hexdigest(): self.code_bytes}
        return (own if self.code_bytes else {}) | dict(self.shared_code)

    def leads(self) -> tuple[int | None, ...]:
        """For each input, how far below it the output has to begin to overwrite only what is read.

        By rows: output row r is written while rows from r * stride - pad_top on are still needed.
        `lead_bytes` replaces that for kernels that keep order within a row too.
        """
        if self.lead_bytes is not None:
            return (self.lead_bytes,)
        return tuple(_row_lead(view, self.out_rows, self.out_row_bytes) for view in self.inputs)


def _row_lead(view: RowInput, out_rows: int, out_row_bytes: int) -> int | None:
    if view.stride < 1:
        return None
    return max(
        (r + 1) * out_row_bytes - max(0, r * view.stride - view.pad_top) * view.row_bytes
        for r in range(out_rows)
    )
