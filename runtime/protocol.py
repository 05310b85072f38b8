"""Client of the firmware monitor: the `ew` commands."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable

from edgewright.errors import DeviceError, EdgewrightError
from edgewright.runtime import replies
from edgewright.runtime.command_link import BOOT_LINES, CommandLink
from edgewright.runtime.replies import DeviceInfo, InputRows, MemoryUse, RunTime

CHUNK_BYTES = 1024
MAX_REPLY_LINES = 1 << 20
TRANSFER_ATTEMPTS = 3
# What the device says of bytes that a bad transfer changed or lost.
DAMAGED = re.compile(r"(row \d+: )?(crc mismatch|(load )?timeout)")


class MonitorClient(CommandLink):
    """Speaks to one monitor through an open port."""

    def info(self) -> DeviceInfo:
        try:
            return replies.parse_info(self.command("ew info"))
        except DeviceError as error:
            if error.code == "EW-DEV-REFUSED":
                error.hint = "the board runs another firmware: flash this build first"
            raise

    def load(self, data: bytes, progress: Callable[[int], None] | None = None) -> None:
        """Send the model's inputs, concatenated; a damaged transfer is repeated.

        Args:
            data: As many bytes as `DeviceInfo.input_bytes` says.
            progress: Called with the bytes sent so far.

        Raises:
            DeviceError: EW-DEV-CRC where it stays damaged.
        """
        text = f"ew load {len(data)} {zlib.crc32(data):08X}"
        for _ in range(TRANSFER_ATTEMPTS):
            self._begin(text)
            self._reply(text, "m-ew-send-[", self._timeouts.line_s).require(f"m-ew-send-[{len(data)}]")
            for start in range(0, len(data), CHUNK_BYTES):
                self._lines.write(data[start : start + CHUNK_BYTES])
                if progress:
                    progress(min(start + CHUNK_BYTES, len(data)))
            try:
                self._reply(text, "m-ready", self._timeouts.load_s).require("m-ew-load-done")
                return
            except DeviceError as error:
                if not _damaged(error):
                    raise
        raise self._stays_damaged(data)

    def push_rows(
        self,
        data: bytes,
        shape: InputRows,
        *,
        timeout_s: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> RunTime:
        """One inference on an input that is sent row by row as the device asks; a damaged one is repeated.

        Args:
            data: The whole input, `shape.rows` times `shape.row_bytes` bytes.
            shape: From `DeviceInfo.input_rows`.
            timeout_s: For one row, of which the last also ends the inference; `run_s` where None.
            progress: Called with (rows pushed, rows to push).

        Returns:
            Time of the device's own work, without the transfer.

        Raises:
            DeviceError: EW-DEV-CRC where it stays damaged.
        """
        for _ in range(TRANSFER_ATTEMPTS):
            try:
                return self._push_frame(data, shape, timeout_s or self._timeouts.run_s, progress)
            except DeviceError as error:
                if not _damaged(error):
                    raise
                self._in_step = False  # a byte too many may wait in the device as part of a command
        raise self._stays_damaged(data)

    def _push_frame(
        self,
        data: bytes,
        shape: InputRows,
        timeout_s: float,
        progress: Callable[[int, int], None] | None,
    ) -> RunTime:
        text = "ew rows"
        self._begin(text)
        for number in range(shape.pushes):
            self._reply(text, "m-ew-row-[", timeout_s).require(f"m-ew-row-[{number}]")
            row = shape.row(data, number)
            self._lines.write(row + zlib.crc32(row).to_bytes(4, "little"))
            if progress:
                progress(number + 1, shape.pushes)
        return replies.parse_run_time(self._reply(text, "m-ready", timeout_s), 1)

    def _stays_damaged(self, data: bytes) -> DeviceError:
        return DeviceError(
            "EW-DEV-CRC",
            f"{self._lines.name}: the {len(data)} bytes of input arrived damaged {TRANSFER_ATTEMPTS} times",
            "a bad cable or a too high baud rate does this",
        )

    def run(self, runs: int = 1, *, timeout_s: float | None = None) -> RunTime:
        """Run `runs` inferences on the loaded input.

        Args:
            runs: How many.
            timeout_s: For all of them together; the bound of one each where None.
        """
        fields = self.command(f"ew run {runs}", timeout_s=timeout_s or runs * self._timeouts.run_s)
        return replies.parse_run_time(fields, runs)

    def output(self, size_bytes: int) -> bytes:
        """All outputs of the last run, concatenated."""
        return self._data("ew output", size_bytes)

    def begin(self) -> None:
        """Prepare execution step by step on the loaded input."""
        self.command("ew begin")

    def step(self, index: int) -> None:
        """Run one step (a layer, or several that are streamed); they go in order from 0."""
        self.command(f"ew step {index}", timeout_s=self._timeouts.run_s)

    def layer_output(self, index: int, size_bytes: int) -> bytes:
        """Output of the step that ran last."""
        return self._data(f"ew layer {index}", size_bytes)

    def profile(self, steps: int) -> list[int | None]:
        """Run step by step and return each one's cycles, None without a counter."""
        fields = self.command(
            "ew profile", timeout_s=self._timeouts.run_s, lines_limit=steps + 10, slow_lines=steps + 1
        )
        return replies.parse_layer_cycles(fields, steps)

    def bench(self) -> None:
        """One whole run between the markers that an emulator counts."""
        self.command("ew bench", timeout_s=self._timeouts.run_s)

    def memory(self) -> MemoryUse:
        return replies.parse_memory(self.command("ew memory"))

    def reset(self) -> None:
        """Restart the firmware and wait until it answers again."""
        self._begin("ew reset")
        deadline = time.monotonic() + self._timeouts.boot_s
        line: str | None = ""
        while line is not None and line not in BOOT_LINES:
            line = self._lines.read_line(deadline - time.monotonic())
        self.synchronise()

    def _data(self, text: str, size_bytes: int) -> bytes:
        last: EdgewrightError | None = None
        for _ in range(TRANSFER_ATTEMPTS):
            # Lines of a few bytes each at a slow baud rate: a line a second is far below any real rate.
            lines_limit = min(size_bytes + 10, MAX_REPLY_LINES)
            fields = self.command(text, lines_limit=lines_limit, slow_lines=4 + size_bytes // 32)
            try:
                data = replies.parse_data(fields, size_bytes)
            except DeviceError as error:
                if error.code != "EW-DEV-CRC":
                    raise
                last = error  # reading again changes nothing on the device
                continue
            if len(data) != size_bytes:
                raise fields.unexpected(f"has {len(data)} bytes where {size_bytes} belong")
            return data
        assert last is not None
        raise last


def _damaged(error: DeviceError) -> bool:
    return DAMAGED.fullmatch(str(error.details.get("reply", ""))) is not None
