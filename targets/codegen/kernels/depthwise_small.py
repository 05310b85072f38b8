"""Depthwise convolutions 3x3 on planes: rows of one channel after the other, all weights in registers.

Four channels are a word of every pixel. Their pixels are widened to int16 planes once, two rows in a word,
so that SMLAD takes two taps of the window; then every channel runs over its plane with all its weights in
registers, and requantizes in two instructions (`depthwise_steps.py`).
"""

from __future__ import annotations

import re
from dataclasses import replace

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.planes_bands import Bands
from edgewright.targets.codegen.kernels.planes_layer import Planes, compact_layer, planes_layer
from edgewright.targets.codegen.kernels.planes_passes import (
    OutputRow,
    channels_function,
    output_rows,
    rows_function,
)
from edgewright.targets.codegen.kernels.planes_text import COLUMN, copy, widen
from edgewright.targets.codegen.kernels.planes_work import calls_work, rows_work
from edgewright.targets.codegen.kernels.work import Work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass

# Row pairs of a band, of the kernels that keep the planes of a band only.
BANDS = (4, 1)
# Bands of the kernel whose output may lie over its input: each has code of its own.
MOST_BANDS = 6


def small_kernels(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels of a whole layer, fastest first; none where planes do not apply."""
    windows = output_rows(x.shape[0], op.output_type(x).shape[0], op.stride[0], op.padding.top)
    layer = planes_layer(op, cpu, x, windows)
    if layer is None:
        return ()
    kernels = []
    for made in (layer, compact_layer(layer)):
        if made is not None:
            kernels += [_whole(made), *(_bands(made, n) for n in BANDS if x.shape[0] > 4 * n)]
            kernels += [_shared_bands(made)] if x.shape[0] > 6 else []
    return tuple(k for k in kernels if k is not None)


def small_row_kernel(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> RowKernel | None:
    """Row kernel, three input rows to one output row; None where planes do not apply."""
    layer = planes_layer(op, cpu, x, [OutputRow(0, 0, False)])
    if layer is None:
        return None
    compute = rows_function("f_2", layer.view, False, (0, 0), both=False, single=True)
    if compute is None:
        return None
    columns, channels = x.shape[1:]
    text = f"""static void f(const void *const *rows, int8_t *y, const uint32_t *k, uint32_t *v) {{
  const int8_t *a = rows[0], *b = rows[1], *c = rows[2], *end = a + {channels};
  for (; a != end; a += 4, b += 4, c += 4, y += 4, k += {4 * layer.words.shape[1]}) {{
    f_0(a, b, v, {layer.zero});
    f_1(c, c, v + {4 * columns}, {layer.zero});
    f_2(v, y, k, 1);
  }}
}}
"""
    source = (
        compute + layer.expansion.function("f_0") + layer.expansion.function("f_1", missing="lower") + text
    )
    view = RowInput(x.shape[0], x.row_bytes, 3, op.stride[0], 1, op.padding.top, op.input_zero_point)
    return _kernel(
        layer,
        source,
        "planes of a row",
        arguments=("rows", "out", "c[0]", "scratch"),
        inputs=(view,),
        out_rows=op.output_type(x).shape[0],
        scratch_bytes=2 * columns * COLUMN,
        work=calls_work(channels, 3, 1, 2 * columns),
    )


def _whole(layer: Planes) -> RowKernel | None:
    """The planes of four channels as a whole."""
    rows, columns, _ = layer.x.shape
    pairs, words = rows // 2, -(-rows // 2) * columns
    expansion, row_bytes = layer.expansion, layer.row_bytes
    parts = [(0, row_bytes, 0, expansion.lines(pairs))] if pairs else []
    if rows % 2:
        last = expansion.lines(missing="lower")
        parts.append((pairs * 2 * row_bytes, 0, pairs * columns * COLUMN, last))
    widened = widen(int(layer.zero.rstrip("u"), 16), parts)
    compute = channels_function(
        "f_0", layer.view, layer.windows, layer.out_row_bytes, widened, compact=layer.compact
    )
    if compute is None:
        return None
    work = calls_work(layer.x.shape[2], 1, 1 + layer.both, words)
    source = compute + _groups(layer, "f_0(v, y, k, x);")
    return _tensor_kernel(layer, source, "planes", words * COLUMN, work)


def _bands(layer: Planes, pairs: int) -> RowKernel | None:
    """The planes of four channels of some rows."""
    bands = _cut(layer, pairs)
    body = bands.body()
    functions = _band_functions(layer, pairs, body)
    if functions is None:
        return None
    work = calls_work(layer.x.shape[2], *bands.counts())
    source, variant = functions + _groups(layer, body), f"planes, bands of {2 * pairs} rows"
    return _tensor_kernel(layer, source, variant, 4 * bands.planes, work)


def _shared_bands(layer: Planes) -> RowKernel | None:
    """The planes of all channels of some rows: the output may lie over the input."""
    channels, pairs = layer.x.shape[2], max(2, -(-layer.x.shape[0] // (2 * MOST_BANDS)))
    bands = _cut(layer, pairs)
    body = bands.shared_body(channels)
    functions = _band_functions(layer, pairs, body)
    if functions is None:
        return None
    source = f"""{functions}
static void f(const int8_t *x0, int8_t *y0, const uint32_t *k0, uint32_t *v0) {{
  const int8_t *x;
  int8_t *y;
  const uint32_t *k;
  uint32_t *v;
  {body.replace("* words", f"* {layer.words.shape[1]}")}
  (void)x, (void)y, (void)k;
}}
"""
    work = calls_work(channels, *bands.counts())
    variant = f"planes of all channels, bands of {2 * pairs} rows"
    kernel = _tensor_kernel(layer, source, variant, channels * bands.planes, work)
    return replace(kernel, may_alias=True, lead_bytes=bands.lead())


def _cut(layer: Planes, pairs: int) -> Bands:
    rows, columns, _ = layer.x.shape
    return Bands(rows, layer.row_bytes, layer.out_row_bytes, columns, pairs, layer.zero, layer.windows)


def _band_functions(layer: Planes, pairs: int, body: str) -> str | None:
    """C of the functions that the bands call."""
    step = layer.view.pitch, (2 if layer.both else 1) * layer.out_row_bytes
    source = ""
    for odd in sorted({w.odd for w in layer.windows}):
        compute = rows_function(f"f_{2 + odd}", layer.view, odd, step, both=layer.both, compact=layer.compact)
        if compute is None:
            return None
        source += compute
    used = {name: f"{name}(" in body for name in ("f_1", "f_4", "f_5", "f_6")}
    source += layer.expansion.function("f_1", pairs) if used["f_1"] else ""
    source += layer.expansion.function("f_4", missing="lower") if used["f_4"] else ""
    source += layer.expansion.function("f_5") if used["f_5"] else ""
    return source + (copy("f_6", 4 * layer.x.shape[1]) if used["f_6"] else "")


def _groups(layer: Planes, body: str) -> str:
    """C: a loop over fours of channels."""
    channels = layer.x.shape[2]
    return f"""static void f(const int8_t *x, int8_t *y, const uint32_t *k, uint32_t *v) {{
  for (const int8_t *end = x + {channels}; x != end; x += 4, y += 4, k += {4 * layer.words.shape[1]}) {{
    {body}
  }}
}}
"""


def _tensor_kernel(layer: Planes, source: str, variant: str, scratch_bytes: int, work: Work) -> RowKernel:
    rows = layer.op.output_type(layer.x).shape[0]
    if layer.compact:
        variant += ", int8 weights in flash"
        work = {**work, "dw_planes_unpack": work["dw_planes_channel"]}
    return _kernel(
        layer,
        source,
        variant,
        arguments=("rows[0]", "out", "c[0]", "scratch"),
        inputs=(RowInput(rows=1, row_bytes=layer.x.shape[0] * layer.row_bytes),),
        out_rows=1,
        out_row_bytes=rows * layer.out_row_bytes,
        scratch_bytes=scratch_bytes,
        work=work,
    )


def _kernel(
    layer: Planes,
    source: str,
    variant: str,
    *,
    arguments: tuple[str, ...],
    inputs: tuple[RowInput, ...],
    out_rows: int,
    scratch_bytes: int,
    work: Work,
    out_row_bytes: int | None = None,
) -> RowKernel:
    _, columns, channels = layer.x.shape
    return RowKernel(
        family=f"planes3x3_{columns}x{channels}",
        script="",
        source=source,
        arguments=arguments,
        inputs=inputs,
        out_rows=out_rows,
        out_row_bytes=layer.out_row_bytes if out_row_bytes is None else out_row_bytes,
        constants=(layer.words,),
        headers=("ew_planes_dsp.h",),
        scratch_bytes=scratch_bytes,
        # Instructions of the text, nearly all of four bytes.
        code_bytes=4 * len(re.findall(r'\\n"', source)),
        variant=variant,
        reason="int16 planes, two rows in a word, both requantization steps in registers",
        work=work | rows_work(layer.view, layer.windows, channels),
    )
