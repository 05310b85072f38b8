"""Where the benchmark's models and inputs lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Model
from edgewright.errors import UsageError
from tests.shared import SHARED

ENVIRONMENT = "EDGEWRIGHT_MODELS"
DEVELOPMENT_FOLDERS = (SHARED / "models" / "mlperf_tiny", SHARED / "data" / "kws01")


def locate(models: Sequence[Model], folder: Path | None) -> dict[str, Path]:
    """Path of every file the models need, by file name.

    Args:
        models: Those to be measured.
        folder: Where all of them lie; None looks at the environment, then at the development data.

    Raises:
        UsageError: EW-BENCH-FILES naming what is missing.
    """
    names = [name for m in models for name in (m.file, m.inputs) if name]
    return find_files(names, folder, DEVELOPMENT_FOLDERS, "the KWS inputs")


def find_files(
    names: Sequence[str], folder: Path | None, usual: Sequence[Path], others: str, hint: str = ""
) -> dict[str, Path]:
    """Path of every file by name.

    Args:
        names: Of the files.
        folder: Where all of them lie; None looks at the environment, then at the usual folders.
        usual: Those of the development data.
        others: What has to be there besides the models, for the hint.
        hint: What else may help.

    Raises:
        UsageError: EW-BENCH-FILES naming what is missing.
    """
    given = folder or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    folders = (given,) if given else usual
    found = {n: f / n for n in names for f in reversed(folders) if (f / n).is_file()}
    missing = [n for n in names if n not in found]
    if missing:
        raise UsageError(
            "EW-BENCH-FILES",
            f"{', '.join(missing)}: not in {', '.join(map(str, folders))}",
            "the int8 .tflite models of MLPerf Tiny (github.com/mlcommons/tiny, benchmark/training) and "
            f"{others} belong into one folder: --models DIR, or {ENVIRONMENT}=DIR{hint}",
        )
    return found
