"""Files that are no models: a coded error at once, whatever they are."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import time
import zipfile

import numpy as np
import pytest

from edgewright.converter.importers import load_model
from edgewright.errors import EdgewrightError, ModelError, UsageError
from tests.converter.importers.onnx_models import relu_model
from tests.tflite_builder import TfliteBuilder


class _Bomb:
    """Executed where a pickle is loaded."""

    def __reduce__(self):
        return (os.mkdir, ("bomb",))


def _zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(_Bomb()))
    return buffer.getvalue()


def _numpy():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def _tflite():
    m = TfliteBuilder()
    x, y = m.tensor((1, 4), scale=0.1), m.tensor((1, 4), scale=0.1)
    m.operator("RELU", [x], [y])
    return m.build([x], [y])


KINDS = {
    "zip": (_zip(), "zip archive"),
    "pickle": (pickle.dumps(_Bomb(), 4), "pickle"),
    "old pickle": (pickle.dumps(_Bomb(), 2), "pickle"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(1000), "HDF5"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(1000), "PNG"),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(100), "JPEG"),
    "gzip": (gzip.compress(b"hello"), "gzip"),
    "numpy": (_numpy(), "numpy array"),
    "elf": (b"\x7fELF" + bytes(100), "ELF"),
    "text": ("# Readme\nhällo\n".encode() * 100, "text file"),
    "json": (b'{"a": 1}', "text file"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
}


def _error(path, error=ModelError):
    start = time.monotonic()
    with pytest.raises(error) as caught:
        load_model(path)
    assert time.monotonic() - start < 5
    assert str(path) in caught.value.message
    assert caught.value.details["file"] == str(path)
    return caught.value


@pytest.mark.parametrize("extension", [".onnx", ".tflite", ".bin", ""])
@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_of_files(tmp_path, monkeypatch, kind, extension):
    monkeypatch.chdir(tmp_path)
    data, part = KINDS[kind]
    path = tmp_path / f"file{extension}"
    path.write_bytes(data)
    error = _error(path)
    assert error.code == "EW-MODEL-KIND"
    assert part in str(error)
    assert not (tmp_path / "bomb").exists()


def test_empty_file(tmp_path):
    path = tmp_path / "empty.onnx"
    path.touch()
    assert _error(path).code == "EW-MODEL-EMPTY"


@pytest.mark.parametrize("extension", [".onnx", ".tflite", ".bin"])
@pytest.mark.parametrize("size", [1, 3, 7, 100, 100_000])
def test_random_bytes(tmp_path, extension, size):
    path = tmp_path / f"noise{extension}"
    path.write_bytes(np.random.default_rng(size).bytes(size))
    assert _error(path).code in ("EW-MODEL-KIND", "EW-ONNX-DAMAGED", "EW-TFLITE-DAMAGED")


def test_missing_file(tmp_path):
    error = _error(tmp_path / "none.onnx", UsageError)
    assert error.code == "EW-MODEL-MISSING"
    assert error.exit_code == 2
    assert _error(tmp_path / "none.onnx" / "deeper.onnx", UsageError).code == "EW-MODEL-MISSING"


def test_directory(tmp_path):
    error = _error(tmp_path)
    assert error.code == "EW-MODEL-KIND"
    assert "SavedModel" in error.hint


def test_named_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    assert _error(tmp_path / "pipe.onnx").code == "EW-MODEL-KIND"


def test_device_is_not_read():
    with pytest.raises(ModelError) as caught:
        load_model("/dev/zero")
    assert caught.value.code == "EW-MODEL-KIND"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(tmp_path):
    path = tmp_path / "secret.onnx"
    path.write_bytes(b"x")
    path.chmod(0)
    assert _error(path, UsageError).code == "EW-MODEL-UNREADABLE"


@pytest.mark.parametrize("name", ["a\0b.onnx", "x" * 5000])
def test_impossible_names(name):
    with pytest.raises(UsageError) as caught:
        load_model(name)
    assert caught.value.code in ("EW-MODEL-UNREADABLE", "EW-MODEL-MISSING")


def test_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(20 << 30)
    error = _error(path)
    assert error.code == "EW-MODEL-SIZE"
    assert "21,474,836,480" in error.message


def test_identifier_of_tflite_is_missing(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(_tflite().replace(b"TFL3", b"TFL9"))
    error = _error(path)
    assert error.code == "EW-TFLITE-DAMAGED"
    assert "byte 4" in error.message


@pytest.mark.parametrize("extension", [".onnx", ".tflite", ".bin", ""])
def test_content_decides_the_kind(tmp_path, extension):
    path = tmp_path / f"model{extension}"
    path.write_bytes(_tflite())
    assert load_model(path).source_format == "tflite"
    path.write_bytes(relu_model().SerializeToString())
    assert load_model(path).source_format == "onnx"


def test_errors_are_of_the_one_tree():
    assert issubclass(ModelError, EdgewrightError)
    assert ModelError.exit_code == 4
