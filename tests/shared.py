"""Models and data that lie beside the checkout in CI; tests that need them skip elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def shared_path(relative: str) -> Path:
    """Path of a shared file, or skip the calling test with a reason."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"needs {relative} of the development data, which is not here")
    return path
