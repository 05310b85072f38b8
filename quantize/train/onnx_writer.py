"""OnnxWriter: nodes and constants of an ONNX graph that is made from a traced torch module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from torch import fx

from edgewright.errors import ModelError


class OnnxWriter:
    """Collects nodes and initializers; remembers which tensor stands for which traced node."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.names: dict[fx.Node, str] = {}

    def emit(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=f"{output}.node", **attributes))

    def result(self, node: fx.Node, op: str, inputs: Sequence[str], **attributes: Any) -> None:
        """Emit an ONNX node whose output stands for a traced node."""
        self.emit(op, inputs, node.name, **attributes)
        self.names[node] = node.name

    def constant(self, name: str, data: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(data), name))
        return name

    def shape(self, name: str, shape: Sequence[int]) -> str:
        return self.constant(f"{name}.shape", np.array(shape, np.int64))

    def operand(self, node: fx.Node, index: int) -> str:
        """Name of an argument; numbers become constants."""
        value = node.args[index]
        if isinstance(value, fx.Node):
            return self.names[value]
        if isinstance(value, int | float):
            return self.constant(f"{node.name}.{index}", np.array(value, np.float32))
        raise refused(f"argument {index} of {node.name} is {value!r}")


def refused(what: str) -> ModelError:
    """EW-TRAIN-MODULE saying what has no counterpart in ONNX."""
    return ModelError(
        "EW-TRAIN-MODULE",
        what,
        "docs/binarization.md lists what a module may use",
    )
