"""Emission of the self-contained C library of a planned program.

`<name>.h`, `<name>.c` (kernels and schedule), `<name>_weights.c`, the micro-kernel headers used, and
`firmware_model.h`, which binds the firmware monitor to the model. C11, no malloc, no libc beyond
memcpy and memset.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgewright import __version__
from edgewright.converter.program import Port, Program
from edgewright.converter.schedule import Plan
from edgewright.targets.codegen.constants import C_TYPES, Constants
from edgewright.targets.codegen.firmware_binding import eembc_binding
from edgewright.targets.codegen.schedule_tables import Tables, build_tables
from edgewright.targets.cpu import MICRO_KERNELS, CpuClass
from edgewright.targets.forms import NodeKernels

TEMPLATES = Path(__file__).resolve().parent / "templates"


def emit_library(
    program: Program,
    plan: Plan,
    kernels: Mapping[str, NodeKernels],
    cpu: CpuClass,
    folder: Path,
    *,
    stack_bytes: int | None = None,
) -> None:
    """Write the library into `folder` (created; must not hold anything that is to be kept).

    Args:
        program: The program that was planned.
        plan: Steps and offsets.
        kernels: Kernels of all nodes, from `node_kernels` for the same CPU class.
        cpu: CPU class.
        folder: Where the files go.
        stack_bytes: Upper bound of the stack, stated in the header; known once it has been compiled.
    """
    constants = Constants(program.name)
    tables = build_tables(program, plan, kernels, cpu, constants)
    values = _values(program, plan, cpu, tables, constants) | {"stack_bytes": stack_bytes}
    folder.mkdir(parents=True, exist_ok=True)
    for template, file in (
        ("model.h.j2", f"{program.name}.h"),
        ("model.c.j2", f"{program.name}.c"),
        ("weights.c.j2", f"{program.name}_weights.c"),
        ("firmware_model.h.j2", "firmware_model.h"),
    ):
        (folder / file).write_text(render(template, values))
    copy_headers(tables.headers | {values["driver"]}, folder)


def _values(
    program: Program, plan: Plan, cpu: CpuClass, tables: Tables, constants: Constants
) -> dict[str, Any]:
    """What the templates show."""
    by_rows = plan.input_mode == "rows"
    streams = any(step["segment"] for step in tables.steps)
    first = program.values[program.inputs[0].value]
    return {
        "name": program.name,
        "NAME": program.name.upper(),
        "source": program.name,
        "sha256": program.source_sha256,
        "version": __version__,
        "cpu": cpu.name,
        "arena_bytes": plan.arena_bytes,
        "alignment": cpu.alignment,
        "schedule": {"layer": "layer by layer", "stream": "row by row", "patch": "in patches"}[plan.schedule],
        "by_rows": by_rows,
        "input_rows": first.shape[0],
        "input_row_bytes": first.row_bytes,
        "passes": plan.passes,
        "ops": tables.ops,
        "steps": tables.steps,
        "streams": streams,
        "driver": "ew_feed.h" if by_rows else "ew_stream.h" if streams else "ew_runtime.h",
        "inputs": _ports(program, plan, program.inputs),
        "outputs": _ports(program, plan, program.outputs),
        "headers": sorted(tables.headers),
        "kernels": list(tables.sources.values()),
        "weights": constants.weights,
        "tables": constants.tables,
        "max_rows": tables.max_rows,
        "eembc": eembc_binding(program),
    }


def render(template: str, values: Mapping[str, Any]) -> str:
    """Text of a template of this package."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(values)


def copy_headers(headers: set[str], folder: Path) -> None:
    """Copy micro-kernel headers, and those they include, into a library."""
    for header in _with_includes(headers):
        shutil.copyfile(MICRO_KERNELS / header, folder / header)


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
                # A pushed input is nowhere as a whole.
                "offset": plan.offsets.get(port.value, 0),
                "start": start,
                "comment": f"{t.dtype} {list(t.shape)} (rows, columns, channels){quantization}",
                "scale_e9": round(t.scale * 1e9),
                "zero_point": t.zero_point,
            }
        )
        start += t.size_bytes
    return result
