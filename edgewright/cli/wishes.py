"""How the options of `plan`, `build` and `deploy` become a wish and a budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgewright.cli.options import parse_bytes
from edgewright.errors import UsageError

if TYPE_CHECKING:
    from edgewright.converter.schedule import Wish
    from edgewright.converter.schedule.flash_price import Optimize
    from edgewright.converter.schedule.search import ScheduleMode
    from edgewright.converter.schedule.segment import InputMode
    from edgewright.targets.build import Budget
    from edgewright.targets.tuning import Tuning

# Nobody means more.
MAX_SLOWDOWN = 1000.0
MAX_PATCHES = 64
PATCHES_HINT = f"rows x columns of patches, up to {MAX_PATCHES} each: --schedule patch --patches 3x3"


def parse_budget(ram: str | None, flash: str | None) -> Budget:
    """Values of `--ram` and `--flash`.

    Raises:
        UsageError: EW-SIZE-SYNTAX quoting the value.
    """
    from edgewright.targets.build import Budget

    return Budget(parse_bytes("--ram", ram), parse_bytes("--flash", flash))


def parse_wish(
    schedule: ScheduleMode,
    input_mode: InputMode | None,
    slowdown: float | None,
    patches: str | None,
    optimize: Optimize = "balanced",
) -> Wish:
    """Values of `--schedule`, `--input`, `--slowdown`, `--patches` and `--optimize`.

    Raises:
        UsageError: EW-SLOWDOWN-RANGE, EW-PATCHES-SYNTAX, EW-PATCHES-SCHEDULE, EW-PATCHES-INPUT.
    """
    from edgewright.converter.schedule import Wish

    # Not "slowdown < 1", which lets nan pass.
    if slowdown is not None and not 1 <= slowdown < MAX_SLOWDOWN:
        raise UsageError(
            "EW-SLOWDOWN-RANGE",
            f"--slowdown {slowdown:g} is not from 1 to {MAX_SLOWDOWN:g}",
            "1.1 takes the smallest plan that is at most a tenth slower than layer by layer",
        )
    if patches is not None and schedule != "patch":
        raise UsageError(
            "EW-PATCHES-SCHEDULE", f"--patches {patches} with --schedule {schedule}", PATCHES_HINT
        )
    if schedule == "patch" and input_mode == "rows":
        raise UsageError(
            "EW-PATCHES-INPUT",
            "patches need the whole input in RAM",
            "--input resident, or --schedule stream",
        )
    return Wish(schedule, input_mode, slowdown=slowdown, patches=parse_patches(patches), optimize=optimize)


def read_tuning(path: Path | None) -> Tuning | None:
    """Value of `--tuning`.

    Raises:
        UsageError: EW-TUNE-FILE.
    """
    from edgewright.targets.tuning import load_tuning

    return load_tuning(path) if path is not None else None


def parse_patches(text: str | None) -> tuple[int, int] | None:
    """Value of `--patches`: "2x3" are 2 rows of 3 patches.

    Raises:
        UsageError: EW-PATCHES-SYNTAX quoting the value.
    """
    if text is None:
        return None
    numbers = text.lower().split("x")
    if len(numbers) != 2 or not all(
        n.isascii() and n.isdigit() and 1 <= int(n) <= MAX_PATCHES for n in numbers
    ):
        raise UsageError("EW-PATCHES-SYNTAX", f"--patches {text}", PATCHES_HINT)
    return int(numbers[0]), int(numbers[1])
