"""The eight algorithms: forward values, gradients against their formulas, scales."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edgewright.quantize.binary import ALGORITHMS, operator_class  # noqa: E402
from edgewright.quantize.binary.bi_real import quadratic_sign  # noqa: E402
from edgewright.quantize.binary.bnn import clipped_sign  # noqa: E402
from edgewright.quantize.binary.fda import OMEGA, FdaOperator, fourier_gradient, fourier_sign  # noqa: E402
from edgewright.quantize.binary.operator import mean_magnitude  # noqa: E402
from edgewright.quantize.binary.recu import (  # noqa: E402
    RecuOperator,
    identity_sign,
    rectified_clamp,
    tau_at,
)
from edgewright.quantize.binary.xnor_net import image_scale  # noqa: E402

POINTS = [-3.0, -1.0001, -1.0, -0.75, -0.2, -0.0, 0.0, 0.2, 0.5, 0.999, 1.0, 1.0001, 4.0]


def gradient_of(function, values):
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    function(x).sum().backward()
    return x.grad.tolist()


def fourier(x: float, terms: int) -> float:
    if abs(x) > 1:
        return 0.0
    return 4 * OMEGA / math.pi * sum(math.cos((2 * i + 1) * OMEGA * x) for i in range(terms + 1))


FORMULAS = {
    "clipped": (clipped_sign, lambda x: float(abs(x) <= 1)),
    "quadratic": (quadratic_sign, lambda x: 2 + 2 * x if -1 <= x < 0 else 2 - 2 * x if 0 <= x < 1 else 0.0),
    "identity": (identity_sign, lambda x: 1.0),
    "fourier 9": (lambda x: fourier_sign(x, 9), lambda x: fourier(x, 9)),
    "fourier 18": (lambda x: fourier_sign(x, 18), lambda x: fourier(x, 18)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_signs_and_gradients_are_those_of_the_formula(name):
    function, derivative = FORMULAS[name]
    assert function(torch.tensor(POINTS)).tolist() == [1.0 if p >= 0 else -1.0 for p in POINTS]
    assert gradient_of(function, POINTS) == pytest.approx([derivative(p) for p in POINTS], abs=1e-9)


def test_the_fourier_gradient_is_the_derivative_of_the_series():
    """The series is 4/pi sum sin((2i+1) omega x) / (2i+1): its numeric derivative is the gradient."""
    x, step = np.linspace(-0.95, 0.95, 41), 1e-5

    def series(v):
        return 4 / math.pi * sum(np.sin((2 * i + 1) * OMEGA * v) / (2 * i + 1) for i in range(13))

    numeric = (series(x + step) - series(x - step)) / (2 * step)
    found = fourier_gradient(torch.tensor(x), 12).numpy()
    np.testing.assert_allclose(found, numeric, rtol=1e-6)


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("shape", [(4, 3, 3, 2), (5, 7)])
def test_forward_values_are_signs_scaled(name, shape):
    torch.manual_seed(1)
    operator = operator_class(name)(shape)
    operator.eval()
    size = (2, shape[1], 4, 5) if len(shape) == 4 else (2, shape[1])
    x, w = torch.randn(size), torch.randn(shape)
    x.view(-1)[:3] = 0
    signs = operator.activation(x)
    assert set(signs.unique().tolist()) <= {-1.0, 1.0} and (signs.view(-1)[:3] == 1).all()
    assert torch.equal(signs, torch.where(x >= 0, 1.0, -1.0))
    weights = operator.weight(w)
    assert weights.shape == w.shape and set(weights.unique().tolist()) == {-1.0, 1.0}
    sums = torch.randn((2, shape[0], 4, 5) if len(shape) == 4 else (2, shape[0]))
    scaled = operator.scaled(sums, x, w)
    deployed = operator.deployed(w, (4, 5))
    assert deployed.scale.shape == (shape[0],) and deployed.shift.shape == (shape[1],)
    axes = (1, -1, *(1,) * (len(shape) - 2))
    expected = sums * torch.tensor(deployed.scale).view(axes)
    if deployed.image_mean:
        expected = expected * x.abs().flatten(1).mean(1).view(-1, *(1,) * (len(shape) - 1))
    if deployed.spatial is not None:
        expected = expected * torch.tensor(deployed.spatial)
    torch.testing.assert_close(scaled, expected)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_weights_and_inputs_get_gradients(name):
    torch.manual_seed(0)
    operator = operator_class(name)((4, 3, 3, 3))
    operator.train()
    operator.start_epoch(0, 10)
    x = torch.rand((2, 3, 5, 5)) - 0.5
    w = (torch.rand((4, 3, 3, 3)) - 0.5).requires_grad_()
    x.requires_grad_()
    sums = torch.nn.functional.conv2d(operator.activation(x), operator.weight(w))
    (operator.scaled(sums, x, w) ** 2).sum().backward()
    assert float(x.grad.abs().sum()) > 0 and float(w.grad.abs().sum()) > 0
    assert all(p.grad is not None for p in operator.parameters())


def test_alpha_minimizes_the_error():
    w = torch.randn(6, 4, 3, 3)
    alpha = mean_magnitude(w).view(-1, 1, 1, 1)

    def error(a):
        return ((w - a * torch.sign(w)) ** 2).sum(dim=(1, 2, 3))

    assert (error(alpha) < error(alpha * 1.01)).all() and (error(alpha) < error(alpha * 0.99)).all()


def test_factors_of_xnor_net_are_constants_to_the_gradient():
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    assert not image_scale(x).requires_grad
    assert image_scale(x).tolist() == pytest.approx(x.detach().abs().mean(dim=(1, 2, 3)).tolist())
    w = torch.randn(3, 2, requires_grad=True)
    assert not mean_magnitude(w).requires_grad


def test_react_net_moves_the_threshold_of_each_channel():
    operator = operator_class("react_net")((2, 3, 1, 1))
    with torch.no_grad():
        operator.thresholds.copy_(torch.tensor([0.5, -0.5, 0.0]))
    x = torch.full((1, 3, 1, 1), -0.25)
    assert operator.activation(x).view(-1).tolist() == [1.0, -1.0, -1.0]
    operator.activation(torch.full((1, 3, 2, 2), -0.25)).sum().backward()
    # Four places each: 2 - 2|x + b| at 0.25, -0.75 and -0.25.
    assert operator.thresholds.grad.tolist() == pytest.approx([6.0, 2.0, 6.0])


def test_xnor_plus_plus_scale_has_rank_one():
    operator = operator_class("xnor_plus_plus")((2, 3, 1, 1))
    with torch.no_grad():
        operator.rows[:4].copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        operator.columns[:3].copy_(torch.tensor([1.0, 0.5, 0.25]))
    spatial = operator.deployed(torch.randn(2, 3, 1, 1), (4, 3)).spatial
    assert spatial.shape == (4, 3) and np.linalg.matrix_rank(spatial) == 1
    assert spatial[3, 2] == pytest.approx(1.0)


def test_recu_clamps_at_the_quantile_of_its_schedule():
    assert tau_at(0, 10) == pytest.approx(0.85) and tau_at(10, 10) == pytest.approx(0.99)
    assert tau_at(3, 10) < tau_at(4, 10)
    torch.manual_seed(0)
    w = torch.randn(3, 64, 3, 3) * torch.tensor([0.1, 1.0, 10.0]).view(-1, 1, 1, 1) + 2
    clamped = rectified_clamp(w, 0.9)
    # Channels are standardized: mean 0, deviation 2 sqrt(2), so that their scale does not matter.
    assert clamped.mean(dim=(1, 2, 3)).abs().max() < 0.1
    limit = -rectified_clamp(w, 1 - 1e-9).abs().mean() * math.log(2 - 2 * 0.9)
    assert float(clamped.abs().max()) == pytest.approx(float(limit), rel=1e-3)
    operator = RecuOperator((3, 64, 3, 3))
    operator.start_epoch(0, 10)
    assert operator.tau == pytest.approx(0.85)


def test_recu_in_training_divides_by_the_deviation_and_keeps_signs():
    operator = RecuOperator((1, 2, 1, 1))
    x = 100 * torch.tensor([[[[0.3, -0.2]], [[0.1, -0.4]]]])
    x.requires_grad_()
    operator.train()
    signs = operator.activation(x)
    assert torch.equal(signs, torch.sign(x))
    signs.sum().backward()
    assert float(x.grad.abs().sum()) > 0  # at 100 times the size the gradient would be 0 without it
    operator.eval()
    y = x.detach().clone().requires_grad_()
    operator.activation(y).sum().backward()
    assert float(y.grad.abs().sum()) == 0


def test_fda_adds_noise_in_training_only_and_none_in_the_last_epoch():
    torch.manual_seed(0)
    operator = FdaOperator((4, 8, 3, 3))
    x, w = torch.randn(2, 8, 4, 4), torch.randn(4, 8, 3, 3)
    operator.train()
    operator.start_epoch(0, 10)
    assert operator.terms == 9 and not torch.equal(operator.activation(x), torch.sign(x))
    noisy = operator.weight(w)
    assert noisy.shape == w.shape and not torch.equal(noisy, torch.sign(w))
    operator.start_epoch(5, 10)
    assert operator.terms == 13
    operator.start_epoch(9, 10)
    assert operator.share == pytest.approx(0, abs=1e-12)
    operator.eval()
    operator.start_epoch(0, 10)
    assert torch.equal(operator.activation(x), torch.sign(x)) and torch.equal(
        operator.weight(w), torch.sign(w)
    )
