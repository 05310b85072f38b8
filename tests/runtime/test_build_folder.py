"""Build folders that are there, damaged, or no build folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewright.errors import DeviceError, UsageError
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import emulated_firmware, open_device
from tests.runtime.simulated_device import Faults, simulated
from tests.runtime.tiny_program import SHA256, tiny_manifest, tiny_program, write_build


def test_reads(tmp_path: Path) -> None:
    build = open_build(write_build(tmp_path))
    assert (build.board, build.model_name, build.model_sha256) == ("mps2-an386", "tiny", SHA256)
    assert build.elf == tmp_path / "firmware/firmware.elf"
    assert [layer["name"] for layer in build.layers] == ["first", "second"]
    assert build.emulator is None and not build.input_by_rows
    assert open_build(write_build(tmp_path, plan={"input": "rows", "passes": 2})).input_by_rows


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_build(tmp_path / "absent")
    assert caught.value.code == "EW-BUILD-MISSING"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        "null",
        '{"schema_version": 2}',
        json.dumps(tiny_manifest() | {"board": 3}),
        json.dumps(tiny_manifest() | {"model": {"name": "x"}}),
        json.dumps(tiny_manifest() | {"firmware": {}}),
        json.dumps(tiny_manifest() | {"layers": {}}),
        json.dumps(tiny_manifest() | {"emulator": {"board": "x"}}),
        json.dumps(tiny_manifest() | {"plan": []}),
        json.dumps(tiny_manifest() | {"plan": {"input": "columns"}}),
    ],
)
def test_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UsageError) as caught:
        open_build(tmp_path)
    assert caught.value.code == "EW-BUILD-MANIFEST"
    assert str(tmp_path / "manifest.json") in caught.value.message


def test_which_firmware_the_emulator_runs(tmp_path: Path) -> None:
    own = open_build(write_build(tmp_path / "own"))
    assert emulated_firmware(own).elf == own.elf
    entry = {"board": "mps2-an386", "elf": "emulator/firmware.elf"}
    other = open_build(write_build(tmp_path / "other", board="nucleo-l4r5zi", emulator=entry))
    stand_in = emulated_firmware(other)
    assert (stand_in.board, stand_in.elf) == ("mps2-an386", tmp_path / "other/emulator/firmware.elf")
    none = open_build(write_build(tmp_path / "none", board="nucleo-l4r5zi"))
    with pytest.raises(DeviceError) as caught:
        emulated_firmware(none)
    assert caught.value.code == "EW-EMU-NONE"


def test_a_port_opens_that_port_and_checks_the_model(tmp_path: Path) -> None:
    build = open_build(write_build(tmp_path))
    with simulated(tiny_program()) as sim:
        with open_device(build, sim.port) as device:
            assert device.name == sim.port and not device.emulated
        sim.faults = Faults(sha256="cd" * 32)
        with pytest.raises(DeviceError) as caught:
            open_device(build, sim.port)
        assert caught.value.code == "EW-DEV-MODEL"
        with open_device(
            open_build(write_build(tmp_path, model={"name": "x", "sha256": "cd" * 32})), sim.port
        ):
            pass  # the refused device was closed again


def test_no_firmware(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        open_device(open_build(write_build(tmp_path)))
    assert caught.value.code == "EW-EMU-FIRMWARE"
