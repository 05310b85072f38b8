"""Bad input to the commands that work on models and builds: a code, an exit status, nothing left behind."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import onnx
import pytest

from tests.cli.runner import DIGITS, cli, cli_json, tree

BOARD = "mps2-an386"
MODEL = ("deploy", "build", "plan")
FOLDER = ("verify", "run", "bench", "flash")


@pytest.fixture
def files(tmp_path):
    """A folder with all sorts of wrong files."""
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "cut.onnx").write_bytes(DIGITS.read_bytes()[:9000])
    (tmp_path / "cut.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(40))
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "folder.onnx").mkdir()
    relu = onnx.helper.make_node("Relu", ["x"], ["y"])
    info = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 4]) for n in "xy"]
    graph = onnx.helper.make_graph([relu], "g", info[:1], info[1:])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "float.onnx")
    np.save(tmp_path / "shape.npy", np.zeros((1, 1, 9, 8), np.float32))
    np.save(tmp_path / "dtype.npy", np.zeros((1, 1, 8, 8), np.int32))
    np.save(tmp_path / "none.npy", np.zeros((0, 1, 8, 8), np.float32))
    np.savez(tmp_path / "name.npz", a=np.zeros((1, 1, 8, 8), np.int8), b=np.zeros(3, np.float32))
    (tmp_path / "size.bin").write_bytes(bytes(255))
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "array.csv").write_text("1,2,3")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work")
    return tmp_path


def refused(files, *arguments):
    """Run, check that it was quick, left no trace and printed no traceback; returns (status, code)."""
    before, begin = tree(files), time.monotonic()
    result = cli_json(*arguments)
    assert time.monotonic() - begin < 5
    assert tree(files) == before
    code = result.code
    assert result.err == "" and code != "EW-INTERNAL", result.out
    shown = cli(*arguments)
    assert shown.status == result.status
    assert shown.err.startswith(f"{code}  ") and "Traceback" not in shown.err
    return result.status, code


@pytest.mark.parametrize("command", MODEL)
@pytest.mark.parametrize(
    ("model", "status"),
    [
        *(("missing.onnx", 2), ("folder.onnx", 4), ("empty.onnx", 4), ("cut.onnx", 4)),
        *(("cut.tflite", 4), ("text.txt", 4), ("float.onnx", 4)),
    ],
)
def test_models(files, command, model, status):
    out = ("-o", files / "out") if command != "plan" else ()
    assert refused(files, command, files / model, "-b", BOARD, *out)[0] == status


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--board", "mps2-an38"), (2, "EW-BOARD-UNKNOWN")),
        (("--board", ""), (2, "EW-BOARD-UNKNOWN")),
        (("--board", "FILES/text.txt"), (2, None)),
        (("--ram", "0"), (2, "EW-SIZE-SYNTAX")),
        (("--ram", "-5"), (2, "EW-SIZE-SYNTAX")),
        (("--ram", "much"), (2, "EW-SIZE-SYNTAX")),
        (("--ram", "1.5K"), (2, "EW-SIZE-SYNTAX")),
        (("--flash", "K"), (2, "EW-SIZE-SYNTAX")),
        (("--ram", "2K"), (1, "EW-PLAN-MEMORY")),
        (("--schedule", "fast"), (2, "EW-USAGE")),
        (("--input", "columns"), (2, "EW-USAGE")),
        (("--patches", "3x3"), (2, "EW-PATCHES-SCHEDULE")),
        (("--slowdown", "0.9"), (2, "EW-SLOWDOWN-RANGE")),
        (("--slowdown", "nan"), (2, "EW-SLOWDOWN-RANGE")),
        (("--io", "float"), (2, "EW-USAGE")),
        (("--cases", "0"), (2, "EW-USAGE")),
        (("--cases", "many"), (2, "EW-USAGE")),
        (("--runs", "-1"), (2, "EW-USAGE")),
        (("--shape", "image"), (2, "EW-SHAPE-SYNTAX")),
        (("--shape", "nobody=1,2"), (2, None)),
        (("--inputs", "FILES/missing.npy"), (2, "EW-INPUT-FILE")),
        (("--inputs", "FILES/other"), (2, "EW-INPUT-KIND")),
        (("--inputs", "FILES/array.csv"), (2, "EW-INPUT-KIND")),
        (("--inputs", "FILES/shape.npy"), (2, "EW-INPUT-SHAPE")),
        (("--inputs", "FILES/dtype.npy"), (2, "EW-INPUT-DTYPE")),
        (("--inputs", "FILES/none.npy"), (2, None)),
        (("--inputs", "FILES/name.npz"), (2, "EW-INPUT-NAME")),
        (("--inputs", "FILES/size.bin"), (2, "EW-INPUT-SIZE")),
        (("--inputs", "FILES/cut.npz"), (2, "EW-INPUT-FILE")),
        (("--out", "FILES/other"), (2, "EW-OUT-EXISTS")),
        (("--out", "FILES/text.txt"), (2, "EW-OUT-EXISTS")),
        (("--out", "FILES/text.txt/below"), (2, "EW-OUT-WRITE")),
        (("--out", "/proc/nowhere/at/all"), (2, "EW-OUT-WRITE")),
    ],
)
def test_options_of_deploy(files, options, expected):
    arguments = {"--board": BOARD, "--out": str(files / "out")}
    arguments |= dict([tuple(o.replace("FILES", str(files)) for o in options)])
    flat = [text for pair in arguments.items() for text in pair]
    status, code = refused(files, "deploy", DIGITS, *flat)
    assert (status, expected[1] and code) == expected


@pytest.mark.parametrize("command", FOLDER)
def test_folders_that_are_no_builds(files, command):
    assert refused(files, command, files / "missing") == (2, "EW-BUILD-MISSING")
    assert refused(files, command, files / "other") == (2, "EW-BUILD-MISSING")
    assert refused(files, command, files / "text.txt")[0] == 2
    (files / "other" / "manifest.json").write_text('{"schema_version": 1')
    assert refused(files, command, files / "other") == (2, "EW-BUILD-MANIFEST")
    (files / "other" / "manifest.json").write_text("[]")
    assert refused(files, command, files / "other") == (2, "EW-BUILD-MANIFEST")


@pytest.mark.parametrize("command", ["verify", "run"])
@pytest.mark.parametrize(
    ("inputs", "code"),
    [("shape.npy", "EW-INPUT-SHAPE"), ("dtype.npy", "EW-INPUT-DTYPE"), ("missing.npy", "EW-INPUT-FILE")],
)
def test_inputs_of_a_build(files, built, command, inputs, code):
    assert refused(files, command, built, "--inputs", files / inputs) == (2, code)


@pytest.mark.parametrize("command", ["verify", "run", "bench"])
def test_ports(files, built, command):
    assert refused(files, command, built, "--port", "/dev/ttyNOBODY7") == (3, "EW-PORT-MISSING")
    status, _ = refused(files, command, built, "--port", files / "text.txt")
    assert status == 3


def test_outputs_of_run(files, built):
    assert refused(files, "run", built, "-o", files / "out.txt") == (2, "EW-OUT-KIND")
    assert refused(files, "run", built, "-o", files / "nowhere" / "out.npz") == (2, "EW-OUT-WRITE")


def test_ways_of_flashing(files, built, tmp_path):
    assert refused(files, "flash", built, "--runner", "magic") == (2, "EW-FLASH-RUNNER")
    copy = shutil.copytree(built, tmp_path / "copy")
    (copy / "firmware" / "firmware.elf").unlink()
    assert refused(files, "flash", copy, "--dry-run") == (2, "EW-FLASH-FIRMWARE")


def test_a_build_for_a_board_that_is_gone(files, built, tmp_path):
    copy = shutil.copytree(built, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"board": "sold-out"}))
    for command in FOLDER:
        assert refused(files, command, copy) == (2, "EW-BOARD-UNKNOWN")


def test_a_manifest_that_lacks_parts(files, built, tmp_path):
    """Whatever is taken out of the manifest, the commands say so, or do not need it."""
    copy = shutil.copytree(built, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    for key in manifest:
        reduced = {k: v for k, v in manifest.items() if k != key}
        (copy / "manifest.json").write_text(json.dumps(reduced))
        result = cli_json("bench", copy)
        assert result.status == 0 or result.code == "EW-BUILD-MANIFEST", key
