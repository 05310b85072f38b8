"""A model, a board and the memory of a build, in one line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgewright.converter.program import Program, TensorType
from edgewright.converter.rewrites import Saving
from edgewright.runtime.report.plan_text import input_words
from edgewright.runtime.report.tables import si
from edgewright.targets.board import Board


def describe(program: Program) -> str:
    """A model's size and interface in one line."""
    first, last = program.values[program.inputs[0].value], program.values[program.outputs[0].value]
    inputs, outputs = (
        f"{word}{'s' if len(ports) > 1 else ''} {len(ports) if len(ports) > 1 else _shape(t)}"
        for word, ports, t in (("input", program.inputs, first), ("output", program.outputs, last))
    )
    return f"{len(program.nodes)} ops, {si(program.macs)} MAC, {inputs}, {outputs}"


def _shape(t: TensorType) -> str:
    """`49x10x1 int8`, or `12 int8` for a vector."""
    extents = t.shape if max(t.shape[:-1]) > 1 else t.shape[-1:]
    return f"{'x'.join(map(str, extents))} {t.dtype}"


def describe_board(board: Board) -> str:
    """A board in one line."""
    core = board.cpu.title().replace("Plus", "+")
    ram, rom = (memory_size(r.size_bytes) for r in (board.memory.ram, board.memory.flash))
    return f"{core} @ {board.clock_hz / 1e6:g} MHz, {ram} RAM, {rom} flash (tested: {board.tested})"


def describe_memory(manifest: Mapping[str, Any], board: Board) -> str:
    """How the input arrives and what a build takes, in one line."""
    memory = manifest["memory"]
    proven = "" if memory["arena_optimal"] else " (not proven smallest)"
    return (
        f"{input_words(manifest['plan'])} · "
        f"arena {memory['arena_bytes']:,} B of {memory_size(board.memory.ram.size_bytes)}{proven} · "
        f"weights {memory['weights_bytes']:,} B · code {memory['code_bytes']:,} B · "
        f"stack {memory['stack_bytes']:,} B"
    )


def saved_sentence(savings: Sequence[Saving]) -> str:
    """`3.72 M MAC, 184,556 B of weights, 2,310 channels saved, exactly`; empty where nothing was."""
    macs, weights, channels = (
        sum(getattr(s, key) for s in savings) for key in ("macs", "weights_bytes", "channels")
    )
    parts = [f"{si(macs)} MAC"] if macs > 0 else []
    parts += [f"{weights:,} B of weights"] if weights > 0 else []
    parts += [f"{channels:,} channels"] if channels > 0 else []
    return f"{', '.join(parts)} saved, bit for bit the same outputs" if macs > 0 or channels > 0 else ""


def memory_size(size_bytes: int) -> str:
    """16384 -> "16 KB" (1 KB = 1024 bytes)."""
    megabytes = size_bytes >= 1 << 20
    return f"{size_bytes / (1 << (20 if megabytes else 10)):.4g} {'MB' if megabytes else 'KB'}"
