"""Files that are empty, truncated, huge or of another kind are refused with a code and a hint."""

from __future__ import annotations

import io

import numpy as np
import pytest

from edgewright.errors import UsageError
from edgewright.quantize.data import load_dataset, load_labels

SHAPES = {"x": (1, 4)}


def _npy(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


GOOD = _npy(np.ones((3, 1, 4), np.float32))
HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 4), }"
HUGE = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + HEADER.ljust(117) + b"\n" + bytes(64)
CASES = [
    ("none.npy", None, "EW-DATA-MISSING"),
    ("empty.npy", b"", "EW-DATA-FILE"),
    ("cut.npy", GOOD[:-5], "EW-DATA-FILE"),
    ("cut.npz", b"PK\x03\x04 and no more", "EW-DATA-FILE"),
    ("huge.npy", HUGE, "EW-DATA-FILE"),
    ("notes.md", b"# notes", "EW-DATA-KIND"),
    ("shape.npy", _npy(np.ones((3, 1, 5), np.float32)), "EW-DATA-SHAPE"),
    ("empty.bin", b"", "EW-DATA-EMPTY"),
]


@pytest.mark.parametrize(("name", "data", "code"), CASES, ids=[c[0] for c in CASES])
def test_data(tmp_path, name, data, code):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        [*load_dataset(path, SHAPES)]
    assert (caught.value.code, bool(caught.value.hint)) == (code, True), caught.value


@pytest.mark.parametrize(("name", "data"), [("none.npy", None), ("cut.npy", GOOD[:-5]), ("l.txt", b"cat\n")])
def test_labels(tmp_path, name, data):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        load_labels(path, 3)
    assert caught.value.code.startswith(("EW-LABELS-", "EW-DATA-FILE")) and caught.value.hint, caught.value
