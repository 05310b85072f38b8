"""The example in Python of the page on quantization runs."""

from __future__ import annotations

from pathlib import Path

from edgewright.converter.importers import load_model
from edgewright.converter.lower import check_model
from tests.docs.pages import ROOT, page


def test_the_example_runs(tmp_path, capsys, monkeypatch):
    (block,) = page("docs/quantize.md").blocks("python")
    monkeypatch.chdir(ROOT)
    exec(compile(block.text.replace("build/", f"{tmp_path}/"), "quantize.md", "exec"), {})
    assert "('dw1', 'int4')" in capsys.readouterr().out
    assert check_model(load_model(Path(tmp_path) / "digits_int4.onnx")) == []
