"""The emulator starts within bounds, says what is wrong, and never outlives its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgewright.errors import DeviceError
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.transport import EmulatorTransport
from edgewright.runtime.emulator import qemu
from edgewright.runtime.emulator.guarded_process import GuardedProcess
from edgewright.runtime.emulator.qemu import Qemu, qemu_command
from edgewright.targets.board import load_board
from tests.runtime.bare_metal import assemble, needs


@pytest.fixture(autouse=True)
def tools() -> None:
    needs("qemu-system-arm", "arm-none-eabi-gcc")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def await_end(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


@pytest.fixture
def idle(tmp_path: Path) -> Path:
    return assemble("mps2-an386", "", tmp_path)


def test_starts_with_a_console_and_ends(idle: Path) -> None:
    with Qemu(qemu_command("mps2-an386", idle)) as running:
        assert Path(running.console).is_char_device()
        assert running.failure() is None and alive(running.pid)
    assert not alive(running.pid)
    running.close()  # harmless


def test_ends_when_forgotten(idle: Path) -> None:
    running = Qemu(qemu_command("mps2-an386", idle))
    pid = running.pid
    del running
    assert await_end(pid)


@pytest.mark.parametrize("how", ["exit", "crash", "kill"])
def test_ends_with_its_owner(idle: Path, how: str) -> None:
    script = (
        "import os, sys, time\n"
        "from edgewright.runtime.emulator.qemu import Qemu, qemu_command\n"
        "from pathlib import Path\n"
        "running = Qemu(qemu_command('mps2-an386', Path(sys.argv[1])))\n"
        "print(running.pid, flush=True)\n"
        + {"exit": "", "crash": "os._exit(1)", "kill": "time.sleep(60)"}[how]
    )
    with subprocess.Popen([sys.executable, "-c", script, str(idle)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        if how == "kill":
            assert alive(pid)
            owner.send_signal(signal.SIGKILL)
    assert await_end(pid)


def test_missing(monkeypatch: pytest.MonkeyPatch, idle: Path) -> None:
    monkeypatch.setattr(qemu.shutil, "which", lambda _: None)
    with pytest.raises(DeviceError) as caught:
        Qemu(qemu_command("mps2-an386", idle))
    assert caught.value.code == "EW-TOOL-MISSING"
    assert "qemu-system-arm" in caught.value.hint
    assert caught.value.exit_code == 3


def test_a_start_that_fails_quotes_qemu() -> None:
    with pytest.raises(DeviceError) as caught:
        Qemu(qemu_command("no-such-machine", None))
    assert caught.value.code == "EW-EMU-START"
    assert "no-such-machine" in caught.value.message and "unsupported machine" in caught.value.message


def test_firmware_that_is_none(tmp_path: Path) -> None:
    nonsense = tmp_path / "firmware.elf"
    nonsense.write_text("this is no firmware")
    with pytest.raises(DeviceError) as caught:
        Device(EmulatorTransport(load_board("mps2-an386"), nonsense))
    assert caught.value.code == "EW-EMU-EXIT" and "Lockup" in caught.value.message


def test_a_start_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    class Recorded(GuardedProcess):
        def __init__(self, command) -> None:
            super().__init__(["sleep", "60"])
            started.append(self.pid)

    monkeypatch.setattr(qemu, "GuardedProcess", Recorded)
    with pytest.raises(DeviceError) as caught:
        Qemu(["qemu-system-arm"], start_timeout_s=0.2)
    assert caught.value.code == "EW-EMU-START" and "0.2 s" in caught.value.message
    assert await_end(started[0])


def test_the_console_may_be_another_uart(idle: Path) -> None:
    command = qemu_command("mps2-an386", idle, serial_index=2)
    assert command[command.index("-serial") :][:6] == ["-serial", "null"] * 2 + ["-serial", "pty"]
    with Qemu(command) as running:
        assert Path(running.console).is_char_device()


def test_an_emulator_that_dies_says_so(idle: Path) -> None:
    transport = EmulatorTransport(load_board("mps2-an386"), idle)
    try:
        os.kill(transport.process_id, signal.SIGKILL)
        assert await_end(transport.process_id)
        failure = transport.failure()
        assert failure is not None and failure.code == "EW-EMU-EXIT" and "-9" in failure.message
    finally:
        transport.close()


def test_a_board_without_an_emulator(idle: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        EmulatorTransport(load_board("nucleo-l4r5zi"), idle)
    assert caught.value.code == "EW-EMU-NONE"


def test_output_survives_the_end() -> None:
    process = GuardedProcess(["sh", "-c", "echo out; echo err >&2"])
    deadline = time.monotonic() + 5
    while process.exit_status() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.close()
    assert process.output() == "out\nerr\n"
