"""Opening a serial port, with what stands in the way as a coded error."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import serial
from serial.tools import list_ports

from edgewright.errors import DeviceError

READ_TIMEOUT_S = 0.02  # granularity of all waits above it
WRITE_TIMEOUT_S = 10.0

MISSING = {errno.ENOENT, errno.ENXIO, errno.ENODEV}
DENIED = {errno.EACCES, errno.EPERM}
BUSY = {errno.EBUSY, errno.EAGAIN}


def open_serial(port: str, baud: int) -> serial.Serial:
    """Open a port exclusively, 8N1 without flow control.

    Args:
        port: Device file, e.g. "/dev/ttyACM0".
        baud: Bits per second.

    Raises:
        DeviceError: EW-PORT-MISSING, EW-PORT-BUSY (with the process that holds it), EW-PORT-PERMISSION,
            EW-PORT-OPEN for anything else the system reports.
    """
    if not Path(port).exists():
        raise _missing(port)
    try:
        stream = serial.Serial(
            port, baud, timeout=READ_TIMEOUT_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True
        )
    except (serial.SerialException, OSError, ValueError) as error:
        raise _explain(port, error) from error
    holders = port_holders(port)
    if holders:
        # A program that reads the same port without locking it would steal our replies.
        stream.close()
        raise _busy(port, holders)
    return stream


def port_holders(port: str) -> list[tuple[int, str]]:
    """(process id, name) of other processes that have the port open, as far as /proc tells.

    Empty where there is no /proc; processes of other users are invisible without privileges.
    """
    path = os.path.realpath(port)
    target = Path(path).stat()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        try:
            if any(_is_file(fd, path, target) for fd in (folder / "fd").iterdir()):
                found.append((int(folder.name), (folder / "comm").read_text().strip()))
        except OSError:
            continue  # it ended meanwhile, or is not ours to look at
    return sorted(found)


def _is_file(fd: Path, path: str, target: os.stat_result) -> bool:
    try:
        # A container's /dev/pts/3 has the same name as ours and is another file.
        return str(fd.readlink()) == path and os.path.samestat(fd.stat(), target)
    except OSError:
        return False


def _explain(port: str, error: Exception) -> DeviceError:
    number = getattr(error, "errno", None)
    if number in MISSING:
        return _missing(port)
    if number in BUSY:
        return _busy(port, port_holders(port))
    if number in DENIED:
        return DeviceError(
            "EW-PORT-PERMISSION",
            f"no permission to open {port}",
            "sudo usermod -aG dialout $USER, then log in again (or a udev rule for the board)",
            port=port,
        )
    return DeviceError("EW-PORT-OPEN", f"cannot open {port}: {error}", "is it a serial port?", port=port)


def _missing(port: str) -> DeviceError:
    present = [p.device for p in list_ports.comports()]
    return DeviceError(
        "EW-PORT-MISSING",
        f"there is no port {port}",
        f"present: {', '.join(present)}"
        if present
        else "no serial ports are present; is the board plugged in?",
        port=port,
        present=present,
    )


def _busy(port: str, holders: list[tuple[int, str]]) -> DeviceError:
    by = ", ".join(f"{name} (pid {pid})" for pid, name in holders) or "another process"
    return DeviceError(
        "EW-PORT-BUSY",
        f"{port} is in use by {by}",
        "close that program first",
        port=port,
        holders=[{"pid": pid, "name": name} for pid, name in holders],
    )
