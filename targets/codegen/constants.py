"""The constant arrays of a library: equal arrays are stored once."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgewright.converter.program import Array

C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "float32": "float",
}
# Constants up to this size are geometry of a kernel, not weights.
GEOMETRY_BYTES = 64


class Constants:
    """Named constant arrays; `weights` go to a file of their own, `tables` beside the kernels."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[tuple[str, bytes], str] = {}
        self._padding: dict[int, dict[str, Any]] = {}
        self.weights: list[dict[str, Any]] = []
        self.tables: list[dict[str, Any]] = []

    def symbol(self, array: Array, *, weights: bool) -> str:
        """The C name of an array with these contents."""
        key = (str(array.dtype), array.tobytes())
        if key not in self._known:
            target, letter = (self.weights, "w") if weights else (self.tables, "t")
            symbol = f"{self._name}_{letter}{len(target)}"
            self._known[key] = symbol
            target.append(
                {
                    "symbol": symbol,
                    "ctype": C_TYPES[str(array.dtype)],
                    "count": array.size,
                    "text": _literal(array),
                }
            )
        return self._known[key]

    def padding_row(self, value: int, size_bytes: int) -> str:
        """The C name of at least so many bytes of a value: one array serves rows of any length."""
        entry = self._padding.get(value)
        if entry is None:
            entry = {"symbol": f"{self._name}_t{len(self.tables)}", "ctype": "int8_t", "count": 0}
            self._padding[value] = entry
            self.tables.append(entry)
        if size_bytes > entry["count"]:
            entry |= {"count": size_bytes, "text": _literal(np.full(size_bytes, value, np.int8))}
        return str(entry["symbol"])


def _literal(array: Array) -> str:
    if array.dtype.kind == "f":
        return ",".join(f"{float(v).hex()}f" for v in array.ravel())
    values = (str(v) if v != -(2**31) else "(-2147483647 - 1)" for v in array.ravel().tolist())
    return ",".join(values)
