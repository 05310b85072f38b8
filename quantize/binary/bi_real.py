"""Bi-Real Net: a gradient closer to that of the sign, from a piecewise quadratic.

    forward    a = sign(x), w' = alpha sign(w), alpha = mean|w| of every output channel
    backward   d sign(x) / dx = 2 + 2x on [-1, 0), 2 - 2x on [0, 1), else 0
               d sign(w) / dw = 1 where |w| <= 1, else 0; alpha is a constant
    model      an identity shortcut around every convolution (in the model, not in the layer)

Liu, Wu, Luo, Yang, Liu, Cheng: "Bi-Real Net: Enhancing the Performance of 1-bit CNNs With Improved
Representational Capability and Advanced Training Algorithm", ECCV 2018, arXiv:1808.00278.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edgewright.quantize.binary.bnn import clipped_sign
from edgewright.quantize.binary.operator import BinaryOperator, mean_magnitude, sign


class _QuadraticSign(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return sign(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (2 - 2 * x.abs()).clamp(min=0)


def quadratic_sign(x: Tensor) -> Tensor:
    """sign(x) whose gradient is max(0, 2 - 2|x|), the derivative of a piecewise quadratic."""
    signs: Tensor = _QuadraticSign.apply(x)
    return signs


class BiRealOperator(BinaryOperator):
    """Bi-Real in a layer."""

    def activation(self, x: Tensor) -> Tensor:
        return quadratic_sign(x)

    def weight(self, w: Tensor) -> Tensor:
        return clipped_sign(w)

    def scale(self, w: Tensor) -> Tensor:
        return mean_magnitude(w)
