"""`edgewright binarize`: from files to a deployable model, its report, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

import edgewright.cli
from edgewright.cli import binarize
from edgewright.converter.importers import load_model
from edgewright.converter.lower import lower
from tests.cli.runner import cli, cli_json, tree


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """The command, whether the command line lists it already or not."""
    if binarize not in edgewright.cli.MODULES:
        monkeypatch.setattr(edgewright.cli, "MODULES", (*edgewright.cli.MODULES, binarize))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a float model, data and labels."""
    pytest.importorskip("torch")
    from tests.quantize.train.nets import float_model, images

    folder = tmp_path_factory.mktemp("binarize")
    float_model(folder)
    data, labels = images(120)
    np.savez(folder / "data.npz", x=np.concatenate([d["x"] for d in data]))
    np.save(folder / "labels.npy", labels)
    return folder


def trained(files, out, *more):
    data = ("--data", files / "data.npz", "--labels", files / "labels.npy", "--threads", 1)
    return cli_json("binarize", files / "float.onnx", "-o", out, *data, "--epochs", 2, *more)


def test_trained_model_is_deployable_and_has_a_report(files, tmp_path):
    out = tmp_path / "b.onnx"
    result = trained(files, out, "--algorithm", "bi_real")
    assert result.status == 0, result.out + result.err
    document = result.document
    assert document["int8"] is True and document["algorithm"] == "bi_real"
    assert len(document["training"]["history"]) == 2 and document["training"]["binary"] > 0.5
    kinds = [n.op.kind for n in lower(load_model(out)).nodes]
    assert kinds.count("binary_conv") == 3 and "float" not in kinds
    folder = tmp_path / "b-training"
    assert sorted(tree(folder)) == ["learning_curve.svg", "training.html", "training.json"]
    report = json.loads((folder / "training.json").read_text())
    assert report == document["training"] and report["schema_version"] == 1
    page = (folder / "training.html").read_text()
    assert "<svg" in page and "<script" not in page and report["layers"][0]["name"] in page


def test_text_says_what_was_done(files, tmp_path):
    out = tmp_path / "b.onnx"
    data = ("--data", files / "data.npz", "--labels", files / "labels.npy", "--threads", 1)
    result = cli("binarize", files / "float.onnx", "-o", out, *data, "--epochs", 1)
    assert result.status == 0, result.err
    assert "3 binary layers, 1 epochs" in result.out and "held-back samples" in result.out
    assert "training.html" in result.out


def test_without_training_no_data_is_needed(files, tmp_path):
    out = tmp_path / "b.onnx"
    names = [n for n in _layer_names(files / "float.onnx")][1:3]
    result = cli_json("binarize", files / "float.onnx", "-o", out, "--no-train", "--layers", ",".join(names))
    assert result.status == 0 and result.document["int8"] is False
    assert [x["name"] for x in result.document["layers"]] == names
    assert all(0 < x["relative_error"] < 1 for x in result.document["layers"])
    assert [n.op_type for n in load_model(out).model.graph if n.domain == "edgewright"] == [
        "BinaryConvMean"
    ] * 2
    with_data = cli_json(
        *("binarize", files / "float.onnx", "-o", out, "--no-train", "--data", files / "data.npz"),
    )
    assert with_data.document["int8"] is True
    assert lower(load_model(out)).nodes


def test_a_module_of_the_users(files, tmp_path):
    module = tmp_path / "net.py"
    module.write_text(MODULE)
    data = ("--data", files / "data.npz", "--labels", files / "labels.npy", "--threads", 1, "--epochs", 2)
    wish = ("binarize", "-o", tmp_path / "b.onnx", "--module", f"{module}:Net", *data)
    refused = cli_json(*wish, "--shape", "x=1,1,8,8")
    assert refused.code == "EW-TRUST-CODE" and not (tmp_path / "b.onnx").exists()
    assert cli_json(*wish, "--trust-code").code == "EW-BINARY-OPTIONS"
    made = cli_json(*wish, "--trust-code", "--shape", "x=1,1,8,8")
    assert made.status == 0, made.out
    assert made.document["algorithm"] == "recu, react_net"
    kinds = [n.op.kind for n in lower(load_model(tmp_path / "b.onnx")).nodes]
    assert kinds.count("binary_conv") == 2
    with_teacher = cli_json(*wish[:3], files / "float.onnx", *wish[3:], "--trust-code")
    assert with_teacher.status == 0 and with_teacher.document["training"]["float"] is not None


