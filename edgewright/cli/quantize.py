"""`edgewright quantize`: a float model becomes an int8 (or smaller) one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import (
    FloatModelArgument,
    LabelsOption,
    PreprocessOption,
    SamplesOption,
    ShapeOption,
    parse_bytes,
    parse_shapes,
)
from edgewright.cli.stages import Stages
from edgewright.cli.table import byte_text, text_fields, text_table
from edgewright.converter.short_names import short_names
from edgewright.errors import UsageError

if TYPE_CHECKING:
    from edgewright.quantize.quantize_file import QuantizedFile


def quantize(
    model: FloatModelArgument,
    calibrate: Annotated[
        Path,
        typer.Option(
            "--calibrate",
            metavar="DATA",
            help="Calibration data: .npy, .npz, .bin, or a folder of .npy, .bin or images.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The .onnx file to write.")],
    preprocess: PreprocessOption = None,
    labels: LabelsOption = None,
    samples: SamplesOption = 256,
    ranges: Annotated[
        Literal["minmax", "percentile", "mse", "entropy"],
        typer.Option(
            "--ranges", metavar="minmax|percentile|mse|entropy", help="Method of activation ranges."
        ),
    ] = "mse",
    equalize: Annotated[bool, typer.Option(help="Cross-layer equalization of weights.")] = False,
    bias_correction: Annotated[bool, typer.Option(help="Correct the mean error of each layer.")] = True,
    feedback: Annotated[
        bool, typer.Option(help="Round weights of fewer than 8 bits with error feedback.")
    ] = True,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="[LAYER=]FORMAT",
            help="int8, int4, int2, ternary or binary: of all layers but the first and the last, or of one "
            "layer. Repeatable.",
            show_default="int8",
        ),
    ] = None,
    all_layers: Annotated[
        bool, typer.Option("--all-layers", help="--weights and --budget count for first and last layer too.")
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="flash=N[K|M]",
            help="Choose the weights' formats so that they take no more bytes, by each layer's sensitivity.",
            show_default=False,
        ),
    ] = None,
    search: Annotated[
        bool,
        typer.Option(
            "--search",
            help="Try range methods, equalization and bias correction; keep the best on samples held back.",
        ),
    ] = False,
    allow_float: Annotated[
        bool, typer.Option("--allow-float", help="Leave operators without integer arithmetic in float.")
    ] = False,
    shape: ShapeOption = None,
) -> Output:
    """Quantize a float model after training, to int8 or with fewer bits for weights.

    The result is standard ONNX (QuantizeLinear, DequantizeLinear) that onnxruntime runs, and every other
    command takes.
    """
    from edgewright.quantize.quantize_file import QuantizeJob, quantize_file
    from edgewright.quantize.settings import Settings

    everywhere, by_layer = parse_weights(weights)
    if labels is not None and not search:
        hint = "add --search; for the accuracy on data: edgewright evaluate"
        raise UsageError("EW-USAGE", "--labels decide a search, and there is none", hint)
    if budget is not None and everywhere != "int8":
        hint = "name single layers (--weights LAYER=FORMAT), or leave --budget out"
        raise UsageError("EW-USAGE", f"--budget chooses the formats that --weights {everywhere} gives", hint)
    settings = Settings(
        ranges=ranges,
        equalize=equalize,
        correct_bias=bias_correction,
        weights=everywhere,
        all_layers=all_layers,
        layer_weights=by_layer,
        feedback=feedback,
        allow_float=allow_float,
    )
    job = QuantizeJob(
        model=model,
        data=calibrate,
        out=out,
        preprocess=preprocess,
        labels=labels,
        shapes=parse_shapes(shape),
        samples=samples,
        settings=settings,
        search=search,
        budget_bytes=parse_flash_budget(budget),
    )
    with Stages().shown() as stages:
        made = quantize_file(job, stages.advance)
    given = f"{calibrate}" + (f" --preprocess {preprocess}" if preprocess else "")
    return Output(_data(made, out), _text(made, out, str(model), given))


def parse_weights(texts: Sequence[str] | None) -> tuple[str, dict[str, str]]:
    """Values of --weights: the format of all layers, and formats by layer name.

    Raises:
        UsageError: EW-QUANT-FORMAT quoting the value.
    """
    from edgewright.quantize.formats import format_of

    everywhere, by_layer = "int8", {}
    for text in texts or ():
        layer, equals, name = text.rpartition("=")
        form = format_of(name).name
        if equals and not layer:
            raise UsageError("EW-QUANT-FORMAT", f"--weights {text}", "write it as --weights LAYER=int4")
        if layer:
            by_layer[layer] = form
        else:
            everywhere = form
    return everywhere, by_layer


def parse_flash_budget(text: str | None) -> int | None:
    """Value of --budget in bytes.

    Raises:
        UsageError: EW-SIZE-SYNTAX quoting the value.
    """
    if text is None:
        return None
    what, _, size = text.partition("=")
    if what != "flash" or not size:
        raise UsageError("EW-SIZE-SYNTAX", f"--budget {text}", "write it as --budget flash=64K")
    return parse_bytes("--budget flash=", size)


def _data(made: QuantizedFile, out: Path) -> dict[str, object]:
    from edgewright.quantize.score import score_data

    settings = made.quantized.settings
    tried = [] if made.found is None else made.found.tried
    return {
        "out": str(out),
        "size_bytes": out.stat().st_size,
        "model": {"name": made.imported.name, "sha256": made.imported.sha256},
        "samples": made.samples,
        "settings": {
            "ranges": settings.ranges,
            "equalize": settings.equalize,
            "correct_bias": settings.correct_bias,
            "feedback": settings.feedback,
        },
        "weights_bytes": made.quantized.weight_bytes,
        "int8_weights_bytes": made.int8_bytes,
        "layers": [asdict(layer) for layer in made.quantized.layers],
        "search": [
            {
                "ranges": t.settings.ranges,
                "equalize": t.settings.equalize,
                "correct_bias": t.settings.correct_bias,
                **score_data(t.score),
            }
            for t in tried
        ],
        "float": None if made.found is None else {"top1": made.found.float_score.top1},
        "held_back": 0 if made.found is None else made.found.held_back,
        "constant_tensors": list(made.quantized.constants),
        "sensitivity": [asdict(s) | {"sqnr_db": s.sqnr_db} for s in made.sensitivities],
    }


def _text(made: QuantizedFile, out: Path, model: str, data: str) -> str:
    from edgewright.quantize.search import search_rows

    parts: list[str] = []
    if made.sensitivities:
        parts.append(_sensitivity_table(made))
    elif any(layer.format != "int8" for layer in made.quantized.layers):
        header = ("layer", "op", "weights", "number", "bytes")
        short = short_names(x.name for x in made.quantized.layers)
        rows = [
            (short[x.name], x.op, x.format, f"{x.weights:,}", f"{x.weight_bytes:,}")
            for x in made.quantized.layers
        ]
        parts.append(text_table(header, rows, right=(3, 4)))
    if made.found is not None:
        columns = ("ranges", "equalized", "biases corrected", "top-1", "cosine", "SQNR")
        parts.append(text_table(columns, search_rows(made.found), right=(3, 4, 5)))
        top1 = made.found.float_score.top1
        than = "" if top1 is None else f"; the float model's top-1 is {100 * top1:.2f} %"
        parts.append(f"on {made.found.held_back} samples held back, the best first{than}")
    packed, whole = made.quantized.weight_bytes, made.int8_bytes
    share = "" if packed == whole else f", {packed / whole:.2f} of int8's {byte_text(whole)}"
    fields = [
        ("wrote", f"{out} ({out.stat().st_size:,} bytes)"),
        ("layers", f"{len(made.quantized.layers)}, weights {byte_text(packed)}{share}"),
        ("settings", f"{made.quantized.settings.describe()}; {made.samples} samples"),
        *_constant_tensors(made),
        ("next", f"edgewright evaluate {out} --float {model} --data {data}, edgewright deploy {out}"),
    ]
    return "\n\n".join([*parts, text_fields(fields)])


def _constant_tensors(made: QuantizedFile) -> list[tuple[str, str]]:
    """A warning where samples leave parts of the model untouched."""
    names = made.quantized.constants
    if not names:
        return []
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return [
        ("constant", f"the same value on all samples: {shown}; are the samples like the device's inputs?")
    ]


def _sensitivity_table(made: QuantizedFile) -> str:
    """SQNR of the outputs with only one layer's weights in a format; the chosen format is marked."""
    formats = list(dict.fromkeys(s.format for s in made.sensitivities))
    short = short_names(layer.name for layer in made.quantized.layers)
    by_cell = {(s.layer, s.format): s for s in made.sensitivities}
    rows = []
    for layer in made.quantized.layers:
        cells = [
            f"{by_cell[layer.name, f].sqnr_db:.1f}{' *' if f == layer.format else '  '}" for f in formats
        ]
        rows.append((short[layer.name], *cells, f"{layer.weight_bytes:,}"))
    header = ("layer", *(f"{f} dB  " for f in formats), "bytes")
    return text_table(header, rows, right=range(1, len(header))) + "\n* chosen"


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "quantize", quantize)
