"""ReCU: weights far from zero, whose sign hardly ever changes, are pulled in.

    weights    w0 = w - mean(w), w1 = w0 * 2 sqrt(2) / std(w0) for every output channel
               w2 = clamp(w1, -Q, Q), Q = -mean|w1| ln(2 - 2 tau): the tau quantile of a Laplacian
               forward sign(w2), backward d sign(w2) / dw2 = 1 (the clamp stops what lies outside)
    schedule   tau rises from 0.85 to 0.99: tau(e) = A exp(e / E) + B, A = 0.14 / (exp(1) - 1), B = 0.85 - A
    activation in training x is divided by sqrt(var(x) + 1e-5) of its image, which keeps every sign
               d sign(x) / dx = max(0, 2 - 2|x|)
    scale      alpha learned, one for each output channel

Xu, Lin, Liu, Chen, Shao, Tian, Gao, Ji: "ReCU: Reviving the Dead Weights in Binary Neural Networks",
ICCV 2021, arXiv:2103.12369.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from edgewright.quantize.binary.bi_real import quadratic_sign
from edgewright.quantize.binary.operator import BinaryOperator, sign

TAU_FIRST, TAU_LAST = 0.85, 0.99
EPSILON = 1e-5


class _IdentitySign(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return sign(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def identity_sign(x: Tensor) -> Tensor:
    """sign(x) whose gradient is 1 everywhere (the plain straight-through estimator)."""
    signs: Tensor = _IdentitySign.apply(x)
    return signs


def tau_at(epoch: float, epochs: float) -> float:
    """Quantile of an epoch: TAU_FIRST at the beginning, TAU_LAST at the end, exponential between."""
    rise = (TAU_LAST - TAU_FIRST) / (math.e - 1)
    return rise * math.exp(epoch / epochs) + TAU_FIRST - rise


def rectified_clamp(w: Tensor, tau: float) -> Tensor:
    """Standardized weights, clamped at the quantile tau.

    Args:
        w: [O, ...].
        tau: 0.5 < tau < 1.

    Returns:
        w2, of w's shape; its gradient is 0 where it was clamped.
    """
    axes = tuple(range(1, w.dim()))
    centred = w - w.mean(dim=axes, keepdim=True)
    deviation = torch.sqrt(centred.var(dim=axes, keepdim=True) + EPSILON) / (2 * math.sqrt(2))
    standardized = centred / deviation
    limit = float(-standardized.detach().abs().mean() * math.log(2 - 2 * tau))
    return standardized.clamp(-limit, limit)


class RecuOperator(BinaryOperator):
    """ReCU in a layer."""

    def __init__(self, weight_shape: Sequence[int]) -> None:
        super().__init__(weight_shape)
        depth = math.prod(weight_shape[1:])
        # A sum of `depth` random signs has about this deviation.
        self.channels = nn.Parameter(torch.full((self.outputs,), depth**-0.5))
        self.tau = TAU_LAST

    def start_epoch(self, epoch: int, epochs: int) -> None:
        self.tau = tau_at(epoch, epochs)

    def activation(self, x: Tensor) -> Tensor:
        if self.training:
            axes = tuple(range(1, x.dim()))
            x = x / torch.sqrt(x.var(dim=axes, keepdim=True) + EPSILON)
        return quadratic_sign(x)

    def weight(self, w: Tensor) -> Tensor:
        return identity_sign(rectified_clamp(w, self.tau))

    def scale(self, w: Tensor) -> Tensor:
        return self.channels
