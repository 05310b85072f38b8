"""Accuracy of a program: on the host, on a device, and where it breaks off."""

import json

import numpy as np
import pytest

from edgewright.errors import DeviceError, ModelError, UsageError
from edgewright.quantize.data import load_dataset
from edgewright.runtime import evaluate as module
from edgewright.runtime.command_link import Timeouts
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.transport import SerialTransport
from edgewright.runtime.evaluate import EvaluationJob, evaluate
from edgewright.runtime.evaluate_program import FloatReference, evaluate_program
from edgewright.runtime.report.accuracy import accuracy_page, accuracy_section, write_accuracy
from edgewright.runtime.report.accuracy_text import accuracy_text
from tests.quantize.float_pair import float_model, parts, quantized_model
from tests.quantize.float_pair import samples as pair_samples
from tests.runtime.simulated_device import Faults, simulated
from tests.runtime.tiny_program import Q, tiny_program

SHAPE = (1, 2, 3, 4)


def integers(count=8, low=-128, high=115, seed=0):
    """Inputs that x + 12 does not wrap."""
    return np.random.default_rng(seed).integers(low, high, (count, *SHAPE[1:]), np.int8, endpoint=True)


def dataset(tmp_path, raw):
    np.save(tmp_path / "d.npy", (raw.astype(np.float32) - Q.zero_point) * Q.scale)
    return load_dataset(tmp_path / "d.npy", {"x": SHAPE})


def labels_of(raw):
    return raw.reshape(len(raw), -1).argmax(1)


def test_program_on_the_host(tmp_path):
    raw = integers()
    told = []
    report = evaluate_program(
        tiny_program(), dataset(tmp_path, raw), labels_of(raw), tiny_program().run, on="host",
        progress=lambda *count: told.append(count),
    )  # fmt: skip
    assert (report.quantized.top1, report.quantized.samples, report.on) == (1.0, 8, "host")
    assert told == [(i + 1, 8) for i in range(8)] and report.notes == ()
    wrong = (labels_of(raw) + 1) % 24
    report = evaluate_program(tiny_program(), dataset(tmp_path, raw), wrong, tiny_program().run, on="host")
    assert report.quantized.top1 == 0.0


def test_outputs_are_compared_as_real_numbers(tmp_path):
    """The program adds 12 steps of 0.5: 6 everywhere."""
    raw = integers()
    data = dataset(tmp_path, raw)

    class Same:
        def __call__(self, sample):
            return sample["x"]

    report = evaluate_program(tiny_program(), data, None, tiny_program().run, on="host", reference=Same())
    assert report.quantized.mse == pytest.approx(36.0)
    assert report.reference.samples == 8 and report.quantized.top1 is None


def test_values_outside_the_input_are_noted(tmp_path):
    raw = integers(low=100)
    np.save(tmp_path / "d.npy", raw.astype(np.float32) * 10)
    data = load_dataset(tmp_path / "d.npy", {"x": SHAPE})
    report = evaluate_program(tiny_program(), data, None, tiny_program().run, on="host")
    assert len(report.notes) == 1 and "100.0 %" in report.notes[0] and "-62.5 .. 65" in report.notes[0]


def job_of(tmp_path, raw, **options):
    """A job on the folder of a build that `module.open_build` is made to know."""
    np.save(tmp_path / "d.npy", raw)  # the integers themselves: the build takes them
    np.save(tmp_path / "l.npy", labels_of(raw))
    return EvaluationJob(tmp_path, str(tmp_path / "d.npy"), **({"labels": str(tmp_path / "l.npy")} | options))


@pytest.fixture
def build(monkeypatch):
    """The build is that of the tiny program."""
    monkeypatch.setattr(module, "open_build", lambda path: _Build())


def test_device(tmp_path, build, monkeypatch):
    with simulated(tiny_program(), Faults()) as sim:
        job = job_of(tmp_path, integers(), on="serial", port=sim.port)
        report = _on_simulated(monkeypatch, sim, job)
        assert (report.on, report.quantized.top1, report.quantized.samples) == ("serial", 1.0, 8)
        limited = job_of(tmp_path, integers(), on="serial", port=sim.port, limit=3)
        assert _on_simulated(monkeypatch, sim, limited).quantized.samples == 3


def test_a_device_that_refuses(tmp_path, build, monkeypatch):
    with simulated(tiny_program(), Faults(replies={"ew output": b"e-[no]\r\n"})) as sim:
        job = job_of(tmp_path, integers(), port=sim.port)
        with pytest.raises(DeviceError) as caught:
            _on_simulated(monkeypatch, sim, job)
    assert caught.value.code.startswith("EW-DEV-") and "after 0 of 8 samples" in caught.value.message


class _Build:
    def program(self):
        return tiny_program()


