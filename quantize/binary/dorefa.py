"""DoReFa-Net with one bit: weights with a scale, which is a constant to the gradient.

    forward    a = sign(x), w' = alpha sign(w), alpha = mean|w| of every output channel
    backward   d sign(x) / dx = 1 where |x| <= 1, else 0; for weights as well; d alpha / dw = 0

The paper has one alpha a layer and rounds activations clipped to 0 .. 1; BiBench, which is followed here,
has one alpha a channel and signs, like all the other algorithms.

Zhou, Wu, Ni, Zhou, Wen, Zou: "DoReFa-Net: Training Low Bitwidth Convolutional Neural Networks with Low
Bitwidth Gradients", 2016, arXiv:1606.06160.
"""

from __future__ import annotations

from torch import Tensor

from edgewright.quantize.binary.bnn import clipped_sign
from edgewright.quantize.binary.operator import BinaryOperator, mean_magnitude


class DorefaOperator(BinaryOperator):
    """DoReFa in a layer."""

    def activation(self, x: Tensor) -> Tensor:
        return clipped_sign(x)

    def weight(self, w: Tensor) -> Tensor:
        return clipped_sign(w)

    def scale(self, w: Tensor) -> Tensor:
        return mean_magnitude(w)
