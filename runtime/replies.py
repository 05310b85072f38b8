"""The monitor's replies as typed values."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from edgewright.errors import DeviceError

FIELD = re.compile(r"m-(?P<key>[a-z0-9-]+?)-\[(?P<value>.*)\]")
LAYER = re.compile(r"m-ew-layer-\[(\d{1,9})\]-\[(\d{1,20})\]")
MAX_NUMBER = 2**64


@dataclass(frozen=True)
class InputRows:
    """How an input comes that is never in the device's RAM as a whole.

    Args:
        rows: Rows of the input.
        row_bytes: Bytes of a row.
        passes: How often the whole input is pushed in one inference.
    """

    rows: int
    row_bytes: int
    passes: int

    @property
    def pushes(self) -> int:
        """Rows pushed in one inference."""
        return self.rows * self.passes

    def row(self, data: bytes, number: int) -> bytes:
        """What is pushed as number `number` (from 0 on) of an input."""
        start = number % self.rows * self.row_bytes
        return data[start : start + self.row_bytes]


@dataclass(frozen=True)
class DeviceInfo:
    """What a monitor says of itself and the model it was built with (`ew info`).

    Args:
        model: C identifier of the model.
        sha256: Hash of the model file.
        version: Version of edgewright that generated the firmware.
        board: Board id the firmware was built for.
        input_bytes: All inputs, concatenated.
        output_bytes: All outputs, concatenated.
        layers: Number of steps of an inference: layers, or several that are streamed together.
        clock_hz: Processor clock.
        load_limit_bytes: Largest binary load.
        input_rows: How the input comes where it does by rows; None where it is loaded as a whole.
    """

    model: str
    sha256: str
    version: str
    board: str
    input_bytes: int
    output_bytes: int
    layers: int
    clock_hz: int
    load_limit_bytes: int
    input_rows: InputRows | None = None


@dataclass(frozen=True)
class RunTime:
    """Time of a number of inferences: `cycles` is None where the board has no cycle counter."""

    runs: int
    total_us: int
    cycles: int | None


def sum_times(times: Sequence[RunTime]) -> RunTime:
    """Several measurements as one."""
    cycles = [t.cycles for t in times if t.cycles is not None]
    return RunTime(
        sum(t.runs for t in times),
        sum(t.total_us for t in times),
        sum(cycles) if len(cycles) == len(times) else None,
    )


@dataclass(frozen=True)
class MemoryUse:
    """High-water marks, from painted memory.

    Args:
        arena_bytes: Size of the model's arena.
        arena_used_bytes: Up to its last byte the model wrote.
        stack_bytes: Size of the stack.
        stack_used_bytes: Of the whole firmware since its start.
        run_stack_used_bytes: Of the last inference alone.
    """

    arena_bytes: int
    arena_used_bytes: int
    stack_bytes: int
    stack_used_bytes: int
    run_stack_used_bytes: int


class Fields:
    """The `m-key-[value]` lines of one reply.

    Args:
        command: The command replied to, for messages.
        lines: The lines before `m-ready`.
    """

    def __init__(self, command: str, lines: Sequence[str]) -> None:
        self.command = command
        self.lines = lines
        matches = [FIELD.fullmatch(line) for line in lines]
        self._values = {m["key"]: m["value"] for m in matches if m}

    def text(self, key: str) -> str:
        """Value of a field.

        Raises:
            DeviceError: EW-DEV-PROTOCOL where the reply lacks it.
        """
        if key not in self._values:
            raise self.unexpected(f"lacks m-{key}-[...]")
        return self._values[key]

    def number(self, key: str) -> int:
        """Value of a field that is an unsigned number."""
        text = self.text(key)
        if not re.fullmatch(r"\d{1,20}", text) or int(text) >= MAX_NUMBER:
            raise self.unexpected(f"has m-{key}-[{text[:40]}] where a number belongs")
        return int(text)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def require(self, line: str) -> None:
        """Check that the reply has this line."""
        if line not in self.lines:
            raise self.unexpected(f"lacks {line}")

    def unexpected(self, what: str) -> DeviceError:
        shown = " | ".join(self.lines[:4])[:200]
        return DeviceError(
            "EW-DEV-PROTOCOL",
            f"the reply to '{self.command}' {what}: {shown or '(empty)'}",
            "the firmware may be of another version: flash it again",
        )


def parse_info(fields: Fields) -> DeviceInfo:
    """Reply to `ew info`."""
    sha256 = fields.text("ew-sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise fields.unexpected(f"has no SHA-256 in m-ew-sha256-[{sha256[:40]}]")
    return DeviceInfo(
        model=fields.text("ew-model"),
        sha256=sha256,
        version=fields.text("ew-version"),
        board=fields.text("ew-board"),
        input_bytes=fields.number("ew-input-bytes"),
        output_bytes=fields.number("ew-output-bytes"),
        layers=fields.number("ew-layers"),
        clock_hz=fields.number("ew-clock-hz"),
        load_limit_bytes=fields.number("ew-load-limit"),
        input_rows=_parse_input_rows(fields) if "ew-input" in fields else None,
    )


def _parse_input_rows(fields: Fields) -> InputRows:
    if (mode := fields.text("ew-input")) != "rows":
        raise fields.unexpected(f"has m-ew-input-[{mode[:40]}] where rows belongs")
    shape = InputRows(
        fields.number("ew-input-rows"), fields.number("ew-input-row-bytes"), fields.number("ew-passes")
    )
    if not shape.pushes or shape.rows * shape.row_bytes != fields.number("ew-input-bytes"):
        raise fields.unexpected(
            f"has an input of {shape.rows} rows of {shape.row_bytes} bytes, which is not its size"
        )
    return shape


def parse_run_time(fields: Fields, runs: int) -> RunTime:
    """Reply to `ew run N` or `ew rows`."""
    return RunTime(runs, fields.number("ew-us"), fields.number("ew-cycles") or None)


def parse_memory(fields: Fields) -> MemoryUse:
    """Reply to `ew memory`."""
    return MemoryUse(
        arena_bytes=fields.number("ew-arena-bytes"),
        arena_used_bytes=fields.number("ew-arena-used"),
        stack_bytes=fields.number("ew-stack-bytes"),
        stack_used_bytes=fields.number("ew-stack-used"),
        run_stack_used_bytes=fields.number("ew-run-stack-used"),
    )


def parse_layer_cycles(fields: Fields, layers: int) -> list[int | None]:
    """Reply to `ew profile`: cycles by step, None where the board has no cycle counter."""
    rows = [m for m in map(LAYER.fullmatch, fields.lines) if m]
    if [int(m[1]) for m in rows] != list(range(layers)):
        raise fields.unexpected(f"does not list layers 0 to {layers - 1} in order")
    return [int(m[2]) or None for m in rows]


def parse_data(fields: Fields, limit_bytes: int) -> bytes:
    """Reply with `m-ew-data-[hex]` lines and a CRC-32.

    Raises:
        DeviceError: EW-DEV-PROTOCOL for broken hexadecimal or too much of it, EW-DEV-CRC.
    """
    data = bytearray()
    for line in fields.lines:
        if not line.startswith("m-ew-data-["):
            continue
        digits = line.removeprefix("m-ew-data-[").removesuffix("]")
        if len(digits) % 2 or not re.fullmatch(r"[0-9a-fA-F]*", digits):
            raise fields.unexpected(f"has a broken data line {line[:60]!r}")
        data += bytes.fromhex(digits)
        if len(data) > limit_bytes:
            raise fields.unexpected(f"has more than the {limit_bytes} bytes expected")
    want = fields.text("ew-crc")
    have = f"{zlib.crc32(data):08x}"
    if want.lower() != have:
        raise DeviceError(
            "EW-DEV-CRC",
            f"the reply to '{fields.command}' is damaged: {len(data)} bytes have CRC {have}, not {want}",
            "a bad cable or a too high baud rate does this; try again",
        )
    return bytes(data)
