"""Parameters that several commands take, with one wording, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from edgewright.errors import UsageError

ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="The model file: .onnx (int8, QDQ) or .tflite (int8).", show_default=False
    ),
]
ShapeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--shape",
        metavar="NAME=DIMS",
        help="Shape of an input whose dimensions are symbolic, e.g. image=1,3,96,96. Repeatable. "
        "A symbolic batch dimension is 1 without asking.",
        show_default=False,
    ),
]


def parse_shapes(texts: Iterable[str] | None) -> dict[str, tuple[int, ...]]:
    """Values of `--shape` as shapes by input name.

    Raises:
        UsageError: EW-SHAPE-SYNTAX quoting the value.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for text in texts or ():
        name, _, dimensions = text.rpartition("=")
        parts = dimensions.replace("x", ",").split(",")
        if not name or not all(p.strip().isascii() and p.strip().isdigit() for p in parts):
            raise UsageError("EW-SHAPE-SYNTAX", f"--shape {text}", "write it as --shape NAME=1,3,96,96")
        shapes[name] = tuple(int(p) for p in parts)
    return shapes
