"""The work of the quantization benchmark: the command in a process of its own, models on samples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgewright.converter.importers import load_model
from edgewright.converter.program import Array
from edgewright.errors import EdgewrightError, WorkError
from edgewright.quantize.accuracy.metrics import cosine
from edgewright.quantize.calibrate.running import Runner
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.infer import infer_cases
from edgewright.targets.board import load_board
from edgewright.targets.build import build, load_program_of, plan_program

Result = dict[str, Any]

KWS_MODEL, KWS_INPUTS = "kws_f.onnx", "kws01_first500.npz"
# Of the int8 inputs: x = (raw - zero point) * scale.
KWS_SCALE, KWS_ZERO_POINT = 0.5847029, 83
KWS_CALIBRATION = 100
FORMATS = ("int8", "int4")
LARGE_MODEL = "mbv2_w1.0_r224.onnx"
LARGE_SAMPLES = 20
CALIBRATION, COMPARED = 50, 100


@dataclass(frozen=True)
class CosineModel:
    """A float model and what its inputs look like.

    Args:
        key: The task's short name.
        file: The .onnx file.
        make: A random input of a shape, float32.
    """

    key: str
    file: str
    make: Callable[[np.random.Generator, tuple[int, ...]], Array]


def image(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A picture (1, H, W, 3) of coloured patches with noise, 0 .. 255."""
    side = shape[1] // 4
    patches = rng.uniform(0, 255, (1, 4, 4, shape[3])).repeat(side, axis=1).repeat(side, axis=2)
    return np.asarray(np.clip(patches + rng.normal(0, 20, shape), 0, 255), np.float32)


