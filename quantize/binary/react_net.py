"""ReActNet: the threshold of every input channel is learned (RSign).

    forward    a = sign(x + b), b learned, one for each input channel
               w' = alpha sign(w), alpha = mean|w| of every output channel
    backward   d sign(x) / dx = 2 + 2x on [-1, 0), 2 - 2x on [0, 1), else 0, taken at x + b; b gets its sum
               d sign(w) / dw = 1 where |w| <= 1, else 0; alpha is a constant
    model      RPReLU, a PReLU with shifts, behind every convolution (in the model, not in the layer)

b folds into the comparison that packs bits: x >= -b.

Liu, Shen, Savvides, Cheng: "ReActNet: Towards Precise Binary Neural Network with Generalized Activation
Functions", ECCV 2020, arXiv:2003.03488.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgewright.quantize.binary.bi_real import quadratic_sign
from edgewright.quantize.binary.bnn import clipped_sign
from edgewright.quantize.binary.operator import BinaryOperator, mean_magnitude, per_channel


class ReactNetOperator(BinaryOperator):
    """ReActNet in a layer."""

    def __init__(self, weight_shape: Sequence[int]) -> None:
        super().__init__(weight_shape)
        self.thresholds = nn.Parameter(torch.zeros(self.inputs))

    def activation(self, x: Tensor) -> Tensor:
        return quadratic_sign(x + per_channel(self.thresholds, x, 1))

    def weight(self, w: Tensor) -> Tensor:
        return clipped_sign(w)

    def shift(self) -> Tensor:
        return self.thresholds

    def scale(self, w: Tensor) -> Tensor:
        return mean_magnitude(w)
