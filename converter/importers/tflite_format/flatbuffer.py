"""Guarded access to the generated flatbuffer classes of the `tflite` package.

Python's flatbuffers has no verifier: an offset of a damaged file leads anywhere. Inside Python that
is harmless (reads are bounds-checked, the worst is garbage or an exception), so every read goes
through a `Table`, which turns what comes out into a coded error that names the place, and
counts elements, because tables may share vectors and so make loops longer than the file.
"""

from __future__ import annotations

import struct
from typing import Any, TypeVar

import numpy as np

from edgewright.converter.program import Array
from edgewright.errors import ModelError

MAX_READS = 500_000
"""Most tables and vector elements that are read from one file, ten microseconds each."""

MAX_TEXT = 8192
"""Longest name; a fused operator is called after all it was made of."""

# Elements that are copied at once, which costs about as much as reading one number.
_BLOCK = 16

_READ_ERRORS = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError)
_T = TypeVar("_T")


def damaged(place: str, what: str) -> ModelError:
    """The error for a damaged file."""
    return ModelError("EW-TFLITE-DAMAGED", f"damaged TensorFlow Lite file: {place}: {what}", place=place)


class Budget:
    """Counts what is read from one file."""

    def __init__(self) -> None:
        self.left = MAX_READS

    def spend(self, amount: int, place: str) -> None:
        self.left -= amount
        if self.left < 0:
            raise ModelError(
                "EW-MODEL-SIZE", f"{place}: the file describes more than {MAX_READS:,} elements", place=place
            )


class Table:
    """One flatbuffer table.

    Args:
        raw: Object of a generated class.
        place: Words that say which table it is.
        budget: Shared by all tables of a file.
    """

    def __init__(self, raw: Any, place: str, budget: Budget) -> None:
        self._raw = raw
        self.place = place
        self._budget = budget
        budget.spend(1, place)

    def read(self, field: str, *args: Any) -> Any:
        """Call a generated accessor."""
        accessor = getattr(self._raw, field)
        try:
            return accessor(*args)
        except _READ_ERRORS as error:
            raise damaged(self.place, f"{field} leads outside the file ({error})") from error

    def number(self, field: str) -> int:
        return int(self.read(field))

    def real(self, field: str) -> float:
        return float(self.read(field))

    def text(self, field: str) -> str:
        """A string field; bytes that are no printable text become '?' (names reach the terminal)."""
        data = self.read(field) or b""
        if len(data) > MAX_TEXT:
            raise damaged(self.place, f"{field} has {len(data):,} characters")
        self._budget.spend(len(data) // _BLOCK, self.place)
        text = bytes(data).decode("utf-8", errors="replace")
        return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)

    def vector(self, field: str, *, copied: bool = False) -> Array:
        """A vector of numbers as a view of the file; empty where the field is absent.

        Args:
            field: Name of the field.
            copied: The caller copies it, so its length counts.
        """
        length = self._length(field)
        self._budget.spend(length // _BLOCK if copied else 0, f"{self.place}, {field}")
        data = self.read(f"{field}AsNumpy")
        # The generated accessor says 0 for an absent vector.
        return data if isinstance(data, np.ndarray) else np.zeros(0, dtype=np.int32)

    def ints(self, field: str) -> tuple[int, ...]:
        """A short vector of integers."""
        self._budget.spend(self._length(field), f"{self.place}, {field}")
        return tuple(int(v) for v in self.vector(field))

    def table(self, field: str) -> Table | None:
        """A single child table."""
        raw = self.read(field)
        return None if raw is None else Table(raw, f"{self.place}, {field}", self._budget)

    def tables(self, field: str, what: str) -> list[Table]:
        """A vector of tables; `what` names one of them."""
        length = self._length(field)
        self._budget.spend(length, f"{self.place}, {field}")
        found = [self.read(field, i) for i in range(length)]
        return [Table(raw, f"{what} {i}", self._budget) for i, raw in enumerate(found)]

    def union(self, field: str, cls: type[_T]) -> Table | None:
        """A union's table as an object of `cls`."""
        raw = self.read(field)
        if raw is None:
            return None
        value: Any = cls()
        try:
            value.Init(raw.Bytes, raw.Pos)
        except _READ_ERRORS as error:
            raise damaged(self.place, f"{field} leads outside the file ({error})") from error
        return Table(value, f"{self.place}, {cls.__name__}", self._budget)

    def _length(self, field: str) -> int:
        length = int(self.read(f"{field}Length"))
        if length < 0:
            raise damaged(self.place, f"{field} has {length} elements")
        return length
