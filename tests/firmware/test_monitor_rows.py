"""The monitor of firmware whose input comes by rows, on the host: dialogue, damage, refusals."""

from __future__ import annotations

import zlib

import pytest

from tests.firmware.host_monitor import MARK, SILENCE, escape
from tests.firmware.test_monitor_protocol import INPUT, data_lines, model

PASSES, ROWS, ROW_BYTES = 2, 4, 2  # of fake.h
REQUESTS = [f"m-ew-row-[{i}]" for i in range(PASSES * ROWS)]


def packets(data: bytes = INPUT) -> list[bytes]:
    """What the host answers to each request of a frame."""
    rows = [data[i : i + ROW_BYTES] for i in range(0, len(data), ROW_BYTES)] * PASSES
    return [row + zlib.crc32(row).to_bytes(4, "little") for row in rows]


def frame(data: bytes = INPUT) -> bytes:
    return b"ew rows%" + b"".join(packets(data))


def values(lines: list[str]) -> dict[str, int]:
    return {k: int(v) for k, v in (line[5:-1].split("-[") for line in lines)}


def test_info(monitors):
    info = monitors("rows").ask(b"ew info")[0]
    assert info[-5:] == [
        "m-ew-load-limit-[0]",
        "m-ew-input-[rows]",
        "m-ew-input-rows-[4]",
        "m-ew-input-row-bytes-[2]",
        "m-ew-passes-[2]",
    ]
    assert "m-ew-input-bytes-[8]" in info
    assert not any(line.startswith("m-ew-input-[") for line in monitors().ask(b"ew info")[0])


def test_help_names_what_there_is(monitors):
    text = " ".join(monitors("rows").ask(b"help")[0])
    assert "ew rows" in text and "ew info" in text and "results" in text
    assert "db load" not in text and "ew load" not in text and "ew step" not in text


def test_frames_give_the_models_output(monitors):
    for data in (INPUT, bytes([200, 3, 0, 255, 128, 127, 9, 77])):
        rows, output = monitors("rows").ask(frame(data), b"ew output")
        assert rows[: PASSES * ROWS] == REQUESTS
        assert [line.split("[")[0] for line in rows[PASSES * ROWS :]] == ["m-ew-us-", "m-ew-cycles-"]
        assert output == data_lines(model(data))


def test_results_in_the_benchmarks_form(monitors):
    whole = monitors().ask(b"db load 8", b"db " + INPUT.hex().encode(), b"infer 1 0", b"results")[-1]
    assert monitors("rows").ask(frame(), b"results")[-1] == whole


def test_only_the_models_work_is_timed(monitors):
    """The host's clock advances with every look at it: two a push, many more while bytes are awaited."""
    reply = values(monitors("rows").ask(frame())[0][PASSES * ROWS :])
    parts = 1 + PASSES * ROWS
    assert reply == {"us": 1000 * parts, "cycles": 25 * parts}


def test_memory_marks(monitors):
    before, _, after = monitors("rows").ask(b"ew memory", frame(), b"ew memory")
    assert values(before)["arena-used"] == 0
    assert (values(after)["arena-bytes"], values(after)["arena-used"]) == (24, 20)
    assert set(values(after)) >= {"stack-bytes", "stack-used", "run-stack-used"}


@pytest.mark.parametrize("number", [0, 3, 7])
@pytest.mark.parametrize("at", range(6))
def test_a_damaged_row_ends_the_frame(monitors, number, at):
    sent = packets()
    sent[number] = sent[number][:at] + bytes([sent[number][at] ^ 0x10]) + sent[number][at + 1 :]
    damaged = b"ew rows%" + b"".join(sent[: number + 1])
    reply, output, again, good = monitors("rows").ask(damaged, b"ew output", frame(), b"ew output")
    assert reply == [*REQUESTS[: number + 1], f"e-[row {number}: crc mismatch]"]
    assert output == ["e-[There was no inference yet]"]
    assert again[: PASSES * ROWS] == REQUESTS and good == data_lines(model(INPUT))


def test_an_aborted_frame_leaves_no_earlier_output(monitors):
    replies = monitors("rows").ask(frame(), b"ew output", b"ew rows%" + bytes(6), b"ew output", b"results")
    assert replies[1] == data_lines(model(INPUT))
    assert replies[2] == ["m-ew-row-[0]", "e-[row 0: crc mismatch]"]
    assert replies[3:] == [["e-[There was no inference yet]"]] * 2


@pytest.mark.parametrize("sent", [0, 1, 6, 10])
def test_a_silent_host_ends_the_frame(monitors, sent):
    data = b"".join(packets())[:sent]
    script = MARK + b"ew rows%" + escape(data) + SILENCE + MARK + b"name%"
    reply, name = monitors("rows").run(script).split("--\n")[1:]
    requests = "".join(f"m-ew-row-[{i}]\r\n" for i in range(sent // 6 + 1))
    assert reply == f"{requests}e-[row {sent // 6}: timeout]\r\nm-ready\r\n"
    assert name == "m-name-dut-[edgewright]\r\nm-ready\r\n"


@pytest.mark.parametrize(
    "command",
    [
        b"ew load 8 00000000",
        b"ew run 1",
        b"ew bench",
        b"ew begin",
        b"ew step 0",
        b"ew layer 0",
        b"ew profile",
        b"db load 8",
        b"db 00",
        b"db print",
        b"infer 1 0",
    ],
)
def test_commands_for_a_whole_input_are_refused(monitors, command):
    refused = ["e-[This firmware takes the input by rows: ew rows]"]
    assert monitors("rows").ask(command, frame(), command)[::2] == [refused, refused]


def test_a_resident_firmware_has_no_rows(monitors):
    assert monitors().ask(b"ew rows") == [["e-[Unknown command: rows]"]]


def test_floats_by_rows(monitors):
    """The official benchmark's float input has no place here; the rest works."""
    rows, output, results = monitors("rows_floats").ask(frame(), b"ew output", b"results")
    assert rows[: PASSES * ROWS] == REQUESTS
    assert len(output) == 2 and results[0].count(",") == 7
