"""A saved program comes back equal; anything else in the files is a coded error."""

from __future__ import annotations

import dataclasses
import json
import zipfile

import numpy as np
import pytest

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binarize import Binarize
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.float_op import FloatOp
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.mean_magnitude import MeanMagnitude
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.quantize import Dequantize, Quantize
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.resize_nearest import ResizeNearest, nearest_indices
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.softmax import OUTPUT, Softmax
from edgewright.converter.ops.tables import tanh
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Node, Port, Program, Quantization, TensorType
from edgewright.converter.program_file import load_program, save_program
from edgewright.converter.program_json import OP_KINDS
from edgewright.errors import ModelError
from tests.targets.codegen.float_cases import FloatCase

X = Quantization(0.1, -3)


RELU = FloatCase("Relu", ((1, 4, 4),))


def example_ops():
    """One op of every kind, each fitting the one before; the constant "k" is a second operand."""
    rng = np.random.default_rng(1)

    def weights(*shape):
        return rng.integers(-127, 128, shape).astype(np.int8)

    conv = Requantize.for_conv(0.1, [0.01, 0.02, 0.03, 0.04], X, None, (0.0, 6.0))
    full = Requantize.for_fully_connected(0.1, [0.02], X, rng.integers(-99, 99, 4).astype(np.int32))
    return [
        (Quantize(X), ()),
        (Pad(Padding(1, 1, 1, 1), value=-3), ()),
        (Conv2D(weights(4, 3, 3, 2), conv, padding=Padding(1, 0, 1, 0), input_zero_point=-3), ()),
        (DepthwiseConv2D(weights(2, 2, 4), conv, input_zero_point=-3), ()),
        (Add.from_types(X, X, X, sign=-1), ("k",)),
        (Mul.from_types(X, X, X), ("k",)),
        (MaxPool((2, 2), (1, 1)), ()),
        (Binarize(np.array([-3, 0, 128, 5], np.int16)), ()),
        (BinaryConv2D(np.array([1, 6, 15, 9], np.uint32).reshape(4, 1, 1, 1), 4, requantize=conv), ()),
        (ResizeNearest(nearest_indices(5, 9), nearest_indices(5, 4)), ()),
        (Slice((1, 0, 0), (9, 4, 4), (2, 1, 1)), ()),
        (Transpose((4, 4, 4), (2, 1, 0), (4, 4, 4)), ()),
        (Concat(2), ("k",)),
        (Reshape((4, 8, 4)), ()),
        (AveragePool((2, 2), (2, 2), clamp=(-100, 100)), ()),
        (tanh(X, X), ()),
        (Mean.from_types(TensorType((2, 4, 4), "int8", X), (0,), X), ()),
        (FullyConnected(weights(4, 4), full, -3), ()),
        (Softmax.from_scale(0.1), ()),
        (Dequantize(OUTPUT), ()),
        (FloatOp(np.frombuffer(RELU.model(), np.uint8), "Relu", (1, 4, 4), 0), ()),
    ]


def example_program():
    values = {"x": TensorType((6, 6, 2), "float32")}
    constants, nodes, last = {}, [], "x"
    for index, (op, others) in enumerate(example_ops()):
        inputs = [last]
        for _ in others:
            shape = values[last].shape
            kind = TensorType(shape, "int8", X)
            name = f"constant/of {index}"
            values[name] = kind
            constants[name] = np.random.default_rng(index).integers(-128, 128, shape).astype(np.int8)
            inputs.append(name)
        output = f"värde_{index}:0"
        values[output] = op.output_type(*(values[i] for i in inputs))
        nodes.append(Node(f"node {index}", op, tuple(inputs), output))
        last = output
    # Its result is for a binary convolution alone, so it stands beside the chain.
    values["mean"] = TensorType((1, 1, 1), "int32")
    nodes.append(Node("mean", MeanMagnitude(-3), (nodes[0].output,), "mean"))
    inputs = (Port("in", "x", (1, 2, 6, 6), (0, 2, 3, 1)),)
    outputs = (Port("out", last, (1, 4, 4), (0, 1, 2)),)
    return Program("example", "ab" * 32, inputs, outputs, values, tuple(nodes), constants)


