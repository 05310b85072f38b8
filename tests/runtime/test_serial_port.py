"""Ports that are missing, busy, forbidden or no ports at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tty

import pytest

from edgewright.errors import DeviceError
from edgewright.runtime.devices.serial_port import open_serial, port_holders


@pytest.fixture
def pty():
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


def failure(port: str) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        open_serial(port, 115_200)
    return caught.value


def test_opens(pty: str) -> None:
    with open_serial(pty, 115_200) as stream:
        assert stream.is_open


def test_missing() -> None:
    error = failure("/dev/ttyACM99")
    assert error.code == "EW-PORT-MISSING"
    assert "/dev/ttyACM99" in error.message and error.hint


def test_busy_names_the_process(pty: str) -> None:
    # It sleeps instead of reading: opening the port sets VMIN to 0, which would end a read and the process.
    script = "import sys, time; f = open(sys.argv[1], 'rb', 0); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script, pty], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout and other.stdout.readline() == b"open\n"
            error = failure(pty)
            assert error.code == "EW-PORT-BUSY"
            assert f"pid {other.pid}" in error.message and "python" in error.message
            assert error.details["holders"] == [{"pid": other.pid, "name": port_holders(pty)[0][1]}]
        finally:
            other.kill()
    with open_serial(pty, 115_200):
        pass


def test_opened_twice(pty: str) -> None:
    with open_serial(pty, 115_200):
        assert failure(pty).code == "EW-PORT-BUSY"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "EW-PORT-PERMISSION"),
        (errno.EPERM, "EW-PORT-PERMISSION"),
        (errno.EBUSY, "EW-PORT-BUSY"),
        (errno.ENXIO, "EW-PORT-MISSING"),
        (errno.EIO, "EW-PORT-OPEN"),
    ],
)
def test_what_the_system_says(pty: str, monkeypatch: pytest.MonkeyPatch, number: int, code: str) -> None:
    real = os.open

    def refusing(path, *arguments, **options):
        if path == pty:
            raise OSError(number, os.strerror(number), path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refusing)
    error = failure(pty)
    assert error.code == code
    if code == "EW-PORT-PERMISSION":
        assert "dialout" in error.hint


@pytest.mark.parametrize("kind", ["file", "folder", "fifo", "null"])
def test_not_a_serial_port(tmp_path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "file":
        path.write_bytes(b"abc")
    elif kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    assert failure("/dev/null" if kind == "null" else str(path)).code == "EW-PORT-OPEN"
