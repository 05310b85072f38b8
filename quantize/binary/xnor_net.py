"""XNOR-Net: scales for the weights and for every image.

    forward    a = A sign(x), A = mean|x| over channels, rows and columns of one image
               w' = alpha sign(w), alpha = mean|w| of every output channel
    backward   d sign(x) / dx = 1 where |x| <= 1, else 0; for weights as well; A and alpha are constants

The paper has one A for every place of the output (a box filter over |x|); BiBench, which is followed here,
has one for every image. A depends on the image, so that it stays in the deployed layer and folds into
nothing.

Rastegari, Ordonez, Redmon, Farhadi: "XNOR-Net: ImageNet Classification Using Binary Convolutional Neural
Networks", ECCV 2016, arXiv:1603.05279.
"""

from __future__ import annotations

from torch import Tensor

from edgewright.quantize.binary.bnn import clipped_sign
from edgewright.quantize.binary.operator import BinaryOperator, mean_magnitude, per_channel


def image_scale(x: Tensor) -> Tensor:
    """A = mean|x| of every image, [N]; a constant to the gradient."""
    return x.detach().abs().flatten(1).mean(dim=1)


class XnorNetOperator(BinaryOperator):
    """XNOR-Net in a layer."""

    def activation(self, x: Tensor) -> Tensor:
        return clipped_sign(x)

    def weight(self, w: Tensor) -> Tensor:
        return clipped_sign(w)

    def scale(self, w: Tensor) -> Tensor:
        return mean_magnitude(w)

    @property
    def image_mean(self) -> bool:
        return True

    def scaled(self, sums: Tensor, x: Tensor, w: Tensor) -> Tensor:
        return super().scaled(sums * per_channel(image_scale(x), sums, 0), x, w)
