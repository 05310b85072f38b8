"""XNOR-Net++: scales are learned, one vector along each axis of the output.

    forward    y[o, r, c] = o[o] h[r] w[c] * sum of sign(x) sign(w)
    backward   d sign(x) / dx = 1 where |x| <= 1, else 0; for weights as well
    scale      Gamma = o (x) h (x) w, of rank 1, learned by gradient descent

h and w differ from place to place, so that Gamma cannot fold into a channel's threshold: it stays in the
deployed layer as a constant map. A fully connected layer has o alone.

Bulat, Tzimiropoulos: "XNOR-Net++: Improved Binary Neural Networks", BMVC 2019, arXiv:1909.13863.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgewright.errors import UsageError
from edgewright.quantize.binary.bnn import clipped_sign
from edgewright.quantize.binary.operator import BinaryOperator

# Rows and columns of an output are not known when the layer is made; those that are never used cost nothing.
MAX_PLACES = 512


class XnorPlusPlusOperator(BinaryOperator):
    """XNOR++ in a layer."""

    def __init__(self, weight_shape: Sequence[int]) -> None:
        super().__init__(weight_shape)
        self.channels = nn.Parameter(torch.ones(self.outputs))
        if len(weight_shape) == 4:
            self.rows = nn.Parameter(torch.ones(MAX_PLACES))
            self.columns = nn.Parameter(torch.ones(MAX_PLACES))

    def activation(self, x: Tensor) -> Tensor:
        return clipped_sign(x)

    def weight(self, w: Tensor) -> Tensor:
        return clipped_sign(w)

    def scale(self, w: Tensor) -> Tensor:
        return self.channels

    def spatial(self, size: tuple[int, int]) -> Tensor | None:
        if not hasattr(self, "rows"):
            return None
        if max(size) > MAX_PLACES:
            raise UsageError(
                "EW-BINARY-SIZE",
                f"XNOR++ has scales for {MAX_PLACES} rows and columns, the layer's output has {max(size)}",
                "use another algorithm for this layer",
            )
        return self.rows[: size[0], None] * self.columns[None, : size[1]]

    def scaled(self, sums: Tensor, x: Tensor, w: Tensor) -> Tensor:
        y = super().scaled(sums, x, w)
        spatial = self.spatial((sums.shape[2], sums.shape[3])) if sums.dim() == 4 else None
        return y if spatial is None else y * spatial
