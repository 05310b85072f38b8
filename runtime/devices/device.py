"""A device that runs a firmware monitor: load, infer, step, time, reset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from edgewright.errors import DeviceError, UsageError
from edgewright.runtime.command_link import Timeouts
from edgewright.runtime.devices.transport import Transport
from edgewright.runtime.emulator.cycle_counter import CycleCounter
from edgewright.runtime.line_stream import LineStream
from edgewright.runtime.protocol import MonitorClient
from edgewright.runtime.replies import DeviceInfo, MemoryUse, RunTime, sum_times

NO_CONNECTION = {"EW-DEV-LOST", "EW-DEV-TIMEOUT"}


class Device:
    """An opened device; a context manager that closes its transport (and ends an emulator).

    Byte strings are the model's inputs, or outputs, concatenated in the model's order, each in the
    program's layout (HWC, little-endian).

    Args:
        transport: Open; the device closes it, also where this constructor fails.
        timeouts: Bounds of all waits.

    Raises:
        DeviceError: where nothing on the other side speaks the protocol.
    """

    def __init__(self, transport: Transport, timeouts: Timeouts | None = None) -> None:
        self.transport = transport
        self._client = MonitorClient(LineStream(transport.stream, transport.name), timeouts)
        self._info: DeviceInfo | None = None
        self._frame: bytes | None = None  # loaded inputs that go to the device by rows
        try:
            with self._explained():
                self.vendor = self._client.synchronise()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        return self.transport.name

    @property
    def emulated(self) -> bool:
        return self.transport.emulated

    @property
    def counter(self) -> CycleCounter | None:
        """Instruction counts; only on emulators started with them."""
        return self.transport.counter

    def info(self) -> DeviceInfo:
        """What the firmware says of itself (asked once)."""
        if self._info is None:
            with self._explained():
                self._info = self._client.info()
        return self._info

    def expect_model(self, sha256: str) -> None:
        """Refuse a device that runs another model.

        Raises:
            DeviceError: EW-DEV-MODEL with both hashes.
        """
        info = self.info()
        if info.sha256 != sha256:
            raise DeviceError(
                "EW-DEV-MODEL",
                f"{self.name} runs model {info.model} {info.sha256[:12]}…, this build is {sha256[:12]}…",
                "flash this build first: edgewright flash",
                device_sha256=info.sha256,
                build_sha256=sha256,
            )

    def expect_input(self, by_rows: bool) -> None:
        """Refuse a device whose firmware takes the input in the other way than the build's.

        Raises:
            DeviceError: EW-DEV-MODEL.
        """
        if (self.info().input_rows is not None) != by_rows:
            here, there = ("by rows", "as a whole") if by_rows else ("as a whole", "by rows")
            raise DeviceError(
                "EW-DEV-MODEL",
                f"the firmware of {self.name} takes the input {there}, that of this build {here}",
                "flash this build first: edgewright flash",
            )

    def load(self, inputs: bytes, progress: Callable[[int], None] | None = None) -> None:
        """Send the inputs of one inference, or keep them for `run` where they go by rows.

        Args:
            inputs: As many bytes as the model takes.
            progress: Called with the bytes sent so far.
        """
        info = self.info()
        if len(inputs) != info.input_bytes:
            raise UsageError(
                "EW-INPUT-SIZE", f"{len(inputs)} bytes of input; the model takes {info.input_bytes}"
            )
        if info.input_rows is not None:
            self._frame = inputs
            return
        with self._explained():
            self._client.load(inputs, progress)

    def run(
        self,
        runs: int = 1,
        *,
        timeout_s: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> RunTime:
        """Infer `runs` times on the loaded inputs and time it on the device.

        Args:
            runs: How many.
            timeout_s: For all of them together; for one row where the input goes by rows.
            progress: Called with (rows pushed, rows to push) where the input goes by rows.
        """
        shape = self.info().input_rows
        with self._explained():
            if shape is None:
                return self._client.run(runs, timeout_s=timeout_s)
            if self._frame is None:
                raise DeviceError("EW-DEV-REFUSED", "No input is loaded")
            times = [
                self._client.push_rows(self._frame, shape, timeout_s=timeout_s, progress=progress)
                for _ in range(runs)
            ]
        return sum_times(times)

    def output(self) -> bytes:
        """The outputs of the last inference."""
        with self._explained():
            return self._client.output(self.info().output_bytes)

    def infer(self, inputs: bytes, progress: Callable[[int, int], None] | None = None) -> bytes:
        """Inputs to outputs; `progress` as for `run`."""
        self.load(inputs)
        self.run(progress=progress)
        return self.output()

    def begin(self) -> None:
        """Prepare execution step by step on the loaded inputs; refused where they go by rows."""
        with self._explained():
            self._client.begin()

    def step(self, index: int) -> None:
        """Run one step (a layer, or several that are streamed); they go in order from 0."""
        with self._explained():
            self._client.step(index)

    def layer_output(self, index: int, size_bytes: int) -> bytes:
        """Output of the step that ran last, HWC."""
        with self._explained():
            return self._client.layer_output(index, size_bytes)

    def profile(self) -> list[int | None]:
        """Run step by step between markers; cycles by step where the board has a counter."""
        with self._explained():
            return self._client.profile(self.info().layers)

    def bench(self) -> None:
        """One inference between the markers that an emulator counts; by rows, each row between its own."""
        if self.info().input_rows is not None:
            self.run()
            return
        with self._explained():
            self._client.bench()

    def memory(self) -> MemoryUse:
        """High-water marks of arena and stack."""
        with self._explained():
            return self._client.memory()

    def reset(self) -> None:
        """Restart the firmware; loaded inputs are lost."""
        self._frame = None
        with self._explained():
            self._client.reset()

    def close(self) -> None:
        self.transport.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Where the connection fails because the emulator ended, say that and what it wrote."""
        try:
            yield
        except DeviceError as error:
            better = self.transport.failure() if error.code in NO_CONNECTION else None
            if better is None:
                raise
            raise better from error

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
