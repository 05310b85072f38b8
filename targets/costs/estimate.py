"""What a row kernel costs, estimated from its shape and the measured costs of a family of cores.

    cost of one call = sum over all work of count * coefficient

Work is what the kernel declares (`RowKernel.work`), or what is derived from its data, and what the driver
does for it.
"""

from __future__ import annotations

from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.costs.cost_table import cost_table
from edgewright.targets.costs.derived_work import bytes_work, derived_work

# What is charged for kernels of a kind that was never measured.
OTHER = "other"


def estimate_call_cycles(kernel: RowKernel, cycle_model: str) -> float:
    """Cycles of one call of a kernel, the driver's share included.

    Args:
        kernel: The kernel.
        cycle_model: Name of a cost table (`cost_model`); the unit is the table's.
    """
    table = cost_table(cycle_model)
    work = kernel.work
    if not work:
        work = derived_work(kernel)
        if not work.keys() <= table.coefficients.keys():
            work = bytes_work(kernel, OTHER)
    return table.cost(work) + table.cost(driver_work(kernel))


def estimate_kernel_cycles(kernel: RowKernel, cycle_model: str) -> float:
    """Cycles of a whole layer: the driver calls the kernel for every output row."""
    layer = cost_table(cycle_model).coefficients["layer"]
    return layer + kernel.out_rows * estimate_call_cycles(kernel, cycle_model)


def driver_cycles(kernel: RowKernel, cycle_model: str) -> float:
    """The driver's share of one call."""
    return cost_table(cycle_model).cost(driver_work(kernel))


def copy_cycles(size_bytes: int, cycle_model: str) -> float:
    """Cycles of a memcpy within the arena, word-aligned at both ends."""
    return cost_table(cycle_model).cost(copy_work(size_bytes))


def copy_work(size_bytes: int) -> dict[str, float]:
    """memcpy of the C library: blocks of 64 and 16 bytes, words, bytes."""
    blocks, rest = divmod(size_bytes, 64)
    return {
        "copy": 1,
        "copy_block": blocks,
        "copy_quarter": rest // 16,
        "copy_word": rest % 16 // 4,
        "copy_byte": rest % 4,
    }


def driver_work(kernel: RowKernel) -> dict[str, float]:
    """What the driver does for one call: find the rows of every input's window."""
    inputs = kernel.inputs
    return {"row": 1, "row_input": len(inputs), "row_window": sum(i.window for i in inputs)}
