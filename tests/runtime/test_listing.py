"""Ports matched to boards by USB id, asked who they are, and emulators."""

from __future__ import annotations

from pathlib import Path

import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from edgewright.errors import DeviceError
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices import listing
from edgewright.runtime.devices.listing import find_port, list_emulators, list_serial_ports
from edgewright.runtime.devices.opening import open_device
from edgewright.targets.board import load_board
from tests.runtime.simulated_device import Faults, simulated
from tests.runtime.tiny_program import SHA256, tiny_program, write_build


def port_info(device: str, vid: int | None, pid: int | None, serial: str = "") -> ListPortInfo:
    info = ListPortInfo(device)
    info.vid, info.pid, info.serial_number, info.description = vid, pid, serial, "adapter"
    return info


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> list[ListPortInfo]:
    found: list[ListPortInfo] = []
    monkeypatch.setattr(list_ports, "comports", lambda: list(found))
    return found


def test_no_ports(ports: list) -> None:
    assert list_serial_ports(probe=True) == []


def test_usb_ids_name_boards(ports: list) -> None:
    usb = load_board("nucleo-l4r5zi").console.usb[0]
    ports += [port_info("/dev/ttyACM0", usb.vid, usb.pid), port_info("/dev/ttyS0", None, None)]
    first, second = list_serial_ports()
    assert (first.port, first.usb) == ("/dev/ttyACM0", str(usb))
    assert "nucleo-l4r5zi" in first.boards
    assert (second.usb, second.boards) == (None, ())


def test_probing_tells_the_model(ports: list) -> None:
    with simulated(tiny_program()) as sim:
        ports.append(port_info(sim.port, 0x0483, 0x374B))
        (found,) = list_serial_ports(probe=True)
    assert (found.vendor, found.model, found.sha256, found.problem) == ("simulated", "tiny", SHA256, None)


def test_probing_other_firmware_and_silence(ports: list) -> None:
    refusing = Faults(replies={"ew info": b"e-[Unknown command: ew]\r\nm-ready\r\n"})
    with simulated(tiny_program(), refusing) as other, simulated(tiny_program(), Faults(mute=True)) as mute:
        ports += [port_info(other.port, 1, 1), port_info(mute.port, 1, 2)]
        by_port = {f.port: f for f in list_serial_ports(probe=True)}
        assert by_port[other.port].vendor == "simulated"
        assert "no edgewright firmware" in (by_port[other.port].problem or "")
        assert (by_port[mute.port].problem or "").startswith("EW-DEV-TIMEOUT: ")


def test_ports_that_are_not_usb_are_not_touched(ports: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "probe", lambda *_: pytest.fail("probed"))
    ports.append(port_info("/dev/ttyS0", None, None))
    assert list_serial_ports(probe=True)[0].problem is None


def test_find_port(ports: list) -> None:
    board = load_board("nucleo-l4r5zi")
    with pytest.raises(DeviceError) as caught:
        find_port(board)
    assert caught.value.code == "EW-PORT-MISSING"
    usb = board.console.usb[0]
    ports.append(port_info("/dev/ttyACM0", usb.vid, usb.pid, "A"))
    assert find_port(board).port == "/dev/ttyACM0"
    ports.append(port_info("/dev/ttyACM1", usb.vid, usb.pid, "B"))
    with pytest.raises(DeviceError) as caught:
        find_port(board)
    assert caught.value.code == "EW-PORT-AMBIGUOUS"
    assert caught.value.details["ports"] == ["/dev/ttyACM0", "/dev/ttyACM1"]


def test_auto_opens_the_one_port_of_the_board(ports: list, tmp_path: Path) -> None:
    build = open_build(write_build(tmp_path, board="nucleo-l4r5zi"))
    usb = load_board("nucleo-l4r5zi").console.usb[0]
    with simulated(tiny_program()) as sim:
        ports.append(port_info(sim.port, usb.vid, usb.pid))
        with open_device(build, "auto") as device:
            assert device.name == sim.port


def test_emulators() -> None:
    found = {e.board: e for e in list_emulators()}
    assert found["mps2-an386"].machine == "mps2-an386"
    assert "nucleo-l4r5zi" not in found
