"""Training with straight-through gradients: Adam, a cosine of the learning rate, distillation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgewright.errors import UsageError, WorkError
from edgewright.quantize.binary.layers import binary_layers
from edgewright.quantize.train.augment import shifted
from edgewright.quantize.train.checkpoint import load_checkpoint, save_checkpoint
from edgewright.quantize.train.losses import classification, regression
from edgewright.quantize.train.samples import Samples
from edgewright.quantize.train.settings import TrainSettings

Progress = Callable[[int, int], None]
EVALUATION_BATCH = 256
SMALLEST_BATCH = 2  # a batch norm has no statistics of one sample
# Weights beyond 1 get no gradient through a clipped sign and would never change again.
CLIPPED = frozenset(("bnn", "xnor_net", "dorefa", "bi_real", "xnor_plus_plus", "react_net", "fda"))


@dataclass(frozen=True)
class Epoch:
    """One pass over the data.

    Args:
        loss: Mean of the training loss.
        train: Top-1 of the batches as they were trained with, 0 to 1; None without labels.
        held_back: Top-1 of what is held back, or its mean squared error to the float model; None without.
        rate: Learning rate.
    """

    loss: float
    train: float | None
    held_back: float | None
    rate: float


def train(
    module: nn.Module,
    data: Samples,
    settings: TrainSettings,
    *,
    teacher: nn.Module | None = None,
    held_back: Samples | None = None,
    regress: bool = False,
    checkpoint: Path | None = None,
    identity: dict[str, Any] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train a module with binary layers, in place; it is in evaluation mode afterwards.

    Args:
        module: Inputs [N, ...] -> logits [N, classes], or an output of another kind (`regress`).
        data: What to train with.
        settings: How.
        teacher: The float model, of the same inputs and outputs.
        held_back: What to measure with after each epoch.
        regress: The module gives no classes: it is trained to the teacher's output.
        checkpoint: File that is written after each epoch; None writes none.
        identity: What the training is, for the checkpoint.
        resume: Go on from the checkpoint.
        progress: Called with (done, total) steps.
        on_epoch: Called after each epoch.

    Returns:
        All epochs, those before a resumed one included.

    Raises:
        UsageError: EW-TRAIN-DEVICE, EW-TRAIN-CHECKPOINT, EW-TRAIN-DATA.
        WorkError: EW-TRAIN-DIVERGED.
    """
    run = _Run(module, data, settings, teacher, regress)
    found = {**settings.fixed(), **(identity or {})}
    history: list[Epoch] = []
    if resume:
        assert checkpoint is not None
        history = run.restore(load_checkpoint(checkpoint, found))
    for epoch in range(len(history), settings.epochs):
        loss, accuracy, rate = run.epoch(epoch, progress)
        measured = run.measure(held_back) if held_back is not None and len(held_back) else None
        history.append(Epoch(loss, accuracy, measured, rate))
        if on_epoch is not None:
            on_epoch(history[-1])
        if checkpoint is not None:
            save_checkpoint(checkpoint, run.state(found, history))
    module.eval()
    return history


