"""What remains of a binary layer for inference, whichever algorithm trained it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Deployed:
    """What a trained layer needs for inference.

        y = sum of sign(x + shift) * weights, times scale [times mean|x|] [times spatial], plus bias

    Args:
        weights: int8 of -1 and +1, [O, C, kh, kw] or [O, I].
        shift: float32 [C].
        scale: float32 [O].
        bias: float32 [O].
        spatial: float32 [H', W'], a factor for each place of the output; None where there is none.
        image_mean: Whether mean|x| of the image is a factor.
    """

    weights: npt.NDArray[np.int8]
    shift: FloatArray
    scale: FloatArray
    bias: FloatArray
    spatial: FloatArray | None = None
    image_mean: bool = False

    def behind(self, factor: FloatArray, addend: FloatArray) -> Deployed:
        """The layer with y * factor + addend behind it, each [O]: what a batch norm becomes."""
        scale = self.scale.astype(np.float64) * factor
        bias = self.bias.astype(np.float64) * factor + addend
        return replace(self, scale=scale.astype(np.float32), bias=bias.astype(np.float32))

    @property
    def function(self) -> str:
        """Name of the ONNX function that computes it (`converter/binary_functions.py`)."""
        if self.image_mean:
            return "BinaryConvMean"
        if self.weights.ndim == 2:
            return "BinaryGemm"
        return "BinaryConv" if self.spatial is None else "BinaryConvSpatial"

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Constant inputs of the function's call in their order, by name, shaped as it wants them.

        A fully connected layer with mean|x| is a 1x1 convolution.
        """
        convolution = self.function != "BinaryGemm"
        weights = self.weights
        if convolution and weights.ndim == 2:
            weights = weights[:, :, None, None]
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "shift": channels(self.shift, convolution),
            "weights": weights,
        }
        if self.function == "BinaryConvSpatial":
            assert self.spatial is not None
            arrays["spatial"] = self.spatial[None, None]
        arrays["scale"] = channels(self.scale, convolution)
        arrays["bias"] = channels(self.bias, convolution)
        return {name: np.ascontiguousarray(a) for name, a in arrays.items()}


def channels(values: FloatArray, convolution: bool) -> FloatArray:
    """A vector as [1, C, 1, 1] or [1, C]."""
    return np.asarray(values, np.float32).reshape((1, -1, 1, 1) if convolution else (1, -1))
