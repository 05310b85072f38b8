"""Time streaming in numpy, window inference beside it, and how far they are apart.

Signals and outputs are in the program's order, [time, columns, channels].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgewright.converter.program import Array, Program, TensorType
from edgewright.converter.streaming.streamed_program import StreamedProgram
from edgewright.errors import UsageError


class TimeStream:
    """The state of a stream. It begins as if zero points had been pushed for ever.

    Args:
        streamed: The program of one call.
    """

    def __init__(self, streamed: StreamedProgram) -> None:
        self.streamed = streamed
        # Oldest row first; the last rows are those of the latest call.
        self.rings: dict[str, Array] = {
            name: np.full(v.tensor.shape, v.tensor.zero_point, v.tensor.dtype)
            for name, v in streamed.values.items()
        }
        tensor = streamed.tensor(streamed.input.value)
        silence = np.full((streamed.hop, *tensor.shape[1:]), tensor.zero_point, tensor.dtype)
        for _ in range(streamed.warm_up_calls):
            self.push(silence)

    def push(self, rows: Array) -> dict[str, Array]:
        """One call.

        Args:
            rows: The `hop` new time steps.

        Returns:
            Output by port name; of an output over time the new steps.
        """
        streamed, rings = self.streamed, self.rings
        self._write(streamed.input.value, rows)
        for step in streamed.nodes:
            slabs = [
                (streamed.constants[name] if name in streamed.constants else rings[name])[r.start : r.stop]
                for name, r in zip(step.node.inputs, step.reads, strict=True)
            ]
            self._write(step.node.output, step.node.op.golden(*slabs))
        return {p.name: rings[p.value][-streamed.values[p.value].new_rows :] for p in streamed.outputs}

    def _write(self, name: str, rows: Array) -> None:
        """Move a ring on by the new rows."""
        value = self.streamed.values[name]
        assert rows.shape == (value.new_rows, *value.tensor.shape[1:]), (name, rows.shape)
        self.rings[name] = np.concatenate([self.rings[name][value.new_rows :], rows])


def run_stream(streamed: StreamedProgram, signal: Array) -> list[dict[str, Array]]:
    """Outputs of every call over a signal; rows that fill no hop at its end are left out.

    Raises:
        UsageError: EW-STREAM-SIGNAL where the signal is not of the input's kind.
    """
    tensor = streamed.tensor(streamed.input.value)
    if signal.shape[1:] != tensor.shape[1:] or signal.dtype != tensor.dtype:
        raise UsageError(
            "EW-STREAM-SIGNAL",
            f"signal {signal.shape} of {signal.dtype} is not [time, {tensor.shape[1]}, {tensor.shape[2]}] "
            f"of {tensor.dtype}",
        )
    stream = TimeStream(streamed)
    hops = range(0, len(signal) - streamed.hop + 1, streamed.hop)
    return [stream.push(signal[at : at + streamed.hop]) for at in hops]


def windowed(program: Program, signal: Array, hop: int) -> list[dict[str, Array]]:
    """Outputs of window inference after every `hop` rows, from the first full window on.

    Returns:
        Per window the outputs by port name, [rows, columns, channels]; the i-th from the end belongs to
        the i-th from the end of `run_stream` over the same signal.
    """
    rows = program.values[program.inputs[0].value].shape[0]
    first = -(-rows // hop) * hop
    return [_window(program, signal[end - rows : end]) for end in range(first, len(signal) + 1, hop)]


def _window(program: Program, rows: Array) -> dict[str, Array]:
    port = program.inputs[0]
    values = program.run({port.name: port.to_source(rows)}, keep_all=True)
    return {p.name: values[p.value] for p in program.outputs}


@dataclass(frozen=True)
class Deviation:
    """How far an output of the stream is from window inference on the same signal.

    Args:
        windows: Windows compared.
        nrmse: Root mean square error, divided by the range of the windowed output over the signal.
        largest: Largest absolute difference, in real units.
        same_class: Fraction of the time steps whose largest channel is the same.
    """

    windows: int
    nrmse: float
    largest: float
    same_class: float


def deviation(program: Program, streamed: StreamedProgram, signal: Array) -> dict[str, Deviation]:
    """Compare a stream with window inference of the model, on data.

    A call is compared with the window at whose borders the stream took signal for padding, the one that
    ended `streamed.after` rows ago.

    Args:
        program: The model.
        streamed: Made of it, exact or not.
        signal: [time, columns, channels] of the input's dtype.

    Returns:
        Deviation by output port name.

    Raises:
        UsageError: EW-STREAM-SIGNAL where the signal is shorter than one window.
    """
    pairs = list(_pairs(program, streamed, signal))
    if not pairs:
        raise UsageError(
            "EW-STREAM-SIGNAL",
            f"a signal of {len(signal)} rows is shorter than the window of {streamed.window_rows}",
            "a recording of at least one window, one row a time step",
        )
    result = {}
    for port in program.outputs:
        kind = program.values[port.value]
        got, want = (np.stack([_real(pair[side][port.name], kind) for pair in pairs]) for side in (0, 1))
        error = got - want
        spread = float(want.max() - want.min())
        rms = float(np.sqrt(np.mean(error**2)))
        result[port.name] = Deviation(
            windows=len(pairs),
            nrmse=0.0 if rms == 0 else rms / spread if spread else float("inf"),
            largest=float(np.abs(error).max()),
            same_class=float(np.mean(got.argmax(-1) == want.argmax(-1))),
        )
    return result


def _pairs(
    program: Program, streamed: StreamedProgram, signal: Array
) -> Iterator[tuple[dict[str, Array], dict[str, Array]]]:
    """(outputs of the call, the new rows of those of its window) once the stream is warm."""
    rows = program.values[program.inputs[0].value].shape[0]
    for call, got in enumerate(run_stream(streamed, signal), start=1):
        end = call * streamed.hop - streamed.after
        if call < streamed.warm_up_calls:
            continue
        window = _window(program, signal[end - rows : end])
        yield got, {name: value[-len(got[name]) :] for name, value in window.items()}


def _real(values: Array, tensor: TensorType) -> Array:
    """Quantized -> real, float64."""
    return (values.astype(np.float64) - tensor.zero_point) * tensor.scale
