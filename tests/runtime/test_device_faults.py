"""Whatever a device does wrong is a coded error within a bounded time, never a hang."""

from __future__ import annotations

import time

import pytest

from edgewright.errors import DeviceError, EdgewrightError, UsageError
from edgewright.runtime.command_link import Timeouts
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.transport import SerialTransport
from tests.runtime.simulated_device import BOOT, Faults, SimulatedDevice, simulated
from tests.runtime.tiny_program import SHA256, tiny_program

# Long enough for a busy test machine, short enough to wait for what never comes.
TIMEOUTS = Timeouts(line_s=1.0, load_s=3.0, run_s=1.0, boot_s=1.0)
NO_ANSWER = Timeouts(attempts_s=(0.3, 0.6))
DATA = bytes(range(24))
BOUND_S = 10.0


def opened(device: SimulatedDevice) -> Device:
    timeouts = NO_ANSWER if device.faults.mute else TIMEOUTS
    return Device(SerialTransport(device.port, 115_200), timeouts)


def infer_with(faults: Faults) -> tuple[bytes, SimulatedDevice]:
    with simulated(tiny_program(), faults) as sim, opened(sim) as device:
        return device.infer(DATA), sim


def expect(code: str, faults: Faults) -> DeviceError:
    """The error an inference ends with, in bounded time."""
    begin = time.monotonic()
    with pytest.raises(EdgewrightError) as caught:
        infer_with(faults)
    assert time.monotonic() - begin < BOUND_S
    assert caught.value.code == code, caught.value
    assert caught.value.message
    return caught.value


def test_a_healthy_device_infers() -> None:
    output, _ = infer_with(Faults())
    assert output == bytes((b + 12) % 256 for b in DATA)


def test_all_commands() -> None:
    with simulated(tiny_program()) as sim, opened(sim) as device:
        info = device.info()
        assert (info.model, info.sha256, info.layers, info.clock_hz) == ("tiny", SHA256, 2, 25_000_000)
        sent: list[int] = []
        device.load(DATA, sent.append)
        assert sent == [24]
        time_of_runs = device.run(3)
        assert (time_of_runs.runs, time_of_runs.total_us, time_of_runs.cycles) == (3, 3000, 75_000)
        device.begin()
        device.step(0)
        assert device.layer_output(0, 24) == bytes((b + 5) % 256 for b in DATA)
        assert device.profile() == [12_000, 12_001]
        memory = device.memory()
        assert (memory.arena_used_bytes, memory.run_stack_used_bytes) == (40, 100)
        device.reset()
        with pytest.raises(DeviceError, match="No input is loaded"):
            device.run()


def test_zero_cycles_mean_no_counter() -> None:
    with simulated(tiny_program(), cycles=False) as sim, opened(sim) as device:
        device.load(DATA)
        assert device.run().cycles is None
        assert device.profile() == [None, None]


def test_silence() -> None:
    error = expect("EW-DEV-TIMEOUT", Faults(mute=True))
    assert "0.9 s" in error.message and error.hint


@pytest.mark.parametrize("command", ["ew info", "ew run 1", "ew output"])
def test_silence_in_a_command(command: str) -> None:
    error = expect("EW-DEV-TIMEOUT", Faults(replies={command: b""}))
    assert command in error.message


def test_silence_after_half_a_reply_quotes_it() -> None:
    error = expect("EW-DEV-TIMEOUT", Faults(replies={"ew run 1": b"m-ew-us-[5]\r\nm-ew-cyc"}))
    assert "m-ew-us-[5]" in error.message


@pytest.mark.parametrize(
    "reply",
    [
        b"\xff\xfe\x80\x00garbage\r\nm-ready\r\n",
        b"hello world\r\nm-ready\r\n",
        b"m-ready\r\n",
        b"m-ew-us-[12x]\r\nm-ew-cycles-[1]\r\nm-ready\r\n",
        b"m-ew-us-[99999999999999999999]\r\nm-ew-cycles-[1]\r\nm-ready\r\n",
        b"m-ew-us-[5]\r\nm-ready\r\n",
        b"m-x\r\n" * 2000,
        b"x" * 200_000,
    ],
    ids=["bytes", "text", "empty", "no number", "huge number", "field missing", "endless", "no line end"],
)
def test_a_garbled_reply(reply: bytes) -> None:
    expect("EW-DEV-PROTOCOL", Faults(replies={"ew run 1": reply}))


def test_a_flood_without_sense() -> None:
    expect("EW-DEV-PROTOCOL", Faults(mute=True, spam=b"\x81\x93$GPGGA,1*7\r\n"))


