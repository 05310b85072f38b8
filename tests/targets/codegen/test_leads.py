"""The lead of a row kernel: enough that nothing still needed is overwritten, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.targets.codegen.row_kernel import RowInput, RowKernel


def kernel(view: RowInput, out_rows: int, out_row_bytes: int) -> RowKernel:
    return RowKernel("k", "", (), (view,), out_rows, out_row_bytes, call="k")


def overwrites_needed(view: RowInput, out_rows: int, out_row_bytes: int, lead: int) -> bool:
    """Play it through byte by byte: the output `lead` bytes below the input."""
    for row in range(out_rows):
        written = range(row * out_row_bytes - lead, (row + 1) * out_row_bytes - lead)
        # Rows this call and all later ones read.
        first = max(0, row * view.stride - view.pad_top)
        needed = range(first * view.row_bytes, view.rows * view.row_bytes)
        if max(written.start, needed.start) < min(written.stop, needed.stop):
            return True
    return False


@pytest.mark.parametrize("seed", range(200))
def test_lead_is_safe_and_tight(seed):
    rng = np.random.default_rng(seed)
    rows, window, stride = (int(v) for v in rng.integers(1, [12, 5, 4]))
    pad = int(rng.integers(0, window))
    out_rows = max(1, (rows + pad - window) // stride + 1)
    view = RowInput(rows, int(rng.integers(1, 20)), window, stride, 1, pad)
    out_row_bytes = int(rng.integers(1, 20))
    (lead,) = kernel(view, out_rows, out_row_bytes).leads()
    assert lead is not None
    assert not overwrites_needed(view, out_rows, out_row_bytes, lead)
    # Tight where the input still has the bytes in question; reading past its end needs no lead.
    if (
        lead > 0
        and (out_rows - 1) * stride - pad < rows
        and out_rows * out_row_bytes - lead < rows * view.row_bytes
    ):
        assert overwrites_needed(view, out_rows, out_row_bytes, lead - 1)


def test_an_input_that_is_repeated_is_never_overtaken():
    assert kernel(RowInput(1, 8, stride=0), 4, 8).leads() == (None,)
