"""Train the example model: a small CNN for scikit-learn's handwritten digits, as ONNX.

Writes beside this file `digits_float.onnx` (as trained), `digits_int8.onnx` (QDQ, int8 weights per
channel, float32 image in, float32 scores out), `samples.npz` (32 held-out images with their labels),
`calibration.npz` (100 of the images it was trained on) and `test.npz` (all held-out images with their
labels). The result is the same on every run with the same package versions.

    pip install "edgewright[train]"      # torch and scikit-learn; training takes a few seconds
    python examples/digits/train.py
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

Array = npt.NDArray[Any]

SEED = 1
EPOCHS = 40
BATCH = 64
OPSET = 21
SAMPLES = 32
CALIBRATION_IMAGES = 256
CALIBRATION_SAMPLES = 100
LEAST_ACCURACY = 0.97


class DigitsNet(nn.Module):
    """8x8 grey image -> 10 scores: a convolution, two depthwise separable blocks (the second with a
    residual connection), global average pooling and a fully connected layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv(1, 24)
        self.dw1 = _conv(24, 24, stride=2, groups=24)
        self.pw1 = _conv(24, 64, kernel=1)
        self.dw2 = _conv(64, 64, groups=64)
        self.pw2 = _conv(64, 64, kernel=1)
        self.fc = nn.Linear(64, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Scores [N, 10] of images [N, 1, 8, 8] in 0..1."""
        x = torch.relu(self.conv1(image))
        x = torch.relu(self.dw1(x))
        x = torch.relu(self.pw1(x))
        y = torch.relu(self.dw2(x))
        x = torch.relu(x + self.pw2(y))
        scores: torch.Tensor = self.fc(x.mean(dim=(2, 3)))
        return scores


def _conv(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


def load_data() -> tuple[Array, Array, Array, Array]:
    """Training and held-out images (float32 [N, 1, 8, 8], 0..1) and labels (int64 [N])."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    train, test, train_labels, test_labels = train_test_split(
        images, digits.target, test_size=0.2, random_state=SEED, stratify=digits.target
    )
    return train, test, train_labels.astype(np.int64), test_labels.astype(np.int64)


def train_model(images: Array, labels: Array) -> DigitsNet:
    """Train from scratch; the images are small and centred, so they are taken as they are."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)
    net = DigitsNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-2)
    steps = EPOCHS * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=8e-3, total_steps=steps)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(x), generator=generator).split(BATCH):
            loss = nn.functional.cross_entropy(net(x[chosen]), y[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def to_onnx(net: DigitsNet) -> onnx.ModelProto:
    """The trained network with batch normalization folded into the convolutions, one image at a time."""
    nodes: list[onnx.NodeProto] = []
    weights: dict[str, Array] = {}

    def conv(name: str, source: str) -> str:
        layer: nn.Sequential = getattr(net, name)
        weights[f"{name}_weight"], weights[f"{name}_bias"] = _fold(layer)
        pad, stride = layer[0].padding[0], layer[0].stride[0]
        nodes.append(
            helper.make_node(
                "Conv",
                [source, f"{name}_weight", f"{name}_bias"],
                [name],
                name,
                pads=[pad] * 4,
                strides=[stride] * 2,
                group=layer[0].groups,
                kernel_shape=list(layer[0].kernel_size),
            )
        )
        return name

    def op(kind: str, inputs: list[str], name: str, **attributes: int) -> str:
        nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def conv_relu(name: str, source: str) -> str:
        return op("Relu", [conv(name, source)], f"{name}_relu")

    x = conv_relu("pw1", conv_relu("dw1", conv_relu("conv1", "image")))
    y = conv("pw2", conv_relu("dw2", x))
    x = op("Relu", [op("Add", [x, y], "add")], "add_relu")
    x = op("Flatten", [op("GlobalAveragePool", [x], "pool")], "flatten")
    weights["fc_weight"], weights["fc_bias"] = (p.detach().numpy() for p in net.fc.parameters())
    nodes.append(helper.make_node("Gemm", [x, "fc_weight", "fc_bias"], ["scores"], "fc", transB=1))
    return _model(nodes, weights)


def _fold(layer: nn.Sequential) -> tuple[Array, Array]:
    """Weights and bias of a convolution followed by batch normalization."""
    conv, norm = layer[0], layer[1]
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = conv.weight * factor[:, None, None, None]
    return weight.detach().numpy(), (norm.bias - norm.running_mean * factor).detach().numpy()


def _model(nodes: list[onnx.NodeProto], weights: Mapping[str, Array]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


class _Images(CalibrationDataReader):
    def __init__(self, images: Array) -> None:
        self.rest: Iterator[Array] = iter(images[:, None])

    def get_next(self) -> dict[str, Array] | None:
        image = next(self.rest, None)
        return None if image is None else {"image": image}


def quantize(model: onnx.ModelProto, images: Array, target: Path) -> None:
    """Write the int8 QDQ model, its ranges measured on the images."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "digits_float.onnx")
        onnx.save(model, source)
        quantize_static(
            source,
            target,
            _Images(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    quantized = onnx.load(target)
    quantized.producer_name = "edgewright examples/digits/train.py"
    onnx.checker.check_model(quantized, full_check=True)
    onnx.save(quantized, target)


def accuracy(model: bytes, images: Array, labels: Array) -> float:
    """Share of images whose highest score is their label's."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    scores = np.concatenate([session.run(["scores"], {"image": i[None]})[0] for i in images])
    return float((scores.argmax(axis=1) == labels).mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    folder: Path = parser.parse_args().out
    train, test, train_labels, test_labels = load_data()
    net = train_model(train, train_labels)
    model = to_onnx(net)
    target = folder / "digits_int8.onnx"
    quantize(model, train[:CALIBRATION_IMAGES], target)
    onnx.save(model, folder / "digits_float.onnx")
    np.savez_compressed(folder / "samples.npz", image=test[:SAMPLES], label=test_labels[:SAMPLES])
    np.savez_compressed(folder / "calibration.npz", image=train[:CALIBRATION_SAMPLES])
    np.savez_compressed(folder / "test.npz", image=test, label=test_labels)
    score = accuracy(target.read_bytes(), test, test_labels)
    print(f"held-out images     {len(test)}")
    print(f"accuracy float32    {accuracy(model.SerializeToString(), test, test_labels):.2%}")
    print(f"accuracy int8       {score:.2%}")
    print(f"{target.name}    {target.stat().st_size:,} bytes")
    return 0 if score >= LEAST_ACCURACY else 1


if __name__ == "__main__":
    raise SystemExit(main())
