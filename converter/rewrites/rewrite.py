"""The listed order of the rewrites, and the verification between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgewright.converter.program import Program
from edgewright.converter.rewrites.compose_lookups import compose_lookups
from edgewright.converter.rewrites.compose_reshapes import compose_reshapes
from edgewright.converter.rewrites.compose_slices import compose_slices
from edgewright.converter.rewrites.crop_windows import crop_windows
from edgewright.converter.rewrites.fold_clamps import fold_clamps
from edgewright.converter.rewrites.fold_constants import fold_constants
from edgewright.converter.rewrites.fold_padding import fold_padding
from edgewright.converter.rewrites.merge_duplicates import merge_duplicates
from edgewright.converter.rewrites.prune_channels import prune_channels
from edgewright.converter.rewrites.remove_dead import remove_dead
from edgewright.converter.rewrites.remove_identities import remove_identities
from edgewright.converter.rewrites.saving import Saving, saving
from edgewright.converter.rewrites.share_equal import share_equal
from edgewright.converter.rewrites.widen_clamps import widen_clamps
from edgewright.converter.rewrites.zero_constants import zero_constants
from edgewright.errors import ModelError

Rewrite = Callable[[Program], Program]

# Identities first: they stand between operators that could be joined. A clamp that is part of a
# longer table cannot be folded any more, so clamps are folded before tables are composed. Channels last:
# the fewer operations there are, the more is known of them.
REWRITES: tuple[Rewrite, ...] = (
    remove_dead,
    fold_constants,
    remove_identities,
    compose_reshapes,
    compose_slices,
    fold_clamps,
    compose_lookups,
    fold_padding,
    share_equal,
    zero_constants,
    prune_channels,
    merge_duplicates,
    crop_windows,
    widen_clamps,
)
MOST_ROUNDS = 8


def rewrite(program: Program, rewrites: Sequence[Rewrite] = REWRITES) -> Program:
    """Apply the rewrites in order, until they change nothing.

    Args:
        program: A well-formed program.
        rewrites: Which, in which order.

    Returns:
        A program with the same outputs for every input.

    Raises:
        ModelError: EW-REWRITE-INVALID naming the rewrite after which the program is not well formed.
    """
    return rewrite_with_savings(program, rewrites)[0]


def rewrite_with_savings(
    program: Program, rewrites: Sequence[Rewrite] = REWRITES
) -> tuple[Program, tuple[Saving, ...]]:
    """`rewrite`, and what each rewrite saved, in their order; those that saved nothing are left out."""
    names = [getattr(step, "__name__", str(step)) for step in rewrites]
    savings = [Saving(name) for name in names]
    for _ in range(MOST_ROUNDS):
        start = program
        for i, step in enumerate(rewrites):
            before, program = program, step(program)
            _verify(program, names[i])
            savings[i] += saving(names[i], before, program)
        if _same(start, program):
            break
    return program, tuple(s for s in savings if s)


def _verify(program: Program, name: str) -> None:
    try:
        program.verify()
    except ModelError as error:
        raise ModelError("EW-REWRITE-INVALID", f"after rewrite {name}: {error.message}") from error


def _same(before: Program, after: Program) -> bool:
    """Whether both have the same nodes: attributes are compared by identity."""
    if len(before.nodes) != len(after.nodes):
        return False
    pairs = zip(before.nodes, after.nodes, strict=True)
    return all(m.op is n.op and (m.inputs, m.output) == (n.inputs, n.output) for m, n in pairs)
