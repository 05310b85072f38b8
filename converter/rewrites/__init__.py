"""Rewrites of a Program that keep its outputs bit for bit: `rewrite(program) -> Program`.

Each is a small pure function in its own file; they run in the order of `REWRITES`, verified after
each one.
"""

from edgewright.converter.rewrites.rewrite import REWRITES, rewrite, rewrite_with_savings
from edgewright.converter.rewrites.saving import Saving

__all__ = ["REWRITES", "Saving", "rewrite", "rewrite_with_savings"]
