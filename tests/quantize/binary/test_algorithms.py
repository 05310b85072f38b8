"""The registry: names, and what happens without PyTorch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgewright.errors import UsageError
from edgewright.quantize.binary import ALGORITHMS, algorithm, operator_class
from edgewright.quantize.binary.torch_extra import require_torch


def test_eight_algorithms():
    expected = "bnn xnor_net dorefa bi_real xnor_plus_plus react_net recu fda"
    assert list(ALGORITHMS) == expected.split()


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="binarynet") as caught:
        algorithm("binarynet")
    assert caught.value.code == "EW-BINARY-ALGORITHM" and "react_net" in caught.value.hint


def test_without_torch_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for ask in (require_torch, lambda: operator_class("bnn")):
        with pytest.raises(UsageError) as caught:
            ask()
        assert caught.value.code == "EW-TRAIN-TORCH" and "edgewright[train]" in caught.value.hint


def test_importing_the_package_does_not_import_torch():
    code = (
        "import sys, edgewright.quantize.binary, edgewright.quantize.binary.binarize_weights\n"
        "import edgewright.quantize.binary.binarize_job, edgewright.cli.binarize\n"
        "raise SystemExit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_file_says_formula_gradient_and_paper(name):
    pytest.importorskip("torch")
    module = sys.modules[operator_class(name).__module__]
    text = module.__doc__ or ""
    assert "forward" in text and ("backward" in text or "gradient" in text) and "20" in text
