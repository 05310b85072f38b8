"""What lies under a device: a port of this machine, or an emulator's pseudo-terminal opened as one."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from pathlib import Path

import serial

from edgewright.errors import DeviceError
from edgewright.runtime.devices.serial_port import open_serial
from edgewright.runtime.emulator.cycle_counter import CycleCounter, plugin_path
from edgewright.runtime.emulator.qemu import Qemu, find_qemu, qemu_command
from edgewright.targets.board import Board
from edgewright.targets.costs import cycle_model


class Transport(ABC):
    """An open serial stream and what belongs to it.

    Attributes:
        name: What messages call it.
        stream: The open port.
        counter: Instruction counts, on an emulator that was started with them.
    """

    name: str
    stream: serial.Serial
    counter: CycleCounter | None = None

    @property
    @abstractmethod
    def emulated(self) -> bool: ...

    def failure(self) -> DeviceError | None:
        """A better explanation of a broken or silent connection, if this transport has one."""
        return None

    def close(self) -> None:
        self.stream.close()


class SerialTransport(Transport):
    """A serial port of this machine."""

    def __init__(self, port: str, baud: int) -> None:
        self.name = port
        self.stream = open_serial(port, baud)

    @property
    def emulated(self) -> bool:
        return False


class EmulatorTransport(Transport):
    """QEMU running a firmware.

    Args:
        board: Board with a QEMU machine; its core chooses the cycle model.
        elf: Firmware built for that board.
        count: Count instructions between the firmware's markers (a little slower).
    """

    def __init__(self, board: Board, elf: Path, *, count: bool = False) -> None:
        if board.emulator is None:
            raise DeviceError("EW-EMU-NONE", f"board {board.id} has no emulator", "give a port: --port")
        if not elf.is_file():
            raise DeviceError("EW-EMU-FIRMWARE", f"there is no firmware {elf}", "build it first")
        # Absolute paths: QEMU's messages name the file, and option parsing must not see a leading dash.
        elf = elf.resolve()
        self._folder = tempfile.TemporaryDirectory(prefix="edgewright-emulator-")
        try:
            if count:
                plugin = plugin_path(find_qemu())
                self.counter = CycleCounter(plugin, elf, cycle_model(board.cpu), Path(self._folder.name))
            self._qemu = Qemu(emulator_command(board, elf, self.counter))
            self.name = f"{board.id} emulator ({self._qemu.console})"
            self.stream = self._open_console(board.console.baud)
        except BaseException:
            self._folder.cleanup()
            raise

    @property
    def emulated(self) -> bool:
        return True

    def _open_console(self, baud: int) -> serial.Serial:
        try:
            return open_serial(self._qemu.console, baud)
        except BaseException as error:
            failure = self._qemu.failure()
            self._qemu.close()
            if failure is None:
                raise
            raise failure from error

    @property
    def process_id(self) -> int:
        return self._qemu.pid

    def failure(self) -> DeviceError | None:
        return self._qemu.failure()

    def close(self) -> None:
        super().close()
        self._qemu.close()
        self._folder.cleanup()


def emulator_command(board: Board, elf: Path, counter: CycleCounter | None = None) -> list[str]:
    """The command line that runs a firmware on the emulator of `board`."""
    assert board.emulator is not None, board.id
    return qemu_command(
        board.emulator.machine,
        elf,
        serial_index=board.emulator.serial,
        plugin=counter.argument() if counter else None,
        extra=board.emulator.args,
    )
