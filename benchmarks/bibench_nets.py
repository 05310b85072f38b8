"""The two architectures of the binarization benchmark, float or with binary hidden layers.

    plain      stem, then three times: convolution, batch norm                          (float: Relu)
    residual   stem, then three times: x + batch norm of the convolution                (float: Relu)

Both end with an average over what is left of the image, or its elements, and a fully connected layer. The
first binary convolution halves rows and columns and has no shortcut.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.bibench_tasks import Task
from edgewright.quantize.binary.layers import BinaryConv2d

ARCHITECTURES = ("plain", "residual")
STEM_CHANNELS, CHANNELS, BLOCKS = 32, 64, 3
STEM_STRIDE = {"digits": 1, "kws": 2}


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
        stride = STEM_STRIDE[task.name]
        self.stem = nn.Conv2d(1, STEM_CHANNELS, 3, stride, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(STEM_CHANNELS)
        sizes = [(STEM_CHANNELS, CHANNELS, 2)] + [(CHANNELS, CHANNELS, 1)] * (BLOCKS - 1)
        self.convolutions = nn.ModuleList(_convolution(i, o, s, algorithm) for i, o, s in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for _, o, _ in sizes)
        self.last = nn.Linear(CHANNELS, task.classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x))
        x = torch.relu(x) if self.floating else x
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            y = norm(convolution(x))
            y = x + y if self.residual and index else y
            x = torch.relu(y) if self.floating else y
        return self.last(x.mean((2, 3)))


def _convolution(inputs: int, outputs: int, stride: int, algorithm: str | None) -> nn.Module:
    if algorithm is None:
        return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return BinaryConv2d(inputs, outputs, 3, stride, 1, algorithm=algorithm)


def theoretical(task: Task) -> tuple[float, float]:
    """(compression, speed-up) of a network over its float twin, the hidden layers binary.

    A binary parameter is 1/32 of a float one, a binary multiplication 1/64 of a float one, as BiBench counts.
    """
    rows, columns = (-(-n // STEM_STRIDE[task.name]) for n in task.shape[2:])
    half = -(-rows // 2) * -(-columns // 2)
    real_parameters = 9 * STEM_CHANNELS + (CHANNELS + 1) * task.classes
    real_macs = 9 * STEM_CHANNELS * rows * columns + CHANNELS * task.classes
    binary_parameters = 9 * CHANNELS * (STEM_CHANNELS + (BLOCKS - 1) * CHANNELS)
    binary_macs = binary_parameters * half
    compression = (real_parameters + binary_parameters) / (real_parameters + binary_parameters / 32)
    speed_up = (real_macs + binary_macs) / (real_macs + binary_macs / 64)
    return compression, speed_up
