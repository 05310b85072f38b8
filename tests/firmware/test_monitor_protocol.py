"""The wording and the state machine of the monitor, on the host."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from tests.firmware.host_monitor import MARK, SILENCE

INPUT = bytes(range(8))
WEIGHTS = np.array([1, -2, 3, 100] * 2, np.int8)


def model(data: bytes) -> bytes:
    """What the fake model computes."""
    hidden = np.frombuffer(data, np.int8) + WEIGHTS
    return (hidden[:4] ^ hidden[4:]).tobytes()


def load(data: bytes = INPUT) -> bytes:
    return b"ew load %d %08x%%%b" % (len(data), zlib.crc32(data), data)


def data_lines(data: bytes) -> list[str]:
    return [f"m-ew-data-[{data.hex()}]", f"m-ew-crc-[{zlib.crc32(data):08x}]"]


def test_boot_messages(monitors):
    assert monitors().run(b"") == (
        "m-timestamp-mode-performance\r\nm-lap-us-1000\r\nm-init-done\r\nm-ready\r\n"
    )


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"", []),
        (b"name", ["m-name-dut-[edgewright]"]),
        (b" name ", ["m-name-dut-[edgewright]"]),
        (b"\r\nname", ["m-name-dut-[edgewright]"]),
        (b"\x00\xffname", ["m-name-dut-[edgewright]"]),
        (b"profile", ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[kws01]"]),
        (b"foo bar", ["e-[Unknown command: foo]"]),
        (b"names", ["e-[Unknown command: names]"]),
        (b"ew", ["e-[Unknown command: ew]"]),
        (b"ew fly", ["e-[Unknown command: fly]"]),
        (b"x" * 80, ["e-[Unknown command: " + "x" * 80 + "]"]),
        (b"x" * 81, ["e-[Command longer than 80 characters]"]),
        (b"x" * 5000, ["e-[Command longer than 80 characters]"]),
        (b"db", ["e-[Command 'db' requires a subcommand]"]),
        (b"db load", ["e-[Command 'db load' must be >0 bytes]"]),
        (b"db load 0", ["e-[Command 'db load' must be >0 bytes]"]),
        (b"db load -8", ["e-[Command 'db load' must be >0 bytes]"]),
        (b"db load 99999999999", ["e-[Command 'db load' must be >0 bytes]"]),
        (b"db load 7", ["e-[The input of this model has 8 bytes]"]),
        (b"db load 8", ["m-[Expecting 8 bytes]"]),
        (b"db 00", ["e-[Send 'db load' first]"]),
        (b"db 000", ["e-[Insufficent number of hex digits]"]),
        (b"db 0g", ["e-[Invalid hex digit 'g']"]),
        (b"db print", []),
        (b"db print x", ["e-[Usage: db print [N [OFFSET]]]"]),
        (b"results", ["e-[There was no inference yet]"]),
        (b"infer 1 0", ["e-[No input is loaded]"]),
        (b"infer 0", ["e-[Inference iterations must be >0 and at most 100000]"]),
        (b"infer 1 -1", ["e-[Inference warmup must be >=0 and at most 100000]"]),
        (b"infer 100001 0", ["e-[Inference iterations must be >0 and at most 100000]"]),
        (b"ew load", ["e-[Usage: ew load N CRC32 (eight hexadecimal digits)]"]),
        (b"ew load 8 123", ["e-[Usage: ew load N CRC32 (eight hexadecimal digits)]"]),
        (b"ew load 9 00000000", ["e-[The input of this model has 8 bytes]"]),
        (b"ew run", ["e-[Usage: ew run N, N from 1 to 100000]"]),
        (b"ew run 1", ["e-[No input is loaded]"]),
        (b"ew bench", ["e-[No input is loaded]"]),
        (b"ew profile", ["e-[No input is loaded]"]),
        (b"ew output", ["e-[There was no inference yet]"]),
        (b"ew begin", ["e-[No input is loaded]"]),
        (b"ew step 0", ["e-[Steps run in order after 'ew begin']"]),
        (b"ew step 2", ["e-[Usage: ew step I, I a step of the model]"]),
        (b"ew layer 0", ["e-[Only the output of the step that ran last can be read]"]),
        (b"ew layer", ["e-[Usage: ew layer I, I a step of the model]"]),
    ],
)
def test_single_commands(monitors, command, reply):
    assert monitors().ask(command) == [reply]


def test_info(monitors):
    assert monitors().ask(b"ew info")[0] == [
        "m-ew-model-[fake]",
        "m-ew-sha256-[00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff]",
        "m-ew-version-[0.1.0]",
        "m-ew-board-[host]",
        "m-ew-input-bytes-[8]",
        "m-ew-output-bytes-[4]",
        "m-ew-layers-[2]",
        "m-ew-clock-hz-[25000000]",
        "m-ew-load-limit-[8]",
    ]


def test_help_names_every_command(monitors):
    text = " ".join(monitors().ask(b"help")[0])
    for word in (
        "name",
        "timestamp",
        "profile",
        "db load",
        "db print",
        "infer",
        "results",
        "ew info",
        "ew reset",
    ):
        assert word in text


@pytest.mark.parametrize("variant", ["int8", "no_copy"])
def test_binary_load_run_output(monitors, variant):
    loaded, run, output = monitors(variant).ask(load(), b"ew run 1", b"ew output")
    assert loaded == ["m-ew-send-[8]", "m-ew-load-done"]
    assert [line.split("[")[0] for line in run] == ["m-ew-us-", "m-ew-cycles-"]
    assert output == data_lines(model(INPUT))


def test_runs_repeat_although_the_model_overwrites_its_input(monitors):
    assert monitors().ask(load(), b"ew run 50", b"ew output")[2] == data_lines(model(INPUT))


def test_without_a_copy_one_load_is_one_inference(monitors):
    used = ["e-[The last inference used the input up; load it again]"]
    replies = monitors("no_copy").ask(
        load(), b"ew run 2", b"ew run 1", b"ew run 1", b"infer 1 0", b"db print"
    )
    assert replies[1] == ["e-[This firmware keeps no copy of the input: one inference a load]"]
    assert replies[3:] == [used, used, []]


def test_layers_step_by_step(monitors):
    hidden = (np.frombuffer(INPUT, np.int8) + WEIGHTS).tobytes()
    replies = monitors().ask(
        load(), b"ew begin", b"ew step 1", b"ew step 0", b"ew layer 0", b"ew layer 1", b"ew step 0",
        b"ew step 1", b"ew layer 1", b"ew layer 0", b"ew step 1", b"ew output",
    )  # fmt: skip
    order = ["e-[Steps run in order after 'ew begin']"]
    stale = ["e-[Only the output of the step that ran last can be read]"]
    assert replies[1:4] == [[], order, []]
    assert replies[4:7] == [data_lines(hidden), stale, order]
    assert replies[7:] == [[], data_lines(model(INPUT)), stale, order, data_lines(model(INPUT))]


def test_profile_and_bench(monitors):
    _, profile, output, bench = monitors().ask(load(), b"ew profile", b"ew output", b"ew bench")
    assert [line.rpartition("-")[0] for line in profile] == ["m-ew-layer-[0]", "m-ew-layer-[1]"]
    assert output == data_lines(model(INPUT))
    assert [line.split("[")[0] for line in bench] == ["m-ew-us-", "m-ew-cycles-"]


def test_memory_marks(monitors):
    _, _, memory = monitors().ask(load(), b"ew run 1", b"ew memory")
    values = dict(line[5:-1].split("-[") for line in memory)
    assert (values["arena-bytes"], values["arena-used"]) == ("24", "20")
    assert values["stack-bytes"] == "1024"
    assert set(values) == {"arena-bytes", "arena-used", "stack-bytes", "stack-used", "run-stack-used"}


def test_wrong_crc_leaves_no_input(monitors):
    load_reply, run = monitors().ask(b"ew load 8 00000000%" + INPUT, b"ew run 1")
    assert load_reply == ["m-ew-send-[8]", "e-[crc mismatch]"]
    assert run == ["e-[No input is loaded]"]


def test_aborted_load_ends_by_itself(monitors):
    script = MARK + b"ew load 8 00000000%abc" + SILENCE + MARK + b"name%"
    reply = monitors().run(script).split("--\n")[1:]
    assert reply == [
        "m-ew-send-[8]\r\ne-[load timeout]\r\nm-ready\r\n",
        "m-name-dut-[edgewright]\r\nm-ready\r\n",
    ]


@pytest.mark.parametrize("variant", ["int8", "uint8", "no_copy"])
def test_hexadecimal_load_in_pieces(monitors, variant):
    data = bytes([0, 255, 128, 1, 2, 3, 254, 127])
    want = bytes(b ^ 0x80 for b in data) if variant == "uint8" else data
    replies = monitors(variant).ask(
        b"db load 8", b"db " + data[:3].hex().encode(), b"db print",
        b"db " + data[3:].hex().encode() + b"ffff",
        b"db print", b"db print 3 6", b"db print 3 1", b"infer 1 0", b"ew output", b"db 00",
    )  # fmt: skip
    whole = "m-buffer-00-ff-80-01-02-03-fe-7f"
    assert replies[:7] == [
        ["m-[Expecting 8 bytes]"], [], ["m-buffer-00-ff-80"], ["m-load-done"],
        [whole], ["m-buffer-fe-7f"], ["m-buffer-ff-80-01"],
    ]  # fmt: skip
    assert replies[8] == data_lines(model(want))
    assert replies[9] == ["e-[Send 'db load' first]"]


def test_a_binary_load_ends_a_hexadecimal_one(monitors):
    replies = monitors().ask(
        b"db load 8", b"db 0011", load(), b"db 2233", b"db print", b"ew run 1", b"ew output"
    )
    assert replies[3] == ["e-[Send 'db load' first]"]
    assert replies[4] == []
    assert replies[6] == data_lines(model(INPUT))


def test_infer_says_what_the_runner_wants(monitors):
    _, _, infer, results = monitors().ask(
        b"db load 8", b"db " + INPUT.hex().encode(), b"infer 3 2", b"results"
    )
    laps = [int(line.removeprefix("m-lap-us-")) for line in infer if line.startswith("m-lap")]
    assert len(laps) == 2 and laps[0] < laps[1]
    values = ",".join(f"{(q + 128) / 256:.3f}" for q in np.frombuffer(model(INPUT), np.int8).astype(int))
    assert [line for line in infer if not line.startswith("m-lap")] == [
        "m-warmup-start-2",
        "m-warmup-done",
        "m-infer-start-3",
        "m-infer-done",
        f"m-results-[{values}]",
    ]
    assert results == infer[-1:]


def test_control_c_ends_a_run(monitors):
    assert monitors().ask(load(), b"infer 100000 0%\x03")[1][-1] == "e-[Aborted]"
    assert monitors().ask(load(), b"ew run 100000%\x03")[1] == ["e-[Aborted]"]


def test_commands_sent_ahead_are_kept(monitors):
    text = monitors().run(load() + MARK + b"ew run 3%name%ew output%")
    assert text.split("--\n")[1].count("m-ready") == 3
    assert "m-name-dut-[edgewright]\r\nm-ready" in text


def test_reset_boots_again(monitors):
    assert monitors().ask(b"ew reset")[0][0] == "m-timestamp-mode-performance"


def test_every_quantized_result_rounds_like_printf(monitors):
    commands = []
    for q in range(-128, 128, 4):
        outputs = np.arange(q, q + 4, dtype=np.int8)
        data = (outputs - WEIGHTS[:4]).tobytes() + (-WEIGHTS[:4]).tobytes()
        commands += [load(data), b"ew run 1", b"results"]
    replies = monitors().ask(*commands)[2::3]
    for q, reply in zip(range(-128, 128, 4), replies, strict=True):
        assert reply == [
            "m-results-[" + ",".join(f"{(v + 128) * 0.00390625:.3f}" for v in range(q, q + 4)) + "]"
        ]


def test_float_results_round_like_printf(monitors):
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 10.0**e, 40) for e in range(-6, 9)]).astype(np.float32)
    special = [0.0, 0.0625, 0.1875, -0.0005, 0.9995, 1.0, 8388608.0, 1e-40, np.inf, -np.inf, np.nan]
    values = np.concatenate([values, np.array(special, np.float32)])
    commands = []
    for value in values:
        out = np.frombuffer(struct.pack("<f", value), np.int8)
        commands += [load((out - WEIGHTS[:4]).tobytes() + (-WEIGHTS[:4]).tobytes()), b"ew run 1", b"results"]
    replies = [r[0] for r in monitors("float_output").ask(*commands)[2::3]]
    assert replies == [f"m-results-[{float(v):.3f}]" for v in values]


@pytest.mark.parametrize("variant", ["floats", "floats_no_copy"])
def test_float_input_is_quantized_and_compared_as_in_ad01(monitors, variant):
    floats = np.array([0.0, 0.25, 0.75, -0.25, 1000.0, -1e30, np.nan, 3.0], np.float32)
    # scale 0.5, zero point 3, half away from zero, saturating
    quantized = np.array([3, 4, 5, 2, 127, -128, -128, 9], np.int8)
    hexadecimal = floats.tobytes().hex().encode()
    replies = monitors(variant).ask(
        b"db load 32",
        b"db " + hexadecimal[:62],
        b"db " + hexadecimal[62:],
        b"infer 1 0",
        b"ew output",
        b"db print",
    )
    assert replies[2] == ["m-load-done"]
    hidden = (quantized + WEIGHTS).tobytes()
    assert replies[4] == data_lines(hidden)
    assert replies[3][-1] == "m-results-[nan]"
    assert len(replies[5]) == 4


def test_mean_squared_error(monitors):
    floats = np.array([0.5, 1.0, 1.5, -0.3, 0.1, 0.0, 2.0, -3.0], np.float32)
    q = (np.round(floats / 0.5) + 3).astype(np.int8) + WEIGHTS
    scale = np.float32(3906250) * np.float32(1e-9)
    difference = (q.astype(np.float32) + 128) * scale - floats
    hexadecimal = floats.tobytes().hex().encode()
    replies = monitors("floats").ask(b"db load 32", b"db " + hexadecimal[:64], b"infer 2 1")
    assert replies[2][-1] == f"m-results-[{np.mean(difference**2):.3f}]"
