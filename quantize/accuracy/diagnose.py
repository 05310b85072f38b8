"""Why a layer's result differs from the float model's, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgewright.converter.short_names import short_names
from edgewright.quantize.accuracy.layers import LayerAccuracy, LayerMeter

# A layer whose own error is below this share of the whole one inherits most of it.
INHERITED_SHARE = 0.25
# Peak over root mean square beyond which few values take most of the range; of a million normally distributed
# values it is 5, behind a Relu 7.
OUTLIERS = 14.0
IMBALANCE = 8.0
# From here on 8 bits do what they can: full-scale noise of rounding is at about 50 dB.
FINE_DB = 35.0
# Results below this are poor.
POOR_DB = 20.0
FINER = {"binary": "int4", "ternary": "int4", "int2": "int4", "int4": "int8"}


def worst(layers: Sequence[LayerAccuracy], count: int = 5) -> list[LayerAccuracy]:
    """The layers that lose the most, the worst first, by `decisive_db`.

    Left out are those that inherit their error, which others have to be improved for, those that are fine,
    and all but the first that suffer from the same large channel; but one is always named.
    """
    found: dict[tuple[str, str], LayerAccuracy] = {}
    for layer in layers:
        if decisive_db(layer) is not None and layer.cause != "inherited":
            key = ("", layer.suggestion) if layer.cause == "channels" else (layer.tensor, "")
            found.setdefault(key, layer)
    ordered = sorted(found.values(), key=lambda x: decisive_db(x) or 0.0)
    return [x for x in ordered if (decisive_db(x) or 0.0) < FINE_DB][:count] or ordered[:1]


def decisive_db(layer: LayerAccuracy) -> float | None:
    """What to judge a layer by: its own error, or all of it where a large channel before hides errors."""
    return layer.sqnr_db if layer.cause == "channels" else layer.own_sqnr_db


def summary_notes(layers: Sequence[LayerAccuracy]) -> tuple[str, ...]:
    """A sentence where results are poor and no layer is to blame."""
    poor = [x for x in layers if x.sqnr_db is not None and x.sqnr_db < POOR_DB]
    blamed = [x for x in worst(layers) if (decisive_db(x) or 0.0) < FINE_DB]
    if not poor or blamed:
        return ()
    return (f"no layer stands out: small errors of {len(layers)} tensors add up",)


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
        inherited = _inherited(meter, by_tensor, names)
        if inherited is not None:
            return inherited
    parts = {
        "clipping": meter.clipping_noise,
        "rounding": meter.rounding_noise,
        "weights": meter.weights_noise,
    }
    largest = max(parts, key=lambda name: parts[name])
    if largest == "clipping":
        share = 100 * meter.outside / meter.elements
        return "clipping", (
            f"{share:.2g} % of its values lie outside the range: quantize with more samples, or with "
            "--ranges minmax"
        )
    if largest == "rounding":
        return _of_rounding(meter)
    layer = meter.pair.layer
    return _of_weights(meter, layer if names.get(layer) == layer else "LAYER")


def _of_weights(meter: LayerMeter, name: str) -> tuple[str, str]:
    weights = meter.pair.weights
    if weights is None:  # an operation without weights, computed with other rounding
        return "rounding", ""
    if meter.pair.op.startswith("Binary"):
        return "binary", "train it (edgewright binarize), or keep this layer in int8"
    if weights.format in FINER:
        option = f"--weights {name}={FINER[weights.format]}"
        return "weights", f"{weights.format} weights are too coarse here: quantize with {option}"
    if not weights.per_channel:
        return "weights", "its weights share one scale: quantize them per channel"
    if weights.input_imbalance > IMBALANCE:
        ratio = f"{weights.input_imbalance:.0f}"
        return "weights", f"weights of its input channels differ by {ratio} times: quantize with --equalize"
    if (meter.own_sqnr_db or 0.0) >= FINE_DB:
        return "weights", ""
    return "weights", "quantize with --bias-correction and --equalize, or with --search"


def _of_rounding(meter: LayerMeter) -> tuple[str, str]:
    if (meter.own_sqnr_db or 0.0) >= FINE_DB:
        return "rounding", ""
    if meter.crest > OUTLIERS:
        text = f"few values, up to {meter.crest:.0f} times the root mean square, take the range"
        return "rounding", f"{text}: try --ranges percentile and mse, or --search"
    if meter.channel_imbalance > IMBALANCE:
        ratio = f"{meter.channel_imbalance:.0f}"
        return "rounding", f"one channel is {ratio} times larger than most: quantize with --equalize"
    return "rounding", "its range may be wider than its values: try --ranges percentile and mse, or --search"


def _inherited(
    meter: LayerMeter, by_tensor: Mapping[str, LayerMeter], names: Mapping[str, str]
) -> tuple[str, str] | None:
    """(cause, suggestion) where a layer before stands out; None where none does.

    One stands out whose own error is larger, relative to its signal; or one with a channel so large that the
    error of its other channels, which this layer reads, does not count in its signal.
    """
    before = _before(meter, by_tensor)
    if not before:
        return None
    origin = max(before, key=_own_share)
    name = names[origin.pair.layer or origin.pair.tensor]
    if _own_share(origin) > _own_share(meter):
        return "inherited", f"its inputs bring the error, most of it from {name}: improve that one"
    uneven = max(before, key=lambda m: m.channel_imbalance)
    if uneven.channel_imbalance > IMBALANCE:
        name, ratio = names[uneven.pair.layer or uneven.pair.tensor], f"{uneven.channel_imbalance:.0f}"
        return (
            "channels",
            f"one channel of {name} is {ratio} times larger than most: quantize with --equalize",
        )
    return None


def _own_share(meter: LayerMeter) -> float:
    """Power of a layer's own error over that of its signal."""
    return meter.own_noise / meter.signal if meter.signal > 0 else 0.0


def _before(meter: LayerMeter, by_tensor: Mapping[str, LayerMeter]) -> list[LayerMeter]:
    """All layers that a layer depends on."""
    seen: dict[str, LayerMeter] = {}
    queue = list(meter.pair.sources)
    while queue:
        name = queue.pop()
        if name in seen or name not in by_tensor or name == meter.pair.tensor:
            continue
        seen[name] = by_tensor[name]
        queue.extend(by_tensor[name].pair.sources)
    return list(seen.values())
