"""Binary layers for PyTorch modules: `BinaryConv2d` and `BinaryLinear`, each with an algorithm by name.

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = BinaryConv2d(32, 64, 3, padding=1, algorithm="react_net")
            self.norm = nn.BatchNorm2d(64)

A batch norm behind a binary layer costs nothing once deployed, where it becomes part of a threshold.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgewright.quantize.binary.algorithms import operator_class
from edgewright.quantize.binary.deployed import Deployed
from edgewright.quantize.binary.operator import BinaryOperator, per_channel

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]


class ShiftNorm(nn.Module):  # type: ignore[misc]
    """(x - mean) / deviation + beta for every channel: statistics as in a batch norm, beta learned.

    There is no learned factor, so that sign(ShiftNorm(x)) = sign(x + shift) with
    shift = beta * deviation - mean, which deploys as a threshold.

    Args:
        channels: Size of axis 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(channels))
        self.momentum, self.epsilon = 0.1, 1e-5
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        normal = functional.batch_norm(
            x, self.mean, self.variance, None, None, self.training, self.momentum, self.epsilon
        )
        return normal + per_channel(self.beta, x, 1)

    def deviation(self) -> Tensor:
        """sqrt(variance + epsilon), [C]."""
        return torch.sqrt(self.variance + self.epsilon)

    def shift(self, behind: Tensor) -> Tensor:
        """Shift of x that stands for this norm and a shift behind it, [C]."""
        return (self.beta + behind.to(self.beta.device)) * self.deviation() - self.mean


class _BinaryLayer(nn.Module):  # type: ignore[misc]
    """What both layers share.

    Args:
        shape: Of the weights.
        algorithm: Name of an algorithm.
        centred: Whether a `ShiftNorm` comes before the sign.
    """

    def __init__(self, shape: tuple[int, ...], algorithm: str, centred: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        bound = (3 / math.prod(shape[1:])) ** 0.5  # so that the variance is 1 / inputs
        nn.init.uniform_(self.weight, -bound, bound)
        self.algorithm = algorithm
        self.operator: BinaryOperator = operator_class(algorithm)(shape)
        self.centre = ShiftNorm(shape[1]) if centred else None

    def signs(self, x: Tensor) -> Tensor:
        """Signs of the input."""
        return self.operator.activation(x if self.centre is None else self.centre(x))

    def start_epoch(self, epoch: int, epochs: int) -> None:
        """Tell the algorithm that an epoch begins."""
        self.operator.start_epoch(epoch, epochs)

    def _deployed(self, size: Pair) -> Deployed:
        found = self.operator.deployed(self.weight, size)
        if self.centre is None:
            return found
        with torch.no_grad():
            shift = self.centre.shift(self.operator.shift()).cpu().numpy()
        return replace(found, shift=shift.astype(np.float32))


class BinaryConv2d(_BinaryLayer):
    """Convolution of signs, [N, C, H, W] -> [N, O, H', W'].

    Args:
        inputs: C.
        outputs: O.
        kernel: kh and kw, or both.
        stride: Vertical and horizontal, or both.
        padding: Rows and columns on all sides, or (top, left, bottom, right).
        dilation: Vertical and horizontal, or both.
        algorithm: Name of an algorithm.
        pad_value: What the padding holds after the sign: 0, +1 or -1.
        centred: Whether inputs are normalized before the sign; it deploys as a threshold. For inputs that
            are not centred at 0 by a norm right before.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair | Pads = 0,
        dilation: int | Pair = 1,
        *,
        algorithm: str,
        pad_value: float = 0.0,
        centred: bool = False,
    ) -> None:
        rows, columns = _pair(kernel)
        super().__init__((outputs, inputs, rows, columns), algorithm, centred)
        self.stride, self.dilation = _pair(stride), _pair(dilation)
        self.pads: Pads = padding if isinstance(padding, tuple) and len(padding) == 4 else _pair(padding) * 2
        self.pad_value = pad_value
        self.size: Pair = (0, 0)

    def forward(self, x: Tensor) -> Tensor:
        top, left, bottom, right = self.pads
        padded = self.signs(x)
        if any(self.pads):
            padded = functional.pad(padded, (left, right, top, bottom), value=self.pad_value)
        weights = self.operator.weight(self.weight)
        sums = functional.conv2d(padded, weights, None, self.stride, 0, self.dilation)
        self.size = (int(sums.shape[2]), int(sums.shape[3]))
        return self.operator.scaled(sums, x, self.weight)

    def deployed(self) -> Deployed:
        """What inference needs; the layer has run before, so that it knows the size of its output."""
        return self._deployed(self.size)


class BinaryLinear(_BinaryLayer):
    """Product of signs, [N, I] -> [N, O].

    Args:
        inputs: I.
        outputs: O.
        algorithm: Name of an algorithm.
        centred: Whether inputs are normalized before the sign.
    """

    def __init__(self, inputs: int, outputs: int, *, algorithm: str, centred: bool = False) -> None:
        super().__init__((outputs, inputs), algorithm, centred)

    def forward(self, x: Tensor) -> Tensor:
        sums = functional.linear(self.signs(x), self.operator.weight(self.weight))
        return self.operator.scaled(sums, x, self.weight)

    def deployed(self) -> Deployed:
        """What inference needs."""
        return self._deployed((1, 1))


def binary_layers(module: nn.Module) -> dict[str, BinaryConv2d | BinaryLinear]:
    """The binary layers of a module by name, in the order of their definition."""
    return {n: m for n, m in module.named_modules() if isinstance(m, BinaryConv2d | BinaryLinear)}


def _pair(value: int | Pair) -> Pair:
    return value if isinstance(value, tuple) else (value, value)
