"""How much code a Winograd kernel needs, its own and that of functions which others use too."""

from __future__ import annotations

from edgewright.targets.codegen.kernels.winograd_source import Shape

# Bytes on a Cortex-M4, measured. Of a kernel beside its functions, by size of its tiles:
KERNEL = {2: 640, 4: 340}
PARTS = {2: 540, 4: 250}
EXPANDED = {2: 490, 4: 60}
# more of these where the requantization is no function of its own.
INLINE = {"bounded": {2: 160, 4: 1700}, "general": {2: 270, 4: 2500}}
INLINE_PARTS = {2: 60, 4: 740}
# Of its functions.
BLOCK = {2: 860, 4: 580}
PAIR, DOT, PIECES = 56, 36, 120
FINISH = {"relu": 1030, "linear": 1090, "step_relu": 840, "step_linear": 940}
COLUMNS, TILES, EXPAND, COPY = 312, 284, 1012, 92


def winograd_code(shape: Shape) -> tuple[int, dict[str, int]]:
    """(bytes of the kernel, bytes by function that others use too), about.

    Args:
        shape: The layer.
    """
    size = shape.size
    own = KERNEL[size] + EXPANDED[size] * (shape.expand > 0) + PARTS[size] * shape.has_parts
    if shape.form in INLINE:
        own += INLINE[shape.form][size] + INLINE_PARTS[size] * shape.has_parts
    shared = {
        f"ew_winograd_block_{size}": BLOCK[size],
        shape.dot: DOT + PAIR * shape.piece + PIECES * shape.loops,
    }
    if shape.own_finish:
        shared[shape.finish] = FINISH[shape.form]
    if size == 4:
        shared |= {"ew_winograd_columns_4": COLUMNS, "ew_winograd_tiles_4": TILES}
        shared |= {"ew_winograd_expand_4": EXPAND} if shape.expand else {}
    return own, shared | ({"ew_winograd_copy": COPY} if shape.has_parts else {})
