"""`edgewright quantize`, and `deploy --calibrate`: files, options, output and refusals."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from tests.cli.runner import DIGITS, SAMPLES, cli, cli_json, tree
from tests.quantize.float_models import net, run


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A float model, data for it in bytes with their specification, and labels."""
    folder = tmp_path_factory.mktemp("float")
    g, model = net("plain")
    onnx.save(ir.to_proto(model.model), folder / "net.onnx")
    raw = np.random.default_rng(0).integers(-128, 128, (40, *g.shape[1:])).astype(np.int8)
    np.save(folder / "data.npy", raw)
    (folder / "spec.toml").write_text("[values]\nscale = 0.02\nzero_point = 3\n")
    inputs = [{"x": ((r.astype(np.float32) - 3) * np.float32(0.02))[None]} for r in raw]
    np.save(folder / "labels.npy", run(model.model, inputs).reshape(40, -1).argmax(axis=1))
    return folder


def quantize(files, out, *options):
    return cli_json(
        *("quantize", files / "net.onnx", "--calibrate", files / "data.npy"),
        *("--preprocess", files / "spec.toml", "-o", out, *options),
    )


def test_a_quantized_model_is_written_and_accepted(files, tmp_path):
    result = quantize(files, tmp_path / "q.onnx")
    assert result.status == 0, result.out
    document = result.document
    assert document["samples"] == 40 and document["settings"]["ranges"] == "mse"
    assert [layer["format"] for layer in document["layers"]] == ["int8"] * 3
    assert document["weights_bytes"] == document["int8_weights_bytes"] == 216 + 576 + 160
    assert document["search"] == [] == document["sensitivity"]
    assert (
        list(tree(tmp_path)) == ["q.onnx"] and document["size_bytes"] == (tmp_path / "q.onnx").stat().st_size
    )
    assert cli_json("check", tmp_path / "q.onnx").status == 0


def test_text_output_names_the_next_step(files, tmp_path):
    out = tmp_path / "q.onnx"
    result = cli(
        *("quantize", files / "net.onnx", "--calibrate", files / "data.npy"),
        *("--preprocess", files / "spec.toml", "-o", out, "--weights", "int4"),
    )
    assert result.status == 0
    assert f"wrote     {out}" in result.out and "node_conv" in result.out and "int4" in result.out
    assert "edgewright evaluate" in result.out and str(files / "spec.toml") in result.out


def test_formats_of_layers(files, tmp_path):
    first = quantize(files, tmp_path / "q.onnx", "--weights", "int4", "--all-layers").document
    assert [layer["format"] for layer in first["layers"]] == ["int4"] * 3
    name = first["layers"][0]["name"]
    second = quantize(
        files, tmp_path / "q.onnx", "--weights", f"{name}=ternary", "--weights", "int2"
    ).document
    assert [layer["format"] for layer in second["layers"]] == ["ternary", "int2", "int8"]


def test_budget(files, tmp_path):
    document = quantize(files, tmp_path / "q.onnx", "--budget", "flash=600").document
    assert document["weights_bytes"] <= 600 < document["int8_weights_bytes"]
    assert len(document["sensitivity"]) == 3 * 5
    refused = quantize(files, tmp_path / "none.onnx", "--budget", "flash=100")
    assert refused.code == "EW-QUANT-BUDGET" and not (tmp_path / "none.onnx").exists()


def test_search(files, tmp_path):
    document = quantize(files, tmp_path / "q.onnx", "--search", "--labels", files / "labels.npy").document
    assert len(document["search"]) == 16 and document["held_back"] == 10 and document["float"]["top1"] == 1.0
    best = document["search"][0]
    assert document["settings"] | best == best | document["settings"]


def test_fewer_samples(files, tmp_path):
    assert quantize(files, tmp_path / "q.onnx", "--samples", "7").document["samples"] == 7


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--weights", "int3"), "EW-QUANT-FORMAT"),
        (("--weights", "nothing=int4"), "EW-QUANT-LAYER"),
        (("--budget", "ram=3"), "EW-SIZE-SYNTAX"),
        (("--budget", "flash=x"), "EW-SIZE-SYNTAX"),
        (("--ranges", "best"), "EW-USAGE"),
        (("--samples", "0"), "EW-USAGE"),
        (("--budget", "flash=600", "--weights", "int4"), "EW-USAGE"),
        (("--labels", "labels.npy"), "EW-USAGE"),
    ],
)
def test_options_that_make_no_sense(files, tmp_path, options, code):
    result = quantize(files, tmp_path / "q.onnx", *options)
    assert result.code == code and not tree(tmp_path)


def test_models_and_data_that_do_not_fit(files, tmp_path):
    already = cli_json("quantize", DIGITS, "--calibrate", SAMPLES, "-o", tmp_path / "q.onnx")
    assert already.code == "EW-QUANT-ALREADY" and already.status == 4
    unclear = cli_json(
        "quantize", files / "net.onnx", "--calibrate", files / "data.npy", "-o", tmp_path / "q.onnx"
    )
    assert unclear.code.startswith("EW-DATA")
    itself = quantize(files, files / "net.onnx")
    assert itself.code == "EW-FILE-SAME"
    assert quantize(files, tmp_path / "no" / "q.onnx").code == "EW-FILE-WRITE"
    assert not tree(tmp_path)


def test_a_float_model_elsewhere_names_the_command(files):
    error = cli_json("check", files / "net.onnx").document["error"]
    assert error["code"] == "EW-MODEL-FLOAT" and "edgewright quantize" in error["hint"]


def test_deploy_quantizes_on_the_way(files, tmp_path):
    out = tmp_path / "build"
    result = cli(
        *("deploy", files / "net.onnx", "-b", "mps2-an386", "-o", out, "--cases", "3"),
        *("--calibrate", files / "data.npy", "--preprocess", files / "spec.toml"),
    )
    assert result.status == 0, result.err
    assert "quantize 3 layers to int8, 40 samples" in result.out and "3 of 3 inputs equal" in result.out
    assert cli_json("check", out / "quantized.onnx").status == 0
    assert (out / "library" / "net.h").exists()


def test_preprocessing_without_data_is_refused(files, tmp_path):
    result = cli_json(
        *("deploy", files / "net.onnx", "-b", "mps2-an386", "-o", tmp_path / "b"),
        *("--preprocess", files / "spec.toml"),
    )
    assert result.code == "EW-USAGE" and not tree(tmp_path)
