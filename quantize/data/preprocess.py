"""The preprocessing specification: a TOML file that says how raw data becomes a model's input.

input = "image"                 # the input it is for; default: all of the model

[values]                        # x = ((raw - zero_point) * scale - mean) / std
scale = 0.00392156862745098     # default 1
zero_point = 0                  # default 0
mean = [0.485, 0.456, 0.406]    # a number, or one a channel; default 0
std = [0.229, 0.224, 0.225]     # the same; default 1
axis = 1                        # axis of the channels in the input; images know it
range = [-3.0, 3.0]             # values of x outside are an error
dtype = "int8"                  # element type of .bin files

[array]
transpose = [0, 3, 1, 2]        # input = array.transpose(axes), batch included

[image]
size = [96, 96]                 # height, width to resize to; one number: the shorter side
resize = "bilinear"             # or "nearest", "none" (the image must fit)
crop = [96, 96]                 # height, width cut from the middle after resizing
color = "rgb"                   # or "bgr", "grey"
layout = "nchw"                 # of the model's input, or "nhwc"
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgewright.converter.program import Array
from edgewright.quantize.data.refusal import refused

MAX_SPEC_BYTES = 1 << 20
MAX_SIDE = 1 << 14
DTYPES = ("float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32")
# What turns integers into real numbers; one of them has to be named where data is made of integers.
CONVERSION_KEYS = ("scale", "zero_point", "mean", "std")


@dataclass(frozen=True)
class ValueSpec:
    """x = ((raw - zero_point) * scale - mean) / std, in float64.

    Args:
        scale, zero_point: Of quantized data, or of pixels.
        mean, std: One number, or one a channel.
        axis: Axis of the channels in the model's input; None where images or single numbers need none.
        range: Smallest and largest legal x.
        dtype: Element type of .bin files.
        explicit: Whether the specification says how integers become real numbers.
    """

    scale: float = 1.0
    zero_point: float = 0.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    axis: int | None = None
    range: tuple[float, float] | None = None
    dtype: str | None = None
    explicit: bool = False

    def apply(self, raw: Array, axis: int | None = None) -> Array:
        """Raw values, any shape and numeric type, as float64 of the same shape.

        Args:
            raw: In the input's shape.
            axis: Axis of the channels where the specification names none.
        """
        at = self.axis if self.axis is not None else axis
        x = (raw.astype(np.float64) - self.zero_point) * self.scale
        if self.mean == (0.0,) and self.std == (1.0,):
            return x
        return (x - _along(self.mean, raw.ndim, at)) / _along(self.std, raw.ndim, at)


@dataclass(frozen=True)
class ImageSpec:
    """How an image becomes an array; see the module's example."""

    size: int | tuple[int, int] | None = None
    resize: Literal["bilinear", "nearest", "none"] = "bilinear"
    crop: tuple[int, int] | None = None
    color: Literal["rgb", "bgr", "grey"] | None = None
    layout: Literal["nhwc", "nchw"] | None = None


@dataclass(frozen=True)
class Preprocess:
    """A whole specification. Without a file: values are taken as they are."""

    values: ValueSpec = ValueSpec()
    image: ImageSpec = ImageSpec()
    transpose: tuple[int, ...] | None = None
    input: str | None = None


def load_preprocess(path: Path) -> Preprocess:
    """Read a specification.

    Raises:
        UsageError: EW-SPEC-FILE (unreadable, no TOML), EW-SPEC-KEY (unknown), EW-SPEC-VALUE.
    """
    try:
        if path.stat().st_size > MAX_SPEC_BYTES:
            raise refused("EW-SPEC-FILE", f"{path}: larger than {MAX_SPEC_BYTES} bytes")
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise refused("EW-SPEC-FILE", f"{path}: cannot be read: {error}") from error
    tables = {name: _read_table(path, data, name) for name in ("", *TABLES)}
    values, image = tables["values"], tables["image"]
    if any(len(values.get(k, ())) > MAX_SIDE for k in ("mean", "std")):
        raise refused("EW-SPEC-VALUE", f"{path}: [values] mean or std has more than {MAX_SIDE} entries")
    explicit = any(key in values for key in CONVERSION_KEYS)
    return Preprocess(
        values=ValueSpec(**values, explicit=explicit),
        image=ImageSpec(**image),
        transpose=tables["array"].get("transpose"),
        input=tables[""].get("input"),
    )


