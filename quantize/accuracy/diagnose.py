"""Why a layer's result differs from the float model's, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgewright.converter.short_names import short_names
from edgewright.quantize.accuracy.layers import LayerAccuracy, LayerMeter

# A layer whose own error is below this share of the whole one inherits most of it.
INHERITED_SHARE = 0.25
# Peak over standard deviation beyond which few values take most of the range; a normal distribution of a
# million values has 5.
OUTLIERS = 14.0
IMBALANCE = 8.0
# From here on 8 bits do what they can: full-scale noise of rounding is at about 50 dB.
FINE_DB = 35.0
FINER = {"binary": "ternary or int4", "ternary": "int4", "int2": "int4", "int4": "int8"}


def worst(layers: Sequence[LayerAccuracy], count: int = 5) -> list[LayerAccuracy]:
    """The layers that make the most error themselves, relative to their signal; the worst first.

    Left out are those that inherit theirs, where nothing can be done about it, and those that are fine;
    but one is always named.
    """
    making = [x for x in layers if x.own_sqnr_db is not None and x.cause != "inherited"]
    making.sort(key=lambda x: x.own_sqnr_db or 0.0)
    return [x for x in making if (x.own_sqnr_db or 0.0) < FINE_DB][:count] or making[:1]


def diagnose_all(meters: Sequence[LayerMeter]) -> tuple[LayerAccuracy, ...]:
    """The layers with cause and suggestion, in graph order."""
    by_tensor = {m.pair.tensor: m for m in meters}
    names = short_names(m.pair.layer or m.pair.tensor for m in meters)
    found = []
    for meter in meters:
        cause, suggestion = diagnose(meter, by_tensor, names)
        pair = meter.pair
        weights = pair.weights.format if pair.weights else None
        found.append(
            LayerAccuracy(
                pair.tensor, pair.layer, pair.op, weights, meter.sqnr_db, meter.own_sqnr_db, cause, suggestion
            )
        )
    return tuple(found)


def diagnose(
    meter: LayerMeter, by_tensor: Mapping[str, LayerMeter], names: Mapping[str, str]
) -> tuple[str, str]:
    """(cause, suggestion) for one layer.

    Args:
        meter: The layer.
        by_tensor: All of them, by the name of their tensor.
        names: How to call layers and inputs.
    """
    if meter.noise == 0:
        return "none", ""
    if meter.own_noise < INHERITED_SHARE * meter.noise:
        origin = _origin(meter, by_tensor)
        if origin is meter:
            return "inherited", "its inputs bring the error, many layers a little"
        name = names[origin.pair.layer or origin.pair.tensor]
        return "inherited", f"its inputs bring the error, most of it from {name}: improve that one"
    parts = {
        "clipping": meter.clipping_noise,
        "rounding": meter.rounding_noise,
        "weights": meter.weights_noise,
    }
    largest = max(parts, key=lambda name: parts[name])
    if largest == "clipping":
        share = 100 * meter.outside / meter.elements
        return "clipping", (
            f"{share:.2g} % of its values lie outside the range: calibrate with more samples, with min-max "
            "ranges or with a higher percentile"
        )
    if largest == "rounding":
        return _of_rounding(meter)
    return _of_weights(meter, names.get(meter.pair.layer, "it"))


def _of_weights(meter: LayerMeter, name: str) -> tuple[str, str]:
    weights = meter.pair.weights
    if weights is None:  # an operation without weights, computed with other rounding
        return "rounding", ""
    if meter.pair.op.startswith("Binary"):
        return "binary", f"train it (edgewright binarize), or keep {name} in int8"
    if weights.format in FINER:
        return "weights", f"{weights.format} weights are too coarse here: give {name} {FINER[weights.format]}"
    if not weights.per_channel:
        return "weights", "its weights share one scale: quantize them per channel"
    if weights.input_imbalance > IMBALANCE:
        ratio = f"{weights.input_imbalance:.0f}"
        return "weights", f"weights of its input channels differ by {ratio} times: equalize the layers before"
    if (meter.own_sqnr_db or 0.0) >= FINE_DB:
        return "weights", ""
    return "weights", "correct its bias, or keep this layer in float"


def _of_rounding(meter: LayerMeter) -> tuple[str, str]:
    if (meter.own_sqnr_db or 0.0) >= FINE_DB:
        return "rounding", ""
    if meter.channel_imbalance > IMBALANCE:
        ratio = f"{meter.channel_imbalance:.0f}"
        return "rounding", f"one channel is {ratio} times larger than most: equalize the layers around it"
    if meter.crest > OUTLIERS:
        text = f"few values, up to {meter.crest:.0f} standard deviations, take the range"
        return "rounding", f"{text}: calibrate with percentile or mse ranges"
    return "rounding", "its range may be wider than its values: calibrate with percentile or mse ranges"


def _origin(meter: LayerMeter, by_tensor: Mapping[str, LayerMeter]) -> LayerMeter:
    """Of all layers before, the one with the largest error of its own relative to its signal."""
    seen: dict[str, LayerMeter] = {}
    queue = list(meter.pair.sources)
    while queue:
        name = queue.pop()
        if name in seen or name not in by_tensor:
            continue
        seen[name] = by_tensor[name]
        queue.extend(by_tensor[name].pair.sources)
    relative = {n: m.own_noise / m.signal for n, m in seen.items() if m.signal > 0 and m.own_noise > 0}
    return seen[max(relative, key=lambda n: relative[n])] if relative else meter
