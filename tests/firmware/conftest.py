"""Firmware of the hand-written model, built once a board, and its monitor on the host."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from edgewright.targets.board import load_board
from edgewright.targets.toolchain import build_firmware
from tests.firmware.host_monitor import HostMonitor

FAKE_MODEL = Path(__file__).parent / "fake_model"


@pytest.fixture(scope="session")
def fake_firmware(tmp_path_factory):
    """Function from board id to FirmwareImage."""
    folder = tmp_path_factory.mktemp("fake_firmware")
    return cache(lambda board: build_firmware(FAKE_MODEL, load_board(board), folder / board))


@pytest.fixture(scope="session")
def monitors(tmp_path_factory):
    """Function from variant to HostMonitor, compiled when first asked for."""
    folder = tmp_path_factory.mktemp("host_monitor")
    compiled = cache(lambda variant: HostMonitor(folder, variant))
    return lambda variant="int8": compiled(variant)
