"""Bias correction: the mean error that rounded weights make in an output channel goes into its bias.

    b' = b + (W - W~) E[x]

x are the layer's inputs in the float model, the mean is over calibration samples and positions, padding
included. The mean over samples takes the place of the mean that the paper derives from batch norms. Other
than by comparing outputs of the quantized network, a layer gets nothing to correct but its own error, so
that the order of the layers does not matter and one run of the float model serves all of them.

Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019, section 4.2.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgewright.quantize.emit_qdq import QuantizedWeights


def corrected(
    rows: npt.NDArray[np.float64], weights: QuantizedWeights, means: npt.NDArray[np.float64]
) -> QuantizedWeights:
    """The weights of a layer with corrected biases.

    Args:
        rows: Its float weights [O, K].
        weights: The quantized ones.
        means: Mean input of each weight, [groups, K].
    """
    error = rows - weights.levels * weights.scales[:, None]
    grouped = error.reshape(means.shape[0], -1, means.shape[1])
    return replace(weights, bias=weights.bias + np.einsum("gok,gk->go", grouped, means).reshape(-1))
