"""What every training shares: its data, how it is watched, what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edgewright.errors import UsageError
from edgewright.quantize.data import check_labels
from edgewright.quantize.train.losses import regression
from edgewright.quantize.train.samples import Samples, split_indices
from edgewright.quantize.train.settings import TrainSettings
from edgewright.quantize.train.trainer import Epoch, Progress, check_device, predict, train

Data = Sequence[Mapping[str, npt.NDArray[np.generic]]]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainedLayer:
    """A binary layer.

    Args:
        name: Of the layer.
        weights: Their number, each one bit.
        flipped: Part of the weights whose sign is not that of the float model's; None where there is none.
    """

    name: str
    weights: int
    flipped: float | None


@dataclass(frozen=True)
class Binarized:
    """A trained binary model.

    Args:
        onnx: Bytes of the float ONNX model with calls of binary functions.
        algorithm: That trained it; of a module with several, all of them.
        layers: The binary ones.
        history: Epochs.
        metric: "top1", or "mse" to the float model.
        float_value: The float model's metric on what was held back; None without one.
        binary_value: The binary model's.
        trained_with: Number of samples trained with.
        held_back: Number of samples measured with.
    """

    onnx: bytes
    algorithm: str
    layers: list[TrainedLayer]
    history: list[Epoch]
    metric: str
    float_value: float | None
    binary_value: float | None
    trained_with: int
    held_back: int


@dataclass(frozen=True)
class Control:
    """How a training is watched and continued.

    Args:
        checkpoint: File written after each epoch; None writes none.
        resume: Go on from it.
        identity: What else has to be equal for that.
        progress: Called with (done, total) steps.
        on_epoch: Called after each epoch.
    """

    checkpoint: Path | None = None
    resume: bool = False
    identity: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress | None = None
    on_epoch: Callable[[Epoch], None] | None = None


NO_CONTROL = Control()


def set_up(settings: TrainSettings) -> None:
    check_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)


def split(
    data: Data, labels: Labels | None, inputs: Sequence[str], settings: TrainSettings
) -> tuple[Samples, Samples | None]:
    """What to train with and what to hold back, None where that is nothing."""
    if len(data) == 0:
        raise UsageError("EW-TRAIN-DATA", "there are no samples to train with", "give more data")
    kept, back = split_indices(len(data), settings.held_back, settings.seed, labels)
    made = [
        Samples(data, inputs, labels, indices=part, device=settings.device) for part in (kept, back) if part
    ]
    return made[0], made[1] if len(made) > 1 else None


def run_training(
    module: nn.Module,
    parts: tuple[Samples, Samples | None],
    settings: TrainSettings,
    control: Control,
    identity: dict[str, Any],
    *,
    teacher: nn.Module | None,
    regress: bool,
) -> list[Epoch]:
    if parts[0].labels is not None and not regress:
        with torch.no_grad():
            module.eval()
            classes = int(module(*parts[0].batch([0])).shape[1])
        check_labels(parts[0].labels.cpu().numpy(), classes)
    return train(
        module,
        parts[0],
        settings,
        teacher=teacher,
        held_back=parts[1],
        regress=regress,
        checkpoint=control.checkpoint,
        identity=identity,
        resume=control.resume,
        progress=control.progress,
        on_epoch=control.on_epoch,
    )


def metric_name(samples: Samples | None, regress: bool) -> str:
    return "top1" if samples is not None and samples.labels is not None and not regress else "mse"


def metric(
    module: nn.Module, teacher: nn.Module | None, samples: Samples | None, regress: bool
) -> float | None:
    """Top-1, or the mean squared error to the float model."""
    if samples is None:
        return None
    outputs = predict(module, samples)
    if samples.labels is not None and not regress:
        return float((outputs.argmax(dim=1) == samples.labels).double().mean())
    return None if teacher is None else float(regression(outputs, predict(teacher, samples)))
