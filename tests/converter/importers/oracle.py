"""Imports model bytes, runs what came out in onnxruntime, and the source in LiteRT's reference."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime

from edgewright.converter.importers import ImportedModel, load_model
from tests.tflite_builder import run_reference

onnxruntime.set_default_logger_severity(3)


def import_bytes(data: bytes, name: str = "model.tflite", **kwargs) -> ImportedModel:
    """`load_model` of a file with the given content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        return load_model(path, **kwargs)


def session(imported: ImportedModel) -> onnxruntime.InferenceSession:
    """An onnxruntime session that runs the nodes as they are: float arithmetic between Q and DQ."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    proto = ir.to_proto(imported.model)
    onnx.checker.check_model(proto, full_check=True)
    return onnxruntime.InferenceSession(proto.SerializeToString(), options)


def run_onnx(imported: ImportedModel, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Outputs of one inference in onnxruntime; inputs in the order of the graph's."""
    runner = session(imported)
    names = [i.name for i in runner.get_inputs()]
    return runner.run(None, dict(zip(names, inputs, strict=True)))


def largest_difference(data: bytes, inputs: list[np.ndarray]) -> float:
    """Largest difference of onnxruntime's and LiteRT's outputs: in LSB, or real for float outputs."""
    wants = run_reference(data, inputs)
    gots = run_onnx(import_bytes(data), inputs)
    worst = 0.0
    for want, got in zip(wants, gots, strict=True):
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        worst = max(worst, float(np.abs(got.astype(np.float64) - want.astype(np.float64)).max(initial=0)))
    return worst
