"""ew_float.h against numpy in double precision, over all of float32."""

from __future__ import annotations

import ctypes
import math
import subprocess

import numpy as np
import pytest

from edgewright.targets.codegen.host_function import FLAGS
from edgewright.targets.cpu import MICRO_KERNELS

EXACT = {"sqrtf": np.sqrt, "floorf": np.floor, "ceilf": np.ceil, "truncf": np.trunc, "rintf": np.rint}
CLOSE = {"expf": np.exp, "logf": np.log, "tanhf": np.tanh, "erff": np.vectorize(math.erf)}
SPECIAL = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    1.0,
    -1.0,
    1e-45,
    -1e-45,
    1.17549435e-38,
    3.4028235e38,
    0.5,
    2.5,
]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("float")
    text = '#include "ew_float.h"\n'
    for name in [*EXACT, *CLOSE]:
        text += (
            f"void t_{name}(const float *x, float *y, int n);\n"
            f"void t_{name}(const float *x, float *y, int n) "
            f"{{ for (int i = 0; i < n; i++) y[i] = ew_{name}(x[i]); }}\n"
        )
    text += (
        "void t_powf(const float *x, const float *e, float *y, int n);\n"
        "void t_powf(const float *x, const float *e, float *y, int n) "
        "{ for (int i = 0; i < n; i++) y[i] = ew_powf(x[i], e[i]); }\n"
    )
    (folder / "t.c").write_text(text)
    command = ["cc", *FLAGS, f"-I{MICRO_KERNELS}", folder / "t.c", "-o", folder / "t.so"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(folder / "t.so"))


def call(library, name, *inputs):
    arrays = [np.ascontiguousarray(x, np.float32) for x in inputs]
    y = np.empty_like(arrays[0])
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (*arrays, y)]
    library[f"t_{name}"](*pointers, ctypes.c_int(y.size))
    return y


def samples(seed=0, count=100_000):
    """Any bit pattern, and ranges where the functions are neither 0 nor infinite."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 1 << 32, count, dtype=np.uint64).astype(np.uint32).view(np.float32)
    near = [rng.uniform(-110, 110, count), rng.normal(size=count), rng.uniform(-5, 5, count)]
    return np.concatenate([bits, np.concatenate(near).astype(np.float32), np.array(SPECIAL, np.float32)])


def errors(made, exact):
    """Distance in units in the last place; infinities and NaN have to be where they belong."""
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    finite = np.isfinite(rounded)
    assert np.array_equal(made[~finite], rounded[~finite], equal_nan=True)
    assert np.all(np.isfinite(made[finite]))
    with np.errstate(over="ignore"):
        unit = np.nan_to_num(np.spacing(np.abs(rounded[finite])))
    return np.abs(made[finite].astype(np.float64) - exact[finite]) / unit


@pytest.mark.parametrize("name", EXACT)
def test_exact(library, name):
    x = samples()
    with np.errstate(invalid="ignore"):
        want = EXACT[name](x)
    assert np.array_equal(call(library, name, x), want, equal_nan=True)


@pytest.mark.parametrize("name", CLOSE)
def test_within_two_units(library, name):
    x = samples(1)
    with np.errstate(all="ignore"):
        exact = CLOSE[name](x.astype(np.float64))
    assert errors(call(library, name, x), exact).max() < 1.5


def test_power(library):
    rng = np.random.default_rng(2)
    x, whole = samples(3), samples(4)
    y = np.where(rng.random(x.size) < 0.4, np.rint(rng.uniform(-9, 9, x.size)), rng.permutation(whole))
    y = y.astype(np.float32)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
    assert errors(call(library, "powf", x, y), exact).max() < 1


def test_power_of_special_values(library):
    x, y = (v.ravel() for v in np.meshgrid(*[np.array([*SPECIAL, -2, -3.5, 3], np.float32)] * 2))
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
    made = call(library, "powf", x, y)
    assert errors(made, exact).max() < 1
    assert np.array_equal(np.signbit(made[made == 0]), np.signbit(exact[made == 0]))
