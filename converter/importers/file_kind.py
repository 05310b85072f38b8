"""What kind of file this is, told by its content; the file's extension is only a hint.

A foreign kind is recognised so that the error can say what the file is and what to do with it.
Nothing is ever unpacked or executed here: pickles and archives are refused.
"""

from __future__ import annotations

from pathlib import Path

from edgewright.errors import ModelError

_TORCH_HINT = "load it in PyTorch and export it: torch.onnx.export(model, example, 'model.onnx')"
_KERAS_HINT = "convert it with tf.lite.TFLiteConverter, or with tf2onnx"

# First bytes of a file -> (what it is, what to do).
_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive (PyTorch .pt, .keras and .npz files are such)", _TORCH_HINT),
    (b"PK\x05\x06", "an empty zip archive", ""),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras .h5)", _KERAS_HINT),
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"GIF8", "a GIF image", ""),
    (b"%PDF", "a PDF document", ""),
    (b"\x93NUMPY", "a numpy array", "give it as an input, not as the model"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"BZh", "a bzip2 archive", "unpack it first"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it first"),
    (b"\x7fELF", "an ELF program", ""),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch the file: git lfs pull"),
)
_PICKLE_PROTOCOLS = tuple(bytes((0x80, p)) for p in range(2, 6))


def detect(head: bytes, path: Path) -> str:
    """Kind of a model file.

    Args:
        head: The first bytes of the file, at least 64 where it is that long.
        path: Its name; the extension decides only where the content does not.

    Returns:
        "onnx" or "tflite".

    Raises:
        ModelError: EW-MODEL-KIND, it is another kind of file.
    """
    if head[4:8] == b"TFL3":
        return "tflite"
    for magic, what, hint in _FOREIGN:
        if head.startswith(magic):
            raise _wrong_kind(what, hint)
    if head.startswith(_PICKLE_PROTOCOLS):
        raise _wrong_kind("a Python pickle, which is never loaded", _TORCH_HINT)
    extension = path.suffix.lower()
    # ModelProto starts with ir_version (field 1, a varint below 128) in every known exporter.
    looks_onnx = len(head) > 2 and head[0] == 0x08 and 1 <= head[1] < 0x40
    if looks_onnx or extension == ".onnx":
        if not looks_onnx and _is_text(head):
            raise _wrong_kind("a text file", "export the model in ONNX's binary format")
        return "onnx"
    if _is_text(head):
        raise _wrong_kind("a text file", "")
    if extension in (".tflite", ".lite"):
        return "tflite"
    raise _wrong_kind("neither ONNX nor TensorFlow Lite", "")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The window may end inside a character.
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\r\n\t\f\ufeff" for c in text)


def _wrong_kind(what: str, hint: str) -> ModelError:
    return ModelError("EW-MODEL-KIND", f"this is {what}", hint or "edgewright reads .onnx and .tflite models")
