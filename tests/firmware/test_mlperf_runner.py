"""The dialogue of mlcommons' runner (tiny 1afd2c98, benchmark/runner) with an emulated board.

Its rules, as its sources have them: a reader thread takes lines apart at LF and drops CR and NUL; a
reply ends with the first line that contains "m-ready"; 5 seconds a line, 30 for `infer`; 31 bytes a
`db` command; names, models and results are matched by regular expressions from the line's start.
docs/mlperf_tiny.md says how to run the real one.
"""

from __future__ import annotations

import random
import re
import threading
from queue import Empty, Queue

import numpy as np
import pytest
import serial

from edgewright.targets.board import load_board
from tests.firmware.console import Console
from tests.firmware.test_monitor_protocol import model

BYTES_PER_COMMAND = 31
LINE_TIMEOUT_S = 5.0
INFER_TIMEOUT_S = 30.0


class Runner:
    """The runner's view of a device."""

    def __init__(self, device: str) -> None:
        self.port = serial.Serial(device, 115200, timeout=0.1)
        self.lines: Queue[str] = Queue()
        self.running = True
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        message = ""
        while self.running:
            char = self.port.read(1).decode()
            if char and char not in "\n\r\0":
                message += char
            elif char == "\n":
                self.lines.put(message)
                message = ""

    def close(self) -> None:
        self.running = False
        self.thread.join()
        self.port.close()

    def command(self, text: str, timeout_s: float = LINE_TIMEOUT_S) -> list[str]:
        self.port.write(f"{text}%".encode())
        lines = []
        while True:
            try:
                line = self.lines.get(timeout=timeout_s)
            except Empty:
                raise RuntimeError(f"No response to command {text}") from None
            if line:
                lines.append(line)
            if "m-ready" in line:
                return lines

    def find(self, command: str, pattern: str) -> str:
        for _ in range(3):
            for line in self.command(command):
                if match := re.match(pattern, line):
                    return match[1]
        raise AssertionError(f"{command} never answered {pattern}")

    def load(self, data: bytes) -> list[str]:
        self.command(f"db load {len(data)}")
        reply: list[str] = []
        for i in range(0, len(data), BYTES_PER_COMMAND):
            reply = self.command(f"db {data[i : i + BYTES_PER_COMMAND].hex()}")
        return reply

    def infer(self, iterations: int, warmups: int) -> dict[str, object]:
        result: dict[str, object] = {}
        for line in self.command(f"infer {iterations} {warmups}", INFER_TIMEOUT_S):
            if match := re.match(r"^m-results-\[([^]]+)\]$", line):
                result["results"] = [float(x) for x in match[1].split(",") if x.strip()]
            elif match := re.match(r"^m-lap-us-([0-9]+)$", line):
                result["end" if "start" in result else "start"] = int(match[1])
        return result


@pytest.fixture(params=["mps2-an386", "microbit"])
def runner(request, fake_firmware):
    with Console(load_board(request.param), fake_firmware(request.param).elf) as console:
        console.port.close()
        device = Runner(console.qemu.console)
        yield device
        device.close()


def test_accuracy_mode(runner):
    assert runner.find("name", r"^m-name-dut-\[([^]]+)]$") == "edgewright"
    assert runner.find("profile", r"^m-model-\[([^]]+)]$") == "kws01"
    rng = random.Random(11)
    for _ in range(12):
        data = rng.randbytes(8)
        assert "m-load-done" in runner.load(data)
        result = runner.infer(1, 0)
        outputs = np.frombuffer(model(data), np.int8).astype(int)
        assert result["results"] == [float(f"{(q + 128) / 256:.3f}") for q in outputs]


def test_performance_mode(runner):
    """Five loops, the input loaded once before the warm-up of each."""
    for loop in range(5):
        runner.load(bytes([loop] * 8))
        result = runner.infer(70, 10)
        assert result["end"] > result["start"]
        assert len(result["results"]) == 4
