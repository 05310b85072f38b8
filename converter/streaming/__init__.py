"""Time streaming: a model over a window of time steps, run for the newest steps only.

A call gets `hop` new rows of the input. Every value whose rows only move when the window moves keeps a
ring of its last rows between calls, and only its new rows are computed; what mixes all of time is
computed from the rings in every call.
"""

from edgewright.converter.streaming.analysis import (
    ALIGNMENTS,
    PADDINGS,
    Alignment,
    Finding,
    NodeTime,
    PaddingPolicy,
    StreamAnalysis,
    analyse,
)
from edgewright.converter.streaming.execute import (
    Deviation,
    TimeStream,
    deviation,
    run_stream,
    windowed,
)
from edgewright.converter.streaming.stream_program import stream_program
from edgewright.converter.streaming.streamed_program import StreamedProgram, StreamNode, StreamValue

__all__ = [
    "ALIGNMENTS",
    "PADDINGS",
    "Alignment",
    "Deviation",
    "Finding",
    "NodeTime",
    "PaddingPolicy",
    "StreamAnalysis",
    "StreamNode",
    "StreamValue",
    "StreamedProgram",
    "TimeStream",
    "analyse",
    "deviation",
    "run_stream",
    "stream_program",
    "windowed",
]
