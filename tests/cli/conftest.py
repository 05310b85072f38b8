"""A build of the example model that the tests of a module share (they must not change it)."""

from __future__ import annotations

import pytest

from tests.cli.runner import DIGITS, cli


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Build folder of the digits on the emulated Cortex-M4."""
    out = tmp_path_factory.mktemp("digits") / "build"
    result = cli("build", DIGITS, "-b", "mps2-an386", "-o", out)
    assert result.status == 0, result.err
    return out