class _Run:
    """State of one training."""

    def __init__(
        self,
        module: nn.Module,
        data: Samples,
        settings: TrainSettings,
        teacher: nn.Module | None,
        regress: bool,
    ) -> None:
        if len(data) < SMALLEST_BATCH:
            raise UsageError("EW-TRAIN-DATA", f"{len(data)} samples to train with", "give more data")
        if data.labels is None and teacher is None:
            raise UsageError("EW-TRAIN-DATA", "there are neither labels nor a float model to learn from")
        self.module, self.data, self.settings = module, data, settings
        self.teacher = None if teacher is None else teacher.eval()
        self.regress = regress
        self.layers = binary_layers(module)
        trained = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(trained, lr=settings.rate)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.steps = max(1, math.ceil(len(data) / settings.batch))

    def epoch(self, epoch: int, progress: Progress | None) -> tuple[float, float | None, float]:
        """(mean loss, top-1 of the batches or None, learning rate)."""
        epochs = self.settings.epochs
        for layer in self.layers.values():
            layer.start_epoch(epoch, epochs)
        self.module.train()
        order = torch.randperm(len(self.data), generator=self.generator).tolist()
        total, right, seen = 0.0, 0, 0
        rate = 0.0
        for step in range(self.steps):
            chosen = order[step * self.settings.batch : (step + 1) * self.settings.batch]
            if len(chosen) < SMALLEST_BATCH:
                continue
            done = epoch * self.steps + step
            rate = self._set_rate(done / (epochs * self.steps))
            loss, hits = self._step(chosen)
            total, right, seen = total + loss * len(chosen), right + hits, seen + len(chosen)
            if progress is not None:
                progress(done + 1, epochs * self.steps)
        accuracy = None if self.data.labels is None or self.regress else right / seen
        return total / seen, accuracy, rate

    def _set_rate(self, done: float) -> float:
        rate = self.settings.rate * 0.5 * (1 + math.cos(math.pi * done))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _step(self, chosen: list[int]) -> tuple[float, int]:
        inputs = self.data.batch(chosen)
        if self.settings.max_shift:
            inputs = [shifted(x, self.settings.max_shift, self.generator) for x in inputs]
        labels = self.data.batch_labels(chosen)
        with torch.no_grad():
            wanted = None if self.teacher is None else self.teacher(*inputs)
        output = self.module(*inputs)
        loss = self._loss(output, labels, wanted)
        if not torch.isfinite(loss):
            raise WorkError(
                "EW-TRAIN-DIVERGED",
                f"the loss became {float(loss.detach())} at a learning rate of {self.settings.rate:g}",
                "train with a lower one: --rate",
            )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self._clip()
        hits = 0 if labels is None or self.regress else int((output.argmax(dim=1) == labels).sum())
        return float(loss.detach()), hits

    def _loss(self, output: Tensor, labels: Tensor | None, wanted: Tensor | None) -> Tensor:
        if self.regress:
            assert wanted is not None
            return regression(output, wanted)
        return classification(output, labels, wanted, self.settings.distill, self.settings.temperature)

    def _clip(self) -> None:
        with torch.no_grad():
            for layer in self.layers.values():
                if layer.algorithm in CLIPPED:
                    layer.weight.clamp_(-1, 1)

    def measure(self, samples: Samples) -> float:
        """Top-1, or the mean squared error to the float model where there are no classes or labels."""
        outputs, wanted = predict(self.module, samples), None
        if samples.labels is not None and not self.regress:
            return float((outputs.argmax(dim=1) == samples.labels).double().mean())
        assert self.teacher is not None
        wanted = predict(self.teacher, samples)
        return float(regression(outputs, wanted))

    def state(self, identity: dict[str, Any], history: list[Epoch]) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "identity": identity,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "history": [asdict(e) for e in history],
        }

    def restore(self, state: dict[str, Any]) -> list[Epoch]:
        """Take over a checkpoint's state; returns its epochs."""
        try:
            self.module.load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.generator.set_state(state["generator"])
            return [Epoch(**e) for e in state["history"]]
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UsageError(
                "EW-TRAIN-CHECKPOINT", f"the checkpoint does not fit: {first}", "start without --resume"
            ) from error


def predict(module: nn.Module, samples: Samples) -> Tensor:
    """Outputs of all samples, [N, ...]; the module is in evaluation mode afterwards."""
    module.eval()
    with torch.no_grad():
        parts = [
            module(*samples.batch(range(start, min(start + EVALUATION_BATCH, len(samples)))))
            for start in range(0, len(samples), EVALUATION_BATCH)
        ]
    return torch.cat(parts)


def check_device(name: str) -> None:
    """Refuse a device that torch does not have here.

    Raises:
        UsageError: EW-TRAIN-DEVICE.
    """
    try:
        torch.zeros(1).to(name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UsageError(
            "EW-TRAIN-DEVICE", f"--device {name}: {first}", "--device cpu always works"
        ) from error
