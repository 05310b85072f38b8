"""Training inputs of keyword spotting: shifted in time, mixed in pairs; and who says what they are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.bibench_tasks import FloatArray, Task
from edgewright.converter.importers import load_model
from edgewright.quantize.prepare import prepare
from edgewright.quantize.train.graph_module import GraphModule
from edgewright.quantize.train.samples import Samples

LARGEST_SHIFT = 4
LOUDNESS, NOISE = 0.1, 0.1


class MixedSamples(Samples):
    """Samples whose batches are new each time they are asked for.

    Args:
        inputs: float32 [N, 1, time, coefficients].
        seed: Of everything random.
    """

    def __init__(self, inputs: FloatArray, seed: int) -> None:
        super().__init__([{"x": x[None]} for x in inputs], ["x"])
        self._generator = torch.Generator().manual_seed(seed)

    def batch(self, chosen: Sequence[int]) -> list[Tensor]:
        """Inputs [B, 1, time, coefficients]: shifted, mixed with another one, louder, noisy."""
        (x,) = super().batch(chosen)
        count, _, steps, _ = x.shape
        padded = functional.pad(x, (0, 0, LARGEST_SHIFT, LARGEST_SHIFT), mode="replicate")
        first = torch.randint(0, 2 * LARGEST_SHIFT + 1, (count,), generator=self._generator)
        x = padded[torch.arange(count)[:, None], 0, first[:, None] + torch.arange(steps)][:, None]
        share = self._uniform(count) * (self._uniform(count) < 0.5)
        other = torch.randperm(count, generator=self._generator)
        x = (1 - share) * x + share * x[other]
        loudness = 1 + LOUDNESS * torch.randn((count, 1, 1, 1), generator=self._generator)
        return [loudness * x + NOISE * torch.randn(x.shape, generator=self._generator)]

    def _uniform(self, count: int) -> Tensor:
        return torch.rand((count, 1, 1, 1), generator=self._generator)


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
