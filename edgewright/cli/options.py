"""Parameters that several commands take, with one wording, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from edgewright.errors import UsageError

ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="The model file: .onnx (int8, QDQ) or .tflite (int8).", show_default=False
    ),
]
FloatModelArgument = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="The float model file: .onnx or .tflite.", show_default=False),
]
CalibrateOption = Annotated[
    Path | None,
    typer.Option(
        "--calibrate",
        metavar="DATA",
        help="MODEL is float: quantize it to int8 first, with this data (see edgewright quantize).",
        show_default=False,
    ),
]
PreprocessOption = Annotated[
    Path | None,
    typer.Option(
        "--preprocess",
        metavar="SPEC.toml",
        help="How the data becomes inputs of the model: scale, mean, image size, layout (docs/accuracy.md).",
        show_default="values are taken as they are",
    ),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="LABELS",
        help="Class of each sample: .npy, .npz (FILE.npz:ARRAY chooses an array), .txt or .csv, or the "
        "data's folder with a subfolder a class.",
        show_default=False,
    ),
]
SamplesOption = Annotated[
    int,
    typer.Option(
        "--samples",
        metavar="N",
        min=1,
        max=100_000,
        help="Samples to use at most, spread evenly over the data.",
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
BoardOption = Annotated[
    str,
    typer.Option(
        "--board",
        "-b",
        metavar="BOARD",
        help="Id of the board (edgewright boards list), or path of a board file.",
        show_default=False,
    ),
]
BuildArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="A build folder, from edgewright build or deploy.", show_default=False
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="DIR", help="Build folder to write.", show_default="build/MODEL-BOARD"
    ),
]
IoOption = Annotated[
    Literal["source", "int8"],
    typer.Option(
        "--io",
        metavar="source|int8",
        help="source: inputs and outputs of the model's own type, float ones are converted on the device. "
        "int8: float conversions at the borders are dropped.",
    ),
]
RamOption = Annotated[
    str | None,
    typer.Option(
        "--ram",
        metavar="N[K|M]",
        help="RAM the firmware may take: arena, stack and static data.",
        show_default="all of the board's",
    ),
]
FlashLimitOption = Annotated[
    str | None,
    typer.Option(
        "--flash", metavar="N[K|M]", help="Flash the firmware may take.", show_default="all of the board's"
    ),
]
OptimizeOption = Annotated[
    Literal["size", "balanced", "speed"],
    typer.Option(
        "--optimize",
        metavar="size|balanced|speed",
        help="What flash is worth where kernels differ in it: speed takes the fastest, size the smallest, "
        "balanced a percent more flash for a percent fewer cycles.",
    ),
]
TuningOption = Annotated[
    Path | None,
    typer.Option(
        "--tuning",
        metavar="FILE",
        help="Measured costs of the kernels, from edgewright tune.",
        show_default="estimates",
    ),
]
ScheduleOption = Annotated[
    Literal["auto", "layer", "stream", "patch"],
    typer.Option(
        "--schedule",
        metavar="auto|layer|stream|patch",
        help="How layers run: whole, streamed row by row, the first ones in patches, or (auto) whatever is "
        "fastest in the memory there is.",
    ),
]
InputOption = Annotated[
    Literal["resident", "rows"] | None,
    typer.Option(
        "--input",
        metavar="resident|rows",
        help="resident: the whole input lies in RAM. rows: the application hands over row after row.",
        show_default="resident if that fits, else rows",
    ),
]
SlowdownOption = Annotated[
    float | None,
    typer.Option(
        "--slowdown",
        metavar="X",
        help="Take the smallest plan of at most X times the layer plan's estimated cycles, e.g. 1.1.",
        show_default="the fastest plan that fits",
    ),
]
PatchesOption = Annotated[
    str | None,
    typer.Option(
        "--patches",
        metavar="RxC",
        help="Rows and columns of patches, e.g. 3x3; with --schedule patch.",
        show_default="the best of all sizes",
    ),
]
PortOption = Annotated[
    str | None,
    typer.Option(
        "--port",
        "-p",
        metavar="PORT",
        envvar="EDGEWRIGHT_PORT",
        help="Serial port of the board.",
        show_default="the board's emulator",
    ),
]
InputsOption = Annotated[
    Path | None,
    typer.Option(
        "--inputs",
        metavar="FILE",
        help="Inputs as .npy, .npz or .bin, one or many cases.",
        show_default="random ones",
    ),
]
CasesOption = Annotated[
    int,
    typer.Option(
        "--cases", metavar="N", min=1, max=100_000, help="Number of inputs (at most, with --inputs)."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of random inputs.")]
LayersOption = Annotated[bool, typer.Option("--layers", help="Compare after each layer too.")]
RunsOption = Annotated[
    int | None,
    typer.Option(
        "--runs",
        metavar="N",
        min=1,
        max=1_000_000,
        help="Inferences to measure.",
        show_default="1 on an emulator, whose counts repeat exactly, else 20",
    ),
]


def parse_bytes(option: str, text: str | None) -> int | None:
    """24000, "24K" or "1M" as bytes (K = 1024).

    Raises:
        UsageError: EW-SIZE-SYNTAX quoting the value.
    """
    if text is None:
        return None
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in ("K", "M") else (text, "")
    if not (number.isascii() and number.isdigit()) or int(number) == 0 or len(number) > 12:
        raise UsageError("EW-SIZE-SYNTAX", f"{option} {text}", f"bytes, or with K or M: {option} 64K")
    return int(number) * {"": 1, "K": 1024, "M": 1024**2}[unit]


def default_out(model: Path, board: str) -> Path:
    """build/MODEL-BOARD in the current folder."""
    return Path("build") / f"{model.stem}-{Path(board).stem}"


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
