"""`edgewright evaluate`: accuracy on data, in onnxruntime or on a device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from edgewright.cli.common import Interrupted, Output, add_command
from edgewright.cli.options import LabelsOption, PortOption, PreprocessOption
from edgewright.cli.stages import Stages

TargetArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL|DIR",
        help="A model file (.onnx, .tflite), which runs in onnxruntime, or a build folder.",
        show_default=False,
    ),
]
DataOption = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="DATA",
        help="Samples: .npz (FILE.npz:ARRAY chooses an array), .npy, .bin, or a folder (.npy, .bin, images).",
        show_default=False,
    ),
]
FloatOption = Annotated[
    Path | None,
    typer.Option("--float", metavar="MODEL", help="The float model to compare with.", show_default=False),
]
OnOption = Annotated[
    Literal["host", "emulator", "serial"] | None,
    typer.Option(
        "--on",
        metavar="host|emulator|serial",
        help="Where a build runs; host is the exact integer program on this machine.",
        show_default="serial with --port, else emulator",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, help="Take the first samples.", show_default="all"),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="DIR", help="Write accuracy.json and accuracy.html here.", show_default=False
    ),
]


def evaluate(
    target: TargetArgument,
    data: DataOption,
    labels: LabelsOption = None,
    preprocess: PreprocessOption = None,
    float_model: FloatOption = None,
    on: OnOption = None,
    port: PortOption = None,
    limit: LimitOption = None,
    out: ReportOption = None,
) -> Output:
    """Measure the accuracy of a model or of a build on data.

    With --labels: top-1, top-5 and AUC. With --float: the same of the float model, the difference of the
    outputs, and of a model file the error of each layer, the worst of them with a suggestion.
    """
    from edgewright.runtime.evaluate import EvaluationJob
    from edgewright.runtime.evaluate import evaluate as run_evaluation
    from edgewright.runtime.report.accuracy import write_accuracy
    from edgewright.runtime.report.accuracy_text import accuracy_text

    job = EvaluationJob(target, data, labels, preprocess, float_model, on, port, limit)
    done = [0, 0]
    with Stages().shown() as stages:

        def advance(count: int, total: int) -> None:
            done[:] = count, total
            stages.advance("evaluate", count, total)

        try:
            report = run_evaluation(job, advance, lambda sentence: stages.say("board", sentence))
        except KeyboardInterrupt:
            raise Interrupted("EW-INTERRUPTED", "interrupted after {} of {} samples".format(*done)) from None
    written = [str(path) for path in write_accuracy(out, report)] if out is not None else []
    text = accuracy_text(report) + (f"\n\n{' and '.join(written)} are written" if written else "")
    return Output({**report.data(), "written": written}, text)


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "evaluate", evaluate)
