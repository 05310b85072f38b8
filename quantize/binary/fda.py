"""FDA: the gradient of the sign from the first terms of its Fourier series.

    forward    a = sign(x), w' = alpha sign(w), alpha = mean|w| of every output channel
    backward   d sign(x) / dx = (4 omega / pi) sum_{i=0..n} cos((2i + 1) omega x) where |x| <= 1, else 0;
               omega = 0.1, n rises from 9 to 18 with the epochs; for weights as well
    noise      in training, lambda * (W2 relu(W1 x) + 0.1 sin x) is added to signs of activations (over the
               channels of a place) and of weights (over a filter);
               lambda(e) = 0.05 (1 + cos(pi (e + 1) / E)), which is 0 in the last epoch: nothing of it
               is deployed

Xu, Han, Xu, Liu, Tao, Xu, Wang: "Learning Frequency Domain Approximation for Binary Neural Networks",
NeurIPS 2021, arXiv:2103.00841.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from edgewright.quantize.binary.operator import BinaryOperator, mean_magnitude, sign

OMEGA = 0.1
TERMS_FIRST, TERMS_MORE = 9, 9
REDUCTION, SMALL_REDUCTION = 64, 4
SINE = 0.1


def fourier_gradient(x: Tensor, terms: int) -> Tensor:
    """(4 omega / pi) sum_{i=0..terms} cos((2i + 1) omega x) where |x| <= 1, else 0.

    The sum has a closed form: sin(2 (terms + 1) z) / (2 sin z) with z = omega x, and terms + 1 at z = 0.
    """
    z = OMEGA * x
    sine = torch.sin(z)
    near_zero = sine.abs() < 1e-6
    quotient = torch.sin(2 * (terms + 1) * z) / torch.where(near_zero, torch.ones_like(z), 2 * sine)
    total = torch.where(near_zero, torch.full_like(z, float(terms + 1)), quotient)
    return 4 * OMEGA / math.pi * total * (x.abs() <= 1)


class _FourierSign(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, x: Tensor, terms: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.terms = terms
        return sign(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return gradient * fourier_gradient(x, ctx.terms), None


def fourier_sign(x: Tensor, terms: int) -> Tensor:
    """sign(x) with the gradient of `fourier_gradient`."""
    signs: Tensor = _FourierSign.apply(x, terms)
    return signs


class NoiseAdaptation(nn.Module):  # type: ignore[misc]
    """W2 relu(W1 x) + 0.1 sin x along the last axis."""

    def __init__(self, size: int) -> None:
        super().__init__()
        hidden = size // REDUCTION or max(1, size // SMALL_REDUCTION)
        self.narrow = nn.Linear(size, hidden, bias=False)
        self.wide = nn.Linear(hidden, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        noise: Tensor = self.wide(torch.relu(self.narrow(x))) + SINE * torch.sin(x)
        return noise


class FdaOperator(BinaryOperator):
    """FDA in a layer."""

    def __init__(self, weight_shape: Sequence[int]) -> None:
        super().__init__(weight_shape)
        self.terms = TERMS_FIRST + TERMS_MORE
        self.share = 0.0
        self.activation_noise = NoiseAdaptation(self.inputs)
        self.weight_noise = NoiseAdaptation(math.prod(weight_shape[1:]))

    def start_epoch(self, epoch: int, epochs: int) -> None:
        self.terms = TERMS_FIRST + TERMS_MORE * epoch // epochs
        self.share = 0.05 * (1 + math.cos(math.pi * (epoch + 1) / epochs))

    def activation(self, x: Tensor) -> Tensor:
        signs = fourier_sign(x, self.terms)
        if not self.training or self.share == 0:
            return signs
        return signs + self.share * self.activation_noise(x.movedim(1, -1)).movedim(-1, 1)

    def weight(self, w: Tensor) -> Tensor:
        signs = fourier_sign(w, self.terms)
        if not self.training or self.share == 0:
            return signs
        return signs + self.share * self.weight_noise(w.flatten(1)).view_as(w)

    def scale(self, w: Tensor) -> Tensor:
        return mean_magnitude(w)
