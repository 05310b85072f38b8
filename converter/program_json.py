"""Programs as JSON values plus numpy arrays, without executing anything on the way back.

Every dataclass becomes an object with its class name under "type", every array an object
{"array": key, "dtype", "shape"} whose data is elsewhere. Reading follows the type annotations of the
known classes and refuses everything else.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.binarize import Binarize
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.float_op import FloatOp
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.mean_magnitude import MeanMagnitude
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.quantize import Dequantize, Quantize
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.softmax import Softmax
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Array, Node, Port, Quantization, TensorType
from edgewright.errors import ModelError

OP_KINDS = (
    Add, AveragePool, Binarize, BinaryConv2D, Concat, Conv2D, DepthwiseConv2D, Dequantize, FloatOp,
    FullyConnected, Lookup, MaxPool, Mean, MeanMagnitude, Mul, Pad, Quantize, Reshape, ResizeNearest, Slice,
    Softmax, Transpose,
)  # fmt: skip
CLASSES: Mapping[str, type[Any]] = {
    c.__name__: c for c in (*OP_KINDS, Node, Padding, Port, Quantization, Requantize, TensorType)
}
ARRAY_DTYPES = ("int8", "uint8", "int16", "int32", "uint32", "int64", "float32")
T = TypeVar("T")


def encode(value: Any, arrays: dict[str, Array], place: str) -> Any:
    """Value -> JSON value; arrays are put into `arrays` under their place, e.g. "nodes.3.op.weights"."""
    if isinstance(value, np.ndarray):
        arrays[place] = value
        return {"array": place, "dtype": str(value.dtype), "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [encode(v, arrays, f"{place}.{i}") for i, v in enumerate(value)]
    if type(value).__name__ not in CLASSES:
        raise ModelError("EW-PROGRAM-FILE", f"{place}: a {type(value).__name__} cannot be saved")
    fields = {
        f.name: encode(getattr(value, f.name), arrays, f"{place}.{f.name}") for f in dataclasses.fields(value)
    }
    return {"type": type(value).__name__, **fields}


def decode(cls: type[T], value: Any, arrays: Mapping[str, Array], place: str) -> T:
    """JSON value -> instance of `cls` (or of a subclass of it).

    Raises:
        ModelError: EW-PROGRAM-FILE naming the place of what does not fit.
    """
    result = _decode(cls, value, arrays, place)
    assert isinstance(result, cls)
    return result


def refuse(place: str, problem: str) -> ModelError:
    """The error for a damaged place of a saved program."""
    return ModelError("EW-PROGRAM-FILE", f"{place}: {problem}", "build the program again")


def _decode(hint: Any, value: Any, arrays: Mapping[str, Array], place: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        if value is None and type(None) in arguments:
            return None
        (hint,) = (a for a in arguments if a is not type(None))
        return _decode(hint, value, arrays, place)
    if origin is np.ndarray:
        return _decode_array(arguments[1], value, arrays, place)
    if origin is tuple:
        return _decode_tuple(arguments, value, arrays, place)
    if origin is Literal:
        if value not in arguments:
            raise refuse(place, f"{value!r} is none of {arguments}")
        return value
    if hint in (int, float, str):
        return _decode_scalar(hint, value, place)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _decode_dataclass(hint, value, arrays, place)
    raise refuse(place, f"unexpected {hint}")


def _decode_scalar(hint: type, value: Any, place: str) -> int | float | str:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, hint) or isinstance(value, bool) or value in (math.inf, -math.inf):
        raise refuse(place, f"{value!r} is no {hint.__name__}")
    return typing.cast("int | float | str", value)


def _decode_tuple(
    arguments: tuple[Any, ...], value: Any, arrays: Mapping[str, Array], place: str
) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise refuse(place, f"{value!r} is no list")
    hints = (arguments[0],) * len(value) if arguments[-1] is ... else arguments
    if len(hints) != len(value):
        raise refuse(place, f"{len(value)} elements, not {len(hints)}")
    return tuple(
        _decode(h, v, arrays, f"{place}.{i}") for i, (h, v) in enumerate(zip(hints, value, strict=True))
    )


def _decode_array(dtype_hint: Any, value: Any, arrays: Mapping[str, Array], place: str) -> Array:
    key = value.get("array") if isinstance(value, dict) else None
    if not isinstance(key, str) or key not in arrays:
        raise refuse(place, "its array is missing")
    array = arrays[key]
    if [str(array.dtype), list(array.shape)] != [value.get("dtype"), value.get("shape")]:
        raise refuse(
            place, f"array is {array.dtype} {array.shape}, not {value.get('dtype')} {value.get('shape')}"
        )
    (scalar,) = typing.get_args(dtype_hint)
    wanted = ARRAY_DTYPES if scalar is Any else (np.dtype(scalar).name,)
    if array.dtype.name not in wanted:
        raise refuse(place, f"array is {array.dtype}, not {' or '.join(wanted)}")
    return array


def _decode_dataclass(cls: type[Any], value: Any, arrays: Mapping[str, Array], place: str) -> Any:
    name = value.get("type") if isinstance(value, dict) else None
    found = CLASSES.get(name) if isinstance(name, str) else None
    if found is None or not issubclass(found, cls):
        raise refuse(place, f"{name!r} is no {cls.__name__}")
    names = [f.name for f in dataclasses.fields(found)]
    if set(value) != {"type", *names}:
        raise refuse(
            place, f"fields {sorted(set(value) ^ {'type', *names})} of {name} are missing or unknown"
        )
    if found is Quantization and not value["scale"] > 0:
        raise refuse(place, f"scale {value['scale']}")
    hints = _field_hints(found)
    return found(**{n: _decode(hints[n], value[n], arrays, f"{place}.{n}") for n in names})


def _field_hints(cls: type[Any]) -> dict[str, Any]:
    """Annotations of a class; those of Node name OpKind, which program.py imports for type checkers only."""
    return typing.get_type_hints(cls, localns={"OpKind": OpKind})
