"""Float ONNX model to trained binary ONNX model: accuracy, equality with torch, resuming, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from edgewright.converter.importers import load_model  # noqa: E402
from edgewright.errors import ModelError, UsageError, WorkError  # noqa: E402
from edgewright.quantize.binary import ALGORITHMS  # noqa: E402
from edgewright.quantize.train.binarize_model import binarize_model  # noqa: E402
from edgewright.quantize.train.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from edgewright.quantize.train.session import Control  # noqa: E402
from edgewright.quantize.train.settings import TrainSettings  # noqa: E402
from tests.quantize.train.nets import SHAPE, float_model, images  # noqa: E402

SETTINGS = TrainSettings(epochs=3, batch=32, held_back=0.2, threads=1)


@pytest.fixture(scope="module")
def trained_float(tmp_path_factory):
    return float_model(tmp_path_factory.mktemp("float"))[0]


def outputs(model: bytes, data):
    session = onnxruntime.InferenceSession(model)
    return np.concatenate([session.run(None, d)[0] for d in data])


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_learns_and_exports_what_it_learned(trained_float, name):
    data, labels = images()
    result = binarize_model(trained_float, data, labels, algorithm=name, settings=SETTINGS)
    assert [layer.name for layer in result.layers] == [
        layer.name for layer in result.layers if "layers" in layer.name
    ]
    assert len(result.layers) == 3 and len(result.history) == 3 and result.metric == "top1"
    assert result.binary_value is not None and result.binary_value > 0.8
    fresh, fresh_labels = images(60, seed=9)
    right = (outputs(result.onnx, fresh).argmax(1) == fresh_labels).mean()
    assert right > 0.8
    proto = onnx.load_from_string(result.onnx)
    calls = [n for n in proto.graph.node if n.domain == "edgewright"]
    expected = {
        "xnor_net": ["BinaryConvMean"] * 3,
        "xnor_plus_plus": ["BinaryConvSpatial"] * 2 + ["BinaryGemm"],
    }
    assert [n.op_type for n in calls] == expected.get(name, ["BinaryConv", "BinaryConv", "BinaryGemm"])
    weights = {i.name: onnx.numpy_helper.to_array(i) for i in proto.graph.initializer}
    for call in calls:
        assert set(np.unique(weights[call.input[2]])) <= {-1, 1}


def test_exported_outputs_are_those_of_the_module(trained_float, monkeypatch):
    """onnxruntime and torch agree sample by sample: folded norms, clamps and signs lose nothing."""
    from edgewright.quantize.train import binarize_model as target

    data, labels = images(120)
    wanted = []
    original = target._write_back

    def write_back(model, module, found):
        with torch.no_grad():
            wanted.append(module.eval()(torch.from_numpy(np.concatenate([d["x"] for d in data]))).numpy())
        original(model, module, found)

    monkeypatch.setattr(target, "_write_back", write_back)
    result = binarize_model(trained_float, data, labels, algorithm="react_net", settings=SETTINGS)
    found = outputs(result.onnx, data)
    # A sign decided by rounding may differ in one sample; everything else is float arithmetic.
    close = np.isclose(found, wanted[0], rtol=1e-3, atol=1e-3).all(axis=1)
    assert close.mean() > 0.97


def test_a_resumed_training_ends_like_one_that_never_stopped(trained_float, tmp_path):
    data, labels = images(120)
    whole = binarize_model(trained_float, data, labels, algorithm="fda", settings=SETTINGS)
    file = tmp_path / "checkpoint.pt"

    def stop(epoch):
        seen.append(epoch)
        if len(seen) == 2:
            raise KeyboardInterrupt

    seen: list[object] = []
    control = Control(checkpoint=file, on_epoch=stop)
    with pytest.raises(KeyboardInterrupt):
        binarize_model(trained_float, data, labels, algorithm="fda", settings=SETTINGS, control=control)
    control = Control(checkpoint=file, resume=True)
    resumed = binarize_model(trained_float, data, labels, algorithm="fda", settings=SETTINGS, control=control)
    assert resumed.onnx == whole.onnx and resumed.history == whole.history


def test_a_checkpoint_of_another_training_is_refused(trained_float, tmp_path):
    data, labels = images(64)
    file = tmp_path / "checkpoint.pt"
    control = Control(checkpoint=file)
    quick = replace(SETTINGS, epochs=1)
    binarize_model(trained_float, data, labels, algorithm="bnn", settings=quick, control=control)
    again = Control(checkpoint=file, resume=True)
    with pytest.raises(UsageError, match="algorithm") as caught:
        binarize_model(trained_float, data, labels, algorithm="recu", settings=quick, control=again)
    assert caught.value.code == "EW-TRAIN-CHECKPOINT"
    with pytest.raises(UsageError, match="rate"):
        other = replace(quick, rate=1e-4)
        binarize_model(trained_float, data, labels, algorithm="bnn", settings=other, control=again)


def test_checkpoints_run_no_code_and_damage_is_named(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (exec, ("raise SystemExit('ran')",))

    evil = tmp_path / "evil.pt"
    evil.write_bytes(pickle.dumps({"version": 1, "identity": Evil()}))
    torch.save({"version": 1, "identity": Evil()}, tmp_path / "evil_zip.pt")
    good = tmp_path / "good.pt"
    save_checkpoint(good, {"identity": {}, "values": torch.ones(100)})
    assert load_checkpoint(good, {})["values"].sum() == 100
    (tmp_path / "cut.pt").write_bytes(good.read_bytes()[:200])
    (tmp_path / "empty.pt").touch()
    for name in ("evil.pt", "evil_zip.pt", "cut.pt", "empty.pt", "missing.pt"):
        with pytest.raises(UsageError) as caught:
            load_checkpoint(tmp_path / name, {})
        assert caught.value.code == "EW-TRAIN-CHECKPOINT"


def test_without_labels_the_float_model_teaches(trained_float):
    data, labels = images()
    result = binarize_model(trained_float, data, None, algorithm="react_net", settings=SETTINGS)
    assert result.metric == "mse" and result.history[-1].train is None
    right = (outputs(result.onnx, data).argmax(1) == labels).mean()
    assert right > 0.8


def test_no_epochs_only_take_statistics(trained_float):
    data, labels = images()
    settings = replace(SETTINGS, epochs=0)
    result = binarize_model(trained_float, data, labels, algorithm="dorefa", settings=settings)
    assert result.history == [] and all(layer.flipped == 0 for layer in result.layers)
    assert outputs(result.onnx, data[:2]).std() > 0


def test_an_autoencoder_is_trained_to_its_output(tmp_path):
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(s).astype(np.float32) / 4 for s in ((16, 24), (24, 24), (24, 16))]
    net = torch.nn.Sequential()
    for w in weights:
        layer = torch.nn.Linear(*w.shape)
        layer.weight.data = torch.from_numpy(w.T.copy())
        net.extend([layer, torch.nn.ReLU()] if w.shape[1] != 16 else [layer])
    from edgewright.quantize.train.export_module import export_module

    onnx.save(export_module(net, {"x": (1, 16)}), tmp_path / "m.onnx")
    imported = load_model(tmp_path / "m.onnx")
    data = [{"x": rng.standard_normal((1, 16)).astype(np.float32)} for _ in range(200)]
    result = binarize_model(imported, data, None, algorithm="react_net", settings=replace(SETTINGS, epochs=8))
    assert result.metric == "mse" and result.history[-1].loss < 0.7 * result.history[0].loss
    with pytest.raises(UsageError) as caught:
        binarize_model(imported, data, np.zeros(200, np.int64), settings=SETTINGS)
    assert caught.value.code == "EW-TRAIN-LABELS"


def test_layers_can_be_named(trained_float):
    data, labels = images(64)
    quick = replace(SETTINGS, epochs=1)
    names = [layer.name for layer in binarize_model(trained_float, data, labels, settings=quick).layers]
    only = binarize_model(trained_float, data, labels, layers=names[1:2], settings=quick)
    assert [layer.name for layer in only.layers] == names[1:2]
    every = binarize_model(trained_float, data, labels, all_layers=True, settings=quick)
    assert len(every.layers) == len(names) + 2


def test_refusals(trained_float):
    data, labels = images(64)
    cases = [
        ("EW-BINARY-LAYER", {"layers": ["nowhere"]}, labels),
        ("EW-BINARY-ALGORITHM", {"algorithm": "binarynet"}, labels),
        ("EW-TRAIN-DEVICE", {"settings": TrainSettings(device="nowhere")}, labels),
        ("EW-LABELS-RANGE", {}, labels + 4),
    ]
    for code, options, given in cases:
        with pytest.raises((UsageError, ModelError)) as caught:
            binarize_model(trained_float, data, given, **options)
        assert caught.value.code == code and caught.value.hint
    with pytest.raises(UsageError, match="samples"):
        binarize_model(trained_float, [], None)
    with pytest.raises(UsageError) as caught:
        TrainSettings(rate=float("nan"))
    assert caught.value.code == "EW-TRAIN-SETTING"


def test_a_loss_that_is_not_finite_ends_the_training(trained_float):
    data, labels = images(64)
    broken = [{"x": np.full(SHAPE, 3e38, np.float32)} for _ in data]
    with pytest.raises(WorkError) as caught:
        binarize_model(trained_float, broken, labels, settings=replace(SETTINGS, rate=5.0))
    assert caught.value.code == "EW-TRAIN-DIVERGED" and "--rate" in caught.value.hint
