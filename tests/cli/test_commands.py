"""check, convert, boards: what they print, on the repository's example model and on damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from edgewright.cli import run
from edgewright.cli.options import parse_shapes
from edgewright.errors import UsageError
from edgewright.targets.board import list_boards
from tests.shared import shared_path

DIGITS = str(Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_int8.onnx")


def run_json(capsys, *arguments):
    status = run([*arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def float_model(path: Path) -> Path:
    node = onnx.helper.make_node("Relu", ["x"], ["y"], "relu")
    info = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 4]) for n in "xy"]
    graph = onnx.helper.make_graph([node], "g", info[:1], info[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)]), path)
    return path


def test_check_describes_the_model(capsys):
    assert run(["check", DIGITS]) == 0
    out = capsys.readouterr().out
    assert "0.12 MMAC" in out and "image 1x1x8x8 float32" in out and "can be deployed" in out
    status, document = run_json(capsys, "check", DIGITS)
    assert (status, document["problems"]) == (0, [])
    model = document["model"]
    assert (model["name"], model["macs"], model["source_format"]) == ("digits_int8", 117_248, "onnx")
    assert (model["ops"]["conv"], model["ops"]["dw"]) == (3, 2)
    assert len(model["sha256"]) == 64


def test_check_of_tflite(capsys):
    status, document = run_json(capsys, "check", str(shared_path("models/mlperf_tiny/kws_ref_model.tflite")))
    assert status == 0
    assert document["model"]["inputs"][0]["shape"] == [1, 49, 10, 1]
    assert round(document["model"]["macs"] / 1e6, 2) == 2.66


def test_check_refuses_a_float_model(capsys, tmp_path):
    model = float_model(tmp_path / "f.onnx")
    status, document = run_json(capsys, "check", str(model))
    assert (status, document["status"], document["model"]) == (4, "error", None)
    assert document["error"]["code"] == "EW-MODEL-FLOAT" == document["problems"][0]["code"]
    assert document["error"]["hint"]


def test_check_lists_every_problem(capsys, tmp_path):
    make = onnx.helper.make_node
    nodes = [
        make("QuantizeLinear", ["x", "scale", "zero"], ["xq"], "quantize"),
        make("DequantizeLinear", ["xq", "scale", "zero"], ["xd"], "dequantize"),
        make("Hardmax", ["xd"], ["a"], "first"),
        make("Hardmax", ["xd"], ["b"], "second"),
        make("Add", ["a", "b"], ["y"], "add"),
    ]
    info = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 4]) for n in "xy"]
    constants = [
        onnx.numpy_helper.from_array(np.float32(0.5), "scale"),
        onnx.numpy_helper.from_array(np.int8(0), "zero"),
    ]
    graph = onnx.helper.make_graph(nodes, "g", info[:1], info[1:], constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, tmp_path / "odd.onnx")
    assert run(["check", str(tmp_path / "odd.onnx")]) == 4
    captured = capsys.readouterr()
    assert [line.split()[:2] for line in captured.out.splitlines()[1:3]] == [
        ["first", "Hardmax"],
        ["second", "Hardmax"],
    ]
    assert captured.err.startswith("EW-OP-UNSUPPORTED  ")
    status, document = run_json(capsys, "check", str(tmp_path / "odd.onnx"))
    assert status == 4
    assert [p["node"] for p in document["problems"]][:2] == ["first", "second"]


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x0a\x12"])
def test_damaged_files_are_coded_errors(capsys, tmp_path, content):
    (tmp_path / "bad.onnx").write_bytes(content)
    status, document = run_json(capsys, "check", str(tmp_path / "bad.onnx"))
    assert status == 4
    assert document["error"]["code"] != "EW-INTERNAL"
    status, _ = run_json(capsys, "convert", str(tmp_path / "bad.onnx"), "-o", str(tmp_path / "out.onnx"))
    assert status == 4
    assert not (tmp_path / "out.onnx").exists()


def test_convert_writes_what_onnxruntime_runs(capsys, tmp_path):
    out = tmp_path / "out.onnx"
    status, document = run_json(capsys, "convert", DIGITS, "-o", str(out))
    assert (status, document["size_bytes"]) == (0, out.stat().st_size)
    image = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 1, 8, 8)
    sessions = [onnxruntime.InferenceSession(p, providers=["CPUExecutionProvider"]) for p in (DIGITS, out)]
    before, after = (s.run(None, {"image": image})[0] for s in sessions)
    np.testing.assert_array_equal(before, after)
    assert run(["convert", DIGITS, "-o", str(out)]) == 0
    assert f"wrote  {out}" in capsys.readouterr().out


def test_convert_does_not_overwrite_the_model(capsys, tmp_path):
    model = tmp_path / "m.onnx"
    model.write_bytes(Path(DIGITS).read_bytes())
    status, document = run_json(capsys, "convert", str(model), "-o", str(tmp_path / "." / "m.onnx"))
    assert (status, document["error"]["code"]) == (2, "EW-FILE-SAME")
    assert model.read_bytes() == Path(DIGITS).read_bytes()


def test_boards_list(capsys):
    status, document = run_json(capsys, "boards", "list")
    assert status == 0
    assert [b["id"] for b in document["boards"]] == [b.id for b in list_boards()]
    assert run(["boards", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(list_boards())
    assert lines[0].split()[0] == "board"


def test_boards_show(capsys):
    for board in list_boards():
        status, document = run_json(capsys, "boards", "show", board.id)
        assert status == 0
        assert document["board"]["memory"]["ram"]["size_bytes"] == board.memory.ram.size_bytes
        assert run(["boards", "show", board.id]) == 0
        assert board.title in capsys.readouterr().out


def test_boards_show_unknown(capsys):
    status, document = run_json(capsys, "boards", "show", "mps2-an38")
    assert (status, document["error"]["code"]) == (2, "EW-BOARD-UNKNOWN")
    assert "mps2-an386" in document["error"]["hint"]


def test_parse_shapes():
    assert parse_shapes(None) == {}
    assert parse_shapes(["x=1,2", "a=b=3x4"]) == {"x": (1, 2), "a=b": (3, 4)}


@pytest.mark.parametrize("text", ["x", "x=", "=1", "x=1,", "x=-1", "x=a", "x=1.5", "x=٣"])
def test_parse_shapes_refuses(text):
    with pytest.raises(UsageError) as caught:
        parse_shapes([text])
    assert caught.value.code == "EW-SHAPE-SYNTAX" and text in caught.value.message
