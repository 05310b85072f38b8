"""Error of one tensor of a quantized model, added up sample by sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Array
from edgewright.quantize.accuracy.metrics import decibels
from edgewright.quantize.accuracy.onnx_run import dequantized, quantized
from edgewright.quantize.accuracy.tensors import Pair


@dataclass(frozen=True)
class LayerAccuracy:
    """A tensor of a quantized model against the float model's.

    Args:
        tensor: Name in the float model.
        layer: Name of the node that makes it, "" for an input of the model.
        op: Type of that node.
        weights: Format of its weights; None where it has none.
        sqnr_db: Power of the float tensor over that of the difference; None where one of them is zero.
        own_sqnr_db: The same where the layer reads exactly what it does in the float model: what is wrong
            then is the layer's own quantization.
        cause: What most of the difference comes from.
        suggestion: What to do about it; "" where there is nothing to do.
    """

    tensor: str
    layer: str
    op: str
    weights: str | None
    sqnr_db: float | None
    own_sqnr_db: float | None
    cause: str = ""
    suggestion: str = ""

    @property
    def name(self) -> str:
        """The layer, or the input."""
        return self.layer or self.tensor

    def data(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.name,
            "tensor": self.tensor,
            "op": self.op,
            "weights": self.weights,
            "sqnr_db": self.sqnr_db,
            "own_sqnr_db": self.own_sqnr_db,
            "cause": self.cause,
            "suggestion": self.suggestion,
        }


class LayerMeter:
    """Sums over all samples; no tensor is kept.

    Args:
        pair: The tensor.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.elements = 0
        self.signal = self.noise = self.own_noise = 0.0
        self.rounding_noise = self.clipping_noise = 0.0
        self.outside = 0
        self.channel_peaks: npt.NDArray[np.float64] | None = None
        self.channel_powers: npt.NDArray[np.float64] | None = None

    def add(self, real: Array, measured: Array, own: Array) -> None:
        """One sample.

        Args:
            real: The tensor in the float model.
            measured: In the quantized model, dequantized; same shape.
            own: The same where the layer read the float model's tensors.
        """
        wide = real.astype(np.float64)
        self.elements += wide.size
        self.signal += float(np.vdot(wide, wide))
        self.noise += _power(measured - wide)
        self.own_noise += _power(own - wide)
        others = _others(wide)
        peaks, powers = np.abs(wide).max(axis=others, initial=0.0), np.square(wide).sum(axis=others)
        if self.channel_peaks is None or self.channel_powers is None:
            self.channel_peaks, self.channel_powers = peaks, powers
        else:
            np.maximum(self.channel_peaks, peaks, out=self.channel_peaks)
            self.channel_powers += powers
        kind = self.pair.quantization
        if kind is None:
            return
        error = dequantized(quantized(real, kind), kind) - wide
        outside = np.abs(error) > 0.5001 * kind.quantization.scale + 1e-6 * np.abs(wide)
        self.outside += int(np.count_nonzero(outside))
        clipping = _power(error[outside])
        self.clipping_noise += clipping
        self.rounding_noise += _power(error) - clipping

    @property
    def sqnr_db(self) -> float | None:
        """Of the tensor as the quantized model computes it."""
        return decibels(self.signal, self.noise)

    @property
    def own_sqnr_db(self) -> float | None:
        """Of the layer alone."""
        return decibels(self.signal, self.own_noise)

    @property
    def weights_noise(self) -> float:
        """The part of the layer's own error that rounding and clipping its result do not explain."""
        return max(0.0, self.own_noise - self.rounding_noise - self.clipping_noise)

    @property
    def crest(self) -> float:
        """Largest magnitude over the root mean square of the channel that has it."""
        if self.channel_peaks is None or self.channel_powers is None:
            return 1.0
        largest = int(self.channel_peaks.argmax())
        mean = self.channel_powers[largest] * self.channel_peaks.size / self.elements
        return float(self.channel_peaks[largest] / np.sqrt(mean)) if mean > 0 else 1.0

    @property
    def channel_imbalance(self) -> float:
        """Largest over median of the channels' largest magnitudes."""
        if self.channel_peaks is None:
            return 1.0
        middle = float(np.median(self.channel_peaks))
        return float(self.channel_peaks.max()) / middle if middle > 0 else 1.0


def _power(error: Array) -> float:
    flat = error.astype(np.float64).ravel()
    return float(flat @ flat)


def _others(array: Array) -> tuple[int, ...]:
    """All axes but the channels': the second of images, else the last."""
    channel = 1 if array.ndim == 4 else array.ndim - 1
    return tuple(i for i in range(array.ndim) if i != channel)
