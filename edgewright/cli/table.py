"""Plain text tables: the same on a terminal, in a pipe and in a report file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def text_table(header: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[int] = ()) -> str:
    """Columns as wide as their longest cell, two spaces apart.

    Args:
        header: Column titles.
        rows: Cells; each becomes a string.
        right: Indices of right-aligned columns (numbers).
    """
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    numbers = set(right)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def text_fields(fields: Iterable[tuple[str, object]]) -> str:
    """Lines of `name  value`, the values aligned."""
    pairs = [(name, str(value)) for name, value in fields]
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}".rstrip() for name, value in pairs)


def byte_text(size_bytes: int) -> str:
    """Bytes as people write memory sizes: 412 B, 16.9 KB, 2 MB (1 KB = 1024 bytes)."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    unit, scaled = ("KB", size_bytes / 1024) if size_bytes < 1024**2 else ("MB", size_bytes / 1024**2)
    return f"{scaled:.1f}".removesuffix(".0") + f" {unit}"
