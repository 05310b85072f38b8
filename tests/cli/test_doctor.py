"""`edgewright doctor` with tools that are there, missing, broken or of the wrong version."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from edgewright.cli import run
from edgewright.runtime import doctor

GOOD = {
    "arm-none-eabi-gcc": 'arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205\nnewlib_version "3.3.0"',
    "qemu-system-arm": "QEMU emulator version 7.2.9 (Debian 1:7.2+dfsg-7)\n-plugin [file=]<file>",
    "cc": "cc (Debian 12.2.0-14) 12.2.0",
    "gdb-multiarch": "GNU gdb (Debian 13.1-3) 13.1",
    "openocd": "Open On-Chip Debugger 0.12.0",
    "pyocd": "0.36.0",
}


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Programs that print a text, alone on PATH; returns a function to write one."""

    def write(name: str, text: str, status: int = 0) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{text}\nEND\nexit {status}\n")
        path.chmod(0o755)

    for name, text in GOOD.items():
        write(name, text)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: ["numpy>=1.26"])
    return write


def findings(capsys, expected_status):
    assert run(["doctor", "--json"]) == expected_status
    document = json.loads(capsys.readouterr().out)
    return {f["name"]: f for f in document["findings"]}, document


def test_all_there(capsys, tools):
    found, document = findings(capsys, 0)
    assert document["status"] == "ok"
    assert all(f["status"] == "ok" for f in found.values())
    versions = {name: f["version"] for name, f in found.items()}
    assert versions["arm-none-eabi-gcc"] == "12.2.1"
    assert versions["newlib"] == "3.3.0"
    assert versions["qemu-system-arm"] == "7.2.9"
    assert versions["gdb-multiarch"] == "13.1"
    assert versions["numpy"] == np.__version__


def test_missing_tool_says_what_to_install(capsys, tools, tmp_path):
    (tmp_path / "qemu-system-arm").unlink()
    found, document = findings(capsys, 3)
    assert found["qemu-system-arm"]["status"] == "missing"
    assert found["qemu-system-arm"]["install"] == "apt install qemu-system-arm"
    assert document["error"]["code"] == "EW-DOCTOR-MISSING"
    assert "qemu-system-arm" in document["error"]["missing"]
    assert run(["doctor"]) == 3
    captured = capsys.readouterr()
    assert "apt install qemu-system-arm" in captured.out
    assert captured.err.startswith("EW-DOCTOR-MISSING")


def test_optional_tool_is_no_failure(capsys, tools, tmp_path):
    (tmp_path / "openocd").unlink()
    found, _ = findings(capsys, 0)
    assert found["openocd"]["status"] == "missing" and not found["openocd"]["required"]
    assert run(["doctor"]) == 0
    assert "optional" in capsys.readouterr().out


def test_broken_tools(capsys, tools):
    tools("arm-none-eabi-gcc", "fatal error: string.h: No such file or directory", status=1)
    tools("qemu-system-arm", "QEMU emulator version 7.2.9")  # without -plugin
    found, _ = findings(capsys, 3)
    assert found["arm-none-eabi-gcc"]["status"] == found["newlib"]["status"] == "broken"
    assert (found["qemu-system-arm"]["status"], found["qemu plugins"]["status"]) == ("ok", "broken")


def test_a_tool_that_hangs_is_broken(capsys, tools, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "PROBE_TIMEOUT_S", 0.3)
    (tmp_path / "pyocd").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    found, _ = findings(capsys, 0)
    assert found["pyocd"]["status"] == "broken"


def test_python_packages():
    lines = [
        "numpy>=1.26",
        "pytest==0.0.1",
        f"onnx=={__import__('onnx').__version__}",
        "no-such-package>=2",
        'ruff>=0.8; extra == "dev"',
    ]
    found = {f.name: f for f in doctor.python_packages(lines)}
    assert list(found) == ["numpy", "pytest", "onnx", "no-such-package"]
    assert [f.status for f in found.values()] == ["ok", "broken", "ok", "missing"]
    assert found["pytest"].install == 'pip install "pytest==0.0.1"'
    assert found["no-such-package"].install == 'pip install "no-such-package>=2"'


def test_this_machine_has_what_the_tests_need():
    missing = [f for f in doctor.examine() if f.group == "program" and f.required and f.status != "ok"]
    assert not missing, f"PATH is {os.environ['PATH']}, cwd {Path.cwd()}"
