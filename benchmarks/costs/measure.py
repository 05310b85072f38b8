"""Costs of a program's layers on an emulated board, each with the kernel that ran."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgewright.converter.program import Program
from edgewright.converter.schedule import Wish
from edgewright.converter.schedule.planner import UNLIMITED
from edgewright.converter.schedule.search import cheapest
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.transport import EmulatorTransport
from edgewright.runtime.inputs import case_bytes, random_cases
from edgewright.targets.board import Board, load_board
from edgewright.targets.codegen.library import emit_library
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.codegen.step_kernels import whole_kernel
from edgewright.targets.cpu import cpu_class
from edgewright.targets.forms import node_kernels
from edgewright.targets.planning import Planned, Planning
from edgewright.targets.toolchain import build_firmware

LAYERS = Wish(schedule="layer", input="resident")
# (core the code is made and timed for, board that runs it) by cost table. The Cortex-M3 board runs
# Armv6-M code too, and has the memory that the emulated Cortex-M0 board lacks.
FAMILIES = {
    "m0": ("cortex-m0", "mps2-an385"),
    "m0plus": ("cortex-m0plus", "mps2-an385"),
    "m3": ("cortex-m3", "mps2-an385"),
    "m4": ("cortex-m4", "mps2-an386"),
    "m7": ("cortex-m7", "mps2-an500"),
    "m55": ("cortex-m55", "mps3-an547"),
}


@dataclass(frozen=True)
class Layer:
    """A measured layer.

    Args:
        name: Of the node.
        group: What the report counts it under.
        kernel: What ran.
        cost: Estimated cycles, or instructions where the core has no timing table.
    """

    name: str
    group: str
    kernel: RowKernel
    cost: int


def board_of(model: str) -> Board:
    """The emulated board that stands for a family."""
    cpu, board = FAMILIES[model]
    return replace(load_board(board), cpu=cpu)


def measure_layers(program: Program, model: str, folder: Path, group: str = "") -> list[Layer]:
    """Build a program for a family of cores, run it with random inputs, and count every layer.

    Where layers have several kernels to choose from it is built and run once for each.

    Args:
        program: What to run.
        model: Name of a cost table.
        folder: For libraries and firmware.
        group: Of the layers.
    """
    board = board_of(model)
    cpu = cpu_class(board.features, board.cpu)
    kernels = node_kernels(program, cpu)
    found: list[Layer] = []
    for number in range(max((len(own.layer) for own in kernels.values()), default=0)):
        wanted = {name for name, own in kernels.items() if number < len(own.layer)}
        forced = {
            name: replace(own, layer=(own.layer[number if name in wanted else 0],))
            for name, own in kernels.items()
        }
        # Planned without costs: they are what is to be measured.
        planning = Planning(program, cpu, None, forced)
        layers = _run(planning, board, folder / str(number), group)
        found += [x for x in layers if x.name in wanted]
    return found


def _run(planning: Planning, board: Board, folder: Path, group: str) -> list[Layer]:
    program = planning.program
    planner = planning.planner("resident", LAYERS)
    path = cheapest(planner.edges, UNLIMITED)
    assert path is not None
    # Independent layers: a smaller arena is not worth the solver's time.
    planned = Planned(program, planning.cpu, planning.kernels, planner.place(path, solver_s=0.0))
    emit_library(program, planned.plan, planned.kernels, planned.cpu, folder / "library")
    image = build_firmware(folder / "library", board, folder / "firmware")
    inputs = case_bytes(program, random_cases(program, 3)[2])  # the first two are constant
    with Device(EmulatorTransport(board, image.elf, count=True)) as device:
        device.load(inputs)
        device.profile()
        assert device.counter is not None
        passages = [p for p in device.counter.take() if p.pair == "layer"]
    steps = planned.plan.steps
    costs = [p.instructions if p.cycles is None else p.cycles for p in passages]
    return [
        Layer(step.name, group, whole_kernel(step, planned.kernels), cost)
        for step, cost in zip(steps, costs, strict=True)
    ]
