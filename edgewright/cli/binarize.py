"""`edgewright binarize`: a float model becomes one whose hidden layers have one bit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import LabelsOption, PreprocessOption, ShapeOption, parse_shapes
from edgewright.cli.stages import Stages

ModelArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="MODEL", help="The float model, .onnx; with --module, what to learn from.", show_default=False
    ),
]
OutOption = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", help="ONNX file to write.", show_default=False)
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DATA", help="Samples: .npz, .npy, .bin or a folder.", show_default=False),
]
AlgorithmOption = Annotated[
    str | None,
    typer.Option(
        "--algorithm",
        "-a",
        metavar="NAME",
        help="bnn, xnor_net, dorefa, bi_real, xnor_plus_plus, react_net, recu or fda.",
        show_default="react_net; xnor_net with --no-train",
    ),
]
LayersOption = Annotated[
    str,
    typer.Option(
        "--layers", metavar="auto|A,B", help="Layers to binarize; auto: all but the first and the last."
    ),
]
ModuleOption = Annotated[
    str | None,
    typer.Option(
        "--module",
        metavar="FILE.py:CLASS",
        help="Train this torch module, which has binary layers of its own. The file is run: --trust-code.",
        show_default=False,
    ),
]


def binarize(
    out: OutOption,
    model: ModelArgument = None,
    data: DataOption = None,
    labels: LabelsOption = None,
    preprocess: PreprocessOption = None,
    algorithm: AlgorithmOption = None,
    layers: LayersOption = "auto",
    all_layers: Annotated[
        bool, typer.Option("--all-layers", help="With auto, the first and the last layer as well.")
    ] = False,
    no_train: Annotated[
        bool, typer.Option("--no-train", help="Take the weights as they are: no data needed.")
    ] = False,
    keep_float: Annotated[
        bool, typer.Option("--keep-float", help="Leave float what is not binary, for edgewright quantize.")
    ] = False,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", help="Passes over the data.")] = 30,
    batch: Annotated[int, typer.Option("--batch", metavar="N", help="Samples of a step.")] = 64,
    rate: Annotated[
        float, typer.Option("--rate", metavar="X", help="Learning rate at the beginning.")
    ] = 2e-3,
    distill: Annotated[
        float,
        typer.Option("--distill", metavar="X", help="Part of the loss that is the float model's, 0 to 1."),
    ] = 0.5,
    max_shift: Annotated[
        int, typer.Option("--max-shift", metavar="N", help="Move images at random by up to N pixels.")
    ] = 0,
    held_back: Annotated[
        float, typer.Option("--held-back", metavar="X", help="Part of the data to measure with, 0 to 0.9.")
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of all that is random.")] = 0,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="Where torch trains: cpu, cuda, cuda:1, mps.")
    ] = "cpu",
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", min=0, help="Of torch on the CPU; 0 leaves it to torch.")
    ] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted training.")] = False,
    module: ModuleOption = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="The file of --module may be run.")
    ] = False,
    shape: ShapeOption = None,
) -> Output:
    """Make layers of a float model binary: weights and activations of one bit.

    With --data (and --labels) the binary model is trained, and learns from the float one; this needs
    pip install "edgewright[train]". With --no-train the weights are taken as they are. Layers that are not
    binary become int8. FILE-training/ beside the result holds the report with the learning curve.
    """
    from edgewright.quantize.binary.binarize_job import BinarizeJob
    from edgewright.quantize.binary.binarize_job import binarize as run_job

    job = BinarizeJob(
        out=out,
        model=model,
        data=data,
        labels=labels,
        preprocess=preprocess,
        algorithm=algorithm,
        layers=[name.strip() for name in layers.split(",") if name.strip()],
        all_layers=all_layers,
        trained=not no_train,
        keep_float=keep_float,
        module=module,
        trust_code=trust_code,
        shapes=parse_shapes(shape),
        settings={
            "epochs": epochs,
            "batch": batch,
            "rate": rate,
            "distill": distill,
            "max_shift": max_shift,
            "held_back": held_back,
            "seed": seed,
            "device": device,
            "threads": threads,
        },
        resume=resume,
    )
    with Stages().shown() as stages:
        result = run_job(job, stages.say, stages.advance)
    text = f"\nthe report of the training is {result['report']}" if result["report"] else ""
    return Output(result, text)


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "binarize", binarize)
