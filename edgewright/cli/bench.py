"""`edgewright bench`: what an inference costs, whole and by layer."""

from __future__ import annotations

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import BuildArgument, PortOption, RunsOption


def bench(folder: BuildArgument, port: PortOption = None, runs: RunsOption = None) -> Output:
    """Measure a model on a device.

    On an emulator instructions are counted exactly, cycles and time are estimates for a core without
    wait states. On a board the cycle counter measures.
    """
    from edgewright.runtime.build_folder import open_build
    from edgewright.runtime.devices.opening import open_device
    from edgewright.runtime.measure import bench as run_bench
    from edgewright.runtime.report.build_report import build_report
    from edgewright.runtime.report.text import render_text

    build = open_build(folder)
    with open_device(build, port, count=port is None) as device:
        latency = run_bench(build, device, runs=runs)
    report = build_report(build.manifest, None, latency)
    data = {key: report[key] for key in ("board", "model", "latency", "layers")}
    return Output(data, render_text(report))


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "bench", bench)
