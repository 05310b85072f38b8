"""PyTorch is an optional dependency: only what trains needs it."""

from __future__ import annotations

import importlib.util

from edgewright.errors import UsageError


def require_torch() -> None:
    """Make sure that `import torch` will work.

    Raises:
        UsageError: EW-TRAIN-TORCH where PyTorch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            "EW-TRAIN-TORCH",
            "training needs PyTorch, which is not installed",
            'pip install "edgewright[train]", or binarize without training: --no-train',
        )