def test_data_of_the_wrong_length() -> None:
    expect(
        "EW-DEV-PROTOCOL",
        Faults(replies={"ew output": b"m-ew-data-[00]\r\nm-ew-crc-[d202ef8d]\r\nm-ready\r\n"}),
    )
    too_long = b"m-ew-data-[" + b"00" * 40 + b"]\r\nm-ready\r\n"
    expect("EW-DEV-PROTOCOL", Faults(replies={"ew output": too_long}))
    expect("EW-DEV-PROTOCOL", Faults(replies={"ew output": b"m-ew-data-[0g]\r\nm-ready\r\n"}))


@pytest.mark.parametrize("command", ["ew run 1", "ew output"])
def test_a_reset_midway(command: str) -> None:
    error = expect("EW-DEV-RESET", Faults(reset_at=command))
    assert command in error.message


def test_a_reset_between_commands() -> None:
    with simulated(tiny_program()) as sim, opened(sim) as device:
        device.load(DATA)
        sim.send(BOOT.encode())
        time.sleep(0.1)
        with pytest.raises(DeviceError) as caught:
            device.run()
        assert caught.value.code == "EW-DEV-RESET"
        assert device.infer(DATA)[0] == 12  # and works again


def test_another_model() -> None:
    other = Faults(sha256="cd" * 32)
    with simulated(tiny_program(), other) as sim, opened(sim) as device, pytest.raises(DeviceError) as caught:
        device.expect_model(SHA256)
    assert caught.value.code == "EW-DEV-MODEL"
    assert caught.value.details == {"device_sha256": "cd" * 32, "build_sha256": SHA256}


def test_a_damaged_output_is_read_again() -> None:
    output, sim = infer_with(Faults(corrupt_outputs=2))
    assert output[0] == 12
    assert sim.commands.count("ew output") == 3


def test_an_output_that_stays_damaged() -> None:
    expect("EW-DEV-CRC", Faults(corrupt_outputs=100))


def test_a_damaged_load_is_repeated() -> None:
    output, sim = infer_with(Faults(corrupt_loads=1, short_loads=1))
    assert output[0] == 12
    assert sum(c.startswith("ew load") for c in sim.commands) == 3


def test_a_load_that_stays_damaged() -> None:
    expect("EW-DEV-CRC", Faults(corrupt_loads=100))


def test_a_refusal_is_quoted_and_leaves_the_connection_usable() -> None:
    with simulated(tiny_program()) as sim, opened(sim) as device:
        with pytest.raises(DeviceError) as caught:
            device.step(1)
        assert caught.value.code == "EW-DEV-REFUSED"
        assert "Steps run in order" in caught.value.message
        asked = sim.commands.count("name")
        assert device.infer(DATA)[0] == 12
        assert sim.commands.count("name") == asked  # no need to synchronise


def test_another_firmware_of_the_same_protocol() -> None:
    reply = b"e-[Unknown command: ew]\r\nm-ready\r\n"
    error = expect("EW-DEV-REFUSED", Faults(replies={"ew info": reply}))
    assert "flash" in error.hint


def test_recovery_after_a_fault() -> None:
    faults = Faults(replies={"ew run 1": b"m-ew-us-[5]\r\n"})
    with simulated(tiny_program(), faults) as sim, opened(sim) as device:
        device.load(DATA)
        with pytest.raises(DeviceError):
            device.run()
        faults.replies.clear()
        sim.send(b"stale reply\r\nm-ready\r\n")  # arrives late
        assert device.infer(DATA)[0] == 12


def test_opening_while_a_load_waits_for_data() -> None:
    with simulated(tiny_program()) as sim:
        with opened(sim) as device:
            device._client._lines.write(b"ew load 1000 00000000%")  # and the host goes away
        with opened(sim) as device:
            assert device.infer(DATA)[0] == 12


def test_unplugged() -> None:
    with simulated(tiny_program()) as sim, opened(sim) as device:
        device.load(DATA)
        sim.unplug()
        with pytest.raises(DeviceError) as caught:
            device.run()
        assert caught.value.code == "EW-DEV-LOST"


def test_input_of_the_wrong_size_is_not_sent() -> None:
    with simulated(tiny_program()) as sim, opened(sim) as device:
        with pytest.raises(UsageError) as caught:
            device.load(DATA[:-1])
        assert caught.value.code == "EW-INPUT-SIZE"
        assert not any(c.startswith("ew load") for c in sim.commands)
