"""Weights in files beside the model: loaded from its folder only."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest

from edgewright.converter.importers import load_model, save_onnx
from edgewright.errors import ModelError
from tests.converter.importers.onnx_models import cnn
from tests.converter.importers.oracle import run_onnx


def _save(folder, location="weights.bin"):
    folder.mkdir(exist_ok=True)
    path = folder / "m.onnx"
    onnx.save(cnn(), path, save_as_external_data=True, location=location, size_threshold=0)
    return path


def _edit(path, **entries):
    """Overwrite entries of the first external tensor."""
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    for entry in list(tensor.external_data):
        if entry.key in entries:
            tensor.external_data.remove(entry)
    for key, value in entries.items():
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())


def _refused(path, *parts, code="EW-ONNX-EXTERNAL"):
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert caught.value.code == code, str(caught.value)
    for part in ("initializer 'w1'", *parts):
        assert part in str(caught.value)


def test_weights_are_loaded_and_saved_inside(tmp_path):
    imported = load_model(_save(tmp_path / "a"))
    x = np.random.default_rng(0).normal(size=(1, 3, 12, 12)).astype(np.float32)
    onnx.save(cnn(), tmp_path / "whole.onnx")
    np.testing.assert_array_equal(
        run_onnx(imported, [x])[0], run_onnx(load_model(tmp_path / "whole.onnx"), [x])[0]
    )
    save_onnx(imported, tmp_path / "out.onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "out.onnx", "whole.onnx"]
    assert load_model(tmp_path / "out.onnx").model.graph.initializers["w1"].const_value.nbytes == 864


def test_weights_in_a_subfolder(tmp_path):
    path = _save(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "weights.bin").rename(tmp_path / "sub" / "w.bin")
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        next(e for e in tensor.external_data if e.key == "location").value = "sub/w.bin"
    path.write_bytes(model.SerializeToString())
    assert load_model(path).name == "m"


def test_hash_covers_the_weights(tmp_path):
    path = _save(tmp_path)
    before = load_model(path).sha256
    data = bytearray((tmp_path / "weights.bin").read_bytes())
    data[0] ^= 1
    (tmp_path / "weights.bin").write_bytes(data)
    assert load_model(path).sha256 != before


@pytest.mark.parametrize(
    "location",
    [
        "/etc/passwd",
        "../secret.bin",
        "sub/../../secret.bin",
        "..\\secret.bin",
        "C:\\secret.bin",
        "\\\\host\\share\\w.bin",
        "",
        "a\0b",
    ],
)
def test_location_outside_the_folder(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(bytes(10_000))
    path = _save(tmp_path / "model")
    _edit(path, location=location)
    _refused(path, "not inside the model's folder")


def test_link_that_leads_outside(tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(10_000))
    path = _save(tmp_path / "model")
    (path.parent / "link.bin").symlink_to(tmp_path / "secret.bin")
    _edit(path, location="link.bin")
    _refused(path, "not inside the model's folder")


def test_folder_link_that_leads_outside(tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(10_000))
    path = _save(tmp_path / "model")
    (path.parent / "sub").symlink_to(tmp_path)
    _edit(path, location="sub/secret.bin")
    _refused(path, "not inside the model's folder")


def test_model_in_a_linked_folder_is_fine(tmp_path):
    path = _save(tmp_path / "model")
    (tmp_path / "link").symlink_to(path.parent)
    assert load_model(tmp_path / "link" / "m.onnx").name == "m"


def test_link_to_itself(tmp_path):
    path = _save(tmp_path)
    (tmp_path / "loop.bin").symlink_to("loop.bin")
    _edit(path, location="loop.bin")
    _refused(path, "loop.bin")


def test_missing_file(tmp_path):
    path = _save(tmp_path)
    (tmp_path / "weights.bin").unlink()
    _refused(path, "weights.bin", "No such file")


def test_file_that_is_too_short(tmp_path):
    path = _save(tmp_path)
    (tmp_path / "weights.bin").write_bytes(bytes(100))
    _refused(path, "which has 100")


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ({"length": "10"}, "need 864"),
        ({"length": "99999999999"}, "need 864"),
        ({"length": "-864"}, "not a byte count"),
        ({"offset": "-1"}, "not a byte count"),
        ({"offset": "1e3"}, "not a byte count"),
        ({"offset": "99999999999999999"}, "which has"),
        ({"offset": "9" * 5000}, "not a byte count"),
    ],
)
def test_offset_and_length_that_do_not_fit(tmp_path, entries, part):
    path = _save(tmp_path)
    _edit(path, **entries)
    _refused(path, part)


def test_directory_and_pipe_are_refused(tmp_path):
    path = _save(tmp_path)
    (tmp_path / "folder").mkdir()
    _edit(path, location="folder")
    _refused(path, "folder")
    os.mkfifo(tmp_path / "pipe")
    _edit(path, location="pipe")
    _refused(path, "not a regular file")


def test_huge_claim_is_refused_before_reading(tmp_path):
    path = _save(tmp_path)
    model = onnx.load(path, load_external_data=False)
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([1 << 20, 1 << 20])
    path.write_bytes(model.SerializeToString())
    _refused(path, code="EW-MODEL-SIZE")
