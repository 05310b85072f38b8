"""Writing the imported model: all or nothing."""

from __future__ import annotations

import onnx
import pytest

from edgewright.converter.importers import save_onnx
from edgewright.errors import UsageError
from tests.converter.importers.onnx_models import relu_model
from tests.converter.importers.oracle import import_bytes


def _imported():
    return import_bytes(relu_model().SerializeToString(), "m.onnx")


def test_written_file_is_valid_and_alone(tmp_path):
    save_onnx(_imported(), tmp_path / "out.onnx")
    onnx.checker.check_model(str(tmp_path / "out.onnx"), full_check=True)
    assert [p.name for p in tmp_path.iterdir()] == ["out.onnx"]


def test_existing_file_is_replaced(tmp_path):
    path = tmp_path / "out.onnx"
    path.write_text("old")
    save_onnx(_imported(), path)
    onnx.checker.check_model(str(path))


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "out.onnx"
    path.write_text("old")

    def no_space(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(UsageError) as caught:
        save_onnx(_imported(), path)
    assert caught.value.code == "EW-FILE-WRITE"
    assert "No space left" in caught.value.message
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.onnx"]


@pytest.mark.parametrize("target", ["missing/out.onnx", "."])
def test_place_that_cannot_be_written(tmp_path, target):
    with pytest.raises(UsageError) as caught:
        save_onnx(_imported(), tmp_path / target)
    assert caught.value.code == "EW-FILE-WRITE"
    assert list(tmp_path.iterdir()) == []
