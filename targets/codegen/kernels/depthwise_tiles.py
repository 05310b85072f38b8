"""Depthwise convolutions of any window on planes, in tiles of output columns (`planes_tiles.py`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.planes_factors import find_factors
from edgewright.targets.codegen.kernels.planes_text import COLUMN, Expansion
from edgewright.targets.codegen.kernels.planes_tiles import Tiles, tiles_function
from edgewright.targets.codegen.kernels.planes_work import straight_work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class TiledLayer:
    """A layer in tiles.

    Args:
        op, cpu, x: The layer.
        tiles: Its windows over planes.
        columns: Input columns that are read.
    """

    op: DepthwiseConv2D
    cpu: CpuClass
    x: TensorType
    tiles: Tiles
    columns: int

    @property
    def zero(self) -> str:
        """C of the negated zero point of the input, in both halves of a word."""
        return f"{(-self.op.input_zero_point & 0xFFFF) * 0x10001:#x}u"

    @property
    def expansion(self) -> Expansion:
        """How its row pairs are widened."""
        gap = (self.tiles.columns - self.columns) * COLUMN
        channels, row_bytes = self.x.shape[2], self.x.row_bytes
        return Expansion(self.columns, channels, 2 * row_bytes, gap, self.cpu.dual_issue)

    @property
    def words(self) -> npt.NDArray[np.uint32]:
        """Weights, two rows of a column in a word, and factors."""
        factors, (height, width) = self.tiles.factors, self.tiles.window
        pairs = [
            factors.pair((y, k), (y + 1, k) if y + 1 < height else None)
            for y in range(0, height, 2)
            for k in range(width)
        ]
        return factors.packed(pairs)

    def plane(self, pair: int, column: int = 0) -> int:
        """Words of the planes before a column of a row pair."""
        return 4 * (pair * self.tiles.columns + column)

    def expand(self, first: int, pairs: int, *, clear: bool) -> list[str]:
        """C: row pairs of the planes from input row `first` on.

        Args:
            first: Input row of the first pair's upper row; negative above the tensor.
            pairs: How many.
            clear: The planes may hold other rows where these lie outside.
        """
        rows, row_bytes, left = self.x.shape[0], self.x.row_bytes, self.op.padding.left
        upper = [first + 2 * p for p in range(pairs)]
        whole = [p for p, y in enumerate(upper) if y >= 0 and y + 1 < rows]
        lines = []
        if whole:
            source = f"x + {upper[whole[0]] * row_bytes}"
            at = f"v + {self.plane(whole[0], left)}"
            lines.append(f"f_1({source}, {source} + {row_bytes}, {at}, {self.zero}, {len(whole)});")
        for p, y in enumerate(upper):
            at = f"v + {self.plane(p, left)}"
            if y + 1 == rows and y >= 0:
                lines.append(f"f_2(x + {y * row_bytes}, x, {at}, {self.zero});")
            elif y == -1:
                lines.append(f"f_3(x, x, {at}, {self.zero});")
            elif p not in whole and clear:
                lines.append(f"memset(v + {self.plane(p)}, 0, {4 * self.plane(1)});")
        return lines


def tiles_kernels(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels of a whole layer; none where they do not apply."""
    layer = _layer(op, cpu, x)
    if layer is None or op.stride[0] > 2:
        return ()
    outputs, out_bytes = op.output_type(x).shape[0], op.output_type(x).row_bytes
    # Output rows whose windows begin with an even or with an odd row of the padded tensor.
    halves = [range(0, outputs, 1)] if op.stride[0] == 2 else [range(h, outputs, 2) for h in (0, 1)]
    halves = [rows for rows in halves if rows]
    source, calls, most, widened = "", [], 0, 0
    for h, rows in enumerate(halves):
        pairs = len(rows) - 1 + layer.tiles.pairs
        compute = tiles_function(f"f_{4 + h}", layer.tiles, len(rows), rows.step * out_bytes)
        if compute is None:
            return ()
        source += compute
        calls += layer.expand(h - op.padding.top, pairs, clear=len(halves) > 1)
        calls.append(f"f_{4 + h}(v, y + {h * out_bytes}, k);")
        most, widened = max(most, pairs), widened + pairs
    body = "\n    ".join(calls)
    scratch = 4 * layer.plane(most)
    words, expansion = layer.words, layer.expansion
    makers = (("f_1", None, ""), ("f_2", 1, "lower"), ("f_3", 1, "upper"))
    source += "".join(expansion.function(*make) for make in makers if f"{make[0]}(" in body)
    source += f"""static void f(const int8_t *x, int8_t *y, const uint32_t *k, uint32_t *v) {{
  memset(v, 0, {scratch});
  for (const int8_t *end = x + {x.shape[2]}; x != end; x += 4, y += 4, k += {4 * words.shape[1]}) {{
    {body}
  }}
}}
"""
    kernel = _kernel(
        layer,
        source,
        words,
        "planes in tiles",
        arguments=("rows[0]", "out", "c[0]", "scratch"),
        inputs=(RowInput(rows=1, row_bytes=x.size_bytes),),
        rows=(1, outputs),
        scratch_bytes=scratch,
        work=_work(layer, outputs, len(calls), widened * layer.columns, scratch),
    )
    return (kernel,)


