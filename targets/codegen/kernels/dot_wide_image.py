"""Convolutions of few input channels in wide tiles, without gathering: the input as an image of int16.

Where a kernel row of a receptive field has few elements, gathering costs as much as multiplying. Here the
input with its padding, or the rows of a window, become int16 in scratch, once; a tile reads the words of its
pixels there, at distances that are part of the instructions (`ew_wide_image_dsp.h`). The loop over k is
unrolled whole. Pixels of a tile lie side by side, or above one another where columns are few.
"""

from __future__ import annotations

from edgewright.targets.codegen.kernels.dot_wide_code import (
    image_code,
    image_tile_bytes,
    image_wrapper_bytes,
)
from edgewright.targets.codegen.kernels.dot_wide_image_source import (
    MAX_OFFSET,
    Image,
    image_source,
    out_distance,
)
from edgewright.targets.codegen.kernels.dot_wide_layer import PLACES, WideLayer
from edgewright.targets.codegen.kernels.dot_wide_layout import (
    channel_pairs,
    even_steps,
    image_pairs,
    step_weights,
    wide_stream,
)
from edgewright.targets.codegen.kernels.dot_wide_work import expand_work, image_work, sum_work, tile_work
from edgewright.targets.codegen.kernels.work import Work
from edgewright.targets.codegen.row_kernel import RowKernel

# Longer loops would take too much code.
MAX_STEPS = 40
MIN_WINDOW = 2


def image_kernels(layer: WideLayer) -> tuple[RowKernel, ...]:
    """Kernels for a layer schedule; empty where the layer has too deep a window, dilation or groups."""
    g, v = layer.geometry, layer.view
    steps = g.height * -(-g.width * g.pixel_bytes // 2)
    if (
        g.height * g.width < MIN_WINDOW
        or g.groups > 1
        or g.dilation > 1
        or v.dilation > 1
        or steps > MAX_STEPS
    ):
        return ()
    # Words are read at even elements only.
    if g.stride * g.pixel_bytes % 2 and g.out_columns > 1:
        return ()
    by_rows = Image(g, g.height, 1, 1, False)
    rows = (layer.out_rows - 1) * v.stride + g.height
    whole = min(
        (Image(g, rows, layer.out_rows, v.stride, down) for down in (False, True)),
        key=lambda image: (not _fits(layer, image), image.cycles),
    )
    found = [_kernel(layer, by_rows, place, False) for place in ("flash", "loop") if _fits(layer, by_rows)]
    return (*found, *(_kernel(layer, whole, place, True) for place in PLACES if _fits(layer, whole)))


def _fits(layer: WideLayer, image: Image) -> bool:
    return image.offsets_fit and 3 * out_distance(layer, image) <= MAX_OFFSET


def _kernel(layer: WideLayer, image: Image, place: str, whole: bool) -> RowKernel:
    steps = step_weights(layer.weights, image_pairs)
    if place != "flash":
        steps = even_steps(steps)
    call = layer.call
    pairs = channel_pairs(layer.total, 1)
    stream = wide_stream(steps, call, pairs, expanded=place == "flash")
    behind = 4 if call.form == "step" else 6
    each = 1 if place != "loop" else 2
    block = 2 + behind + 2 * steps.shape[1] // each
    shapes = ", ".join(f"2x{p}" for _, _, p in image.segments)
    source, names = image_source(layer, image, place, whole, steps.shape[1], block)
    tiles = {
        name: image_tile_bytes(call, p, place, steps.shape[1], dual_issue=layer.dual_issue)
        for p, name in names.items()
    }
    order = "above one another" if image.down else "side by side"
    return RowKernel(
        family=layer.family,
        script="",
        source=source,
        arguments=("rows", "c[0]", "scratch", "out"),
        may_alias=True,
        inputs=(layer.tensor if whole else layer.view,),
        out_rows=1 if whole else layer.out_rows,
        out_row_bytes=layer.out_row_bytes * (layer.out_rows if whole else 1),
        constants=(stream,),
        headers=("ew_wide_image_dsp.h",),
        scratch_bytes=-(-image.size_bytes // 4) * 4 + (4 * block * len(pairs) if place == "ram" else 0),
        code_bytes=image_wrapper_bytes(len(names), place, whole=whole, odd=layer.total % 2 == 1),
        shared_code=image_code(tiles, place),
        variant=f"tiles 2x4, int16 {'image' if whole else 'rows'}, {PLACES[place]}",
        reason=f"tiles of channels x pixels {shapes}, pixels {order}, int16 {'image' if whole else 'rows'}, "
        f"{PLACES[place]}, {call.form} requantization",
        lead_bytes=layer.whole_lead if whole else None,
        work=_work(layer, image, place, steps.shape[1]),
    )


def _work(layer: WideLayer, image: Image, place: str, steps: int) -> Work:
    call, pairs = layer.call, -(-layer.total // 2)
    parts = [image_work(image.rows, (image.left, image.used, image.right), image.lines)]
    for _, count, pixels in image.segments:
        calls = image.lines * count
        parts.append(tile_work("wide", pixels, call.form, call.full, calls * pairs))
        step = f"wide_image_{pixels}_{'w8' if place == 'loop' else 'w16'}_step"
        parts.append({step: calls * pairs * steps, "wide_tile": calls * (1 + layer.total % 2)})
    if place == "ram":
        parts.append(expand_work(pairs, steps))
    return sum_work(parts)
