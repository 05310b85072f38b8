"""Emission of the self-contained C library of a planned program.

`<name>.h`, `<name>.c` (kernels and schedule), `<name>_weights.c`, the micro-kernel headers used, and
`firmware_model.h`, which binds the firmware monitor to the model. C11, no malloc, no libc beyond
memcpy and memset.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgewright import __version__
from edgewright.converter.program import Array, Node, Port, Program, TensorType
from edgewright.converter.schedule import Plan
from edgewright.errors import WorkError
from edgewright.targets.codegen.firmware_binding import eembc_binding
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.codegen.tir import kernel_source
from edgewright.targets.cpu import MICRO_KERNELS, CpuClass

TEMPLATES = Path(__file__).resolve().parent / "templates"
C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t", "float32": "float"}
# Constants up to this size are geometry of a kernel, not weights.
GEOMETRY_BYTES = 64


@dataclass(frozen=True)
class KernelTask:
    """A node that runs on the device, with its kernel (reshapes move no data and have none)."""

    node: Node
    kernel: RowKernel


def view_types(node: Node, program: Program) -> tuple[TensorType, ...]:
    """Types of a node's inputs as its kernel sees them in a layer schedule.

    Pixelwise ops see the whole tensor as one row, so that pixel tiles do not end at every row.
    """
    types = tuple(program.values[i] for i in node.inputs)
    if not node.op.pixelwise or any(t.shape != types[0].shape for t in types[1:]):
        return types

    def flat(t: TensorType) -> TensorType:
        return replace(t, shape=(1, t.shape[0] * t.shape[1], t.shape[2]))

    return tuple(flat(t) for t in types)


def kernel_tasks(program: Program, cpu: CpuClass) -> list[KernelTask]:
    """Row kernels of all nodes that move or compute data."""
    return [
        KernelTask(n, n.op.row_kernel(cpu, *view_types(n, program)))
        for n in program.nodes
        if n.op.kind != "reshape"
    ]


class _Constants:
    """Named constant arrays; equal arrays are stored once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[tuple[str, bytes], str] = {}
        self.weights: list[dict[str, Any]] = []
        self.tables: list[dict[str, Any]] = []

    def symbol(self, array: Array, *, weights: bool) -> str:
        key = (str(array.dtype), array.tobytes())
        if key not in self._known:
            target, letter = (self.weights, "w") if weights else (self.tables, "t")
            symbol = f"{self._name}_{letter}{len(target)}"
            self._known[key] = symbol
            target.append(
                {
                    "symbol": symbol,
                    "ctype": C_TYPES[str(array.dtype)],
                    "count": array.size,
                    "text": _literal(array),
                }
            )
        return self._known[key]


def _literal(array: Array) -> str:
    if array.dtype.kind == "f":
        return ",".join(f"{float(v).hex()}f" for v in array.ravel())
    values = (str(v) if v != -(2**31) else "(-2147483647 - 1)" for v in array.ravel().tolist())
    return ",".join(values)