def unit_image(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """The same, 0 .. 1."""
    return image(rng, shape) / np.float32(255)


def spectrum(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Logarithms of energies in 128 bands at 5 moments, in dB: smooth over both, with noise."""
    bands = np.cumsum(rng.normal(0, 1.5, 128)) - 15
    return np.asarray((bands + rng.normal(0, 3, (5, 128))).reshape(shape), np.float32)


COSINE_MODELS = (
    CosineModel("IC", "ic_f.onnx", image),
    CosineModel("VWW", "vww_f.onnx", unit_image),
    CosineModel("AD", "ad_f.onnx", spectrum),
)


def command(*arguments: object) -> Result:
    """`edgewright quantize ... --json`: its document, with wall time and peak memory of the process.

    Raises:
        WorkError: EW-BENCH-QUANTIZE with what the command says.
    """
    line = [sys.executable, "-m", "edgewright", "quantize", *map(str, arguments), "--json"]
    begin = time.monotonic()
    with subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begin
    document: Result = json.loads(text) if text else {}
    if process.returncode != 0:
        raise WorkError("EW-BENCH-QUANTIZE", f"edgewright quantize failed: {document.get('error')}")
    kept = ("samples", "weights_bytes", "int8_weights_bytes", "settings")
    return {
        "seconds": round(seconds, 2),
        "peak_bytes": usage.ru_maxrss * 1024,
        **{key: document[key] for key in kept},
    }


def measure_large(model: Path, folder: Path) -> Result:
    """MobileNetV2 at 224 x 224 with 20 samples."""
    data = folder / "large.npy"
    rng = np.random.default_rng(0)
    np.save(data, rng.uniform(-1, 1, (LARGE_SAMPLES, 3, 224, 224)).astype(np.float32))
    return command(model, "--calibrate", data, "-o", folder / "large.onnx")


def quantize_kws(model: Path, inputs: Path, form: str, folder: Path) -> Result:
    """Keyword spotting from the first 100 inputs; writes kws-FORM.onnx."""
    spec, data = folder / "kws.toml", folder / "kws_calibration.npy"
    spec.write_text(f"[values]\nscale = {KWS_SCALE}\nzero_point = {KWS_ZERO_POINT}\n")
    with np.load(inputs, allow_pickle=False) as file:
        np.save(data, file["inputs"][:KWS_CALIBRATION])
    out = folder / f"kws-{form}.onnx"
    return command(model, "--calibrate", data, "--preprocess", spec, "--weights", form, "-o", out)


def kws_samples(inputs: Path, count: int) -> tuple[list[Array], Array]:
    """Inputs that were not used for the calibration, float32, and their labels."""
    with np.load(inputs, allow_pickle=False) as file:
        raw, labels = file["inputs"][KWS_CALIBRATION:], file["labels"][KWS_CALIBRATION:]
    real = (raw[:count].astype(np.float32) - KWS_ZERO_POINT) * np.float32(KWS_SCALE)
    return list(real.reshape(-1, 1, 49, 10, 1)), labels[:count]


def float_top1(model: Path, inputs: Path, count: int) -> Result:
    """Top-1 of the float model."""
    samples, labels = kws_samples(inputs, count)
    graph = load_model(model).model
    runner, name = Runner(graph), graph.graph.inputs[0].name or ""
    outputs = np.stack([next(iter(runner.run({name: x}).values())) for x in samples])
    return {"top1": top1(outputs, labels), "inputs": len(samples)}


def run_kws(inputs: Path, form: str, count: int, folder: Path, board_id: str) -> Result:
    """Build kws-FORM.onnx for a board and run every input on its emulator.

    Returns:
        `top1_reference` (the program's arithmetic on this machine); `top1`, `equal_golden` and sizes of the
        device, or `error` with the fields of the coded error.
    """
    path, out = folder / f"kws-{form}.onnx", folder / f"kws-{form}"
    program, board = load_program_of(path), load_board(board_id)
    samples, labels = kws_samples(inputs, count)
    cases = [{program.inputs[0].name: x} for x in samples]
    name = program.outputs[0].name
    golden = np.stack([program.run(case)[name] for case in cases])
    reference = {"top1_reference": top1(golden, labels), "inputs": len(cases)}
    try:
        build(plan_program(program, board), board, out, source=path.name)
        opened = open_build(out)
        with open_device(opened) as device:
            outputs = infer_cases(program, cases, device)[name]
    except EdgewrightError as error:
        return reference | {"error": {"code": error.code, "message": error.message}}
    equal = int(sum(np.array_equal(a, b) for a, b in zip(outputs, golden, strict=True)))
    memory = opened.manifest["memory"]
    return reference | {
        "top1": top1(outputs, labels),
        "equal_golden": equal,
        "device_weights_bytes": memory["weights_bytes"],
        "flash_bytes": memory["flash_bytes"],
    }


def measure_cosine(model: CosineModel, path: Path, folder: Path) -> Result:
    """Mean cosine of the quantized model's outputs to the float model's, on samples of their own."""
    source = load_model(path).model
    value = source.graph.inputs[0]
    assert value.shape is not None
    shape = tuple(int(n) for n in value.shape.numpy())
    rng = np.random.default_rng(0)
    samples = [model.make(rng, shape) for _ in range(CALIBRATION + COMPARED)]
    data, out = folder / f"{model.key}.npy", folder / f"{model.key}.onnx"
    np.save(data, np.concatenate(samples[:CALIBRATION]))
    result = command(path, "--calibrate", data, "-o", out)
    runners = [Runner(source), Runner(load_model(out).model)]
    cosines = []
    for x in samples[CALIBRATION:]:
        wanted, found = (next(iter(r.run({value.name or "": x}).values())) for r in runners)
        cosines.append(cosine(found, wanted))
    return result | {"cosine": float(np.mean(cosines)), "smallest_cosine": min(cosines), "inputs": COMPARED}


def top1(outputs: Array, labels: Array) -> float:
    """Part of the cases whose largest output (the first of equals) is the label."""
    return float((outputs.reshape(len(outputs), -1).argmax(axis=1) == labels).mean())
