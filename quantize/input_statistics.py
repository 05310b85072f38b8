"""Mean and second moments of what the weights of a layer are multiplied with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgewright.converter.program import Array
from edgewright.quantize.calibrate.running import Runner, Samples, in_runs
from edgewright.quantize.feedback import Factored
from edgewright.quantize.graph_edit import name_of, shape_of
from edgewright.quantize.layers import Layer

Doubles = npt.NDArray[np.float64]

# Weights of one output channel, above which a matrix of moments is too large.
MAX_DEPTH = 2048
# Positions of an image that one sample contributes to the moments.
MAX_POSITIONS = 512
SEED = 0


@dataclass(frozen=True, eq=False)
class InputStatistics:
    """By layer name; K are the weights of one output channel in the order of `Layer.rows`.

    Args:
        means: Mean of x over positions and samples, [groups, K].
        moments: Mean of x x^T, [groups, K, K], of the layers for which it was wanted.
        asked: The layers for which it was wanted, also those too deep for it.
    """

    means: dict[str, Doubles] = field(default_factory=dict)
    moments: dict[str, Doubles | Factored] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()


def input_statistics(
    model: ir.Model,
    layers: Sequence[Layer],
    with_moments: set[str],
    samples: Samples,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> InputStatistics:
    """Run the float model on all samples and look at the inputs of its layers.

    Args:
        model: The prepared float model.
        layers: Those wanted.
        with_moments: Names of those whose second moments are wanted; deeper ones than `MAX_DEPTH` get none.
        samples: Calibration inputs.
        progress: Called with samples done and in all.
    """
    rng = np.random.default_rng(SEED)
    found = InputStatistics(asked=frozenset(with_moments))
    runners = [Runner(model, names) for names in in_runs(list(dict.fromkeys(x.input for x in layers)))]
    for index in range(len(samples)):
        for runner in runners:
            tensors = runner.run(samples[index])
            for layer in layers:
                x = tensors.get(name_of(layer.input))
                if x is not None:
                    _add(found, layer, x, layer.name in with_moments, rng, len(samples))
        progress(index + 1, len(samples))
    return found


def _add(
    found: InputStatistics, layer: Layer, x: Array, moments: bool, rng: np.random.Generator, samples: int
) -> None:
    windows = input_windows(layer, x)
    spatial = tuple(range(1, windows.ndim - 1))
    mean = windows.mean(axis=spatial, dtype=np.float64).reshape(layer.groups, -1)
    found.means[layer.name] = found.means.get(layer.name, 0.0) + mean / samples
    if moments and mean.shape[1] <= MAX_DEPTH:
        columns = _columns(layer, windows, rng)
        moment = columns.transpose(1, 2, 0) @ columns.transpose(1, 0, 2) / len(columns)
        known = found.moments.get(layer.name, 0.0)
        assert not isinstance(known, Factored)
        found.moments[layer.name] = known + moment.astype(np.float64) / samples


def _columns(layer: Layer, windows: Array, rng: np.random.Generator) -> Array:
    """Inputs of the products of at most `MAX_POSITIONS` positions, float32 [P, groups, K]."""
    channels, taps, positions = windows.shape[0], windows.shape[-1], windows.shape[1:-1]
    count = int(np.prod(positions))
    chosen = np.arange(count) if count <= MAX_POSITIONS else rng.choice(count, MAX_POSITIONS, replace=False)
    index: tuple[Any, ...] = (slice(None), *np.unravel_index(np.sort(chosen), positions))
    picked = windows[index]
    grouped = picked.reshape(layer.groups, channels // layer.groups, chosen.size, taps)
    return np.ascontiguousarray(grouped.transpose(2, 0, 1, 3)).reshape(chosen.size, layer.groups, -1)


def input_windows(layer: Layer, x: Array) -> Array:
    """Inputs [C, positions..., taps] of a layer's products; padding is zero.

    A fully connected layer has one position a row and one tap.

    Args:
        layer: The layer.
        x: Its input, in ONNX order, batch of one.
    """
    node = layer.node
    if node.op_type != "Conv":
        matrix = x.T if layer.transposed_input else x.reshape(-1, x.shape[-1])
        return matrix.T[:, :, None]
    kernel = shape_of(layer.weights_value)[2:]
    spatial = len(kernel)
    strides = tuple(node.attributes.get_ints("strides", (1,) * spatial))
    dilations = tuple(node.attributes.get_ints("dilations", (1,) * spatial))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    padded = np.pad(x[0], [(0, 0), *_pads(node, x.shape[2:], spans, strides)])
    views = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=tuple(range(1, 1 + spatial)))
    steps = tuple(slice(None, None, s) for s in strides)
    taps = tuple(slice(None, None, d) for d in dilations)
    views = views[(slice(None), *steps, *taps)]
    return views.reshape(*views.shape[: 1 + spatial], -1)


def _pads(
    node: ir.Node, sizes: Sequence[int], spans: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    mode = node.attributes.get_string("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        found = []
        for size, span, stride in zip(sizes, spans, strides, strict=True):
            extra = max(0, (-(-size // stride) - 1) * stride + span - size)
            small, large = extra // 2, extra - extra // 2
            found.append((small, large) if mode == "SAME_UPPER" else (large, small))
        return found
    if mode == "VALID":
        return [(0, 0)] * len(sizes)
    pads = list(node.attributes.get_ints("pads", (0,) * (2 * len(sizes))))
    return [(pads[i], pads[i + len(sizes)]) for i in range(len(sizes))]
