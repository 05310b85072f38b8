"""The work of the benchmark, in functions that run in worker processes: arguments and results are plain data.

`make_reference` computes a model's outputs once, with golden and with LiteRT; `run_on_board` then builds the
model for one board within an arena, as `edgewright build --ram` does, runs these inputs there and compares.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import numpy as np

from edgewright.converter.program import Array, Program
from edgewright.converter.schedule import Wish
from edgewright.errors import EdgewrightError
from edgewright.runtime.build_folder import BuildFolder, open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.infer import infer_cases
from edgewright.runtime.inputs import Case, load_cases, random_cases
from edgewright.runtime.measure import bench
from edgewright.targets.board import load_board
from edgewright.targets.build import load_program_of
from edgewright.targets.fitting import build_for_board

DEPLOY_TIMEOUT_S = 600.0
Result = dict[str, Any]


def stay_on_one_core(cores: SimpleQueue[int]) -> None:
    """Keep this process and the emulators it starts on a core from the queue, if one is left.

    QEMU hands every byte of the serial line from one of its threads to another; on the same core that takes
    half the time.
    """
    if not cores.empty():
        os.sched_setaffinity(0, {cores.get()})


def make_reference(model: Path, inputs: Path | None, count: int, out: Path) -> Result:
    """Inputs and what golden and LiteRT's reference kernels make of them, as arrays [cases, ...] in `out`.

    Args:
        model: The .tflite file, with one input and one output.
        inputs: An .npz with inputs and `labels`; None takes seeded random inputs.
        count: Number of cases.
        out: The .npz to write.
    """
    program = load_program_of(model)
    cases = load_cases(program, inputs, limit=count) if inputs else random_cases(program, count)
    port, result = program.inputs[0], program.outputs[0]
    arrays = {
        "inputs": np.stack([case[port.name] for case in cases]),
        "golden": np.stack([program.run(case)[result.name] for case in cases]),
        "litert": litert_outputs(model, [case[port.name] for case in cases]),
    }
    if inputs:
        with np.load(inputs, allow_pickle=False) as file:
            arrays["labels"] = file["labels"][:count]
    np.savez(out, **arrays)  # type: ignore[arg-type]
    return {"inputs": len(cases), "golden_equals_litert": _equal_cases(arrays["golden"], arrays["litert"])}


def litert_outputs(model: Path, inputs: list[Array]) -> Array:
    """Outputs of LiteRT's BUILTIN_REF kernels, [cases, ...]."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(model), experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for x in inputs:
        interpreter.set_tensor(source["index"], x)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(result["index"]))
    return np.stack(outputs)


def run_on_board(
    model: Path, board_id: str, reference: Path, folder: Path, arena_bytes: int | None = None
) -> Result:
    """Build a model for a board, run the reference's inputs on it, compare, and measure one inference.

    Args:
        model: The .tflite file.
        board_id: Of an emulated board.
        reference: From `make_reference`.
        folder: The build folder to write.
        arena_bytes: Largest arena of the plan; None takes what the board has.

    Returns:
        `inputs`, `equal_golden`, `equal_litert` (cases with every output equal), `top1` and `top1_litert`
        (with labels), memory figures, instructions and estimated cycles; or `error`, the coded error's
        fields, where a stage failed.
    """
    begin = time.monotonic()
    result: Result = {"board": board_id}
    try:
        board = load_board(board_id)
        program = load_program_of(model)
        wish = Wish(arena_bytes=arena_bytes)
        build_for_board(program, board, folder, source=model.name, wish=wish)
        opened = open_build(folder)
        with np.load(reference) as arrays:
            result |= _compare(opened, program, dict(arrays))
        result |= _cost(opened, program)
    except EdgewrightError as error:
        result["error"] = {"code": error.code, "message": error.message, **error.details}
    return result | {"seconds": round(time.monotonic() - begin, 1)}


def _compare(opened: BuildFolder, program: Program, reference: dict[str, Array]) -> Result:
    cases: list[Case] = [{program.inputs[0].name: x} for x in reference["inputs"]]
    with open_device(opened) as device:
        outputs = infer_cases(program, cases, device)[program.outputs[0].name]
        memory = device.memory()
    result: Result = {
        "inputs": len(cases),
        "equal_golden": _equal_cases(outputs, reference["golden"]),
        "equal_litert": _equal_cases(outputs, reference["litert"]),
        "arena_used_bytes": memory.arena_used_bytes,
        "stack_used_bytes": memory.run_stack_used_bytes,
    }
    if "labels" in reference:
        result["top1"] = _top1(outputs, reference["labels"])
        result["top1_litert"] = _top1(reference["litert"], reference["labels"])
    return result


def _cost(opened: BuildFolder, program: Program) -> Result:
    with open_device(opened, count=True) as device:
        latency = bench(opened, device, program=program)
    keys = ("arena_bytes", "stack_bytes", "static_bytes", "code_bytes", "weights_bytes", "flash_bytes")
    return {
        **{key: opened.manifest["memory"][key] for key in keys},
        "instructions": latency.instructions,
        "estimated_cycles": latency.estimated_cycles,
        "cycle_model": latency.cycle_model,
    }


def _equal_cases(a: Array, b: Array) -> int:
    """Number of cases in which every element is equal."""
    count = len(a)
    return int((a.reshape(count, -1) == b.reshape(count, -1)).all(axis=1).sum())


def _top1(outputs: Array, labels: Array) -> int:
    """Number of cases whose largest output (the first of equals) is the label."""
    return int((outputs.reshape(len(outputs), -1).argmax(axis=1) == labels).sum())


def deploy_seconds(model: Path, board_id: str, folder: Path) -> Result:
    """Wall time of `edgewright deploy` in a process of its own, everything it imports included."""
    command = [
        sys.executable,
        "-m",
        "edgewright",
        "deploy",
        str(model),
        "--board",
        board_id,
        "-o",
        str(folder),
    ]
    begin = time.monotonic()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=DEPLOY_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return {"error": {"code": "EW-BENCH-TIMEOUT", "message": f"not done in {DEPLOY_TIMEOUT_S:g} s"}}
    seconds = time.monotonic() - begin
    if done.returncode != 0:
        return {"error": {"code": "EW-BENCH-DEPLOY", "message": done.stderr.strip()[-500:]}}
    return {"seconds": round(seconds, 1)}
