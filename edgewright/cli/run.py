"""`edgewright run`: inputs through a device, outputs to a file or the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import BuildArgument, CasesOption, InputsOption, PortOption, SeedOption


def run(
    folder: BuildArgument,
    port: PortOption = None,
    inputs: InputsOption = None,
    cases: CasesOption = 1,
    seed: SeedOption = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.npz", help="Write the outputs here.")
    ] = None,
) -> Output:
    """Run inputs on a device and show the outputs.

    The .npz of --out holds an array by output name, one row a case.
    """
    from edgewright.runtime.build_folder import open_build
    from edgewright.runtime.deploy import cases_of
    from edgewright.runtime.devices.opening import open_device
    from edgewright.runtime.infer import infer_cases, save_outputs

    build = open_build(folder)
    program = build.program()
    chosen = cases_of(program, inputs, cases, seed)
    with open_device(build, port) as device:
        outputs = infer_cases(program, chosen, device)
    if out is not None:
        save_outputs(out, outputs)
    shown = {name: array.tolist() for name, array in outputs.items()} if out is None else {}
    lines = [f"{name}[{i}] {row.ravel().tolist()}" for name, a in outputs.items() for i, row in enumerate(a)]
    text = "\n".join(lines) if out is None else f"{len(chosen)} cases, outputs in {out}"
    return Output({"cases": len(chosen), "outputs": shown, "out": str(out) if out else None}, text)


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "run", run)
