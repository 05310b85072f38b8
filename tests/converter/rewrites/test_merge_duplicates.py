"""Of equal channels one stays, with the weights of the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.rewrites.merge_duplicates import merge_duplicates
from tests.converter.rewrites.programs import OTHER, Q, Sketch, conv, dense, depthwise, requantize, same_after
from tests.converter.rewrites.programs import weights as random_weights
from tests.converter.rewrites.test_prune_channels import left


def merge(program):
    """Without rounding up."""
    return merge_duplicates(program, 1)


def twins(*equal: tuple[int, int], outputs: int = 6) -> Conv2D:
    """A convolution with pairs of equal channels."""
    w, r = random_weights(outputs, 1, 1, 4), requantize(outputs)
    for first, second in equal:
        w[second], r.bias[second] = w[first], r.bias[first]
    return Conv2D(w, r, input_zero_point=Q.zero_point)


def small(op):
    """With weights of at most 40, so that three still fit into int8."""
    return replace(op, weights=(op.weights // 4).astype(np.int8))


@pytest.mark.parametrize("reader", [conv(inputs=6, padding=Padding(1, 1, 1, 1)), dense(inputs=6)])
def test_weights_are_added(reader):
    s = Sketch()
    a = s.add(twins((0, 3), (1, 4), (0, 5)), "x")
    reader = small(reader)
    after = same_after(s.program(s.add(reader, a)), [merge])
    assert left(after, a) == 3
    w = reader.weights.astype(int)
    got = after.nodes[1].op.weights
    assert np.array_equal(got[..., 0], w[..., 0] + w[..., 3] + w[..., 5])
    assert np.array_equal(got[..., 2], w[..., 2])


def test_weights_that_do_not_fit_stay():
    s = Sketch()
    reader = dense(inputs=6)
    reader.weights[0, [0, 3]] = 100
    a = s.add(twins((0, 3), (1, 4)), "x")
    reader.weights[:, [1, 4]] = 1
    after = same_after(s.program(s.add(reader, a)), [merge])
    assert left(after, a) == 5


def test_all_readers_have_to_take_them():
    s = Sketch()
    a = s.add(twins((0, 3)), "x")
    full = dense(inputs=6)
    full.weights[0, [0, 3]] = 127
    program = s.program(s.add(small(dense(inputs=6)), a), s.add(full, a))
    assert left(same_after(program, [merge]), a) == 6


def test_packed_weights_stay():
    s = Sketch()
    w = np.sign(random_weights(3, 6)).astype(np.int8)
    a = s.add(twins((0, 3)), "x")
    reader = replace(dense(inputs=6), weights=np.where(w == 0, 1, w).astype(np.int8), weight_format="binary")
    assert left(same_after(s.program(s.add(reader, a)), [merge]), a) == 6


def test_channels_differ_by_bias():
    s = Sketch()
    op = twins((0, 3))
    op.requantize.bias[3] += 1
    a = s.add(op, "x")
    assert left(same_after(s.program(s.add(small(dense(inputs=6)), a)), [merge]), a) == 6


@pytest.mark.parametrize("equal", [True, False])
def test_through_depthwise_convolutions(equal):
    s = Sketch()
    a = s.add(twins((0, 3)), "x")
    op = depthwise(6)
    if equal:
        op.weights[..., 3], op.requantize.bias[3] = op.weights[..., 0], op.requantize.bias[0]
    b = s.add(AveragePool((2, 2), (1, 1)), s.add(op, a))
    after = same_after(s.program(s.add(small(dense(inputs=6)), b)), [merge])
    assert left(after, a) == left(after, b) == (5 if equal else 6)


def test_of_more_channels_by_a_multiplier():
    """Channels 0 and 2 of both inputs are equal, but made with other weights."""
    s = Sketch()
    a = s.add(twins((0, 2), outputs=3), "x")
    op = replace(depthwise(6), multiplier=2)
    for first, second in ((0, 4), (1, 5)):
        op.weights[..., second], op.requantize.bias[second] = (
            op.weights[..., first],
            op.requantize.bias[first],
        )
    b = s.add(op, a)
    after = same_after(s.program(s.add(small(dense(inputs=6)), b)), [merge])
    assert (left(after, a), left(after, b)) == (2, 4)


@pytest.mark.parametrize("other,want", [(((0, 3), (1, 2)), 5), (((1, 3),), 6)])
def test_sums_of_equal_channels(other, want):
    s = Sketch()
    a, b = s.add(twins((0, 3), (4, 5)), "x"), s.add(twins(*other), "x")
    y = s.add(small(dense(inputs=6)), s.add(Add.from_types(Q, Q, Q), a, b))
    after = same_after(s.program(y), [merge])
    assert left(after, a) == left(after, b) == want


def test_a_flattened_tensor_has_equal_channels_at_each_place():
    s = Sketch()
    a = s.add(twins((0, 3)), "x")
    b = s.add(Reshape((1, 1, 180)), a)
    reader = replace(small(dense(inputs=180)), requantize=requantize(3, OTHER))
    after = same_after(s.program(s.add(reader, b)), [merge])
    assert (left(after, a), left(after, b)) == (5, 150)


def test_the_next_layer_may_have_equal_channels_then():
    """Channels 1 and 2 of the second layer read the two equal ones the other way round."""
    s = Sketch()
    second = small(twins((1, 2)))
    second = replace(second, weights=np.concatenate([second.weights] * 2, 3)[..., :6].copy())
    second.weights[2, ..., 0], second.weights[2, ..., 3] = (second.weights[1, ..., i] for i in (3, 0))
    a = s.add(twins((0, 3)), "x")
    b = s.add(second, a)
    y = s.add(small(dense(inputs=6)), s.add(Mean.from_types(s.values[b], (0, 1), Q), b))
    after = same_after(s.program(y), [merge])
    assert (left(after, a), left(after, b)) == (5, 5)


def test_outputs_keep_their_channels():
    s = Sketch()
    a = s.add(twins((0, 3)), "x")
    program = s.program(a, s.add(small(dense(inputs=6)), a))
    assert same_after(program, [merge]).values == program.values
