"""Checks of a board file: one small function a rule; a message quotes file, field and value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgewright.errors import UsageError

DRIVERS = Path(__file__).resolve().parents[1] / "firmware_templates" / "drivers"

CPU_FEATURES: Mapping[str, frozenset[str]] = {
    "cortex-m0": frozenset(),
    "cortex-m0plus": frozenset(),
    "cortex-m3": frozenset(),
    "cortex-m4": frozenset({"dsp", "fpu"}),
    "cortex-m7": frozenset({"dsp", "fpu", "fpu-dp"}),
    "cortex-m33": frozenset({"dsp", "fpu"}),
    "cortex-m55": frozenset({"dsp", "fpu", "mve"}),
}
RUNNERS = ("emulator", "gdb", "openocd", "pyocd")
TESTED = ("emulator", "build-only", "hardware")
CYCLES = ("dwt", "systick", "none")
# Field -> type; a dotted field is in a table. "?" at the end: may be absent.
FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "title": str,
    "cpu": str,
    "features?": list,
    "clock_hz": int,
    "tested": str,
    "memory": dict,
    "memory.flash": dict,
    "memory.ram": dict,
    "memory.vectors?": dict,
    "memory.stack": (int, str),
    "console": dict,
    "console.driver": str,
    "console.baud": int,
    "console.usb?": list,
    "console.pins?": str,
    "timer": dict,
    "timer.driver": str,
    "timer.cycles?": str,
    "clock?": dict,
    "clock.driver?": str,
    "flash": dict,
    "flash.runners": list,
    "emulator?": (dict, str),
}
TOP_LEVEL = {name.rstrip("?") for name in FIELDS if "." not in name}
CLOSED_TABLES = {"memory": {"flash", "ram", "vectors", "stack"}}
SIZE = re.compile(r"[0-9]+[KM]?")
USB_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}")


class _Checker:
    """Raises for the first broken rule of one file."""

    def __init__(self, path: Path, data: Mapping[str, Any]) -> None:
        self.path = path
        self.data = data

    def get(self, dotted: str) -> Any:
        """Value of a field, None where it is absent."""
        value: Any = self.data
        for part in dotted.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return value

    def fail(self, dotted: str, problem: str) -> None:
        raise UsageError(
            "EW-BOARD-INVALID",
            f"{self.path}: {dotted} = {self.get(dotted)!r}: {problem}",
            "docs/adding_a_board.md explains every field",
            file=str(self.path),
            field=dotted,
        )

    def require(self, ok: bool, dotted: str, problem: str) -> None:
        if not ok:
            self.fail(dotted, problem)


def _fields_have_their_types(c: _Checker) -> None:
    for name, kind in FIELDS.items():
        dotted = name.rstrip("?")
        value = c.get(dotted)
        if value is None:
            c.require(name.endswith("?"), dotted, "this field is missing")
        else:
            names = kind.__name__ if isinstance(kind, type) else " or ".join(k.__name__ for k in kind)
            c.require(
                isinstance(value, kind) and not isinstance(value, bool), dotted, f"must be of type {names}"
            )


def _no_unknown_fields(c: _Checker) -> None:
    for key in c.data:
        c.require(key in TOP_LEVEL, key, f"unknown field; known: {', '.join(sorted(TOP_LEVEL))}")
    for table, keys in CLOSED_TABLES.items():
        for key in c.data[table]:
            c.require(key in keys, f"{table}.{key}", f"unknown field; known: {', '.join(sorted(keys))}")


def _choices_are_known(c: _Checker) -> None:
    for dotted, choices in (("cpu", CPU_FEATURES), ("tested", TESTED), ("timer.cycles", CYCLES)):
        value = c.get(dotted)
        c.require(value is None or value in choices, dotted, f"must be one of {', '.join(choices)}")


def _features_fit_the_cpu(c: _Checker) -> None:
    possible = CPU_FEATURES[c.data["cpu"]]
    for feature in c.data.get("features", ()):
        known = ", ".join(sorted(possible)) or "none"
        c.require(
            feature in possible, "features", f"{c.data['cpu']} cannot have {feature!r}; possible: {known}"
        )
    if c.data["cpu"] == "cortex-m55":
        c.require("mve" in c.data.get("features", ()), "features", "the start-up of cortex-m55 expects mve")


def _numbers_are_in_range(c: _Checker) -> None:
    c.require(32_768 <= c.data["clock_hz"] <= 2_000_000_000, "clock_hz", "must be 32 kHz to 2 GHz")
    c.require(300 <= c.get("console.baud") <= 12_000_000, "console.baud", "must be 300 to 12,000,000")


def _bytes(value: Any) -> int:
    """Size in bytes, -1 where it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and SIZE.fullmatch(value):
        unit = {"K": 1024, "M": 1024 * 1024}.get(value[-1])
        return int(value[:-1]) * unit if unit else int(value)
    return -1


