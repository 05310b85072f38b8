"""Binarization without data: signs of weights, and the factor that keeps them closest to the real ones.

    W ~ alpha sign(W),  alpha = mean|W| of every output channel, which minimizes ||W - alpha sign(W)||

Activations become signs too. What their magnitude was is known at run time only: "xnor_net" multiplies with
the mean of |x| of the image; "dorefa" leaves it out, for layers behind which a norm or the next sign makes
up for it.

Rastegari et al.: "XNOR-Net", ECCV 2016, arXiv:1603.05279, section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgewright.errors import UsageError
from edgewright.quantize.binary.algorithms import algorithm
from edgewright.quantize.binary.bits_through_clamps import bits_through_clamps
from edgewright.quantize.binary.deployed import Deployed
from edgewright.quantize.binary.onnx_layer import choose_layers, replace_layer
from edgewright.quantize.graph_edit import GraphEditor, shape_of
from edgewright.quantize.layers import Layer

UNTRAINED = ("xnor_net", "dorefa")
# Operators whose results are never negative: each sign of theirs is +1.
NEVER_NEGATIVE = ("Relu", "Sigmoid", "HardSigmoid", "Softmax", "Exp", "Abs", "Sqrt")


@dataclass(frozen=True)
class BinarizedLayer:
    """What became of a layer.

    Args:
        name: Of the layer.
        relative_error: ||W - alpha sign(W)|| / ||W||.
        note: What to know about it, empty where there is nothing.
    """

    name: str
    relative_error: float
    note: str = ""


def binarize_weights(
    model: ir.Model, layers: Sequence[str], *, method: str = "xnor_net", all_layers: bool = False
) -> list[BinarizedLayer]:
    """Make layers of a prepared float model binary, in place.

    Args:
        model: From `edgewright.quantize.prepare`.
        layers: Their names, or `AUTO`.
        method: One of `UNTRAINED`.
        all_layers: With `AUTO`, the first and the last layer as well.

    Raises:
        UsageError: EW-BINARY-UNTRAINED, EW-BINARY-ALGORITHM, EW-BINARY-LAYER, EW-BINARY-NONE.
    """
    if algorithm(method).name not in UNTRAINED:
        raise UsageError(
            "EW-BINARY-UNTRAINED",
            f"{algorithm(method).title} has parameters that must be trained",
            f"give data and labels, or --algorithm {' or '.join(UNTRAINED)}",
        )
    chosen = choose_layers(model.graph, layers, all_layers=all_layers)
    editor = GraphEditor(model.graph)
    found = []
    for layer in chosen:
        deployed = untrained(layer, image_mean=method == "xnor_net")
        found.append(BinarizedLayer(layer.name, _error(layer, deployed), _note(layer)))
        replace_layer(editor, layer, deployed)
    bits_through_clamps(model.graph)
    return found


def untrained(layer: Layer, *, image_mean: bool) -> Deployed:
    """Signs and scales of a layer's weights."""
    weights = layer.weights() if layer.node.op_type == "Conv" else layer.rows()
    scale = np.abs(weights.reshape(len(weights), -1).astype(np.float64)).mean(axis=1)
    return Deployed(
        weights=np.where(weights >= 0, 1, -1).astype(np.int8),
        shift=np.zeros(shape_of(layer.input)[1], np.float32),
        scale=scale.astype(np.float32),
        bias=layer.bias_data().astype(np.float32),
        image_mean=image_mean,
    )


def _error(layer: Layer, deployed: Deployed) -> float:
    real = layer.rows().astype(np.float64)
    binary = deployed.scale[:, None] * deployed.weights.reshape(len(real), -1)
    norm = float(np.linalg.norm(real))
    return float(np.linalg.norm(real - binary)) / norm if norm else 0.0


def _note(layer: Layer) -> str:
    maker = layer.input.producer()
    if maker is None or maker.op_type not in NEVER_NEGATIVE:
        return ""
    return f"its input, from a {maker.op_type}, is never negative: all signs are +1; train it"
