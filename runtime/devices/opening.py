"""Opening the device that belongs to a build: a serial port, or the board's emulator by default."""

from __future__ import annotations

from collections.abc import Callable

from edgewright.errors import DeviceError
from edgewright.runtime.build_folder import BuildFolder, Firmware
from edgewright.runtime.command_link import Timeouts
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.listing import find_port
from edgewright.runtime.devices.transport import EmulatorTransport, SerialTransport, Transport
from edgewright.targets.board import Board, load_board

AUTO = "auto"


def open_device(
    build: BuildFolder,
    port: str | None = None,
    *,
    count: bool = False,
    baud: int | None = None,
    timeouts: Timeouts | None = None,
    notify: Callable[[str], None] | None = None,
) -> Device:
    """Open the device a build runs on and check that it runs this model.

    Args:
        build: The build.
        port: Serial port of the board, or "auto" for the one with the board's USB id; None starts the
            emulator.
        count: Count instructions, where it is an emulator.
        baud: Bits per second where not the board's own.
        timeouts: Bounds of all waits.
        notify: Called once with a sentence where another board stands in for the build's.

    Raises:
        DeviceError: EW-DEV-MODEL where the device runs another model or build; EW-EMU-NONE where no port is
            given and the board cannot be emulated; whatever opening the port or emulator raises.
    """
    board = load_board(build.board)
    transport: Transport
    if port is not None:
        name = find_port(board).port if port == AUTO else port
        transport = SerialTransport(name, baud or board.console.baud)
    else:
        firmware = emulated_firmware(build, board)
        stand_in = load_board(firmware.board)
        if notify and stand_in.id != board.id:
            notify(f"no port given: {stand_in.title} stands in for {board.title}, emulated")
        transport = EmulatorTransport(stand_in, firmware.elf, count=count)
    device = Device(transport, timeouts)
    try:
        device.expect_model(build.model_sha256)
        device.expect_input(build.input_by_rows)
    except BaseException:
        device.close()
        raise
    return device


def emulated_firmware(build: BuildFolder, board: Board | None = None) -> Firmware:
    """The firmware the emulator runs for a build, and the board it is for.

    Raises:
        DeviceError: EW-EMU-NONE.
    """
    board = board or load_board(build.board)
    if board.emulator is not None:
        return Firmware(board.id, build.elf)
    if build.emulator is not None:
        return build.emulator
    raise DeviceError(
        "EW-EMU-NONE",
        f"{board.id} cannot be emulated, and this build has no firmware for a board that can",
        "give the board's port: --port",
    )
