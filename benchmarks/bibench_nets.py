"""The two architectures of the binarization benchmark, float or with binary hidden layers.

    plain      stem, then three times: convolution, batch norm                          (float: Relu)
    residual   stem, then three times: x + batch norm of the convolution                (float: Relu)

Both end with a fully connected layer. The first hidden convolution halves rows and columns and has no
shortcut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.bibench_tasks import Task
from edgewright.quantize.binary.layers import BinaryConv2d

ARCHITECTURES = ("plain", "residual")
STEM_CHANNELS, CHANNELS, BLOCKS = 32, 64, 3


@dataclass(frozen=True)
class Stem:
    """The first convolution: kernel, stride, padding (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]

    @property
    def padding(self) -> tuple[int, int]:
        return self.kernel[0] // 2, self.kernel[1] // 2

    def output(self, shape: Sequence[int]) -> tuple[int, int]:
        """Rows and columns behind it, of an input [1, 1, H, W]."""
        rows, columns = ((n - 1) // s + 1 for n, s in zip(shape[2:], self.stride, strict=True))
        return rows, columns


STEMS = {"digits": Stem((3, 3), (1, 1)), "kws": Stem((9, 3), (4, 2))}


class Net(nn.Module):
    """A network of the benchmark.

    Args:
        task: Decides the sizes.
        architecture: One of `ARCHITECTURES`.
        algorithm: Of the hidden convolutions; None is the float twin.
    """

    def __init__(self, task: Task, architecture: str, algorithm: str | None) -> None:
        super().__init__()
        self.residual, self.floating = architecture == "residual", algorithm is None
        stem = STEMS[task.name]
        self.stem = nn.Conv2d(1, STEM_CHANNELS, stem.kernel, stem.stride, stem.padding, bias=False)
        self.stem_norm = nn.BatchNorm2d(STEM_CHANNELS)
        sizes = [(STEM_CHANNELS, CHANNELS, 2)] + [(CHANNELS, CHANNELS, 1)] * (BLOCKS - 1)
        self.convolutions = nn.ModuleList(_convolution(i, o, s, algorithm) for i, o, s in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for _, o, _ in sizes)
        self.last = nn.Linear(CHANNELS * math.prod(_halved(task)), task.classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x))
        x = torch.relu(x) if self.floating else x
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            y = norm(convolution(x))
            y = x + y if self.residual and index else y
            x = torch.relu(y) if self.floating else y
        return self.last(x.flatten(1))


def _convolution(inputs: int, outputs: int, stride: int, algorithm: str | None) -> nn.Module:
    if algorithm is None:
        return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return BinaryConv2d(inputs, outputs, 3, stride, 1, algorithm=algorithm)


def theoretical(task: Task) -> tuple[float, float]:
    """(compression, speed-up) of a network over its float twin, the hidden layers binary.

    A binary parameter is 1/32 of a float one, a binary multiplication 1/64 of a float one, as BiBench counts.
    """
    stem = STEMS[task.name]
    real = STEM_CHANNELS * math.prod(stem.kernel)
    last = CHANNELS * math.prod(_halved(task)) * task.classes
    real_macs = real * math.prod(stem.output(task.shape)) + last
    binary = 9 * CHANNELS * (STEM_CHANNELS + (BLOCKS - 1) * CHANNELS)
    binary_macs = binary * math.prod(_halved(task))
    compression = (real + last + binary) / (real + last + binary / 32)
    speed_up = (real_macs + binary_macs) / (real_macs + binary_macs / 64)
    return compression, speed_up


def _halved(task: Task) -> tuple[int, int]:
    """Rows and columns of the hidden layers."""
    rows, columns = STEMS[task.name].output(task.shape)
    return -(-rows // 2), -(-columns // 2)
