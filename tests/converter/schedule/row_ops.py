"""Row ops with nothing but rows, for the tests of streamed segments."""

from __future__ import annotations

import numpy as np

from edgewright.converter.schedule.row_op import RowOp
from edgewright.targets.codegen.row_kernel import RowInput


def row_op(output, out_rows, reads, *, row_bytes=4, scratch=0) -> RowOp:
    """An op.

    Args:
        output: Name of its value.
        out_rows: Rows of it.
        reads: For each input (name, rows, window, stride, rows of padding above[, dilation]).
        row_bytes: Of every value.
        scratch: Scratch bytes.
    """
    views = tuple(
        RowInput(rows, row_bytes, window, stride, *(dilation or (1,)), pad_top=pad)
        for _, rows, window, stride, pad, *dilation in reads
    )
    return RowOp(
        node=f"{output}_node",
        part=0,
        inputs=tuple(name for name, *_ in reads),
        views=views,
        output=output,
        out_rows=out_rows,
        out_row_bytes=row_bytes,
        out_columns=1,
        scratch_bytes=scratch,
    )


def conv(output, source, rows, window, stride=1, pad=0, dilation=1, out_rows=None) -> RowOp:
    """A window over the rows of one value; the output has all rows that fit, padded below where asked."""
    fit = (rows + pad - dilation * (window - 1) - 1) // stride + 1
    return row_op(output, out_rows or max(1, fit), [(source, rows, window, stride, pad, dilation)])


def random_segment(seed: int) -> tuple[list[RowOp], dict[str, int], list[str]]:
    """Ops in topological order, rows of what is there before, and the values to complete."""
    rng = np.random.default_rng([3, seed])
    rows = {"x": int(rng.integers(3, 14))}
    ops: list[RowOp] = []
    fed = rng.random() < 0.5
    if fed:
        ops.append(row_op("x", rows["x"], []))
    names = ["x"]
    for i in range(int(rng.integers(1, 7))):
        source = str(rng.choice(names[-3:]))
        same = [n for n in names if rows[n] == rows[source] and n != source]
        if same and rng.random() < 0.4:
            other = str(rng.choice(same))
            made = row_op(f"v{i}", rows[source], [(v, rows[v], 1, 1, 0) for v in (source, other)])
        else:
            window, stride, dilation = (int(v) for v in rng.integers(1, [5, 4, 3]))
            pad = int(rng.integers(0, window * dilation))
            fit = max(1, (rows[source] + 2 * pad - dilation * (window - 1) - 1) // stride + 1)
            made = conv(f"v{i}", source, rows[source], window, stride, pad, dilation, out_rows=fit)
        ops.append(made)
        rows[made.output] = made.out_rows
        names.append(made.output)
    read = {v for op in ops for v in op.inputs}
    # Values that nobody reads are wanted as well, and sometimes others.
    wanted = [op.output for op in ops if op.output not in read or (op.output != "x" and rng.random() < 0.1)]
    last = ops[-1].output
    return ops, {} if fed else {"x": rows["x"]}, [last, *(v for v in wanted if v != last)]
