"""Program: the typed integer graph between ONNX and a plan.

Every value is a tensor of exactly three dimensions, (rows, columns, channels), stored row-major
(HWC; the batch of one is dropped). A fully connected vector of N elements is (1, 1, N), a sequence
of T steps with C features is (T, 1, C). Reshapes do not move data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.ops.base import OpKind

Array = npt.NDArray[Any]
Shape = tuple[int, int, int]

ITEM_BYTES = {"int8": 1, "uint8": 1, "int32": 4, "uint32": 4, "float32": 4}


@dataclass(frozen=True)
class Quantization:
    """Affine quantization of a whole tensor: real = scale * (q - zero_point).

    Args:
        scale: Step size; exactly representable as float32.
        zero_point: Quantized value of real 0, in the range of the tensor's dtype.
    """

    scale: float
    zero_point: int


@dataclass(frozen=True)
class TensorType:
    """Shape, element type and quantization of a value.

    Args:
        shape: (rows, columns, channels), each at least 1.
        dtype: One of `ITEM_BYTES`.
        quantization: None for float tensors.
    """

    shape: Shape
    dtype: str = "int8"
    quantization: Quantization | None = None

    @property
    def elements(self) -> int:
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def size_bytes(self) -> int:
        return self.elements * ITEM_BYTES[self.dtype]

    @property
    def row_bytes(self) -> int:
        return self.shape[1] * self.shape[2] * ITEM_BYTES[self.dtype]

    @property
    def zero_point(self) -> int:
        return self.quantization.zero_point if self.quantization else 0

    @property
    def scale(self) -> float:
        return self.quantization.scale if self.quantization else 1.0


@dataclass(frozen=True)
class Node:
    """One operation of the program; `name` is the source model's node name."""

    name: str
    op: OpKind
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class Port:
    """How a graph input or output of the source model maps to a value of the program.

    Args:
        name: Tensor name in the source model.
        value: Name of the value in the program.
        source_shape: Shape in the source model (batch of 1 included).
        axes: Transposition from the source to the program's order:
            `source.transpose(axes).reshape(value.shape)` is the value.
    """

    name: str
    value: str
    source_shape: tuple[int, ...]
    axes: tuple[int, ...]

    def to_value(self, source: Array, shape: Shape) -> Array:
        """Source array of `source_shape` -> program array of `shape`."""
        return np.ascontiguousarray(source.reshape(self.source_shape).transpose(self.axes)).reshape(shape)

    def to_source(self, value: Array) -> Array:
        """Program array -> array of `source_shape`."""
        permuted = tuple(self.source_shape[a] for a in self.axes)
        inverse = tuple(int(i) for i in np.argsort(self.axes))
        # ascontiguousarray makes a scalar one-dimensional.
        return np.ascontiguousarray(value.reshape(permuted).transpose(inverse)).reshape(self.source_shape)


@dataclass(frozen=True)
class Program:
    """A typed integer graph in topological order.

    Args:
        name: C identifier derived from the model's file name.
        source_sha256: Hash of the model file, hexadecimal.
        inputs: Ports of the graph inputs, in source order.
        outputs: Ports of the graph outputs.
        values: Type of every value by name (inputs, constants, node outputs).
        constants: Data of constant operands (HWC), by value name.
        nodes: Operations in execution order.
    """

    name: str
    source_sha256: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    values: Mapping[str, TensorType]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array] = field(default_factory=dict)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(n.op.macs(*(self.values[i] for i in n.inputs)) for n in self.nodes)

    def run(self, inputs: Mapping[str, Array], *, keep_all: bool = False) -> dict[str, Array]:
        """Execute the golden arithmetic.

        Args:
            inputs: Array in `source_shape` per input port name.
            keep_all: Return every value of the program (HWC) by value name instead of the outputs.

        Returns:
            Output arrays in `source_shape` by port name, or all values.
        """
        env: dict[str, Array] = dict(self.constants)
        for port in self.inputs:
            t = self.values[port.value]
            env[port.value] = port.to_value(np.asarray(inputs[port.name], dtype=t.dtype), t.shape)
        for node in self.nodes:
            env[node.output] = node.op.golden(*(env[i] for i in node.inputs))
        if keep_all:
            return env
        return {p.name: p.to_source(env[p.value]) for p in self.outputs}

    def verify(self) -> None:
        """Check that the program is well formed: defined before use, shapes and dtypes agree.

        Raises:
            ModelError: EW-PROGRAM-INVALID naming the node (a bug of a rewrite, not of the user).
        """
        known = {p.value for p in self.inputs} | set(self.constants)
        for node in self.nodes:
            missing = [i for i in node.inputs if i not in known]
            if missing:
                raise ModelError("EW-PROGRAM-INVALID", f"node {node.name} reads undefined {missing[0]}")
            want = node.op.output_type(*(self.values[i] for i in node.inputs))
            if want != self.values[node.output]:
                raise ModelError(
                    "EW-PROGRAM-INVALID",
                    f"node {node.name}: output {node.output} is {self.values[node.output]}, op gives {want}",
                )
            known.add(node.output)
        for port in self.outputs:
            if port.value not in known:
                raise ModelError("EW-PROGRAM-INVALID", f"output {port.name} is never computed")
