"""Building: a model file and a board become a build folder with library, firmware, reference and manifest.

The folder is made beside its destination and renamed when everything in it is complete, so that a
failure (over budget, a compiler error) leaves nothing and keeps an earlier build.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from edgewright.converter.importers import load_model
from edgewright.converter.lower import lower
from edgewright.converter.program import Port, Program
from edgewright.converter.program_file import save_program
from edgewright.converter.rewrites import Saving, rewrite_with_savings
from edgewright.converter.schedule import Wish, peak_text, plan_to_json
from edgewright.errors import UsageError, WorkError
from edgewright.targets.board import MONITOR_STATIC_BYTES, Board, is_given, load_board
from edgewright.targets.codegen.library import emit_library
from edgewright.targets.codegen.step_kernels import whole_kernel
from edgewright.targets.cpu import cpu_class
from edgewright.targets.plan_check import check_plan
from edgewright.targets.planning import Planned, plan_program
from edgewright.targets.sizes import check_budget
from edgewright.targets.stack import check_stack, firmware_stack, library_stack
from edgewright.targets.toolchain import FirmwareImage, build_firmware

MANIFEST = "manifest.json"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Budget:
    """Memory a build may take; None is all the board has.

    Args:
        ram_bytes: Limit of arena, stack and static data together.
        flash_bytes: Limit of the whole image.
    """

    ram_bytes: int | None = None
    flash_bytes: int | None = None


def load_program_of(
    model: Path,
    *,
    io: Literal["source", "int8"] = "source",
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Program:
    """Model file -> Program: import, lower to integers, rewrite."""
    return load_with_savings(model, io=io, shapes=shapes)[0]


def load_with_savings(
    model: Path,
    *,
    io: Literal["source", "int8"] = "source",
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> tuple[Program, tuple[Saving, ...]]:
    """The same, with what each rewrite saved."""
    return rewrite_with_savings(lower(load_model(model, shapes=shapes), io=io))


def build(
    planned: Planned,
    board: Board,
    out: Path,
    *,
    source: str,
    budget: Budget | None = None,
    progress: Progress | None = None,
    savings: Sequence[Saving] = (),
) -> dict[str, Any]:
    """Write a build folder and return its manifest.

    Args:
        planned: From `plan_program` for the same board.
        board: Target.
        out: Folder to write; an earlier build there is replaced, anything else is refused.
        source: File name of the model, for the report.
        budget: Memory limits below the board's.
        progress: Called with (what, done, total).
        savings: Of the rewrites, for the report.

    Raises:
        WorkError: EW-MEM-OVER, EW-FLASH-OVER (details: required, available and excess bytes),
            EW-TOOLCHAIN-*; EW-PLAN-OVERLAP (a bug of the planner).
        UsageError: EW-OUT-EXISTS.
        DeviceError: EW-TOOL-MISSING.
    """
    tell = progress or (lambda what, done, total: None)
    limits = budget or Budget()
    _check_arena(planned, board, limits)
    check_plan(planned.program, planned.plan, planned.kernels, planned.cpu)
    with atomic_folder(out) as folder:
        tell("kernels", 0, 4)
        library = folder / "library"
        _emit(planned, library)
        tell("firmware", 1, 4)
        image = _firmware(planned, library, board, folder / "firmware", limits)
        check_stack(firmware_stack(image, board), image.sizes.stack_bytes)
        objects = folder / "firmware" / "objects"
        stack_bytes = max(
            library_stack(image.library_objects, f"{planned.program.name}_{entry}", board, objects).bytes
            for entry in (("run",) if planned.plan.input_mode == "resident" else ("begin", "push_row"))
        )
        # The header states the bound, which only the compiler knows.
        _emit(planned, library, stack_bytes)
        manifest = _manifest(planned, board, image, stack_bytes, source)
        manifest["rewrites"] = [asdict(saving) for saving in savings]
        tell("emulator firmware", 2, 4)
        manifest |= _stand_in(planned, library, board, folder)
        tell("reference", 3, 4)
        save_program(planned.program, folder / "program")
        if is_given(board):
            # Later commands find the board by its id, wherever its file was.
            shutil.copyfile(board.path, folder / board.path.name)
        (folder / "plan.json").write_text(json.dumps(plan_to_json(planned.plan), indent=1))
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        for part in ("firmware", "emulator"):
            shutil.rmtree(folder / part / "objects", ignore_errors=True)
        tell("done", 4, 4)
    return manifest


@contextmanager
def atomic_folder(out: Path, manifest: str = MANIFEST) -> Iterator[Path]:
    """A new folder that takes the place of `out` on success and vanishes on failure.

    Args:
        out: An earlier build there is replaced, anything else refused.
        manifest: The file by which an earlier build is known.
    """
    if out.exists() and not (out.is_dir() and ((out / manifest).is_file() or not any(out.iterdir()))):
        raise UsageError(
            "EW-OUT-EXISTS", f"{out} exists and is no earlier build", "choose another folder with --out"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise UsageError("EW-OUT-WRITE", f"cannot write {out}: {error}") from error
    try:
        folder.chmod(0o755)
        yield folder
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _emit(planned: Planned, library: Path, stack_bytes: int | None = None) -> None:
    emit_library(
        planned.program, planned.plan, planned.kernels, planned.cpu, library, stack_bytes=stack_bytes
    )


def _check_arena(planned: Planned, board: Board, limits: Budget) -> None:
    """Refuse a hopeless arena at once; whatever is closer is linked, which tells the exact excess."""
    available = _ram_limit(board, limits)
    if planned.plan.arena_bytes > available:
        raise over_ram(planned, board, limits, planned.plan.arena_bytes + MONITOR_STATIC_BYTES, "at least ")


def _ram_limit(board: Board, limits: Budget) -> int:
    of_board = board.memory.ram.size_bytes
    return min(limits.ram_bytes or of_board, of_board)


def over_ram(planned: Planned, board: Board, limits: Budget, required: int, about: str = "") -> WorkError:
    """EW-MEM-OVER with the largest moment of the plan."""
    available = _ram_limit(board, limits)
    owner = board.id if available == board.memory.ram.size_bytes else "--ram"
    return WorkError(
        "EW-MEM-OVER",
        f"the firmware needs {about}{required:,} bytes of RAM, {planned.plan.arena_bytes:,} of them arena; "
        f"{owner} allows {available:,}, {required - available:,} too few\n"
        f"  largest moment: {peak_text(planned.plan)}",
        "a board with more RAM, or a smaller input: edgewright boards list",
        required_bytes=required,
        available_bytes=available,
        excess_bytes=required - available,
    )


def _firmware(planned: Planned, library: Path, board: Board, folder: Path, limits: Budget) -> FirmwareImage:
    """Link the firmware; where RAM is short it does without its own copy of the input."""
    error: WorkError | None = None
    resident = planned.plan.input_mode == "resident"
    for keep_input in (True, False) if len(planned.program.inputs) == 1 and resident else (True,):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            image = build_firmware(library, board, folder, keep_input=keep_input, ram_limit=limits.ram_bytes)
            check_budget(board, image.sizes, limits.ram_bytes, limits.flash_bytes)
        except WorkError as raised:
            if raised.code != "EW-MEM-OVER":
                raise
            error = raised
        else:
            return image
    assert error is not None
    raise over_ram(planned, board, limits, int(str(error.details["required_bytes"]))) from error


def _stand_in(planned: Planned, library: Path, board: Board, folder: Path) -> dict[str, Any]:
    """Firmware for the emulated board that stands in for one QEMU does not know."""
    if board.emulator is not None or board.emulator_board is None:
        return {}
    other = load_board(board.emulator_board)
    source = library
    if cpu_class(other.features, other.cpu) != planned.cpu:
        source = folder / "emulator" / "library"
        wish = Wish(schedule="layer", input="resident")
        if planned.plan.schedule != "layer" or planned.plan.input_mode == "rows":
            wish = Wish(input=planned.plan.input_mode, arena_bytes=planned.plan.arena_bytes)
        _emit(plan_program(planned.program, other, wish), source)
    build_firmware(source, other, folder / "emulator")
    return {"emulator": {"board": other.id, "elf": "emulator/firmware.elf"}}


def _manifest(
    planned: Planned, board: Board, image: FirmwareImage, stack_bytes: int, source: str
) -> dict[str, Any]:
    program = planned.program
    sizes = image.sizes
    layers = [_layer(planned, index) for index in range(len(planned.plan.steps))]
    return {
        "schema_version": 1,
        "model": {
            "name": program.name,
            "sha256": program.source_sha256,
            "macs": program.macs,
            "source": source,
        },
        "board": board.id,
        "cpu_class": planned.cpu.name,
        "inputs": [_port(program, p) for p in program.inputs],
        "outputs": [_port(program, p) for p in program.outputs],
        "layers": layers,
        "plan": plan_to_json(planned.plan),
        "memory": {
            "arena_bytes": planned.plan.arena_bytes,
            "arena_optimal": planned.plan.optimal,
            "stack_bytes": stack_bytes,
            "static_bytes": sizes.static_bytes,
            "code_bytes": sizes.code_bytes,
            "weights_bytes": sizes.weights_bytes,
            "ram_bytes": sizes.ram_bytes,
            "flash_bytes": sizes.flash_bytes,
            "firmware": {k: v for k, v in asdict(sizes).items() if k != "functions"},
        },
        "code": [{"function": name, "bytes": size} for name, size in sizes.functions],
        "firmware": {
            "elf": "firmware/firmware.elf",
            "bin": "firmware/firmware.bin",
            "keeps_input": image.keep_input,
        },
        "program": "program",
    }


def _layer(planned: Planned, index: int) -> dict[str, Any]:
    """A step of the plan: a layer that runs whole, or several that are streamed."""
    step, program = planned.plan.steps[index], planned.program
    y = program.values[step.nodes[-1].output]
    if step.streamed is None:
        kernel = whole_kernel(step, planned.kernels)
        kind, family, variant, why = step.nodes[0].op.kind, kernel.family, kernel.variant, kernel.reason
    else:
        kind, family, variant = step.schedule, "several", "several"
        strips = f", in {step.strips} column strips" if step.strips > 1 else ""
        why = f"{len(step.nodes)} operations row by row{strips}"
    return {
        "name": step.name,
        "kind": kind,
        "nodes": [n.name for n in step.nodes],
        "output_value": step.nodes[-1].output,
        "output_shape": list(y.shape),
        "dtype": y.dtype,
        "macs": round(step.macs),
        "estimated_cycles_planned": round(step.cycles),
        "kernel": family,
        "variant": variant,
        "why": why,
        "weights_bytes": sum(n.op.weights_bytes for n in step.nodes),
        "constant_bytes": step.constant_bytes,
    }


def _port(program: Program, port: Port) -> dict[str, Any]:
    t = program.values[port.value]
    return {
        "name": port.name,
        "value": port.value,
        "source_shape": list(port.source_shape),
        "axes": list(port.axes),
        "shape": list(t.shape),
        "dtype": t.dtype,
        "scale": t.scale,
        "zero_point": t.zero_point,
        "bytes": t.size_bytes,
    }
