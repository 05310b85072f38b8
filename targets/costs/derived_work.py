"""Work of kernels that declare none, from what else is known of them.

A kernel that is one call of a micro-kernel gets its geometry as constants, in the order of the C struct
(ew_pool.h, ew_mean.h): the loops over it are counted. Of TensorIR the loops of the script are counted. All
others are charged for the bytes they read and write. Names begin with the kind of the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from math import prod

from edgewright.targets.codegen.row_kernel import RowKernel

Work = dict[str, float]
LOOPS = re.compile(r"\b(?:T\.grid|range)\((\d[\d, ]*)\)")


def derived_work(kernel: RowKernel) -> Work:
    """Work of one call: of loops, the turns of the innermost ones and how often these begin."""
    if kernel.call in COUNTED:
        return COUNTED[kernel.call](kernel)
    kind = kernel_kind(kernel)
    loops = _loops(kernel.script)
    if not loops:
        return bytes_work(kernel, kind)
    return {
        kind: 1,
        f"{kind}_run": sum(prod(extents[:-1]) for extents in loops),
        f"{kind}_element": sum(prod(extents) for extents in loops),
    }


def kernel_kind(kernel: RowKernel) -> str:
    """Kind of a kernel, without its shape: "add_25x64" -> "add"."""
    return kernel.call.removeprefix("ew_") or re.sub(r"_\d[\dx_]*$", "", kernel.family)


def bytes_work(kernel: RowKernel, kind: str) -> Work:
    """Bytes in the windows of the inputs and bytes written."""
    return {
        kind: 1,
        f"{kind}_in": sum(i.window * i.row_bytes for i in kernel.inputs),
        f"{kind}_out": kernel.out_row_bytes,
    }


@lru_cache(maxsize=4096)  # planners ask for the same kernels again and again
def _loops(script: str) -> list[list[int]]:
    """Extents of the loops of TVMScript, one list for each nest; loops of one turn vanish."""
    return [[int(n) for n in found.split(",") if int(n) > 1] for found in LOOPS.findall(script)]


def _pool(kernel: RowKernel) -> Work:
    """struct ew_pool: columns, channels, out_columns, height, width, stride, pad_left, low, high."""
    name = kernel.call.removeprefix("ew_")
    columns, channels, out_columns, _, width, stride, left = kernel.constants[0].tolist()[:7]
    outputs = out_columns * channels
    work: Work = {name: 1, f"{name}_pixel": out_columns, f"{name}_output": outputs}
    if not name.endswith("_finish"):
        view = kernel.inputs[0]
        rows = _taps_inside(view.rows, kernel.out_rows, view.window, view.stride, view.pad_top)
        taps = _taps_inside(columns, out_columns, width, stride, left)
        work[f"{name}_row"] = outputs * rows / kernel.out_rows
        work[f"{name}_tap"] = taps * channels * rows / kernel.out_rows
    return work


def _taps_inside(size: int, out_size: int, window: int, stride: int, before: int) -> int:
    """Taps of all windows along one axis that lie inside the tensor, with so many before it."""
    inside = out_size * window
    for i in range(min(out_size, -(-before // stride))):
        inside -= min(window, before - i * stride)
    for i in range(max(0, (size + before - window) // stride + 1), out_size):
        inside -= min(window, i * stride - before + window - size)
    return inside


def _mean(kernel: RowKernel) -> Work:
    """struct ew_mean_geometry: (count, stride) of three kept axes, then of three summed ones."""
    name = kernel.call.removeprefix("ew_")
    axes = kernel.constants[0].tolist()[:12:2]
    outputs = axes[0] * axes[1] * axes[2]
    work: Work = {name: 1, f"{name}_output": outputs}
    if not name.endswith("_finish"):
        work[f"{name}_run"] = outputs * axes[3] * axes[4]
        work[f"{name}_element"] = outputs * axes[3] * axes[4] * axes[5]
    return work


def _softmax(kernel: RowKernel) -> Work:
    """Elements so far below the largest that their exponential is not in the table are skipped."""
    pixels, channels, count = (int(kernel.arguments[i]) for i in (2, 3, 5))
    elements = pixels * channels
    return {
        "softmax": 1,
        "softmax_pixel": pixels,
        "softmax_element": elements,
        "softmax_exponential": elements * count / 256,
    }


COUNTED: dict[str, Callable[[RowKernel], Work]] = {
    "ew_average_pool": _pool,
    "ew_average_pool_add": _pool,
    "ew_average_pool_fours": _pool,
    "ew_average_pool_fours_add": _pool,
    "ew_average_pool_fours_finish": _pool,
    "ew_average_pool_finish": _pool,
    "ew_max_pool": _pool,
    "ew_max_pool_fours": _pool,
    "ew_mean": _mean,
    "ew_mean_add": _mean,
    "ew_mean_fours": _mean,
    "ew_mean_fours_add": _mean,
    "ew_mean_finish": _mean,
    "ew_softmax": _softmax,
}
