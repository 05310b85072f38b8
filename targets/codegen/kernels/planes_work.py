"""How often the depthwise kernels on planes do each thing that has a cost (`RowKernel.work`)."""

from __future__ import annotations

from collections.abc import Sequence

from edgewright.targets.codegen.kernels.planes_passes import OutputRow
from edgewright.targets.codegen.kernels.planes_rows import Columns
from edgewright.targets.codegen.kernels.work import Work


def rows_work(view: Columns, windows: Sequence[OutputRow], channels: int) -> Work:
    """Output rows of all channels: words loaded, multiplications, results."""
    taps = [len(view.taps(c)) for c in range(view.columns)]
    words = sum(1 if w.pair else 2 for w in windows)
    return {
        "dw_planes_row": channels * len(windows),
        "dw_planes_word": channels * words * sum(1 for t in taps if t),
        "dw_planes_multiply": channels * words * sum(taps),
        "dw_planes_output": channels * len(windows) * view.outputs,
    }


def calls_work(channels: int, calls: int, passes: int, columns: int, carried: int = 0) -> Work:
    """What is around the rows.

    Args:
        channels: Of the layer.
        calls: Functions called for four channels.
        passes: How often the weights of a channel are loaded.
        columns: Columns of row pairs that are widened, for four channels.
        carried: Columns of row pairs that are copied or cleared, for four channels.
    """
    fours = channels // 4
    return {
        "dw_planes": 1,
        "dw_planes_four": fours,
        "dw_planes_call": fours * calls,
        "dw_planes_channel": channels * passes,
        "dw_planes_column": fours * columns,
        "dw_planes_carried": fours * carried,
    }


def straight_work(kernel: str, lines: Sequence[str], columns: int, fours: int) -> Work:
    """Kernels whose rows are straight code.

    Args:
        kernel: What the names begin with.
        lines: Instructions of a channel.
        columns: Columns of row pairs that are widened, for four channels.
        fours: Fours of channels.
    """
    loads = sum(line.startswith("ldr") for line in lines)
    return {
        kernel: 1,
        f"{kernel}_four": fours,
        f"{kernel}_column": fours * columns,
        f"{kernel}_load": 4 * fours * loads,
        f"{kernel}_other": 4 * fours * (len(lines) - loads),
    }
