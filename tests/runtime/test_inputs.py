"""Input files of every kind, and everything that can be wrong with one."""

from __future__ import annotations

import io
import os
import resource
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgewright.converter.program import Port, Program, TensorType
from edgewright.errors import UsageError
from edgewright.runtime.inputs import case_bytes, load_cases, random_cases
from tests.runtime.tiny_program import tiny_program

SHAPE = (1, 2, 3, 4)


def two_inputs() -> Program:
    """x int8 [1, 2, 3, 4] and z float32 [1, 2]."""
    program = tiny_program()
    port = Port("z", "z_hwc", (1, 2), (0, 1))
    values = dict(program.values) | {"z_hwc": TensorType((1, 1, 2), "float32")}
    return replace(program, inputs=(*program.inputs, port), values=values)


def cases_of(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.int64).astype(np.int8).reshape(shape)


def refusal(path: Path, program: Program | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        load_cases(program or tiny_program(), path)
    assert path.name in caught.value.message
    return caught.value.code


@pytest.mark.parametrize(
    ("shape", "count"),
    [(SHAPE, 1), (SHAPE[1:], 1), ((5, *SHAPE), 5), ((5, *SHAPE[1:]), 5), ((5, 24), 5)],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path: Path, shape: tuple[int, ...], count: int, order: str) -> None:
    array = np.asarray(cases_of(shape), order=order)
    np.save(tmp_path / "x.npy", array)
    cases = load_cases(tiny_program(), tmp_path / "x.npy")
    assert len(cases) == count
    flat = np.ascontiguousarray(array).reshape(count, *SHAPE)
    for case, want in zip(cases, flat, strict=True):
        np.testing.assert_array_equal(case["x"], want)


def test_limit(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", cases_of((5, *SHAPE)))
    assert len(load_cases(tiny_program(), tmp_path / "x.npy", limit=2)) == 2


def test_npz_by_name_and_by_fit(tmp_path: Path) -> None:
    array = cases_of((3, *SHAPE))
    labels = np.arange(3)
    np.savez_compressed(tmp_path / "named.npz", x=array, labels=labels)
    np.savez(tmp_path / "fits.npz", inputs=array, labels=labels)
    for name in ("named.npz", "fits.npz"):
        cases = load_cases(tiny_program(), tmp_path / name)
        np.testing.assert_array_equal(np.stack([c["x"] for c in cases]), array)


def test_several_inputs(tmp_path: Path) -> None:
    program = two_inputs()
    x, z = cases_of((3, *SHAPE)), np.arange(6, dtype=np.float32).reshape(3, 2)
    np.savez(tmp_path / "both.npz", x=x, z=z)
    (tmp_path / "both.bin").write_bytes(b"".join(x[i].tobytes() + z[i].tobytes() for i in range(3)))
    for name in ("both.npz", "both.bin"):
        cases = load_cases(program, tmp_path / name)
        assert [c["z"].tolist() for c in cases] == [[[0, 1]], [[2, 3]], [[4, 5]]]
        np.testing.assert_array_equal(cases[2]["x"], x[2])
    np.savez(tmp_path / "one.npz", x=x)
    assert refusal(tmp_path / "one.npz", program) == "EW-INPUT-NAME"
    np.savez(tmp_path / "uneven.npz", x=x, z=z[:2])
    assert refusal(tmp_path / "uneven.npz", program) == "EW-INPUT-SHAPE"
    np.save(tmp_path / "x.npy", x)
    assert refusal(tmp_path / "x.npy", program) == "EW-INPUT-NAME"


def test_case_bytes_are_hwc_and_concatenated() -> None:
    case = {"x": cases_of(SHAPE), "z": np.array([[1.0, 2.0]], np.float32)}
    data = case_bytes(two_inputs(), case)
    assert data[:24] == case["x"][0].transpose(1, 2, 0).tobytes()
    assert data[24:] == np.array([1, 2], "<f4").tobytes()


def test_random_cases_repeat_and_cover_the_range() -> None:
    program = two_inputs()
    first, again = random_cases(program, 6, seed=1), random_cases(program, 6, seed=1)
    assert all(np.array_equal(a["x"], b["x"]) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[2]["x"], random_cases(program, 6, seed=2)[2]["x"])
    assert set(first[0]["x"].ravel()) == {-128} and set(first[1]["x"].ravel()) == {127}
    many = np.stack([c["x"] for c in random_cases(program, 200)[2:]])
    assert many.dtype == np.int8 and len(np.unique(many)) == 256
    assert first[3]["z"].dtype == np.float32


def test_wrong_shape_dtype_and_kind(tmp_path: Path) -> None:
    np.save(tmp_path / "shape.npy", cases_of((1, 3, 2, 4)))
    assert refusal(tmp_path / "shape.npy") == "EW-INPUT-SHAPE"
    np.save(tmp_path / "none.npy", np.zeros((0, *SHAPE), np.int8))
    assert refusal(tmp_path / "none.npy") == "EW-INPUT-SHAPE"
    np.save(tmp_path / "dtype.npy", cases_of(SHAPE).astype(np.float32))
    with pytest.raises(UsageError) as caught:
        load_cases(tiny_program(), tmp_path / "dtype.npy")
    assert caught.value.code == "EW-INPUT-DTYPE"
    assert "round(x / 0.5) + -3" in caught.value.hint
    (tmp_path / "x.csv").write_text("1,2")
    assert refusal(tmp_path / "x.csv") == "EW-INPUT-KIND"
    assert refusal(tmp_path / "absent.npy") == "EW-INPUT-FILE"
    (tmp_path / "short.bin").write_bytes(bytes(25))
    assert refusal(tmp_path / "short.bin") == "EW-INPUT-SIZE"
    (tmp_path / "empty.bin").write_bytes(b"")
    assert refusal(tmp_path / "empty.bin") == "EW-INPUT-FILE"
    (tmp_path / "folder.npy").mkdir()
    assert refusal(tmp_path / "folder.npy") == "EW-INPUT-FILE"


def npy_with_header(shape: str, descr: str = "'|i1'", data: bytes = b"") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "EW-INPUT-FILE"),
        (b"\x93NUMPY", "EW-INPUT-FILE"),
        (b"\x93NUMPY\x09\x00" + bytes(100), "EW-INPUT-FILE"),
        (npy_with_header("(1000000000000, 1, 2, 3, 4)"), "EW-INPUT-FILE"),
        (npy_with_header("(10, 1, 2, 3, 4)", data=bytes(24)), "EW-INPUT-FILE"),
        (npy_with_header("(-1, 2, 3, 4)", data=bytes(24)), "EW-INPUT-FILE"),
        (npy_with_header("(1, 2, 3, 4)", "'|O'", bytes(400)), "EW-INPUT-DTYPE"),
        (npy_with_header("((((", data=bytes(24)), "EW-INPUT-FILE"),
        (npy_with_header("__import__('os')", data=bytes(24)), "EW-INPUT-FILE"),
    ],
)
def test_damaged_npy(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    assert refusal(tmp_path / "x.npy") == code


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    array = np.empty((1,), object)
    array[0] = Evil()
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    np.savez(tmp_path / "x.npz", x=array)
    assert refusal(tmp_path / "x.npy") == "EW-INPUT-DTYPE"
    assert refusal(tmp_path / "x.npz") == "EW-INPUT-DTYPE"
    assert not (tmp_path / "pwned").exists()


def test_a_zip_bomb_allocates_nothing(tmp_path: Path) -> None:
    cases = 40_000_000  # of 24 bytes: 960 MB
    bomb = io.BytesIO()
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w", force_zip64=True) as member,
    ):
        member.write(npy_with_header(f"({cases}, 1, 2, 3, 4)"))
        for _ in range(40):
            member.write(bytes(1_000_000))
    (tmp_path / "x.npz").write_bytes(bomb.getvalue())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(tmp_path / "x.npz") == "EW-INPUT-FILE"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def mutated(data: bytes, edits: list[tuple[int, int]], cut: int) -> bytes:
    buffer = bytearray(data)
    for position, value in edits:
        buffer[position % len(buffer)] = value
    return bytes(buffer[: len(buffer) - cut % (len(buffer) // 2)])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 400),
    kind=st.sampled_from(["npy", "npz"]),
)
def test_mutated_files_are_read_or_refused(tmp_path: Path, edits: list, cut: int, kind: str) -> None:
    buffer = io.BytesIO()
    array = cases_of((2, *SHAPE))
    if kind == "npy":
        np.save(buffer, array)
    else:
        np.savez_compressed(buffer, x=array)
    path = tmp_path / f"x.{kind}"
    path.write_bytes(mutated(buffer.getvalue(), edits, cut))
    try:
        cases = load_cases(tiny_program(), path)
    except UsageError as error:
        assert error.code.startswith("EW-INPUT-")
    else:
        assert all(c["x"].shape == SHAPE and c["x"].dtype == np.int8 for c in cases)
