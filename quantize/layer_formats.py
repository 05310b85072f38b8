"""Which layer gets which weights format."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from edgewright.converter.short_names import short_names
from edgewright.errors import UsageError
from edgewright.quantize.formats import format_of
from edgewright.quantize.layers import find_layers
from edgewright.quantize.settings import Settings


def choose_formats(model: ir.Model, settings: Settings) -> dict[str, str]:
    """Format by layer name.

    The first and the last layer stay int8 unless `all_layers` is set or they are named: few of the
    weights are theirs, and much of the accuracy. A layer may be named in the short form of the tables.

    Raises:
        UsageError: EW-QUANT-LAYER, a name that is not a layer's; EW-QUANT-FORMAT.
    """
    names = [layer.name for layer in find_layers(model.graph)]
    format_of(settings.weights)
    chosen = dict.fromkeys(names, settings.weights)
    if not settings.all_layers:
        chosen[names[0]] = chosen[names[-1]] = "int8"
    return chosen | named_formats(names, settings)


def named_formats(names: Sequence[str], settings: Settings) -> dict[str, str]:
    """Formats of the layers that are named one by one, by full name."""
    full = {short: name for name, short in short_names(names).items()} | {name: name for name in names}
    found: dict[str, str] = {}
    for given, wanted in settings.layer_weights.items():
        if given not in full:
            known = list(short_names(names).values())
            raise UsageError(
                "EW-QUANT-LAYER",
                f"the model has no layer {given!r}",
                f"one of {', '.join(known[:20])}{' …' if len(known) > 20 else ''}",
                layers=list(names),
            )
        found[full[given]] = format_of(wanted).name
    return found
