"""The monitor compiled for the host with sanitizers, fed with whole dialogues at once."""

from __future__ import annotations

import subprocess
from pathlib import Path

HERE = Path(__file__).parent
MONITOR = HERE.parents[1] / "firmware_templates" / "monitor"
FAKE_MODEL = HERE / "fake_model"
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")

SILENCE = b"\xfe\x01"
MARK = b"\xfe\x02"
RESET = b"\xfe\x03"
# Name of a variant -> macros of the fake model and the monitor.
VARIANTS = {
    "int8": (),
    "no_copy": ("-DEW_KEEP_INPUT=0",),
    "uint8": ("-DFAKE_UINT8=1",),
    "floats": ("-DFAKE_FLOATS=1",),
    "floats_no_copy": ("-DFAKE_FLOATS=1", "-DEW_KEEP_INPUT=0"),
    "float_output": ("-DFAKE_FLOAT_OUTPUT=1",),
    "rows": ("-DFAKE_ROWS=1",),
    "rows_floats": ("-DFAKE_ROWS=1", "-DFAKE_FLOATS=1", "-DEW_KEEP_INPUT=0"),
}


def escape(data: bytes) -> bytes:
    """Console bytes as the harness reads them."""
    return data.replace(b"\xfe", b"\xfe\x00")


class HostMonitor:
    """A compiled variant of the monitor."""

    def __init__(self, folder: Path, variant: str) -> None:
        self.folder = folder / variant
        self.folder.mkdir()
        (self.folder / "ew_board.h").write_text('#define EW_BOARD_ID "host"\n#define EW_CLOCK_HZ 25000000u\n')
        self.program = self.folder / "monitor"
        sources = [*MONITOR.glob("*.c"), *FAKE_MODEL.glob("*.c"), HERE / "host_harness.c"]
        includes = [f"-I{p}" for p in (self.folder, MONITOR, FAKE_MODEL)]
        flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", *SANITIZERS, *VARIANTS[variant]]
        subprocess.run(["cc", *flags, *includes, *sources, "-o", self.program], check=True)

    def run(self, script: bytes, timeout_s: float = 60.0) -> str:
        """What the monitor says to a script of console bytes and escapes; fails on any sanitizer report."""
        file = self.folder / "script"
        file.write_bytes(script)
        done = subprocess.run([self.program, file], capture_output=True, timeout=timeout_s, check=False)
        assert done.returncode == 0, f"status {done.returncode}: {done.stderr.decode()[-3000:]}"
        return done.stdout.decode("ascii")

    def ask(self, *commands: bytes) -> list[list[str]]:
        """Reply lines, m-ready apart, to each command (or command and raw bytes) after a start."""
        script = b"".join(MARK + escape(c if b"%" in c else c + b"%") for c in commands)
        replies = self.run(script).split("--\n")[1:]
        lines = [r.split("\r\n") for r in replies]
        assert all(line[-2:] == ["m-ready", ""] for line in lines), lines
        return [line[:-2] for line in lines]
