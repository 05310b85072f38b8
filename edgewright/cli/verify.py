"""`edgewright verify`: a device's outputs against the exact reference."""

from __future__ import annotations

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import (
    BuildArgument,
    CasesOption,
    InputsOption,
    LayersOption,
    PortOption,
    SeedOption,
)
from edgewright.cli.stages import Stages


def verify(
    folder: BuildArgument,
    port: PortOption = None,
    inputs: InputsOption = None,
    cases: CasesOption = 20,
    seed: SeedOption = 0,
    layers: LayersOption = False,
) -> Output:
    """Run inputs on a device and compare every output with the reference, bit for bit.

    With --layers the first layer that differs is named.
    """
    from edgewright.runtime.build_folder import open_build
    from edgewright.runtime.deploy import cases_of, mismatch
    from edgewright.runtime.devices.opening import open_device
    from edgewright.runtime.report.build_report import build_report
    from edgewright.runtime.report.tables import verify_sentence
    from edgewright.runtime.verify import verify as run_verify

    build = open_build(folder)
    program = build.program()
    chosen = cases_of(program, inputs, cases, seed)
    with Stages().shown() as stages, open_device(build, port) as device:
        result = run_verify(
            build,
            chosen,
            device,
            layers=layers,
            program=program,
            progress=lambda done, total: stages.advance("verify", done, total),
        )
        name = device.name
    report = build_report(build.manifest, result)
    data = {"board": report["board"], "device": name, "verify": report["verify"]}
    return Output(data, verify_sentence(report["verify"]), mismatch(report, folder))


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "verify", verify)
