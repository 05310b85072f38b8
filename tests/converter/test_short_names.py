"""Short names for tables: short, different from each other, and recognizable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgewright.converter.short_names import MAX_CHARS, cut_middle, short_names

FUSED = "model/activation_{0}/Relu;model/batch_normalization_{0}/FusedBatchNormV3;model/conv2d_{0}/Conv2D"


def test_first_of_the_fused_names_and_its_last_components():
    names = [FUSED.format(i) for i in range(12)]
    assert list(short_names(names).values()) == [f"activation_{i}/Relu" for i in range(12)]
    assert short_names(["fc", "model/dense/MatMul;model/dense/BiasAdd", "Identity_int8"]) == {
        "fc": "fc",
        "model/dense/MatMul;model/dense/BiasAdd": "dense/MatMul",
        "Identity_int8": "Identity_int8",
    }


def test_more_components_where_they_tell_names_apart():
    assert list(short_names(["/a/layer.0/conv1/Conv", "/a/layer.1/conv1/Conv", "/head/Gemm"]).values()) == [
        "layer.0/conv1/Conv",
        "layer.1/conv1/Conv",
        "head/Gemm",
    ]


def test_long_names_are_cut_where_they_tell_least():
    normalizations = [f"model/batch_normalization_{i}/FusedBatchNormV3" for i in (2, 4)]
    assert list(short_names(normalizations).values()) == [
        "batch_normalization_2/Fused…",
        "batch_normalization_4/Fused…",
    ]
    (long,) = short_names(["a_tensor_with_a_long_name_and_a_number_17"]).values()
    assert long == "a_tensor_with_…d_a_number_17" and len(long) == MAX_CHARS


def test_what_stays_ambiguous_gets_a_number():
    assert short_names(["x/y;first", "x/y;second"]) == {"x/y;first": "x/y", "x/y;second": "x/y#2"}
    # A name that looks like a numbered one is not taken twice.
    assert len(set(short_names(["x/y;first", "x/y;second", "x/y#2"]).values())) == 3


def test_cut_middle():
    assert cut_middle("abcdefghij", 10) == "abcdefghij"
    assert cut_middle("abcdefghijk", 10) == "abcde…hijk"


@given(st.lists(st.text("ab/;_1", max_size=60), max_size=12))
def test_always_different_and_short(names):
    short = short_names(names)
    assert set(short) == set(names)
    assert len(set(short.values())) == len(short)
    assert all(len(s.partition("#")[0]) <= MAX_CHARS for s in short.values())
    # The order of the names does not decide, apart from the numbers.
    assert {s.partition("#")[0] for s in short.values()} == {
        s.partition("#")[0] for s in short_names(reversed(names)).values()
    }
