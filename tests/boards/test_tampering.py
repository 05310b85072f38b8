"""A device that computes something else than its reference is found out, and the layer is named."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.boards.tampering import flip_weight_in_firmware, flip_weight_in_program
from tests.cli.runner import DIGITS, SAMPLES, cli, cli_json

LAYER_NAMES = ["image_QuantizeLinear", "conv1", "dw1", "pw1", "dw2", "pw2", "add", "pool", "fc"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("tampering") / "build"
    assert cli("build", DIGITS, "-b", "mps2-an386", "-o", out).status == 0
    return out


@pytest.fixture
def copy(built, tmp_path):
    return shutil.copytree(built, tmp_path / "copy")


def verify_layers(folder):
    result = cli_json("verify", folder, "--inputs", SAMPLES, "--cases", 4, "--layers")
    return result.status, result.document


def test_untouched(built):
    status, document = verify_layers(built)
    assert status == 0 and document["verify"]["first_bad_layer"] is None
    assert cli("verify", built, "--cases", 3).out.startswith(
        "3 of 3 inputs equal to the reference, bit for bit"
    )


@pytest.mark.parametrize("layer", ["conv1", "dw2", "pw2", "fc"])
def test_a_weight_of_the_firmware(copy, layer):
    flip_weight_in_firmware(copy, LAYER_NAMES.index(layer), "digits_int8")
    status, document = verify_layers(copy)
    assert (status, document["error"]["code"]) == (1, "EW-VERIFY-MISMATCH")
    assert f", {layer}[" in document["verify"]["first_bad_layer"]
    assert document["verify"]["bad_cases"] >= 1 and not document["verify"]["ok"]


@pytest.mark.parametrize("layer", ["dw1", "pw1"])
def test_a_weight_of_the_reference(copy, layer):
    flip_weight_in_program(copy, layer)
    status, document = verify_layers(copy)
    assert (status, document["error"]["code"]) == (1, "EW-VERIFY-MISMATCH")
    assert f", {layer}[" in document["verify"]["first_bad_layer"]


def test_outputs_alone_tell(copy):
    flip_weight_in_firmware(copy, LAYER_NAMES.index("fc"), "digits_int8")
    result = cli("verify", copy, "--inputs", SAMPLES, "--cases", 4)
    assert result.status == 1
    assert re.match(r"\d of 4 inputs differ: .*; first: case \d, scores\[0, \d\]: device ", result.out)
    assert result.err.startswith("EW-VERIFY-MISMATCH  ") and f"verify {copy} --layers" in result.err
    again = cli_json("verify", copy, "--inputs", SAMPLES, "--cases", 4).document["verify"]
    assert again["mismatches"] >= again["bad_cases"] >= 1 and again["first_bad_layer"] is None


def test_firmware_of_another_model(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["model"]["sha256"] = "5a" * 32
    (copy / "manifest.json").write_text(json.dumps(manifest))
    for command in ("verify", "run", "bench"):
        result = cli_json(command, copy)
        assert (result.status, result.code) == (3, "EW-DEV-MODEL"), command
        error = result.document["error"]
        assert error["build_sha256"] == "5a" * 32 != error["device_sha256"] and error["hint"]


def test_firmware_that_is_no_firmware(copy):
    (copy / "firmware" / "firmware.elf").write_bytes(b"\x7fELF" + bytes(100))
    result = cli_json("verify", copy)
    assert result.status == 3 and result.code.startswith("EW-EMU-")
    (copy / "firmware" / "firmware.elf").unlink()
    assert cli_json("verify", copy).status in (2, 3)


def test_a_reference_of_another_program(copy, tmp_path):
    (copy / "program" / "arrays.npz").write_bytes(b"PK not an archive")
    result = cli_json("verify", copy)
    assert result.status == 4 and result.code != "EW-INTERNAL"
    shutil.rmtree(copy / "program")
    assert cli_json("verify", copy).status in (2, 4)
