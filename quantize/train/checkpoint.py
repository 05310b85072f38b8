"""Checkpoints: everything a training needs to go on as if it had never stopped.

A checkpoint holds tensors and numbers only, so that reading one runs no code (`weights_only`).
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from edgewright.errors import UsageError

VERSION = 1
MAX_BYTES = 4 << 30


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint, wholly or not at all.

    Raises:
        UsageError: EW-TRAIN-CHECKPOINT where it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.save({"version": VERSION, **state}, partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        raise UsageError("EW-TRAIN-CHECKPOINT", f"cannot write {path}: {error}") from error


def load_checkpoint(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Read a checkpoint.

    Args:
        path: The file.
        identity: What the training is; a checkpoint of another one is refused.

    Raises:
        UsageError: EW-TRAIN-CHECKPOINT.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or state.get("version") != VERSION:
            raise ValueError("it is no checkpoint of this version")
    except FileNotFoundError:
        raise UsageError(
            "EW-TRAIN-CHECKPOINT", f"there is no {path} to go on with", "start without --resume"
        ) from None
    except (OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UsageError(
            "EW-TRAIN-CHECKPOINT", f"{path} cannot be read: {first}", "start without --resume"
        ) from error
    found = state.get("identity")
    if found != identity:
        other = {k for k in identity if not isinstance(found, dict) or found.get(k) != identity[k]}
        raise UsageError(
            "EW-TRAIN-CHECKPOINT",
            f"{path} is of another training: {', '.join(sorted(other)) or 'other keys'} differ",
            "give the same model, data and options, or start without --resume",
        )
    return dict(state)
