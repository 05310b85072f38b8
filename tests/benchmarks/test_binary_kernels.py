"""The binary benchmark: a small run on an emulated board, and its judgement."""

from __future__ import annotations

import json

import pytest

from benchmarks import binary_kernels
from benchmarks.binary_kernels import CONV, DOT, figures_of, host_figures
from tests.runtime.bare_metal import needs

TINY = "conv 3x3 4x4x32 to 32"
RUN = {"instructions": 250, "cycles": 300, "weights_bytes": 100, "equal": True}
INT8 = RUN | {"instructions": 1000, "cycles": 1350, "weights_bytes": 800}
LAYER = {"macs": 1000, "signs": RUN, "to_int8": RUN, "int8": INT8}


def judged(name, **changes):
    layer = LAYER | {key: LAYER[key] | change for key, change in changes.items()}
    return [f.row for f in figures_of("m4", {name: layer}) if not f.ok]


@pytest.mark.parametrize(
    "name, changes, missed",
    [
        (DOT, {}, []),
        (DOT, {"signs": {"instructions": 361}}, ["instructions a MAC"]),
        (CONV, {}, []),
        (CONV, {"signs": {"cycles": 338}}, ["times faster than int8"]),
        (CONV, {"signs": {"weights_bytes": 101}}, ["weight bytes of those of int8"]),
        (CONV, {"to_int8": {"equal": False}}, ["outputs that differ from golden"]),
        # Promised of two layers of one core only.
        (TINY, {"signs": {"instructions": 900, "cycles": 1300, "weights_bytes": 700}}, []),
    ],
)
def test_a_missed_limit_is_noticed(name, changes, missed):
    assert judged(name, **changes) == [f"{name}: {row}" for row in missed]


def test_a_host_that_differs_is_noticed():
    rates = {"binary": 2e12, "int8": 1e10, "equal": 1.0}
    assert all(f.ok for f in host_figures(rates))
    assert [f.ok for f in host_figures(rates | {"equal": 0.0})].count(False) == 1


def test_a_small_run(tmp_path, monkeypatch, capsys):
    needs("qemu-system-arm", "arm-none-eabi-gcc")
    monkeypatch.setattr(binary_kernels, "LAYERS", {"m4": (TINY,)})
    monkeypatch.setattr(binary_kernels, "SHAPES", {TINY: ((4, 4, 32), 32, 3)})
    out = tmp_path / "new" / "binary.json"
    assert binary_kernels.main(["--no-host", "--out", str(out)]) == 0
    document = json.loads(out.read_text())
    assert document["schema_version"] == 1 and document["ok"] and document["host"] is None
    layer = document["result"]["m4"][TINY]
    assert all(layer[key]["equal"] for key in ("signs", "to_int8", "int8"))
    assert layer["macs"] == 4 * 4 * 32 * 9 * 32
    assert layer["signs"]["weights_bytes"] * 8 == layer["int8"]["weights_bytes"]
    assert TINY in capsys.readouterr().out


def test_an_unwritable_file(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert binary_kernels.main(["--out", str(tmp_path / "file" / "x.json")]) == 2
    assert "EW-OUT-WRITE" in capsys.readouterr().err