def _along(numbers: Sequence[float], rank: int, axis: int | None) -> Array:
    """Numbers as an array that broadcasts along an axis of `rank` ones."""
    if len(numbers) == 1 or axis is None:
        return np.asarray(numbers)
    shape = [1] * rank
    shape[axis] = len(numbers)
    return np.asarray(numbers).reshape(shape)


def _read_table(path: Path, data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The checked entries of a table, `name` empty for those outside all tables."""
    table = data if not name else data.get(name, {})
    if not isinstance(table, dict):
        raise refused("EW-SPEC-VALUE", f"{path}: {name} is no table", f"write it as [{name}]")
    readers = TABLES.get(name, TOP)
    known = (*readers, *(() if name else TABLES))
    found = {}
    for key, value in table.items():
        where = f"[{name}] {key}" if name else key
        if key not in known:
            raise refused("EW-SPEC-KEY", f"{path}: unknown key {where}", f"known: {', '.join(known)}")
        if key not in readers:
            continue  # a table
        words, read = readers[key]
        result = read(value)
        if result is None:
            raise refused("EW-SPEC-VALUE", f"{path}: {where} = {value!r}", f"{key} is {words}")
        found[key] = result
    return found


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30
    return float(value) if usable and math.isfinite(value) else None


def _numbers(value: Any) -> tuple[float, ...] | None:
    numbers = [_number(v) for v in (value if isinstance(value, list) else [value])]
    return None if not numbers or None in numbers else tuple(n for n in numbers if n is not None)


def _nonzero(value: Any) -> float | None:
    return _number(value) or None


def _positives(value: Any) -> tuple[float, ...] | None:
    numbers = _numbers(value)
    return numbers if numbers and min(numbers) > 0 else None


def _range(value: Any) -> tuple[float, float] | None:
    numbers = _numbers(value) if isinstance(value, list) else None
    return (numbers[0], numbers[1]) if numbers and len(numbers) == 2 and numbers[0] < numbers[1] else None


def _whole(low: int, high: int) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:
        usable = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return int(value) if usable else None

    return read


def _sides(value: Any) -> tuple[int, int] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    height, width = map(_whole(1, MAX_SIDE), value)
    return (height, width) if height and width else None


def _size(value: Any) -> int | tuple[int, int] | None:
    return _sides(value) if isinstance(value, list) else _whole(1, MAX_SIDE)(value)


def _axes(value: Any) -> tuple[int, ...] | None:
    usable = isinstance(value, list) and all(type(v) is int for v in value)
    return tuple(value) if usable and 0 < len(value) < 9 and sorted(value) == [*range(len(value))] else None


def _one_of(*words: str) -> tuple[str, Callable[[Any], str | None]]:
    return f"one of {', '.join(words)}", lambda value: value if value in words else None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


# Keys with what they are, and how their value is read (None: it is something else).
Readers = Mapping[str, tuple[str, Callable[[Any], Any]]]
TOP: Readers = {"input": ("the name of an input", _name)}
TABLES: Mapping[str, Readers] = {
    "values": {
        "scale": ("a number other than 0", _nonzero),
        "zero_point": ("a number", _number),
        "mean": ("a number, or a list of them", _numbers),
        "std": ("a number above 0, or a list of them", _positives),
        "axis": ("an axis of the input, 0 to 7", _whole(0, 7)),
        "range": ("[smallest, largest]", _range),
        "dtype": _one_of(*DTYPES),
    },
    "array": {"transpose": ("a permutation of the axes, such as [0, 3, 1, 2]", _axes)},
    "image": {
        "size": (f"[height, width] or the shorter side, 1 to {MAX_SIDE}", _size),
        "resize": _one_of("bilinear", "nearest", "none"),
        "crop": (f"[height, width], 1 to {MAX_SIDE}", _sides),
        "color": _one_of("rgb", "bgr", "grey"),
        "layout": _one_of("nhwc", "nchw"),
    },
}