@pytest.fixture(scope="module")
def program():
    return example_program()


@pytest.fixture
def saved(program, tmp_path):
    save_program(program, tmp_path / "program")
    return tmp_path / "program"


def assert_same(a, b, place=""):
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and np.array_equal(a, b), place
    elif dataclasses.is_dataclass(a):
        assert type(a) is type(b), place
        for f in dataclasses.fields(a):
            assert_same(getattr(a, f.name), getattr(b, f.name), f"{place}.{f.name}")
    elif isinstance(a, dict):
        assert list(a) == list(b), place
        for key in a:
            assert_same(a[key], b[key], f"{place}.{key}")
    elif isinstance(a, tuple) and a and dataclasses.is_dataclass(a[0]):
        assert len(a) == len(b), place
        for i, (m, n) in enumerate(zip(a, b, strict=True)):
            assert_same(m, n, f"{place}.{i}")
    else:
        assert a == b and type(a) is type(b), place


def test_the_example_has_every_op_kind():
    assert {type(node.op) for node in example_program().nodes} == set(OP_KINDS)


def test_round_trip(program, saved):
    loaded = load_program(saved)
    assert_same(program, loaded)
    x = np.random.default_rng(2).normal(0, 4, (1, 2, 6, 6)).astype(np.float32)
    (want,), (got,) = program.run({"in": x}).values(), loaded.run({"in": x}).values()
    assert np.array_equal(want, got)


def test_saving_is_reproducible_and_replaces(program, saved, tmp_path):
    save_program(program, tmp_path / "again")
    save_program(program, saved)
    for name in ("program.json", "arrays.npz"):
        assert (saved / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert sorted(p.name for p in saved.iterdir()) == ["arrays.npz", "program.json"]


def test_a_failed_save_leaves_the_old_files(program, saved, monkeypatch):
    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    broken = dataclasses.replace(program, nodes=(Node("n", object(), ("x",), "y"),))
    with pytest.raises(ModelError, match="EW-PROGRAM-FILE"):
        save_program(broken, saved)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        save_program(program, saved)
    assert before == {p.name: p.read_bytes() for p in saved.iterdir()}


def change(content, path, value):
    """Set the entry of nested JSON that a path of keys leads to; Ellipsis deletes it."""
    for key in path[:-1]:
        content = content[key]
    if value is ...:
        del content[path[-1]]
    else:
        content[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema_version"], 2),
        (["nodes"], ...),
        (["nodes", 2, "op", "type"], "Path"),
        (["nodes", 2, "op", "type"], "Mul"),
        (["nodes", 2, "op", "weights"], ...),
        (["nodes", 2, "op", "weights", "array"], "elsewhere"),
        (["nodes", 2, "op", "weights", "array"], "nodes.3.op.weights"),
        (["nodes", 2, "op", "stride"], [0, 1]),
        (["nodes", 2, "op", "stride"], [1]),
        (["nodes", 2, "op", "stride"], 1),
        (["nodes", 2, "op", "stride"], [1.5, 1]),
        (["nodes", 2, "op", "groups"], True),
        (["nodes", 2, "op", "groups"], 0),
        (["nodes", 2, "op", "padding", "top"], -1),
        (["nodes", 2, "op", "extra"], 1),
        (["nodes", 2, "op", "requantize", "output", "scale"], 0.0),
        (["nodes", 2, "inputs"], ["nothing"]),
        (["nodes", 2, "inputs"], []),
        (["nodes", 2, "output"], "nothing"),
        (["nodes", 4, "op", "sign"], 2),
        (["nodes", 10, "op", "axis"], 3),
        (["nodes", 14, "op", "axes"], [5]),
        (["values", "x", "shape"], [6, 6, 3]),
        (["values", "x", "shape"], [2**20, 2**20, 2**20]),
        (["values", "x", "shape"], [6, 6, -2]),
        (["values", "x", "dtype"], "object"),
        (["inputs", 0, "axes"], [0, 1, 2]),
        (["inputs", 0, "axes"], [0, 1, 2, 2]),
        (["inputs", 0, "source_shape"], [1, 2, 6, 7]),
        (["outputs", 0, "value"], "nothing"),
        (["arrays_sha256"], "00"),
        (["arrays"], {}),
        (["constants"], {"x": {"array": "nodes.2.op.weights"}}),
    ],
)
def test_refuses_changed_entries(saved, path, value):
    file = saved / "program.json"
    content = json.loads(file.read_text())
    change(content, path, value)
    file.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="EW-PROGRAM-FILE") as caught:
        load_program(saved)
    assert str(saved) in caught.value.message


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", '{"schema_version": 1}', "[" * 100_000, "NaN", '"\\ud800"']
)
def test_refuses_other_json(saved, text):
    (saved / "program.json").write_text(text)
    with pytest.raises(ModelError, match="EW-PROGRAM-FILE"):
        load_program(saved)