def _regions_are_sound(c: _Checker) -> None:
    for name in ("flash", "ram", "vectors"):
        region = c.get(f"memory.{name}")
        if region is None:
            continue
        dotted = f"memory.{name}"
        c.require(set(region) == {"start", "size"}, dotted, "must be { start = …, size = … }")
        start, size = region["start"], _bytes(region["size"])
        c.require(size > 0, dotted, 'size must be bytes as a positive integer or like "640K", "2M"')
        c.require(isinstance(start, int) and start >= 0, dotted, "start must be an address")
        c.require(start % 512 == 0, dotted, "start must be a multiple of 512 (vector table alignment)")
        c.require(start + size <= 1 << 32, dotted, "ends past the 32-bit address space")


def _regions_do_not_overlap(c: _Checker) -> None:
    flash, ram = c.get("memory.flash"), c.get("memory.ram")
    first, second = sorted((flash, ram), key=lambda r: int(r["start"]))
    end = first["start"] + _bytes(first["size"])
    c.require(end <= second["start"], "memory.ram", "overlaps memory.flash")


def _stack_fits(c: _Checker) -> None:
    stack, ram = _bytes(c.get("memory.stack")), _bytes(c.get("memory.ram.size"))
    c.require(stack >= 256, "memory.stack", "must be at least 256 bytes")
    c.require(stack % 8 == 0, "memory.stack", "must be a multiple of 8 bytes")
    c.require(stack < ram, "memory.stack", f"must be less than the {ram} bytes of memory.ram")


def _drivers_exist(c: _Checker) -> None:
    for table, prefix in (("console", "uart_"), ("timer", "timer_"), ("clock", "clock_")):
        name = c.get(f"{table}.driver")
        if name is None:
            c.require(table not in c.data, f"{table}.driver", "this field is missing")
            continue
        known = sorted(p.stem for p in DRIVERS.glob(f"{prefix}*.c"))
        c.require(name in known, f"{table}.driver", f"must be one of {', '.join(known)}")


def _usb_ids_are_pairs(c: _Checker) -> None:
    for usb in c.get("console.usb") or ():
        ok = isinstance(usb, str) and USB_ID.fullmatch(usb) is not None
        c.require(
            ok, "console.usb", f'{usb!r} is not four and four lower-case hexadecimal digits, like "0483:374b"'
        )


def _runners_are_known(c: _Checker) -> None:
    runners = c.get("flash.runners")
    for runner in runners:
        c.require(runner in RUNNERS, "flash.runners", f"{runner!r} is unknown; known: {', '.join(RUNNERS)}")
    emulated = isinstance(c.get("emulator"), Mapping)
    c.require("emulator" not in runners or emulated, "flash.runners", '"emulator" needs an [emulator] table')
    for runner, options in c.data["flash"].items():
        if runner != "runners":
            c.require(
                runner in runners, f"flash.{runner}", "options of a runner that flash.runners does not list"
            )
            c.require(isinstance(options, Mapping), f"flash.{runner}", "must be a table")


def _runner_options_are_there(c: _Checker) -> None:
    for runner, option in (("pyocd", "target"), ("openocd", "config")):
        if runner in c.get("flash.runners"):
            c.require(
                c.get(f"flash.{runner}.{option}") is not None,
                f"flash.{runner}.{option}",
                "this field is missing",
            )


def _emulator_is_sound(c: _Checker) -> None:
    emulator = c.get("emulator")
    if not isinstance(emulator, Mapping):
        return
    for key in emulator:
        c.require(
            key in ("machine", "serial", "args"),
            f"emulator.{key}",
            "unknown field; known: machine, serial, args",
        )
    c.require(
        isinstance(emulator.get("machine"), str),
        "emulator.machine",
        "must be a machine of qemu-system-arm -M",
    )
    c.require(isinstance(emulator.get("serial", 0), int), "emulator.serial", "must be an integer")
    c.require(0 <= emulator.get("serial", 0) <= 15, "emulator.serial", "must be 0 to 15")
    args = emulator.get("args", [])
    ok = isinstance(args, list) and all(isinstance(a, str) for a in args)
    c.require(ok, "emulator.args", "must be a list of strings")


# Order matters: a check may rely on the ones before it.
CHECKS: tuple[Callable[[_Checker], None], ...] = (
    _fields_have_their_types,
    _no_unknown_fields,
    _choices_are_known,
    _features_fit_the_cpu,
    _numbers_are_in_range,
    _regions_are_sound,
    _regions_do_not_overlap,
    _stack_fits,
    _drivers_exist,
    _usb_ids_are_pairs,
    _runners_are_known,
    _runner_options_are_there,
    _emulator_is_sound,
)


def check_board(path: Path, data: Mapping[str, Any]) -> None:
    """Run all checks.

    Raises:
        UsageError: EW-BOARD-INVALID for the first rule that `data` breaks.
    """
    checker = _Checker(path, data)
    for check in CHECKS:
        check(checker)