MODULE = """
import torch
from torch import nn
from edgewright.quantize.binary.layers import BinaryConv2d

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8)
        self.one, self.norm1 = BinaryConv2d(8, 8, 3, 1, 1, algorithm="recu"), nn.BatchNorm2d(8)
        self.two, self.norm2 = BinaryConv2d(8, 8, 3, 1, 1, algorithm="react_net"), nn.BatchNorm2d(8)
        self.last = nn.Linear(8, 4)

    def forward(self, x):
        x = self.norm(self.stem(x))
        x = x + self.norm1(self.one(x))
        x = x + self.norm2(self.two(x))
        return self.last(x.mean((2, 3)))

class Branching(Net):
    def forward(self, x):
        return super().forward(x) if x.sum() > 0 else super().forward(-x)

def Broken():
    raise RuntimeError("no such file")
"""


def _layer_names(path):
    from edgewright.quantize.layers import find_layers
    from edgewright.quantize.prepare import prepare

    return [layer.name for layer in find_layers(prepare(load_model(path)).graph)]


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("EW-BINARY-OPTIONS", ()),
        ("EW-BINARY-OPTIONS", ("FLOAT",)),
        ("EW-BINARY-OPTIONS", ("FLOAT", "--no-train", "--resume")),
        ("EW-BINARY-OPTIONS", ("FLOAT", "--no-train", "--labels", "LABELS")),
        ("EW-BINARY-OPTIONS", ("--module", "x.py:N", "--data", "DATA", "--labels", "LABELS", "-a", "bnn")),
        ("EW-BINARY-ALGORITHM", ("FLOAT", "--data", "DATA", "-a", "binarynet")),
        ("EW-BINARY-UNTRAINED", ("FLOAT", "--no-train", "-a", "recu")),
        ("EW-BINARY-LAYER", ("FLOAT", "--no-train", "--layers", "nowhere")),
        ("EW-TRAIN-SETTING", ("FLOAT", "--data", "DATA", "--rate", "-1")),
        ("EW-TRAIN-DEVICE", ("FLOAT", "--data", "DATA", "--device", "nowhere")),
        ("EW-TRAIN-CHECKPOINT", ("FLOAT", "--data", "DATA", "--resume")),
        ("EW-TRAIN-MODULE", ("--module", "no.py:Net", "--data", "DATA", "FLOAT", "--trust-code")),
        ("EW-TRAIN-MODULE", ("--module", "MODULE:Missing", "--data", "DATA", "FLOAT", "--trust-code")),
        ("EW-TRAIN-MODULE", ("--module", "MODULE:Broken", "--data", "DATA", "FLOAT", "--trust-code")),
        ("EW-MODEL-MISSING", ("nowhere.onnx", "--no-train")),
        ("EW-FILE-WRITE", ("FLOAT", "--no-train", "-o", "FOLDER")),
    ],
)
def test_refused(files, tmp_path, code, arguments):
    (tmp_path / "net.py").write_text(MODULE)
    (tmp_path / "folder").mkdir()
    known = {
        "FLOAT": files / "float.onnx",
        "DATA": files / "data.npz",
        "LABELS": files / "labels.npy",
        "FOLDER": tmp_path / "folder",
        "MODULE:Missing": f"{tmp_path / 'net.py'}:Missing",
        "MODULE:Broken": f"{tmp_path / 'net.py'}:Broken",
    }
    given = [known.get(a, a) for a in arguments]
    before = tree(tmp_path)
    out = () if "-o" in given else ("-o", tmp_path / "b.onnx")
    result = cli_json("binarize", *given, *out)
    assert result.code == code, result.document["error"]
    assert tree(tmp_path) == before


def test_a_module_that_branches_on_values_is_refused(files, tmp_path):
    (tmp_path / "net.py").write_text(MODULE)
    data = ("--data", files / "data.npz", "--labels", files / "labels.npy", "--threads", 1, "--epochs", 1)
    module = ("--module", f"{tmp_path / 'net.py'}:Branching", "--trust-code", "--shape", "x=1,1,8,8")
    result = cli_json("binarize", "-o", tmp_path / "b.onnx", *module, *data)
    assert result.code == "EW-TRAIN-MODULE" and not (tmp_path / "b.onnx").exists()


def test_an_interrupted_training_is_resumed(files, tmp_path, monkeypatch):
    from edgewright.quantize.train import trainer

    whole = trained(files, tmp_path / "whole.onnx")
    original = trainer.save_checkpoint

    def save_and_stop(path, state):
        original(path, state)
        raise KeyboardInterrupt

    out = tmp_path / "b.onnx"
    monkeypatch.setattr(trainer, "save_checkpoint", save_and_stop)
    assert trained(files, out).status == 130 and not out.exists()
    assert list(tree(tmp_path / "b-training")) == ["checkpoint.pt"]
    monkeypatch.setattr(trainer, "save_checkpoint", original)
    resumed = trained(files, out, "--resume")
    assert (
        resumed.status == 0
        and resumed.document["training"]["history"] == whole.document["training"]["history"]
    )
    assert out.read_bytes() == (tmp_path / "whole.onnx").read_bytes()
    assert "checkpoint.pt" not in tree(tmp_path / "b-training")
