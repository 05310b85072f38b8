"""Flashing methods: exact commands, real loading through a GDB server, and failures."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgewright.errors import DeviceError, UsageError
from edgewright.runtime.build_folder import BuildFolder, open_build
from edgewright.runtime.emulator.qemu import Qemu, qemu_command
from edgewright.runtime.flash.command import Command
from edgewright.runtime.flash.flash import flash, flash_plan
from edgewright.runtime.flash.gdb import check_output, gdb_commands
from tests.runtime.bare_metal import assemble, needs
from tests.runtime.tiny_program import write_build


def build_for(folder: Path, board: str, **changes: object) -> BuildFolder:
    build = open_build(write_build(folder, board=board, **changes))
    build.elf.parent.mkdir(exist_ok=True)
    build.elf.write_bytes(b"\x7fELF")
    return build


def test_openocd(tmp_path: Path) -> None:
    build = build_for(tmp_path, "nucleo-l4r5zi")
    (command,) = flash_plan(build, "openocd", probe="066BFF").commands
    assert command.arguments == (
        "openocd",
        "-f",
        "interface/stlink.cfg",
        "-f",
        "target/stm32l4x.cfg",
        "-c",
        "adapter serial {066BFF}",
        "-c",
        f"program {{{build.elf}}} verify reset exit",
    )


def test_openocd_quotes_for_tcl(tmp_path: Path) -> None:
    build = build_for(tmp_path / "a {b} [c] $d", "nucleo-l4r5zi")
    (command,) = flash_plan(build, "openocd").commands
    assert r"/a \{b\} \[c\] \$d/" in command.arguments[-1]


def test_pyocd(tmp_path: Path) -> None:
    build = build_for(tmp_path, "nrf52840-dk")
    load, reset = flash_plan(build, "pyocd", probe="123").commands
    chosen = "--target nrf52840 --uid 123"
    assert str(load) == f"pyocd load --no-wait {chosen} --format elf {build.elf}"
    assert str(reset) == f"pyocd reset --no-wait {chosen}"


def test_the_boards_first_method_is_the_default(tmp_path: Path) -> None:
    assert flash_plan(build_for(tmp_path / "a", "nucleo-l4r5zi")).runner == "openocd"
    assert flash_plan(build_for(tmp_path / "b", "nrf52840-dk")).runner == "pyocd"
    assert flash_plan(build_for(tmp_path / "c", "mps2-an386")).runner == "emulator"


def test_the_emulator_needs_no_flashing(tmp_path: Path) -> None:
    plan = flash_plan(build_for(tmp_path, "mps2-an386"))
    assert shlex.split(str(plan.commands[0]))[:3] == ["qemu-system-arm", "-M", "mps2-an386"]
    assert flash(plan) == ""


def test_the_stand_in_of_a_board(tmp_path: Path) -> None:
    entry = {"board": "mps2-an386", "elf": "emulator.elf"}
    build = build_for(tmp_path, "nucleo-l4r5zi", emulator=entry)
    (tmp_path / "emulator.elf").write_bytes(b"\x7fELF")
    plan = flash_plan(build, "emulator")
    assert (plan.board, plan.elf) == ("mps2-an386", tmp_path / "emulator.elf")


def test_a_method_the_board_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        flash_plan(build_for(tmp_path, "mps2-an386"), "pyocd")
    assert caught.value.code == "EW-FLASH-RUNNER"
    assert "emulator, gdb" in caught.value.hint


def test_no_firmware(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        flash_plan(open_build(write_build(tmp_path)))
    assert caught.value.code == "EW-FLASH-FIRMWARE"


@pytest.mark.parametrize("server", ["nonsense", "host:", ":1", "host:99999", "a b:1", "host:-1"])
def test_a_server_that_is_none(server: str) -> None:
    with pytest.raises(UsageError) as caught:
        gdb_commands(Path("x.elf"), server)
    assert caught.value.code == "EW-FLASH-SERVER"


def fails(code: str, *arguments: str, timeout_s: float = 10.0) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        Command(arguments, "apt install it", timeout_s).run()
    assert caught.value.code == code
    return caught.value


def test_failures_of_a_command() -> None:
    assert fails("EW-TOOL-MISSING", "no-such-tool-of-ours").hint == "apt install it"
    script = "import sys; print('probe not found'); sys.exit(3)"
    error = fails("EW-FLASH-FAILED", sys.executable, "-c", script)
    assert "status 3" in error.message and "probe not found" in error.message
    begin = time.monotonic()
    script = "import time; print('waiting', flush=True); time.sleep(60)"
    error = fails("EW-FLASH-TIMEOUT", sys.executable, "-c", script, timeout_s=0.5)
    assert "waiting" in error.message and time.monotonic() - begin < 5


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("localhost:1: Connection refused.", "not loaded"),
        ("Start address 0x1, load size 2\nSection .text: MIS-MATCHED!\nSection .x: matched.", "differs"),
        ("Start address 0x1, load size 2\n", "compared"),
        ("Start address 0x1, load size 2\nSection .text, range 0 -- 1: matched.\n", None),
    ],
)
def test_what_gdb_says(output: str, problem: str | None) -> None:
    found = check_output(output)
    assert found is None if problem is None else problem in (found or "")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# CMSDK UART 0 of mps2: CTRL = 3 (on), BAUDDIV = 16, DATA.
WRITE_HELLO = """
  ldr r0, =0x40004000
  movs r1, #16
  str r1, [r0, #16]
  movs r1, #3
  str r1, [r0, #8]
  movs r1, #'!'
  str r1, [r0]
  b hang
  .ltorg
"""


def test_gdb_loads_compares_and_starts(tmp_path: Path) -> None:
    """Against QEMU's own GDB server: an empty machine, stopped; the loaded program then writes a byte."""
    needs("qemu-system-arm", "arm-none-eabi-gcc", "gdb-multiarch")
    build = build_for(tmp_path, "mps2-an386")
    build.elf.write_bytes(assemble("mps2-an386", WRITE_HELLO, tmp_path).read_bytes())
    server = f"127.0.0.1:{free_port()}"
    command = qemu_command("mps2-an386", None, extra=["-S", "-gdb", f"tcp:{server}"])
    with Qemu(command) as running:
        console = os.open(running.console, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            said: list[str] = []
            printed = flash(flash_plan(build, "gdb", server=server), said.append)
            assert "matched." in printed and f"extended-remote {server}" in said[0]
            assert read_byte(console) == b"!"
        finally:
            os.close(console)


def read_byte(console: int) -> bytes:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            data = os.read(console, 1)
        except BlockingIOError:
            data = b""
        if data:
            return data
        time.sleep(0.02)
    return b""


def test_gdb_without_a_server(tmp_path: Path) -> None:
    needs("gdb-multiarch", "arm-none-eabi-gcc")
    elf = assemble("mps2-an386", "", tmp_path)
    server = f"127.0.0.1:{free_port()}"
    (command,) = gdb_commands(elf, server, connect_timeout_s=1)
    with pytest.raises(DeviceError) as caught:
        command.run()
    assert caught.value.code == "EW-FLASH-FAILED"
    assert f"{server}: Connection" in caught.value.message


def test_gdb_with_a_server_that_says_nothing(tmp_path: Path) -> None:
    needs("gdb-multiarch", "arm-none-eabi-gcc")
    elf = assemble("mps2-an386", "", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        command = replace(gdb_commands(elf, server)[0], timeout_s=1.5)
        begin = time.monotonic()
        with pytest.raises(DeviceError) as caught:
            command.run()
        assert caught.value.code == "EW-FLASH-TIMEOUT" and time.monotonic() - begin < 5


def test_dry_run_commands_run_in_a_shell(tmp_path: Path) -> None:
    needs("gdb-multiarch")
    shown = str(gdb_commands(tmp_path / "a b.elf", "localhost:3333")[0])
    done = subprocess.run(
        ["sh", "-c", f"set -- {shown}; echo $#"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == len(shlex.split(shown))