def tiles_row_kernel(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> RowKernel | None:
    """Row kernel; None where tiles do not apply."""
    layer = _layer(op, cpu, x)
    compute = layer and tiles_function("f_4", layer.tiles, 1, 0)
    if layer is None or compute is None:
        return None
    height, left = op.window[0], op.padding.left
    calls = []
    for p in range(layer.tiles.pairs):
        upper, lower = (f"(const int8_t *)rows[{min(y, height - 1)}] + c" for y in (2 * p, 2 * p + 1))
        name = "f_2" if 2 * p + 1 == height else "f_1"
        calls.append(f"{name}({upper}, {lower}, v + {layer.plane(p, left)}, {layer.zero});")
    body = "\n    ".join(calls)
    words, expansion, scratch = layer.words, layer.expansion, 4 * layer.plane(layer.tiles.pairs)
    makers = (("f_1", 1, ""), ("f_2", 1, "lower"))
    source = str(compute) + "".join(expansion.function(*m) for m in makers if f"{m[0]}(" in body)
    source += f"""static void f(const void *const *rows, int8_t *y, const uint32_t *k, uint32_t *v) {{
  memset(v, 0, {scratch});
  for (int32_t c = 0; c < {x.shape[2]}; c += 4, y += 4, k += {4 * words.shape[1]}) {{
    {body}
    f_4(v, y, k);
  }}
}}
"""
    outputs = op.output_type(x).shape[0]
    view = RowInput(x.shape[0], x.row_bytes, height, op.stride[0], 1, op.padding.top, op.input_zero_point)
    return _kernel(
        layer,
        source,
        words,
        "planes in tiles, a row",
        arguments=("rows", "out", "c[0]", "scratch"),
        inputs=(view,),
        rows=(outputs, 1),
        scratch_bytes=scratch,
        work=_work(layer, 1, len(calls) + 1, layer.tiles.pairs * layer.columns, scratch),
    )


def _layer(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> TiledLayer | None:
    channels, width = x.shape[2], op.window[1]
    plain = op.multiplier == 1 and op.weight_format == "int8" and channels % 4 == 0
    if cpu.name != "dsp" or not plain or (op.dilation[0] > 1 and op.window[0] > 1):
        return None
    outputs = op.output_type(x).shape[1]
    read = (outputs - 1) * op.stride[1] + (width - 1) * op.dilation[1] + 1
    columns = min(x.shape[1], read - op.padding.left)
    factors = find_factors(op) if columns > 0 else None
    if factors is None:
        return None
    tiles = Tiles(factors, read, outputs, op.stride, op.dilation[1], channels)
    return TiledLayer(op, cpu, x, tiles, columns)


def _work(layer: TiledLayer, rows: int, calls: int, columns: int, scratch_bytes: int) -> dict[str, float]:
    """Tiles are straight code; so is a row of them but for its loop."""
    size = layer.tiles.best()
    turns, rest = divmod(layer.tiles.outputs, size)
    lines = rows * (turns * layer.tiles.tile(size) + (layer.tiles.tile(rest) if rest else []))
    channels = layer.x.shape[2]
    return straight_work("dw_tiles", lines, columns, channels // 4) | {
        "dw_tiles_call": channels // 4 * calls,
        "dw_tiles_tile": rows * (turns + bool(rest)) * channels,
        "dw_tiles_row": rows * channels,
        "dw_tiles_cleared": scratch_bytes / COLUMN,
    }


def _kernel(
    layer: TiledLayer,
    source: str,
    words: npt.NDArray[np.uint32],
    variant: str,
    *,
    arguments: tuple[str, ...],
    inputs: tuple[RowInput, ...],
    rows: tuple[int, int],
    scratch_bytes: int,
    work: dict[str, float],
) -> RowKernel:
    """A kernel; `rows`: calls, and output rows of each."""
    height, width = layer.op.window
    return RowKernel(
        family=f"tiles{height}x{width}_{layer.x.shape[1]}x{layer.x.shape[2]}",
        script="",
        source=source,
        arguments=arguments,
        inputs=inputs,
        out_rows=rows[0],
        out_row_bytes=rows[1] * layer.op.output_type(layer.x).row_bytes,
        constants=(words,),
        headers=("ew_planes_dsp.h",),
        scratch_bytes=scratch_bytes,
        # Instructions of the text, nearly all of four bytes.
        code_bytes=4 * len(re.findall(r'\\n"', source)),
        variant=variant,
        reason=f"int16 planes, two rows in a word, {layer.tiles.factors.reason}",
        work=work,
    )
