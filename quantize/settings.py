"""How a model is quantized: the choices a user has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

RangeMethod = Literal["minmax", "percentile", "mse", "entropy"]
RANGE_METHODS: tuple[RangeMethod, ...] = ("minmax", "percentile", "mse", "entropy")


@dataclass(frozen=True)
class Settings:
    """Choices of post-training quantization.

    Args:
        ranges: How the range of an activation follows from what was seen of it.
        equalize: Move factors between the channels of consecutive layers (cross-layer equalization).
        correct_bias: Take the mean error of every layer's outputs off its biases.
        weights: Format of the weights.
        all_layers: Also of the first and the last layer, which are int8 otherwise.
        layer_weights: Format by layer name; wins over the others.
        feedback: Round weights of fewer than 8 bits with error feedback.
        allow_float: Leave operators without integer arithmetic in float.
    """

    ranges: RangeMethod = "mse"
    equalize: bool = False
    correct_bias: bool = True
    weights: str = "int8"
    all_layers: bool = False
    layer_weights: Mapping[str, str] = field(default_factory=dict)
    feedback: bool = True
    allow_float: bool = False

    def describe(self) -> str:
        """Ranges, equalization and bias correction in a few words."""
        words = [f"{self.ranges} ranges"]
        words += ["equalized"] if self.equalize else []
        return ", ".join(words + (["biases corrected"] if self.correct_bias else []))
