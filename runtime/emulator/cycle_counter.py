"""The cyclecount plugin: built on first use, and the counts it reports while an emulator runs.

The plugin (folder `cyclecount`) counts instructions between marker functions of the firmware and
estimates cycles of a zero-wait-state core with the timing table of a CPU.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgewright.errors import DeviceError

SOURCES = Path(__file__).parent / "cyclecount"
CFLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-shared", "-fPIC")
COMPILE_TIMEOUT_S = 120.0
VERSION_TIMEOUT_S = 20.0

RUN_MARKERS = ("ew_bench_start", "ew_bench_stop")
LAYER_MARKERS = ("ew_layer_start", "ew_layer_stop")


@dataclass(frozen=True)
class Passage:
    """One way of the program from a start marker to its stop marker.

    Args:
        pair: "run" for a whole inference (or one row of it), "layer" for one step.
        instructions: Executed instructions, exact.
        cycles: Estimated cycles, None where the CPU has no timing table.
    """

    pair: str
    instructions: int
    cycles: int | None


class CycleCounter:
    """Counts of one emulator run.

    Args:
        plugin: The built plugin.
        elf: Firmware with the marker functions.
        model: Timing table, or None for instructions only.
        folder: Where the plugin writes its series; the caller removes it.
    """

    def __init__(self, plugin: Path, elf: Path, model: str | None, folder: Path) -> None:
        self.model = model
        self._plugin = plugin
        self._elf = elf
        self._series = folder / "passages.jsonl"
        self._read_bytes = 0

    def argument(self) -> str:
        """Value of QEMU's `-plugin` option."""
        options = [
            str(self._plugin),
            f"elf={self._elf}",
            f"model={self.model or 'none'}",
            f"series={self._series}",
            "pair=run:" + ":".join(RUN_MARKERS),
            "maybe=layer:" + ":".join(LAYER_MARKERS),  # not in firmware whose input comes by rows
        ]
        return ",".join(o.replace(",", ",,") for o in options)  # QEMU's escape

    def take(self) -> list[Passage]:
        """Passages since the last call, in order."""
        try:
            with self._series.open("rb") as file:
                file.seek(self._read_bytes)
                text = file.read()
        except OSError as error:
            raise DeviceError("EW-EMU-COUNT", f"cannot read the emulator's counts: {error}") from error
        text = text[: text.rfind(b"\n") + 1]  # a row being written is left for the next call
        self._read_bytes += len(text)
        rows = [json.loads(line) for line in text.splitlines()]
        return [Passage(r["pair"], r["instructions"], r["cycles"]) for r in rows]


def plugin_path(qemu: str) -> Path:
    """The plugin for an installed QEMU, compiled into the user's cache on first use.

    Args:
        qemu: Path of the emulator's executable.

    Raises:
        DeviceError: EW-TOOL-MISSING without a C compiler, EW-EMU-PLUGIN where it does not compile,
            EW-CACHE-DIR where the cache cannot be written.
    """
    api = plugin_api(qemu)
    sources = sorted(SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(f"{api} {platform.machine()} {CFLAGS}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    target = cache_folder() / f"cyclecount-{digest.hexdigest()[:16]}.so"
    if not target.exists():
        _compile([s for s in sources if s.suffix == ".c"], api, target)
    return target


def cache_folder() -> Path:
    """The user's cache folder of this program, by the XDG base directory convention."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "edgewright"


@functools.cache
def plugin_api(qemu: str) -> int:
    """Plugin interface version to build for: QEMU 9.0 dropped version 1, 9.1 changed one function."""
    try:
        text = subprocess.run(
            [qemu, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise DeviceError("EW-EMU-START", f"{qemu} --version failed: {error}") from error
    found = re.search(r"version (\d+)\.(\d+)", text)
    if not found:
        raise DeviceError("EW-EMU-START", f"{qemu} --version printed no version: {text[:200]!r}")
    version = (int(found[1]), int(found[2]))
    return 1 if version < (9, 0) else 2 if version < (9, 1) else 3


def _compile(sources: list[Path], api: int, target: Path) -> None:
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise DeviceError(
            "EW-TOOL-MISSING",
            "counting instructions needs a C compiler for this machine (cc), and none is installed",
            "apt install gcc libc6-dev",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            built = Path(folder) / target.name
            _run_compiler(
                [compiler, *CFLAGS, f"-DQEMU_PLUGIN_API={api}", "-o", str(built), *map(str, sources)]
            )
            built.replace(target)  # atomic: another process may build the same file
    except OSError as error:
        raise DeviceError(
            "EW-CACHE-DIR",
            f"cannot write {target.parent}: {error}",
            "set XDG_CACHE_HOME to a writable folder",
        ) from error


def _run_compiler(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S)
    except FileNotFoundError as error:
        raise DeviceError(
            "EW-TOOL-MISSING", f"no C compiler {command[0]}", "check the variable CC"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DeviceError("EW-EMU-PLUGIN", f"{command[0]} took over {COMPILE_TIMEOUT_S:.0f} s") from error
    if done.returncode:
        raise DeviceError(
            "EW-EMU-PLUGIN",
            f"the instruction counter does not compile ({command[0]}, status {done.returncode}): "
            + done.stderr.strip()[-1000:],
        )
