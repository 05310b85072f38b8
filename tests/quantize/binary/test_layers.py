"""Binary layers in torch: what they compute, and what they deploy as."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from edgewright.errors import UsageError  # noqa: E402
from edgewright.quantize.binary import ALGORITHMS  # noqa: E402
from edgewright.quantize.binary.layers import BinaryConv2d, BinaryLinear, ShiftNorm, binary_layers  # noqa: E402


def test_a_norm_before_the_sign_is_a_shift():
    torch.manual_seed(0)
    norm = ShiftNorm(5)
    norm.train()
    for _ in range(30):
        norm(3 + 2 * torch.randn(64, 5, 4, 4))
    with torch.no_grad():
        norm.beta.copy_(torch.randn(5))
    norm.eval()
    x, behind = 3 + 2 * torch.randn(500, 5, 1, 1), torch.randn(5)
    wanted = norm(x) + behind.view(1, 5, 1, 1) >= 0
    shift = norm.shift(behind).detach().view(1, 5, 1, 1)
    assert ((x + shift >= 0) == wanted).float().mean() > 0.999


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("pad_value", [0.0, 1.0, -1.0])
def test_deployed_parameters_give_the_layers_output(name, pad_value):
    torch.manual_seed(0)
    options = {"algorithm": name, "pad_value": pad_value, "centred": True}
    layer = BinaryConv2d(4, 6, (3, 2), (2, 1), (1, 0, 2, 1), (1, 2), **options)
    layer.train()
    layer(torch.randn(32, 4, 7, 8) + 0.5)
    layer.eval()
    x = torch.randn(3, 4, 7, 8) + 0.5
    y = layer(x)
    found = layer.deployed()
    signs = torch.where(x + torch.tensor(found.shift).view(1, -1, 1, 1) >= 0, 1.0, -1.0)
    padded = functional.pad(signs, (0, 1, 1, 2), value=pad_value)
    sums = functional.conv2d(padded, torch.tensor(found.weights).float(), None, (2, 1), 0, (1, 2))
    wanted = sums * torch.tensor(found.scale).view(1, -1, 1, 1) + torch.tensor(found.bias).view(1, -1, 1, 1)
    if found.image_mean:
        wanted = wanted * x.abs().mean((1, 2, 3), keepdim=True)
    if found.spatial is not None:
        wanted = wanted * torch.tensor(found.spatial)
    torch.testing.assert_close(y.detach(), wanted, rtol=1e-4, atol=1e-4)


def test_a_batch_norm_behind_folds_into_scale_and_bias():
    layer = BinaryLinear(9, 5, algorithm="dorefa")
    norm = nn.BatchNorm1d(5)
    factor, addend = np.array([2, -1, 0.5, 3, 0], np.float32), np.arange(5, dtype=np.float32)
    plain = layer.deployed()
    folded = plain.behind(factor, addend)
    np.testing.assert_allclose(folded.scale, plain.scale * factor)
    np.testing.assert_allclose(folded.bias, plain.bias * factor + addend)
    assert norm is not None and folded.function == "BinaryGemm"


def test_layers_are_found_by_name():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), BinaryConv2d(2, 3, 1, algorithm="bnn"), nn.Flatten())
    assert list(binary_layers(net)) == ["1"]
    with pytest.raises(UsageError):
        BinaryConv2d(2, 3, 1, algorithm="binarynet")
