"""Random and mutated dialogues against the monitor under AddressSanitizer and UBSan.

After each dialogue, whatever it left behind (a half command, a load that waits for its bytes), one "%"
and a silence must bring the monitor back: the next `name%` gets its answer. EDGEWRIGHT_SOAK multiplies
the number of dialogues.
"""

from __future__ import annotations

import os
import random
import zlib

import pytest

from tests.firmware.host_monitor import MARK, RESET, SILENCE, VARIANTS, HostMonitor, escape

DIALOGUES = 1500 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
BATCH = 500
WORDS = (
    *b"name timestamp profile help db load print infer results ew info run output begin step layer".split(),
    *b"bench memory rows 0 1 2 7 8 9 32 -1 4294967295 4294967296 99999999999999999999".split(),
    *(b"0011223344556677", b"ff", b"f", b"zz", b"", b"  "),
)
ANSWER = "m-name-dut-[edgewright]\r\nm-ready\r\n"


def command(rng: random.Random) -> bytes:
    """A command, mostly a sensible one."""
    data = rng.randbytes(8)
    wrong = rng.random() < 0.2
    choices = (
        lambda: b"ew load 8 %08x%%" % (zlib.crc32(data) ^ wrong) + data[: rng.choice((8, 8, 8, 3, 0))],
        lambda: b"db load %d%%" % rng.choice((8, 8, 32, 7)),
        lambda: b"db load 8%%db %s%%" % data.hex().encode(),
        lambda: (
            b"db print %d %d%%"
            % (rng.choice((1, 8, 9, 5000, 2**32 - 1)), rng.choice((0, 1, 8, 9, 2**32 - 1)))
        ),
        lambda: b"db " + rng.randbytes(rng.randrange(40)).hex().encode() + b"%",
        lambda: b"infer %d %d%%" % (rng.randrange(5), rng.randrange(4)),
        lambda: b"ew run %d%%" % rng.randrange(6),
        lambda: (
            b"ew %s %d%%" % (rng.choice((b"step", b"layer", b"begin", b"layer", b"step")), rng.randrange(3))
        ),
        lambda: b" ".join(rng.choice(WORDS) for _ in range(rng.randrange(6))) + b"%",
        lambda: b"ew " + rng.choice(WORDS) + b"%",
        lambda: b"ew reset%",
        lambda: b"ew rows%" + packets(data)[: 6 * rng.choice((8, 8, 8, 7, 1, 0))],
    )
    return rng.choice(choices)()


def packets(data: bytes) -> bytes:
    """A frame of the fake model by rows: 8 rows of 2 bytes and a CRC each."""
    rows = [data[i : i + 2] for i in range(0, 8, 2)] * 2
    return b"".join(row + zlib.crc32(row).to_bytes(4, "little") for row in rows)


def noise(rng: random.Random) -> bytes:
    """Bytes of no meaning: any, printable ones, or a line without end."""
    length = rng.choice((1, 3, 20, 79, 80, 81, 82, 200, 1000))
    alphabets = (bytes(range(256)), bytes(range(32, 127)), b"%", b"db 0f%", b"\x00\x03\xff%")
    return bytes(rng.choices(rng.choice(alphabets), k=length))


def mutate(rng: random.Random, data: bytes) -> bytes:
    """One byte changed, lost, doubled, or the rest cut off."""
    at = rng.randrange(len(data)) if data else 0
    return rng.choice(
        (
            data[:at] + rng.randbytes(1) + data[at + 1 :],
            data[:at] + data[at + 1 :],
            data[:at] + data[at : at + 1] + data[at:],
            data[:at],
            data,
        )
    )


def dialogue(rng: random.Random) -> bytes:
    """Some commands, mutations, noise, silences and resets."""
    parts = []
    for _ in range(rng.randrange(1, 12)):
        part = noise(rng) if rng.random() < 0.15 else command(rng)
        if rng.random() < 0.3:
            part = mutate(rng, part)
        parts.append(escape(part))
        if rng.random() < 0.1:
            parts.append(rng.choice((SILENCE, RESET)))
    return b"".join(parts)


@pytest.mark.parametrize("variant", VARIANTS)
def test_monitor_survives(variant, tmp_path):
    monitor = HostMonitor(tmp_path, variant)
    seed = 20240 + list(VARIANTS).index(variant)
    rng = random.Random(seed)
    for first in range(0, DIALOGUES, BATCH):
        script = b"".join(
            dialogue(rng) + SILENCE + b"%" + SILENCE + MARK + b"name%" + MARK for _ in range(BATCH)
        )
        answers = monitor.run(script).split("--\n")[1::2]
        assert len(answers) == BATCH
        wrong = [i for i, answer in enumerate(answers) if answer != ANSWER]
        assert not wrong, f"seed {seed}: no answer after dialogue {first + wrong[0]}: {answers[wrong[0]]!r}"


def test_every_reply_is_printable_and_ends_in_crlf(tmp_path):
    monitor = HostMonitor(tmp_path, "int8")
    rng = random.Random(7)
    text = monitor.run(b"".join(dialogue(rng) + SILENCE for _ in range(200)))
    assert all(" " <= c <= "~" or c in "\r\n" for c in text)
    assert text.count("\n") == text.count("\r\n")
