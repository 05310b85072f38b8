"""Functions of one element: any chain of them between two quantizations becomes one table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.operands import Function, Operand, Pending, Real, Step
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.unary_table import narrowed
from edgewright.converter.ops.requantize import ActivationRange

Doubles = npt.NDArray[np.float64]
_erf = np.vectorize(math.erf, otypes=[np.float64])


def _softplus(x: Doubles) -> Doubles:
    return np.asarray(np.logaddexp(0.0, x))


def _gelu(x: Doubles) -> Doubles:
    return np.asarray(0.5 * x * (1 + _erf(x / math.sqrt(2))))


def _gelu_tanh(x: Doubles) -> Doubles:
    return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


def _round_half_even(x: Doubles) -> Doubles:
    return np.asarray(np.rint(x))


PLAIN: dict[str, Function] = {
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Tanh": np.tanh,
    "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "Exp": np.exp,
    "Log": np.log,
    "Sqrt": np.sqrt,
    "Abs": np.abs,
    "Neg": np.negative,
    "Reciprocal": lambda x: 1 / x,
    "Softplus": _softplus,
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Mish": lambda x: x * np.tanh(_softplus(x)),
    "Erf": _erf,
    "Sin": np.sin,
    "Cos": np.cos,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": _round_half_even,
    "Sign": np.sign,
}


@lowers(*PLAIN)
def plain(context: Context, node: ir.Node) -> Operand:
    """Functions without attributes."""
    return _applied(context, node, Step(node.op_type), PLAIN[node.op_type])


def _applied(context: Context, node: ir.Node, step: Step, function: Function) -> Real:
    return context.real_or_steps(node, 0).then(step, function, attributes.node_name(node))


@lowers("LeakyRelu")
def leaky_relu(context: Context, node: ir.Node) -> Operand:
    """x where x >= 0, else alpha * x."""
    alpha = attributes.number(node, "alpha", 0.01)
    step = Step("LeakyRelu", alpha=alpha)
    return _applied(context, node, step, lambda x: np.where(x >= 0, x, alpha * x))


@lowers("PRelu")
def prelu(context: Context, node: ir.Node) -> Operand:
    """LeakyRelu with its slope as an input; one slope for the whole tensor."""
    slope = context.constant(node, 1, "slope").data
    if slope.size != 1:
        raise Refused(f"it has {slope.size} slopes", "use one slope for all channels, or LeakyRelu")
    alpha = float(slope.reshape(()))
    return _applied(context, node, Step("PRelu"), lambda x: np.where(x >= 0, x, alpha * x))


@lowers("Elu", "Selu", "Celu", "HardSigmoid", "ThresholdedRelu", "Gelu")
def with_attributes(context: Context, node: ir.Node) -> Operand:
    """Functions with scalar attributes, named as in ONNX."""
    number = attributes.number
    functions: dict[str, Callable[[], Function]] = {
        "Elu": lambda: _elu(number(node, "alpha", 1.0), 1.0),
        "Selu": lambda: _elu(number(node, "alpha", 1.67326324), number(node, "gamma", 1.05070102)),
        "Celu": lambda: _celu(number(node, "alpha", 1.0)),
        "HardSigmoid": lambda: _hard_sigmoid(number(node, "alpha", 0.2), number(node, "beta", 0.5)),
        "ThresholdedRelu": lambda: _thresholded(number(node, "alpha", 1.0)),
        "Gelu": lambda: _gelu_tanh if attributes.text(node, "approximate", "none") == "tanh" else _gelu,
    }
    return _applied(context, node, Step(node.op_type), functions[node.op_type]())


def _elu(alpha: float, gamma: float) -> Function:
    return lambda x: gamma * np.where(x > 0, x, alpha * np.expm1(x))


def _celu(alpha: float) -> Function:
    return lambda x: np.maximum(0, x) + np.minimum(0, alpha * np.expm1(x / alpha))


def _hard_sigmoid(alpha: float, beta: float) -> Function:
    return lambda x: np.clip(alpha * x + beta, 0, 1)


def _thresholded(alpha: float) -> Function:
    return lambda x: np.where(x > alpha, x, 0)


@lowers("Relu", "Clip")
def clamp(context: Context, node: ir.Node) -> Operand:
    """A clamp: fused into an operator still waiting for its quantization, else a table."""
    bounds = (0.0, None) if node.op_type == "Relu" else _clip_bounds(context, node)
    operand = context.operand(node, 0)
    if isinstance(operand, Pending):
        return replace(operand, activation=narrowed(operand.activation, bounds), with_bias=None)
    low = -math.inf if bounds[0] is None else bounds[0]
    high = math.inf if bounds[1] is None else bounds[1]
    step = Step(node.op_type, activation=bounds)
    return _applied(context, node, step, lambda x: np.minimum(np.maximum(x, low), high))


def _clip_bounds(context: Context, node: ir.Node) -> ActivationRange:
    def bound(position: int, name: str) -> float | None:
        if not context.has(node, position):
            return attributes.number(node, name, math.nan) if name in node.attributes else None
        data = context.constant(node, position, name).data
        if data.size != 1 or math.isnan(float(data.reshape(()))):
            raise Refused(f"its {name} is not one number", code="EW-MODEL-INVALID")
        value = float(data.reshape(()))
        return None if math.isinf(value) or abs(value) >= float(np.finfo(np.float32).max) else value

    return bound(1, "min"), bound(2, "max")


def combine(node: ir.Node, a: Real, b: Real, function: Callable[[Doubles, Doubles], Doubles]) -> Real:
    """Two functions of the same tensor joined by an operator, e.g. x * sigmoid(x)."""
    f, g = a.function, b.function
    step = Step(node.op_type, itself=not a.steps and not b.steps)
    return replace(
        a,
        steps=(*a.steps, *(s for s in b.steps if s not in a.steps), step),
        function=lambda x: function(f(x), g(x)),
        node=attributes.node_name(node),
    )
