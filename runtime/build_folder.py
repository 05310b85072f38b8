"""A build folder: what `edgewright build` leaves for flashing, verifying and measuring."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewright.converter.program import Program
from edgewright.converter.program_file import load_program
from edgewright.errors import UsageError
from edgewright.targets.board import forget_board, load_board

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
MAX_MANIFEST_BYTES = 64 << 20


@dataclass(frozen=True)
class Firmware:
    """A firmware and the board it was built for."""

    board: str
    elf: Path


@dataclass(frozen=True)
class BuildFolder:
    """An opened build.

    Args:
        path: The folder.
        manifest: Content of manifest.json, checked as far as the properties here need it.
    """

    path: Path
    manifest: Mapping[str, Any]

    @property
    def board(self) -> str:
        """Id of the board the build is for."""
        return str(self.manifest["board"])

    @property
    def model_name(self) -> str:
        return str(self.manifest["model"]["name"])

    @property
    def model_sha256(self) -> str:
        return str(self.manifest["model"]["sha256"])

    @property
    def layers(self) -> list[Mapping[str, Any]]:
        """The device's steps in order: layers, or several that are streamed together."""
        return list(self.manifest["layers"])

    @property
    def input_by_rows(self) -> bool:
        """Whether the input is pushed row by row, and never in the device's RAM as a whole."""
        return bool(self.manifest.get("plan", {}).get("input") == "rows")

    @property
    def elf(self) -> Path:
        """Firmware for the board itself."""
        return self.path / str(self.manifest["firmware"]["elf"])

    @property
    def binary(self) -> Path:
        """The same as a raw image of the flash."""
        return self.path / str(self.manifest["firmware"]["bin"])

    @property
    def emulator(self) -> Firmware | None:
        """Second firmware for the board that stands in on the emulator; None where it is `elf` itself."""
        entry = self.manifest.get("emulator")
        return Firmware(str(entry["board"]), self.path / str(entry["elf"])) if entry else None

    def program(self) -> Program:
        """The exact integer program the firmware was generated from: the reference."""
        return load_program(self.path / str(self.manifest.get("program", "program")))


def open_build(path: Path) -> BuildFolder:
    """Read a build folder.

    Raises:
        UsageError: EW-BUILD-MISSING where it is none, EW-BUILD-MANIFEST where its manifest is damaged.
    """
    file = path / MANIFEST
    try:
        if file.stat().st_size > MAX_MANIFEST_BYTES:
            raise _damaged(file, "it is too large")
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            "EW-BUILD-MISSING",
            f"{path} is no build folder: it has no {MANIFEST}",
            "make one: edgewright build",
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(file, str(error)) from error
    _check(file, manifest)
    _use_board_file(path, str(manifest["board"]))
    return BuildFolder(path, manifest)


def _use_board_file(path: Path, board_id: str) -> None:
    """The board file a build brings along stands for its board."""
    own = path / f"{board_id}.toml"
    if Path(own.name).stem == board_id and own.is_file():
        load_board(own)
    else:
        forget_board(board_id)


def _check(file: Path, manifest: Any) -> None:
    def require(ok: bool, problem: str) -> None:
        if not ok:
            raise _damaged(file, problem)

    require(isinstance(manifest, dict), "it is no JSON object")
    version = manifest.get("schema_version")
    require(version == SCHEMA_VERSION, f"schema_version is {version!r}, this program reads {SCHEMA_VERSION}")
    require(isinstance(manifest.get("board"), str), "board is missing")
    model, firmware, emulator = manifest.get("model"), manifest.get("firmware"), manifest.get("emulator")
    require(isinstance(model, dict) and isinstance(model.get("name"), str), "model.name is missing")
    require(re.fullmatch("[0-9a-f]{64}", str(model.get("sha256"))) is not None, "model.sha256 is no hash")
    require(isinstance(firmware, dict), "firmware is missing")
    for key in ("elf", "bin"):
        require(isinstance(firmware.get(key), str), f"firmware.{key} is missing")
    require(isinstance(manifest.get("memory"), dict), "memory is missing")
    plan = manifest.get("plan", {"input": "resident"})
    known = isinstance(plan, dict) and plan.get("input") in ("resident", "rows")
    require(known, "plan.input is neither resident nor rows")
    layers = manifest.get("layers")
    require(
        isinstance(layers, list) and all(isinstance(layer, dict) for layer in layers), "layers is missing"
    )
    if emulator is not None:
        complete = isinstance(emulator, dict) and {"board", "elf"} <= set(emulator)
        require(complete, "emulator lacks board or elf")


def _damaged(file: Path, problem: str) -> UsageError:
    return UsageError("EW-BUILD-MANIFEST", f"{file}: {problem}", "build again: edgewright build")
