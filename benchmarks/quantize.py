"""Post-training quantization, what it costs and what it keeps: `python -m benchmarks.quantize`.

Keyword spotting from 100 of 500 real inputs, with int8 and with 4-bit weights: top-1 on the other 400,
computed on an emulated Cortex-M4. The cosine to the float model of three more models on seeded inputs. Wall
time and memory of the command. Exit status: 0, 1 where a limit is missed, 2 where models are missing or the
command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import M4_BOARD
from benchmarks.locate import DEVELOPMENT_FOLDERS, ENVIRONMENT, find_files
from benchmarks.machine import ROOT
from benchmarks.outcome import check_writable, verdict, write_document
from benchmarks.pool import Progress, worker_pool
from benchmarks.quantization.figures import figures_of
from benchmarks.quantization.measure import (
    COSINE_MODELS,
    FORMATS,
    KWS_INPUTS,
    KWS_MODEL,
    LARGE_MODEL,
    float_top1,
    measure_cosine,
    measure_large,
    quantize_kws,
    run_kws,
)
from benchmarks.results import Figure
from edgewright.cli.table import text_table
from edgewright.errors import EdgewrightError
from tests.shared import SHARED

OUT = ROOT / "build" / "bench" / "quantize.json"
FOLDERS = (
    *DEVELOPMENT_FOLDERS,
    SHARED / "models" / "mlperf_tiny" / "float_onnx",
    SHARED / "models" / "memory_nets",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = parse(arguments)
    begin = time.monotonic()
    try:
        names = [KWS_MODEL, KWS_INPUTS, LARGE_MODEL, *(m.file for m in COSINE_MODELS)]
        files = find_files(names, options.models, FOLDERS, f"{KWS_INPUTS}, the float .onnx models")
        check_writable(options.out)
        with tempfile.TemporaryDirectory(prefix="edgewright-bench-") as folder:
            results = measure_all(files, options.inputs, Path(folder))
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    figures = figures_of(results)
    seconds = time.monotonic() - begin
    write_document(options.out, figures, seconds, board=M4_BOARD, result=results)
    rows = [(f.model, f.row, f.text + ("" if f.ok else " ✗"), _limit(f)) for f in figures]
    print(text_table(("model", "figure", "value", "limit"), rows, right=(2, 3)), flush=True)
    return verdict(figures, options.out, seconds)


def _limit(figure: Figure) -> str:
    return "-" if figure.limit is None else f"{figure.limit:,g}"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; argparse itself ends with status 2 where it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quantize", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help=f"folder with models and KWS inputs (default: ${ENVIRONMENT}, then the development data)",
    )
    parser.add_argument(
        "--inputs", type=int, default=400, metavar="N", help="KWS inputs to run on the device"
    )
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="JSON file to write")
    return parser.parse_args(arguments)


def measure_all(files: dict[str, Path], inputs: int, folder: Path) -> dict[str, Any]:
    """Commands one after the other and alone, because they are timed; then the emulated runs, two at once."""
    tell = Progress(2 * len(FORMATS) + len(COSINE_MODELS) + 2)
    results: dict[str, Any] = {"kws": {}}
    results["large"] = measure_large(files[LARGE_MODEL], folder)
    tell("mbv2-1.0@224", f"{results['large']['seconds']:.1f} s")
    for form in FORMATS:
        results["kws"][form] = quantize_kws(files[KWS_MODEL], files[KWS_INPUTS], form, folder)
        tell(f"KWS, {form}", f"{results['kws'][form]['seconds']:.1f} s")
    for model in COSINE_MODELS:
        results[model.key] = measure_cosine(model, files[model.file], folder)
        tell(model.key, f"cosine {results[model.key]['cosine']:.5f}")
    results["kws"]["float"] = float_top1(files[KWS_MODEL], files[KWS_INPUTS], inputs)
    tell("KWS, float", f"top-1 {100 * results['kws']['float']['top1']:.2f} %")
    with worker_pool() as pool:
        runs = {f: pool.submit(run_kws, files[KWS_INPUTS], f, inputs, folder, M4_BOARD) for f in FORMATS}
        for form, run in runs.items():
            results["kws"][form] |= run.result()
            failed = results["kws"][form].get("error")
            reached = 100 * results["kws"][form]["top1_reference"]
            tell(f"KWS, {form}, {M4_BOARD}", failed["code"] if failed else f"top-1 {reached:.2f} %")
    return results


if __name__ == "__main__":
    sys.exit(main())
