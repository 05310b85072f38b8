"""`edgewright convert`: any supported model file as ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import ModelArgument, ShapeOption, parse_shapes
from edgewright.cli.table import text_fields
from edgewright.errors import UsageError


def convert(
    model: ModelArgument,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The .onnx file to write.")],
    shape: ShapeOption = None,
) -> Output:
    """Write a model as ONNX (QDQ), with the same numbers and the same names.

    The file opens in Netron and runs in onnxruntime; it is what all later steps work on.
    """
    from edgewright.converter.importers import load_model, save_onnx

    if out.exists() and model.exists() and out.samefile(model):
        raise UsageError(
            "EW-FILE-SAME", f"{out} is the model itself", "give another file with -o: models stay as they are"
        )
    imported = load_model(model, shapes=parse_shapes(shape))
    save_onnx(imported, out)
    graph = imported.model.graph
    data = {
        "model": {
            "name": imported.name,
            "sha256": imported.sha256,
            "source_format": imported.source_format,
        },
        "out": str(out),
        "size_bytes": out.stat().st_size,
        "nodes": len(graph),
        "opset": graph.opset_imports.get(""),
    }
    fields = [
        ("wrote", f"{out} ({data['size_bytes']:,} bytes)"),
        ("from", f"{model} ({imported.source_format})"),
        ("graph", f"{data['nodes']} nodes, opset {data['opset']}"),
    ]
    return Output(data, text_fields(fields))


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "convert", convert)
