"""Give every graph input a static shape: batch 1, and what the user said for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
import onnx_ir as ir

from edgewright.converter.importers.limits import checked_elements
from edgewright.errors import ModelError, UsageError

Shapes = Mapping[str, Sequence[int]]
Dims = list[int | str]


def fix_input_shapes(inputs: Sequence[ir.Value], shapes: Shapes) -> None:
    """Set static shapes on the graph inputs, in place.

    A symbolic first dimension is the batch and becomes 1. A symbol that a given shape fixes is
    fixed wherever it appears.

    Args:
        inputs: The graph's inputs.
        shapes: Given shapes by input name.

    Raises:
        UsageError: EW-SHAPE-NAME, no such input; EW-SHAPE-MISMATCH, the given shape contradicts the
            model; EW-SHAPE-NEEDED, symbolic dimensions are left, naming the option that fixes them.
        ModelError: EW-MODEL-SIZE, EW-ONNX-OP (an input without a type).
    """
    check_names([v.name or "" for v in inputs], shapes)
    symbols: dict[str, int] = {}
    dims = {value.name or "": _dims(value) for value in inputs}
    for name, given in shapes.items():
        _bind(name, dims[name], [int(d) for d in given], symbols)
    fixed: dict[str, Dims] = {}
    for name, declared in dims.items():
        if name in shapes:
            fixed[name] = [int(d) for d in shapes[name]]
        else:
            fixed[name] = [symbols.get(d, d) if isinstance(d, str) else d for d in declared]
            if declared and isinstance(fixed[name][0], str):
                symbols[str(fixed[name][0])] = 1
    for value in inputs:
        name = value.name or ""
        shape = [symbols.get(d, d) if isinstance(d, str) else d for d in fixed[name]]
        if any(isinstance(d, str) for d in shape):
            raise _needed(name, shape)
        sizes = [d for d in shape if isinstance(d, int)]
        checked_elements(sizes, f"input {name!r}")
        value.shape = ir.Shape(sizes)


def complete_types(model: onnx.ModelProto, shapes: Shapes) -> None:
    """Give inputs without any shape the given one, in place; onnx refuses values without a shape.

    Raises:
        UsageError: EW-SHAPE-NEEDED, EW-SHAPE-NAME.
    """
    check_names([v.name for v in model.graph.input], shapes)
    for value in model.graph.input:
        if value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape"):
            if value.name not in shapes:
                raise _needed(value.name, None)
            for size in shapes[value.name]:
                value.type.tensor_type.shape.dim.add(dim_value=checked_elements([size], value.name))
    for value in model.graph.output:
        # It is inferred anyway.
        value.type.tensor_type.shape.SetInParent()


def check_names(inputs: Sequence[str], shapes: Shapes) -> None:
    """Refuse shapes of inputs the model does not have, and sizes that are none."""
    for name, given in shapes.items():
        if name not in inputs:
            known = ", ".join(repr(n) for n in inputs)
            raise UsageError("EW-SHAPE-NAME", f"--shape names {name!r}; the model's inputs are: {known}")
        if any(int(d) < 1 for d in given):
            raise UsageError(
                "EW-SHAPE-MISMATCH", f"--shape {name}={_text(list(given))}: a dimension is at least 1"
            )


def mismatch(name: str, given: Sequence[int | str], declared: Sequence[int | str]) -> UsageError:
    """The error for a given shape that contradicts the model's."""
    return UsageError(
        "EW-SHAPE-MISMATCH", f"--shape {name}={_text(given)} does not fit the model's shape {_text(declared)}"
    )


def _dims(value: ir.Value) -> Dims:
    """Declared dimensions; a symbol's name (made up where it has none) for one that is not fixed."""
    if value.dtype is None or value.shape is None:
        raise ModelError("EW-ONNX-OP", f"input {value.name!r} has no tensor type")
    return [
        d if isinstance(d, int) and d > 0 else _symbol(d) or f"?{value.name}.{i}"
        for i, d in enumerate(value.shape.dims)
    ]


def _symbol(dim: int | ir.SymbolicDim) -> str | None:
    return dim.value if isinstance(dim, ir.SymbolicDim) else None


def _bind(name: str, declared: Dims, given: list[int], symbols: dict[str, int]) -> None:
    """Record what a given shape says about the model's symbols."""
    if len(declared) != len(given):
        raise mismatch(name, given, declared)
    for dim, size in zip(declared, given, strict=True):
        expected = symbols.setdefault(dim, size) if isinstance(dim, str) else dim
        if expected != size:
            raise mismatch(name, given, declared)


def _needed(name: str, shape: Dims | None) -> UsageError:
    if shape is None:
        return UsageError(
            "EW-SHAPE-NEEDED", f"input {name!r} has no shape", f"give it: --shape {name}=1,…", input=name
        )
    return UsageError(
        "EW-SHAPE-NEEDED",
        f"input {name!r} has the shape {_text(shape)}, which is not fixed",
        f"give it: --shape {name}={_text(shape)} with numbers for the names",
        input=name,
    )


def _text(dims: Sequence[int | str]) -> str:
    return ",".join("?" if isinstance(d, str) and d.startswith("?") else str(d) for d in dims)