def _on_simulated(monkeypatch, sim, job):
    def opened(build, port, notify=None):
        return Device(SerialTransport(sim.port, 115_200), Timeouts(line_s=0.2))

    monkeypatch.setattr(module, "open_device", opened)
    return evaluate(job)


def test_a_device_that_fails_in_the_middle(tmp_path):
    raw = integers()
    calls = []

    def infer(case):
        calls.append(case)
        if len(calls) == 4:
            raise DeviceError("EW-DEV-LOST", "the port is gone", "plug it in", port="/dev/x")
        return tiny_program().run(case)

    with pytest.raises(DeviceError) as caught:
        evaluate_program(tiny_program(), dataset(tmp_path, raw), labels_of(raw), infer, on="serial")
    assert (caught.value.code, caught.value.hint) == ("EW-DEV-LOST", "plug it in")
    assert "after 3 of 8 samples" in caught.value.message
    assert caught.value.details == {"port": "/dev/x", "samples_done": 3, "samples": 8}


def refused(code, job):
    with pytest.raises((UsageError, ModelError)) as caught:
        evaluate(job)
    assert caught.value.code == code, caught.value
    return caught.value


def test_refused(tmp_path, build):
    raw = integers()
    refused("EW-EVAL-NOTHING", job_of(tmp_path, raw, labels=None))
    refused("EW-LABELS-FILE", job_of(tmp_path, raw, on="host", labels=str(tmp_path / "none.npy")))
    job = job_of(tmp_path, raw, on="host")
    np.save(tmp_path / "l.npy", np.arange(8) + 20)
    assert "label 24 of sample 4" in refused("EW-LABELS-RANGE", job).message
    np.save(tmp_path / "d.npy", np.zeros((8, 5), np.int8))
    refused("EW-DATA-SHAPE", job)
    np.save(tmp_path / "d.npy", raw.view(np.uint8))
    refused("EW-DATA-DTYPE", job)


def test_the_float_model_has_to_fit(tmp_path):
    import onnx

    onnx.save(float_model(parts()), tmp_path / "f.onnx")
    with pytest.raises(ModelError) as caught:
        FloatReference(tmp_path / "f.onnx", tiny_program())
    assert caught.value.code == "EW-EVAL-MODELS" and "x [1, 4, 6, 6]" in caught.value.message


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A float model, its quantized model and data."""
    import onnx

    folder = tmp_path_factory.mktemp("pair")
    p = parts(t1_scale=0.004)
    onnx.save(float_model(p), folder / "f.onnx")
    onnx.save(quantized_model(p), folder / "q.onnx")
    np.savez(folder / "d.npz", x=np.concatenate([s["x"] for s in pair_samples(10)]), label=np.arange(10) % 5)
    return folder


def test_model_files_and_the_reports(files, tmp_path):
    data = str(files / "d.npz")
    job = EvaluationJob(files / "q.onnx", data, f"{data}:label", float_model=files / "f.onnx")
    report = evaluate(job)
    assert (report.model, report.on, report.quantized.samples) == ("q.onnx", "onnxruntime", 10)
    text = accuracy_text(report)
    assert "worst layers" in text and "conv1" in text and "top-1" in text
    written = write_accuracy(tmp_path / "report", report)
    assert sorted(p.name for p in (tmp_path / "report").iterdir()) == ["accuracy.html", "accuracy.json"]
    saved = json.loads(written[0].read_text())
    assert saved["schema_version"] == 1 and saved["samples"] == 10
    assert [layer["name"] for layer in saved["layers"]] == ["x", "conv1", "conv2"]
    assert saved["layers"][1]["cause"] == "clipping"
    page = accuracy_page(report)
    assert page.count("<svg") == 1 and "conv1" in page and "lie outside the range" in page
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org/", "")
    assert str(accuracy_section(report)) in page
    # Written again, byte for byte the same.
    assert accuracy_page(report) == page


def test_reports_of_a_device_have_no_layers(tmp_path):
    raw = integers()
    report = evaluate_program(
        tiny_program(), dataset(tmp_path, raw), labels_of(raw), tiny_program().run, on="host"
    )
    assert "<svg" not in accuracy_page(report)
    assert (
        accuracy_text(report).splitlines()[0] == "tiny on this machine (the exact integer program), 8 samples"
    )


def test_names_from_models_are_no_markup(files, tmp_path):
    import onnx

    model = onnx.load(files / "q.onnx")
    model.graph.node[-3].name = "<script>alert(1)</script>"
    onnx.save(model, tmp_path / "q.onnx")
    job = EvaluationJob(tmp_path / "q.onnx", str(files / "d.npz"), float_model=files / "f.onnx")
    assert "<script" not in accuracy_page(evaluate(job))