def test_refuses_infinite_numbers(saved):
    file = saved / "program.json"
    file.write_text(file.read_text().replace('"scale": 0.1', '"scale": 1e999', 1))
    with pytest.raises(ModelError, match="EW-PROGRAM-FILE"):
        load_program(saved)


@pytest.mark.parametrize("name", ["program.json", "arrays.npz"])
def test_refuses_missing_files(saved, name):
    (saved / name).unlink()
    with pytest.raises(ModelError, match=f"EW-PROGRAM-FILE.*{name}"):
        load_program(saved)


def test_refuses_arrays_of_another_program(program, saved, tmp_path):
    other = dataclasses.replace(program, constants={k: v + 1 for k, v in program.constants.items()})
    save_program(other, tmp_path / "other")
    (saved / "arrays.npz").write_bytes((tmp_path / "other" / "arrays.npz").read_bytes())
    with pytest.raises(ModelError, match="does not belong"):
        load_program(saved)


def with_archive(folder, data):
    """Replace the arrays and make the hash fit."""
    import hashlib

    (folder / "arrays.npz").write_bytes(data)
    content = json.loads((folder / "program.json").read_text())
    content["arrays_sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "program.json").write_text(json.dumps(content))


def test_refuses_huge_and_pickled_arrays_without_reading_them(saved, tmp_path):
    headers = {
        "huge": b"{'descr': '|i1', 'fortran_order': False, 'shape': (1099511627776,), }",
        "pickled": b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "code": b"__import__('os').system('true')",
    }
    for label, header in headers.items():
        npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\x00" * 8
        path = tmp_path / f"{label}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name in zipfile.ZipFile(saved / "arrays.npz").namelist():
                archive.writestr(name, npy)
        with_archive(saved, path.read_bytes())
        with pytest.raises(ModelError, match="EW-PROGRAM-FILE"):
            load_program(saved)


def test_random_damage_never_escapes(saved):
    """Flipped bytes give the same program, a well-formed other one, or a ModelError; nothing else."""
    rng = np.random.default_rng(3)
    originals = {n: (saved / n).read_bytes() for n in ("program.json", "arrays.npz")}
    refused = 0
    for _ in range(300):
        name = str(rng.choice(list(originals)))
        data = bytearray(originals[name])
        for position in rng.integers(0, len(data), int(rng.integers(1, 4))):
            data[position] = int(rng.integers(0, 256))
        if rng.random() < 0.2:
            del data[int(rng.integers(0, len(data))) :]
        for other, original in originals.items():
            (saved / other).write_bytes(original)
        if name == "arrays.npz":
            with_archive(saved, bytes(data))
        else:
            (saved / name).write_bytes(bytes(data))
        try:
            load_program(saved)
        except ModelError:
            refused += 1
    assert refused > 150
