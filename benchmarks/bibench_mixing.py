"""Training inputs of keyword spotting: shifted in time, mixed in pairs; and who says what they are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.bibench_tasks import Task
from edgewright.converter.importers import load_model
from edgewright.quantize.prepare import prepare
from edgewright.quantize.train.graph_module import GraphModule
from edgewright.quantize.train.samples import Samples

LARGEST_SHIFT = 4
LOUDNESS, NOISE = 0.1, 0.1
VARIANTS = 24


class AnsweredSamples(Samples):
    """Samples of which several variants were shown to a teacher once; a batch takes one of each at random.

    A batch is [inputs, the teacher's logits], for `Student` and `Answers`.

    Args:
        task: With a `teacher_file`.
        seed: Of everything random.
        variants: Of every training input.
    """

    def __init__(self, task: Task, seed: int, variants: int = VARIANTS) -> None:
        super().__init__([{"x": x[None]} for x in task.train], ["x"])
        self._seed = seed
        self._generator = torch.Generator().manual_seed(seed)
        (x,) = super().batch(range(len(self)))
        self._inputs_of = torch.stack([self._mixed(x) for _ in range(variants)])
        teacher = reference_teacher(task)
        with torch.no_grad():
            self._logits_of = torch.stack([teacher(v) for v in self._inputs_of])

    def restart(self) -> None:
        """Begin the random choice of variants anew, so that every training sees the same."""
        self._generator.manual_seed(self._seed)

    def batch(self, chosen: Sequence[int]) -> list[Tensor]:
        """Inputs [B, 1, time, coefficients] and logits [B, classes]."""
        rows = torch.tensor(list(chosen))
        variant = torch.randint(len(self._inputs_of), rows.shape, generator=self._generator)
        return [self._inputs_of[variant, rows], self._logits_of[variant, rows]]

    def _mixed(self, x: Tensor) -> Tensor:
        """A variant: shifted in time, every other one mixed with another, louder or quieter, noisy."""
        count, _, steps, _ = x.shape
        padded = functional.pad(x, (0, 0, LARGEST_SHIFT, LARGEST_SHIFT), mode="replicate")
        first = torch.randint(0, 2 * LARGEST_SHIFT + 1, (count,), generator=self._generator)
        x = padded[torch.arange(count)[:, None], 0, first[:, None] + torch.arange(steps)][:, None]
        share = self._uniform(count) * (self._uniform(count) < 0.5)
        x = (1 - share) * x + share * x[torch.randperm(count, generator=self._generator)]
        loudness = 1 + LOUDNESS * torch.randn((count, 1, 1, 1), generator=self._generator)
        return loudness * x + NOISE * torch.randn(x.shape, generator=self._generator)

    def _uniform(self, count: int) -> Tensor:
        return torch.rand((count, 1, 1, 1), generator=self._generator)


class Student(nn.Module):
    """A network that gets the teacher's logits as well, and does not look at them."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, logits: Tensor) -> Tensor:
        return self.net(x)


class Answers(nn.Module):
    """A teacher who has answered before."""

    def forward(self, x: Tensor, logits: Tensor) -> Tensor:
        return logits


class _Reference(nn.Module):
    """A float model behind the conversion of a task's inputs to its own."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        assert task.teacher_file is not None and task.mean is not None and task.deviation is not None
        self.model = GraphModule(prepare(load_model(task.teacher_file)).graph)
        self.mean, self.deviation = torch.from_numpy(task.mean), torch.from_numpy(task.deviation)

    def forward(self, x: Tensor) -> Tensor:
        # [N, 1, time, coefficients] -> [N, time, coefficients, 1]
        return self.model((x[:, 0] * self.deviation + self.mean)[..., None])


def reference_teacher(task: Task) -> nn.Module:
    """The model of the task's `teacher_file`."""
    return _Reference(task).eval()
