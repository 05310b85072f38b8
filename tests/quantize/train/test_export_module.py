"""Torch modules as ONNX: the same outputs in onnxruntime, and what is refused by name."""

from __future__ import annotations

import onnxruntime
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edgewright.errors import ModelError  # noqa: E402
from edgewright.quantize.binary import ALGORITHMS  # noqa: E402
from edgewright.quantize.binary.layers import BinaryConv2d, BinaryLinear  # noqa: E402
from edgewright.quantize.train.export_module import export_module  # noqa: E402


class Net(nn.Module):
    """Every kind of layer and function the exporter knows, around binary layers."""

    def __init__(self, algorithm: str) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 8, 3, (1, 2), (1, 0), groups=2)
        self.norm = nn.BatchNorm2d(8)
        self.slope = nn.PReLU(8)
        one = {"algorithm": algorithm, "centred": True, "pad_value": -1.0}
        self.one = BinaryConv2d(8, 6, (3, 2), (2, 1), (1, 0, 2, 1), (2, 1), **one)
        self.norm1 = nn.BatchNorm2d(6)
        self.two = BinaryConv2d(6, 6, 3, padding=1, algorithm=algorithm)
        self.pool, self.average = nn.MaxPool2d(2, 1), nn.AvgPool2d(2, 1, 1, count_include_pad=False)
        self.clip, self.flat = nn.Hardtanh(), nn.Flatten()
        self.dense = BinaryLinear(72, 12, algorithm=algorithm)
        self.norm2 = nn.BatchNorm1d(12)
        self.last, self.drop = nn.Linear(12, 3), nn.Dropout()
        self.offset = nn.Parameter(torch.randn(1, 6, 1, 1))

    def forward(self, x):
        x = self.slope(self.norm(self.stem(x)))
        x = self.norm1(self.one(x))
        x = (x + self.two(x)) * 0.5 - self.offset
        y = torch.cat([self.pool(x), torch.relu(self.pool(x))], 1)
        z = self.average(y).mean((2, 3), keepdim=True) + self.clip(y)
        x = self.norm2(self.dense(self.flat(z.sigmoid() - 0.5)))
        return self.last(self.drop(torch.tanh(x).view(-1, 12)))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_outputs_equal_those_of_onnxruntime(name):
    torch.manual_seed(3)
    net = Net(name)
    net.train()
    with torch.no_grad():
        for _ in range(3):  # running statistics that are not those of the start
            net(torch.randn(16, 2, 7, 9))
        for p in net.parameters():
            p.add_(0.1 * torch.randn_like(p))
    net.eval()
    net(torch.randn(1, 2, 7, 9))
    model = export_module(net, {"image": (1, 2, 7, 9)})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = torch.randn(20, 2, 7, 9)
    close = 0
    for sample in x:
        found = torch.from_numpy(session.run(None, {"image": sample[None].numpy()})[0])
        close += bool(torch.allclose(found, net(sample[None]), rtol=1e-3, atol=1e-4))
    # A sum at a threshold may fall to the other side by rounding, in few samples.
    assert close >= 19
    kinds = [n.op_type for n in model.graph.node]
    # The norm behind the first binary layer, which nothing else reads, and that of the dense one are folded.
    assert kinds.count("BatchNormalization") == 1


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Several(nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    ("module", "word"),
    [
        (nn.Sequential(nn.Conv2d(1, 1, 3, padding="same")), "padded"),
        (nn.Sequential(nn.GRU(4, 4)), "traced"),
        (nn.Sequential(nn.InstanceNorm2d(1)), "InstanceNorm2d"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(2)), "averages to 2"),
        (nn.Sequential(nn.MaxPool2d(2, ceil_mode=True)), "rounds"),
        (Branching(), "traced"),
        (Several(), "one tensor"),
    ],
)
def test_what_has_no_counterpart_is_named(module, word):
    with pytest.raises(ModelError, match=word) as caught:
        export_module(module, {"x": (1, 1, 4, 4)})
    assert caught.value.code == "EW-TRAIN-MODULE" and caught.value.hint