def emit_library(
    program: Program,
    plan: Plan,
    tasks: list[KernelTask],
    cpu: CpuClass,
    folder: Path,
    *,
    stack_bytes: int | None = None,
) -> None:
    """Write the library into `folder` (created; must not hold anything that is to be kept).

    Args:
        program: The program that was planned.
        plan: Order and arena offsets.
        tasks: Kernels, in any order.
        cpu: CPU class the kernels were made for.
        folder: Destination.
        stack_bytes: Computed stack bound of `<name>_run`, once it is known.
    """
    kernels = {t.node.name: t.kernel for t in tasks}
    constants = _Constants(program.name)
    sources: dict[str, str] = {}
    layers = []
    for node in plan.order:
        if node.name in kernels:
            symbol, text = kernel_source(kernels[node.name])
            sources.setdefault(symbol, text)
            layers.append(_layer(program, plan, node, kernels[node.name], symbol, constants, cpu))
    used = {h for t in tasks for h in t.kernel.headers}
    values = {
        "name": program.name,
        "NAME": program.name.upper(),
        "source": program.name,
        "sha256": program.source_sha256,
        "version": __version__,
        "cpu": cpu.name,
        "arena_bytes": plan.arena_bytes,
        "alignment": cpu.alignment,
        "stack_bytes": stack_bytes,
        "layers": layers,
        "inputs": _ports(program, plan, program.inputs),
        "outputs": _ports(program, plan, program.outputs),
        "headers": sorted(used),
        "kernels": list(sources.values()),
        "weights": constants.weights,
        "tables": constants.tables,
        "max_rows": max((sum(i.window for i in t.kernel.inputs) for t in tasks), default=1),
        "eembc": eembc_binding(program),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for template, file in (
        ("model.h.j2", f"{program.name}.h"),
        ("model.c.j2", f"{program.name}.c"),
        ("weights.c.j2", f"{program.name}_weights.c"),
        ("firmware_model.h.j2", "firmware_model.h"),
    ):
        (folder / file).write_text(_render(template, values))
    for header in _with_includes(used | {"ew_runtime.h"}):
        shutil.copyfile(MICRO_KERNELS / header, folder / header)


def _render(template: str, values: Mapping[str, Any]) -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(values)


def _with_includes(headers: set[str]) -> set[str]:
    """The headers and those they include."""
    found: set[str] = set()
    waiting = list(headers)
    while waiting:
        header = waiting.pop()
        if header not in found:
            found.add(header)
            waiting += re.findall(r'#include "(ew_\w+\.h)"', (MICRO_KERNELS / header).read_text())
    return found


def _layer(
    program: Program,
    plan: Plan,
    node: Node,
    kernel: RowKernel,
    symbol: str,
    constants: _Constants,
    cpu: CpuClass,
) -> dict[str, Any]:
    offsets = plan.offsets
    has_weights = node.op.weights_bytes > 0
    names = [constants.symbol(c, weights=has_weights and c.nbytes > GEOMETRY_BYTES) for c in kernel.constants]
    inputs = []
    for value, view in zip(node.inputs, kernel.inputs, strict=True):
        constant, offset = "0", offsets.get(value, 0)
        if value in program.constants:
            constant = constants.symbol(program.constants[value], weights=True)
        padding = "0"
        if view.pad_value is not None and _reaches_outside(view, kernel.out_rows):
            row = np.full(view.row_bytes, view.pad_value, np.int8)
            padding = constants.symbol(row, weights=False)
        inputs.append(
            (
                *(constant, offset, view.row_bytes, padding, view.pad_top),
                *(view.rows, view.window, view.stride, view.dilation),
            )
        )
    limits = [kernel.out_rows, *(v for i in kernel.inputs for v in (i.rows, i.window, i.stride))]
    if max(limits) > 0xFFFF:
        raise WorkError(
            "EW-CODEGEN-SIZE", f"node {node.name} has {max(limits)} rows; the driver counts to 65535"
        )
    scratch = plan.scratch_offset(node.name)
    return {
        "symbol": symbol,
        "title": _comment(f"{node.name} ({node.op.kind})"),
        "constants": names,
        "inputs": inputs,
        "out": offsets[node.output],
        "out_bytes": program.values[node.output].size_bytes,
        "out_row_bytes": kernel.out_row_bytes,
        "scratch": scratch or 0,
        "out_rows": kernel.out_rows,
    }


def _comment(text: str) -> str:
    """A name of the model as it may stand in a C comment: models are not trusted."""
    return re.sub(r"[^\w./:;() -]", "_", text, flags=re.ASCII)[:100]


def _reaches_outside(view: RowInput, out_rows: int) -> bool:
    last = (out_rows - 1) * view.stride - view.pad_top + (view.window - 1) * view.dilation
    return view.pad_top > 0 or last >= view.rows


def _ports(program: Program, plan: Plan, ports: tuple[Port, ...]) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []
    start = 0
    for index, port in enumerate(ports):
        t = program.values[port.value]
        quantization = f", scale {t.scale:.8g}, zero point {t.zero_point}" if t.quantization else ""
        result.append(
            {
                "name": port.name,
                "suffix": "" if len(ports) == 1 else f"_{index}",
                "bytes": t.size_bytes,
                "elements": t.elements,
                "dtype": t.dtype,
                "ctype": C_TYPES[t.dtype],
                "offset": plan.offsets[port.value],
                "start": start,
                "comment": f"{t.dtype} {list(t.shape)} (rows, columns, channels){quantization}",
                "scale_e9": round(t.scale * 1e9),
                "zero_point": t.zero_point,
            }
        )
        start += t.size_bytes
    return result
