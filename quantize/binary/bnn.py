"""BNN: signs of activations and weights, without any scale.

    forward    a = sign(x), w' = sign(w), sign(0) = +1
    backward   d sign(x) / dx = 1 where |x| <= 1, else 0       (the "clipped straight-through estimator")
    scale      none: a batch norm behind the layer does it

Courbariaux, Hubara, Soudry, El-Yaniv, Bengio: "Binarized Neural Networks", 2016, arXiv:1602.02830.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edgewright.quantize.binary.operator import BinaryOperator, sign


class _ClippedSign(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return sign(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() <= 1)


def clipped_sign(x: Tensor) -> Tensor:
    """sign(x) whose gradient is 1 where |x| <= 1, else 0."""
    signs: Tensor = _ClippedSign.apply(x)
    return signs


class BnnOperator(BinaryOperator):
    """BNN in a layer."""

    def activation(self, x: Tensor) -> Tensor:
        return clipped_sign(x)

    def weight(self, w: Tensor) -> Tensor:
        return clipped_sign(w)
