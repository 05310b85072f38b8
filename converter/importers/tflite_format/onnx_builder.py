"""Builds the ONNX graph: unique names, constants, nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from edgewright.converter.importers.onnx_format.opset import IR_VERSION, OPSET
from edgewright.converter.program import Array

Attribute = int | float | str | Sequence[int]


class OnnxBuilder:
    """Collects nodes and constants of one graph."""

    def __init__(self) -> None:
        # Each taken name with the number its next namesake tries first.
        self._names: dict[str, int] = {}
        self._nodes: list[ir.Node] = []
        self._constants: list[ir.Value] = []

    def unique(self, wanted: str) -> str:
        """`wanted`, or with a number where it is taken; the name is taken from then on."""
        name, count = wanted, self._names.get(wanted, 2)
        while name in self._names:
            name = f"{wanted}_{count}"
            count += 1
        self._names[wanted] = count
        self._names[name] = self._names.get(name, 2)
        return name

    def graph_input(self, name: str, dtype: str, shape: Sequence[int]) -> ir.Value:
        """A graph input."""
        kind = ir.TensorType(ir.DataType.from_numpy(np.dtype(dtype)))
        return ir.Value(name=name, shape=ir.Shape(shape), type=kind)

    def constant(self, name: str, data: Array) -> ir.Value:
        """An initializer of an already unique name; the data is copied."""
        tensor = ir.tensor(np.array(data, order="C"), name=name)
        value = ir.Value(name=name, shape=ir.Shape(data.shape), type=ir.TensorType(tensor.dtype))
        value.const_value = tensor
        self._constants.append(value)
        return value

    def node(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        name: str,
        attributes: Mapping[str, Attribute] | None = None,
        *,
        output: str | None = None,
    ) -> ir.Value:
        """Append a node with one output.

        Args:
            op_type: Operator of the default domain.
            inputs: Its inputs, None for an absent optional one.
            name: Wanted name of the node.
            attributes: Its attributes.
            output: Name of the output, already unique; the node's name with the operator's where None.

        Returns:
            The output; type and shape are inferred later.
        """
        value = ir.Value(name=output or self.unique(f"{name}:{op_type.lower()}"))
        attrs = [ir.convenience.convert_attribute(k, _plain(v)) for k, v in (attributes or {}).items()]
        # Nodes and values have separate name spaces; the final pass makes node names unique.
        self._nodes.append(ir.Node("", op_type, inputs, attrs, outputs=[value], name=name))
        return value

    def model(self, name: str, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value]) -> ir.Model:
        """The finished model."""
        graph = ir.Graph(
            inputs,
            outputs,
            nodes=self._nodes,
            initializers=self._constants,
            opset_imports={"": OPSET},
            name=name or "main",
        )
        return ir.Model(graph, ir_version=IR_VERSION, producer_name="edgewright")


def _plain(value: Attribute) -> Attribute:
    return value if isinstance(value, int | float | str) else [int(v) for v in value]
