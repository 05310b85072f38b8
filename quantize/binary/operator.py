"""What an algorithm puts into a binary layer: signs of activations and weights, and what scales the sums.

    y = scaled(sum of activation(x) * weight(w))

Everything that multiplies sums is kept out of `activation` and `weight`, whose forward values are exactly
-1 and +1: sum(A a * alpha w) = A alpha sum(a w), and the gradients are those of the left side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from edgewright.quantize.binary.deployed import Deployed, FloatArray


class BinaryOperator(nn.Module):  # type: ignore[misc]
    """Base of the algorithms.

    Args:
        weight_shape: [O, C, kh, kw] of a convolution, [O, I] of a fully connected layer.
    """

    def __init__(self, weight_shape: Sequence[int]) -> None:
        super().__init__()
        self.outputs, self.inputs = int(weight_shape[0]), int(weight_shape[1])

    def activation(self, x: Tensor) -> Tensor:
        """Signs of the layer's input [N, C, H, W] or [N, I], with the algorithm's gradient."""
        raise NotImplementedError

    def weight(self, w: Tensor) -> Tensor:
        """Signs of the weights, with the algorithm's gradient."""
        raise NotImplementedError

    def scaled(self, sums: Tensor, x: Tensor, w: Tensor) -> Tensor:
        """Sums [N, O, H', W'] or [N, O] times the algorithm's factors; of the channels alone here."""
        return sums * per_channel(self.scale(w), sums, 1)

    def start_epoch(self, epoch: int, epochs: int) -> None:
        """Told before every epoch 0 .. epochs - 1, for algorithms whose gradient changes on the way."""

    def scale(self, w: Tensor) -> Tensor:
        """Factor of every output channel at inference, [O]."""
        return w.new_ones(self.outputs)

    def shift(self) -> Tensor:
        """What is added to every input channel before its sign, [C]."""
        return torch.zeros(self.inputs)

    def spatial(self, size: tuple[int, int]) -> Tensor | None:
        """Factor of every place of an output of [H', W']."""
        return None

    @property
    def image_mean(self) -> bool:
        """Whether mean|x| of an image is a factor."""
        return False

    def deployed(self, w: Tensor, size: tuple[int, int] = (1, 1)) -> Deployed:
        """What inference needs.

        Args:
            w: The real weights.
            size: (H', W') of the output.
        """
        with torch.no_grad():
            training = self.training
            self.eval()
            signs, spatial = self.weight(w), self.spatial(size)
            self.train(training)
            return Deployed(
                weights=signs.cpu().numpy().astype(np.int8),
                shift=_numpy(self.shift()),
                scale=_numpy(self.scale(w)),
                bias=np.zeros(self.outputs, np.float32),
                spatial=None if spatial is None else _numpy(spatial),
                image_mean=self.image_mean,
            )


def _numpy(values: Tensor) -> FloatArray:
    return np.array(values.detach().cpu().numpy(), np.float32)


def sign(x: Tensor) -> Tensor:
    """+1 where x >= 0, else -1: exactly 0 is +1, as the deployed comparison has it."""
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


def per_channel(values: Tensor, like: Tensor, axis: int) -> Tensor:
    """A vector shaped to be broadcast along an axis of another tensor."""
    shape = [1] * like.dim()
    shape[axis] = -1
    return values.view(shape)


def mean_magnitude(w: Tensor) -> Tensor:
    """alpha = mean|w| of every output channel, [O]: the alpha that minimizes ||w - alpha sign(w)||.

    It is a constant to the gradient, as in BiBench.
    """
    return w.detach().abs().flatten(1).mean(dim=1)
