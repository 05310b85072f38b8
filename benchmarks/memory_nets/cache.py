"""Quantized nets on disk, under a folder named by everything they are made of."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import onnxruntime

from benchmarks.machine import ROOT
from benchmarks.memory_nets import quantize as quantizer
from benchmarks.memory_nets.quantize import quantize

CACHE = ROOT / "build" / "memory_nets"


def quantized(source: Path, *, seed: int = 0, folder: Path = CACHE) -> Path:
    """Path of the int8 model of a float .onnx file, made where it is not there yet.

    Args:
        source: See `quantize`.
        seed: See `quantize`.
        folder: Where quantized nets are kept.
    """
    path = folder / _key(source, seed) / source.name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        partial.write_bytes(quantize(source, seed=seed).SerializeToString(deterministic=True))
        partial.replace(path)
    return path


def _key(source: Path, seed: int) -> str:
    """Hash of the float model, the seed, and what quantizes."""
    digest = hashlib.sha256(source.read_bytes())
    digest.update(Path(quantizer.__file__).read_bytes())
    digest.update(f"seed {seed} onnxruntime {onnxruntime.__version__}".encode())
    return digest.hexdigest()[:16]
