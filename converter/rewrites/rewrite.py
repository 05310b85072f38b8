"""The listed order of the rewrites, and the verification between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgewright.converter.program import Program
from edgewright.converter.rewrites.compose_lookups import compose_lookups
from edgewright.converter.rewrites.compose_reshapes import compose_reshapes
from edgewright.converter.rewrites.fold_clamps import fold_clamps
from edgewright.converter.rewrites.fold_padding import fold_padding
from edgewright.converter.rewrites.remove_dead import remove_dead
from edgewright.converter.rewrites.remove_identities import remove_identities
from edgewright.errors import ModelError

Rewrite = Callable[[Program], Program]

# Identities first: they stand between operators that could be joined. A clamp that is part of a
# longer table cannot be folded any more, so clamps are folded before tables are composed.
REWRITES: tuple[Rewrite, ...] = (
    remove_identities,
    compose_reshapes,
    fold_clamps,
    compose_lookups,
    fold_padding,
    remove_dead,
)


def rewrite(program: Program, rewrites: Sequence[Rewrite] = REWRITES) -> Program:
    """Apply the rewrites in order.

    Args:
        program: A well-formed program.
        rewrites: Which, in which order.

    Returns:
        A program with the same outputs for every input.

    Raises:
        ModelError: EW-REWRITE-INVALID naming the rewrite after which the program is not well formed.
    """
    for step in rewrites:
        program = step(program)
        try:
            program.verify()
        except ModelError as error:
            name = getattr(step, "__name__", str(step))
            raise ModelError("EW-REWRITE-INVALID", f"after rewrite {name}: {error.message}") from error
    return program
