"""Running a model with one setting on an emulated board, in a worker process: plain data in and out."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.costs.measure import board_of
from benchmarks.speed.limits import Setting
from edgewright.converter.program import Program
from edgewright.converter.schedule import Wish
from edgewright.converter.schedule.flash_price import FlashLimit
from edgewright.errors import EdgewrightError
from edgewright.runtime.command_link import Timeouts
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.transport import EmulatorTransport
from edgewright.runtime.emulator.cycle_counter import Passage
from edgewright.runtime.infer import infer_cases
from edgewright.runtime.inputs import case_bytes, random_cases
from edgewright.targets.board import Board
from edgewright.targets.build import load_program_of
from edgewright.targets.codegen.library import emit_library
from edgewright.targets.codegen.step_kernels import whole_kernel
from edgewright.targets.planning import Planned, planning_for_board
from edgewright.targets.toolchain import build_firmware

# Part of the weights that the planner cannot see: small tables of the smallest plan count as code, not as
# weights, once they are linked.
UNSEEN = 0.02
PATIENCE = Timeouts(line_s=60.0, load_s=120.0, run_s=600.0)
Result = dict[str, Any]


def run_model(model: Path, setting: Setting, inputs: int) -> Result:
    """Plan, build and run a model, compare every output with golden and count.

    Returns:
        `equal` of `inputs`, `macs` (of the rewritten program), `cycles`, `instructions`,
        `model_weights_bytes`, `weights_bytes` (all constants of layers), `code_bytes`, `arena_bytes`,
        `layers`; or `error`.
    """
    begin = time.monotonic()
    result: Result = {"setting": setting.name}
    try:
        result |= _run(model, setting, inputs)
    except EdgewrightError as error:
        result["error"] = {"code": error.code, "message": error.message}
    return result | {"seconds": round(time.monotonic() - begin, 1)}


def _run(model: Path, setting: Setting, inputs: int) -> Result:
    board, program = board_of(setting.core), load_program_of(model)
    planned = plan_setting(program, board, setting)
    cases = random_cases(program, inputs)
    with tempfile.TemporaryDirectory(prefix="edgewright-speed-") as name:
        folder = Path(name)
        emit_library(program, planned.plan, planned.kernels, planned.cpu, folder / "library")
        image = build_firmware(folder / "library", board, folder / "firmware")
        with Device(EmulatorTransport(board, image.elf, count=True), PATIENCE) as device:
            outputs = infer_cases(program, cases, device)
            counter = device.counter
            assert counter is not None
            counter.take()
            device.load(case_bytes(program, cases[2]))  # the first two are constant
            device.bench()
            (whole,) = [p for p in counter.take() if p.pair == "run"]
            device.load(case_bytes(program, cases[2]))
            device.profile()
            passages = [p for p in counter.take() if p.pair == "layer"]
    golden = [program.run(case) for case in cases]
    equal = sum(
        all((outputs[p.name][i] == golden[i][p.name]).all() for p in program.outputs)
        for i in range(len(cases))
    )
    return {
        "inputs": len(cases),
        "equal": equal,
        "macs": program.macs,
        "cycles": whole.cycles,
        "instructions": whole.instructions,
        "model_weights_bytes": _weights(program),
        "weights_bytes": image.sizes.weights_bytes,
        "code_bytes": image.sizes.code_bytes,
        "arena_bytes": planned.plan.arena_bytes,
        "estimated_cycles": round(planned.plan.cycles),
        "layers": _layers(planned, passages),
    }


def _weights(program: Program) -> int:
    """Weights of the program, a byte each, without biases."""
    return sum(int(n.op.weights.size) for n in program.nodes if hasattr(n.op, "weights"))


def plan_setting(program: Program, board: Board, setting: Setting) -> Planned:
    """The plan without a limit of RAM."""
    planning = planning_for_board(program, board)
    wish = Wish(schedule="layer", input="resident", optimize=setting.optimize)  # type: ignore[arg-type]
    if setting.flash_share is not None:
        least = planning.plan(replace(wish, optimize="size")).plan.constant_bytes
        wish = replace(wish, flash=FlashLimit(constant_bytes=int(least * (setting.flash_share - UNSEEN))))
    return planning.plan(wish)


def _layers(planned: Planned, passages: list[Passage]) -> list[Result]:
    return [
        {
            "name": step.name,
            "kind": step.nodes[0].op.kind,
            "kernel": whole_kernel(step, planned.kernels).variant,
            "macs": round(step.macs),
            "cycles": p.cycles,
            "instructions": p.instructions,
            "estimated": round(step.cycles),
            "constant_bytes": step.constant_bytes,
        }
        for step, p in zip(planned.plan.steps, passages, strict=True)
    ]
