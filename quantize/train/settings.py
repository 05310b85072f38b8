"""What training can be told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgewright.errors import UsageError


@dataclass(frozen=True)
class TrainSettings:
    """How a binary network is trained.

    Args:
        epochs: Passes over the data; 0 only takes statistics for the norms.
        batch: Samples of a step.
        rate: Learning rate of Adam at the beginning; it falls to 0 along a cosine.
        distill: Part of the loss that is the distance from the float model, 0 to 1.
        temperature: Of the distillation.
        max_shift: Images are moved at random by up to this many rows and columns.
        held_back: Part of the data that is not trained with but measured after every epoch.
        seed: Of everything that is random.
        device: "cpu", "cuda", "cuda:1", "mps".
        threads: Threads of torch on the CPU; 0 leaves them as they are.
    """

    epochs: int = 30
    batch: int = 64
    rate: float = 2e-3
    distill: float = 0.5
    temperature: float = 2.0
    max_shift: int = 0
    held_back: float = 0.1
    seed: int = 0
    device: str = "cpu"
    threads: int = 0

    def __post_init__(self) -> None:
        ranges: tuple[tuple[str, float, float], ...] = (
            ("epochs", 0, 100_000),
            ("batch", 2, 65_536),
            ("rate", 1e-9, 10),
            ("distill", 0, 1),
            ("temperature", 1e-3, 1e3),
            ("max_shift", 0, 1024),
            ("held_back", 0, 0.9),
        )
        for name, low, high in ranges:
            value = getattr(self, name)
            if not low <= value <= high:  # nan as well
                raise UsageError(
                    "EW-TRAIN-SETTING", f"{name.replace('_', '-')} {value:g} is not from {low:g} to {high:g}"
                )

    def fixed(self) -> dict[str, Any]:
        """What has to be the same for a checkpoint to be continued."""
        return {k: v for k, v in asdict(self).items() if k not in ("device", "threads")}
