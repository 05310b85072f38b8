"""Data sets: what is read, how raw values become real numbers, and what is refused."""

import io
import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgewright.converter.program import Quantization
from edgewright.errors import UsageError
from edgewright.quantize.data import InputType, load_dataset, load_preprocess, sources
from edgewright.quantize.data.preprocess import TABLES, TOP

ONE = {"x": (1, 2, 3)}
FLOATS = np.arange(24, dtype=np.float32).reshape(4, 2, 3)


def refused(code, *arguments, **keywords):
    """Opening the data, or reading all of it, fails with a code; returns the error."""
    with pytest.raises(UsageError) as caught:
        list(load_dataset(*arguments, **keywords))
    assert caught.value.code == code, caught.value
    return caught.value


def spec_file(folder, text):
    path = folder / "spec.toml"
    path.write_text(text)
    return path


def check_floats(ds):
    assert len(ds) == 4
    for index in range(4):
        sample = ds[index]
        assert list(sample) == ["x"]
        assert sample["x"].dtype == np.float32 and sample["x"].shape == (1, 2, 3)
        np.testing.assert_array_equal(sample["x"][0], FLOATS[index])


@pytest.mark.parametrize("shape", [(4, 2, 3), (4, 1, 2, 3), (4, 6)])
def test_npy_with_a_leading_number_of_samples(tmp_path, shape):
    np.save(tmp_path / "d.npy", FLOATS.reshape(shape))
    check_floats(load_dataset(tmp_path / "d.npy", ONE))


def test_npy_in_fortran_order_and_double_precision(tmp_path):
    np.save(tmp_path / "d.npy", np.asfortranarray(FLOATS.astype(np.float64)))
    check_floats(load_dataset(tmp_path / "d.npy", ONE))


@pytest.mark.parametrize("shape", [(2, 3), (1, 2, 3)])
def test_npy_with_one_sample(tmp_path, shape):
    np.save(tmp_path / "d.npy", FLOATS[1].reshape(shape))
    ds = load_dataset(tmp_path / "d.npy", ONE)
    assert len(ds) == 1
    np.testing.assert_array_equal(ds[0]["x"][0], FLOATS[1])


def test_npz_by_name_by_fit_and_by_key(tmp_path):
    np.savez(tmp_path / "named.npz", x=FLOATS, other=FLOATS + 1)
    check_floats(load_dataset(tmp_path / "named.npz", ONE))
    np.savez(tmp_path / "fits.npz", images=FLOATS, label=np.arange(4))
    check_floats(load_dataset(tmp_path / "fits.npz", ONE))
    np.savez(tmp_path / "two.npz", a=FLOATS + 1, b=FLOATS)
    check_floats(load_dataset(f"{tmp_path / 'two.npz'}:b", ONE))
    error = refused("EW-DATA-NAME", tmp_path / "two.npz", ONE)
    assert "a, b" in error.message and "two.npz:ARRAY" in error.hint
    refused("EW-DATA-NAME", f"{tmp_path / 'two.npz'}:c", ONE)


def test_npz_for_several_inputs(tmp_path):
    inputs = {"x": (1, 2, 3), "y": (1, 5)}
    np.savez(tmp_path / "d.npz", x=FLOATS, y=np.ones((4, 5), np.float32))
    ds = load_dataset(tmp_path / "d.npz", inputs)
    assert ds[3]["y"].shape == (1, 5) and len(ds) == 4
    np.savez(tmp_path / "e.npz", x=FLOATS, y=np.ones((3, 5), np.float32))
    assert "x: 4, y: 3" in refused("EW-DATA-SHAPE", tmp_path / "e.npz", inputs).message
    np.save(tmp_path / "d.npy", FLOATS)
    refused("EW-DATA-NAME", tmp_path / "d.npy", inputs)
    refused("EW-DATA-NAME", f"{tmp_path / 'd.npz'}:x", inputs)


def test_large_members_of_archives_go_through_a_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MEMORY_BYTES", 16)
    np.savez_compressed(tmp_path / "d.npz", x=FLOATS)
    ds = load_dataset(tmp_path / "d.npz", ONE)
    check_floats(ds)
    assert isinstance(ds.columns[0].source.array.base, np.memmap)


def test_npy_is_mapped_not_loaded(tmp_path):
    np.save(tmp_path / "d.npy", FLOATS)
    array = load_dataset(tmp_path / "d.npy", ONE).columns[0].source.array
    assert isinstance(array, np.memmap) or isinstance(array.base, np.memmap)


def test_bin(tmp_path):
    (tmp_path / "d.bin").write_bytes(FLOATS.astype("<f4").tobytes())
    check_floats(load_dataset(tmp_path / "d.bin", ONE))
    spec = spec_file(tmp_path, '[values]\ndtype = "int16"\nscale = 0.5\n')
    (tmp_path / "i.bin").write_bytes((2 * FLOATS).astype("<i2").tobytes())
    check_floats(load_dataset(tmp_path / "i.bin", ONE, spec))
    assert "[values] dtype" in refused("EW-DATA-SIZE", _file(tmp_path / "odd.bin", b"12345"), ONE).hint


def _file(path, data):
    path.write_bytes(data)
    return path


def test_folder_of_arrays_is_sorted_by_name(tmp_path):
    for index in (2, 0, 3, 1):
        np.save(tmp_path / f"s{index}.npy", FLOATS[index])
    (tmp_path / "labels.txt").write_text("0\n")
    (tmp_path / ".hidden.npy").write_bytes(b"")
    ds = load_dataset(tmp_path, ONE)
    check_floats(ds)
    assert ds.names[2].endswith("s2.npy")


def test_folder_of_bins(tmp_path):
    for index in range(4):
        (tmp_path / f"s{index}.bin").write_bytes(FLOATS[index].astype("<f4").tobytes())
    check_floats(load_dataset(tmp_path, ONE))
    (tmp_path / "s4.bin").write_bytes(bytes(20))
    assert "s4.bin" in refused("EW-DATA-SIZE", tmp_path, ONE).message


def test_folder_whose_files_differ(tmp_path):
    np.save(tmp_path / "a.npy", FLOATS[0])
    np.save(tmp_path / "b.npy", FLOATS[1].astype(np.float64))
    assert "b.npy" in refused("EW-DATA-DTYPE", tmp_path, ONE).message
    np.save(tmp_path / "b.npy", FLOATS[:2])
    assert "b.npy" in refused("EW-DATA-SHAPE", tmp_path, ONE).message
    (tmp_path / "c.bin").write_bytes(b"")
    assert ".bin, .npy" in refused("EW-DATA-KIND", tmp_path, ONE).message


def test_slices_and_splits_keep_samples_together(tmp_path):
    np.save(tmp_path / "d.npy", np.arange(50, dtype=np.float32).reshape(50, 1))
    ds = load_dataset(tmp_path / "d.npy", {"x": (1, 1)})
    assert [float(s["x"][0, 0]) for s in ds[10:13]] == [10, 11, 12]
    a, b = ds.split(20, seed=3)
    assert (len(a), len(b)) == (20, 30)
    assert sorted([*a.order, *b.order]) == [*range(50)]
    assert float(a[7]["x"][0, 0]) == a.order[7]
    np.testing.assert_array_equal(ds.split(20, seed=3)[0].order, a.order)
    assert list(ds.split(20, seed=4)[0].order) != list(a.order)
    for count in (0, 50):
        with pytest.raises(UsageError) as caught:
            ds.split(count)
        assert caught.value.code == "EW-DATA-EMPTY"
    with pytest.raises(IndexError):
        ds[50]


def test_integers_need_to_be_explained(tmp_path):
    np.save(tmp_path / "d.npy", FLOATS.astype(np.int8))
    error = refused("EW-DATA-DTYPE", tmp_path / "d.npy", ONE)
    assert "int8" in error.message and "scale = 1" in error.hint
    # The type of .bin elements alone does not say what they stand for.
    refused("EW-DATA-DTYPE", tmp_path / "d.npy", ONE, spec_file(tmp_path, '[values]\ndtype = "int8"'))
    check_floats(load_dataset(tmp_path / "d.npy", ONE, spec_file(tmp_path, "[values]\nscale = 1")))
    np.save(tmp_path / "b.npy", FLOATS > 11)
    assert load_dataset(tmp_path / "b.npy", ONE)[3]["x"].max() == 1.0


def test_quantized_data_is_dequantized(tmp_path):
    raw = np.array([[-128, 83, 127]], np.int8)
    np.save(tmp_path / "d.npy", raw)
    spec = spec_file(tmp_path, "[values]\nscale = 0.5847029\nzero_point = 83\n")
    want = (raw.astype(np.float64) - 83) * 0.5847029
    ds = load_dataset(tmp_path / "d.npy", {"x": (1, 3)}, spec)
    np.testing.assert_allclose(ds[0]["x"], want, rtol=1e-7)
    # A model that takes these integers says itself what they are.
    types = {"x": InputType("int8", Quantization(0.5847029, 83))}
    ds = load_dataset(tmp_path / "d.npy", {"x": (1, 3)}, types=types)
    np.testing.assert_allclose(ds[0]["x"], want, rtol=1e-7)
    (tmp_path / "d.bin").write_bytes(raw.tobytes())
    ds = load_dataset(tmp_path / "d.bin", {"x": (1, 3)}, types=types)
    np.testing.assert_allclose(ds[0]["x"], want, rtol=1e-7)
    np.save(tmp_path / "u.npy", raw.astype(np.uint8))
    refused("EW-DATA-DTYPE", tmp_path / "u.npy", {"x": (1, 3)}, types=types)


def test_mean_and_std_by_channel_and_transposition(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 2), np.uint8)
    np.save(tmp_path / "d.npy", pixels)
    text = "[values]\nscale = 0.5\nmean = [1, 2]\nstd = [3, 4]\naxis = 1\n[array]\ntranspose = [0, 3, 1, 2]\n"
    ds = load_dataset(tmp_path / "d.npy", {"x": (1, 2, 4, 5)}, spec_file(tmp_path, text))
    want = (pixels * 0.5 - np.array([1, 2])) / np.array([3, 4])
    np.testing.assert_allclose(ds[2]["x"][0], want[2].transpose(2, 0, 1), rtol=1e-6)
    error = refused("EW-DATA-SHAPE", tmp_path / "d.npy", {"x": (1, 2, 4, 5)})
    assert "transpose" in error.hint
    unnamed = text.replace("axis = 1\n", "")
    refused("EW-SPEC-VALUE", tmp_path / "d.npy", {"x": (1, 2, 4, 5)}, spec_file(tmp_path, unnamed))
    wrong = text.replace("axis = 1", "axis = 2")
    refused("EW-SPEC-VALUE", tmp_path / "d.npy", {"x": (1, 2, 4, 5)}, spec_file(tmp_path, wrong))


def test_values_that_are_no_numbers_or_out_of_range(tmp_path):
    bad = FLOATS.copy()
    bad[2, 1, 0] = np.nan
    np.save(tmp_path / "d.npy", bad)
    error = refused("EW-DATA-NAN", tmp_path / "d.npy", ONE)
    assert "sample 2" in error.message and "[0, 1, 0]" in error.message
    bad[2, 1, 0] = -np.inf
    np.save(tmp_path / "d.npy", bad)
    refused("EW-DATA-NAN", tmp_path / "d.npy", ONE)
    np.save(tmp_path / "d.npy", FLOATS.astype(np.float64) * 1e300)
    refused("EW-DATA-RANGE", tmp_path / "d.npy", ONE)
    np.save(tmp_path / "d.npy", FLOATS)
    error = refused(
        "EW-DATA-RANGE", tmp_path / "d.npy", ONE, spec_file(tmp_path, "[values]\nrange = [0, 20]")
    )
    assert "21" in error.message and "0 .. 20" in error.message


def test_files_that_are_refused(tmp_path):
    refused("EW-DATA-MISSING", tmp_path / "none.npy", ONE)
    refused("EW-DATA-KIND", _file(tmp_path / "d.txt", b"1 2 3"), ONE)
    refused("EW-DATA-FILE", _file(tmp_path / "d.npy", b"\x93NUMPY\x01\x00garbage"), ONE)
    refused("EW-DATA-FILE", _file(tmp_path / "e.npy", b""), ONE)
    refused("EW-DATA-FILE", _file(tmp_path / "d.npz", b"PK\x03\x04 not really"), ONE)
    (tmp_path / "empty").mkdir()
    refused("EW-DATA-EMPTY", tmp_path / "empty", ONE)
    np.save(tmp_path / "none.npy", np.zeros((0, 2, 3), np.float32))
    refused("EW-DATA-EMPTY", tmp_path / "none.npy", ONE)
    refused("EW-DATA-EMPTY", _file(tmp_path / "none.bin", b""), ONE)
    np.save(tmp_path / "shape.npy", np.zeros((4, 3, 3), np.float32))
    refused("EW-DATA-SHAPE", tmp_path / "shape.npy", ONE)
    np.save(tmp_path / "text.npy", np.array(["a", "b"]))
    refused("EW-DATA-DTYPE", tmp_path / "text.npy", ONE)
    np.save(tmp_path / "complex.npy", np.zeros((4, 2, 3), complex))
    refused("EW-DATA-DTYPE", tmp_path / "complex.npy", ONE)
    np.save(tmp_path / "objects.npy", np.array([{}, {}], object), allow_pickle=True)
    refused("EW-DATA-DTYPE", tmp_path / "objects.npy", ONE)


def test_announced_sizes_are_not_believed(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 2, 3)}
    )
    refused("EW-DATA-FILE", _file(tmp_path / "d.npy", buffer.getvalue()), ONE)
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("x.npy", buffer.getvalue())
    refused("EW-DATA-FILE", tmp_path / "d.npz", ONE)
    refused("EW-DATA-SIZE", tmp_path / "d.npy", {"x": (1, 10**10)})


def test_specifications_that_are_refused(tmp_path):
    np.save(tmp_path / "d.npy", FLOATS)

    def tried(code, text):
        return refused(code, tmp_path / "d.npy", ONE, spec_file(tmp_path, text))

    error = tried("EW-SPEC-KEY", "[values]\nscal = 1")
    assert "[values] scal" in error.message and "scale" in error.hint
    assert "image" in tried("EW-SPEC-KEY", "[pixels]\n").hint
    tried("EW-SPEC-FILE", "[values\n")
    tried("EW-SPEC-VALUE", "values = 3")
    for line in (
        "scale = 0", "scale = nan", "scale = true", "scale = '1'", "mean = []", "std = [1, 0]", "axis = -1",
        "range = [2, 1]", "range = 3", "dtype = 'int4'", "zero_point = [1]", "scale = 1e300",
    ):  # fmt: skip
        assert line.split()[0] in tried("EW-SPEC-VALUE", f"[values]\n{line}").message
    for line in ("size = 0", "size = [1]", "size = [1, 2, 3]", "crop = 3", "color = 'hsv'", "resize = 'box'"):
        tried("EW-SPEC-VALUE", f"[image]\n{line}")
    tried("EW-SPEC-VALUE", "[array]\ntranspose = [0, 0, 1]")
    tried("EW-SPEC-VALUE", "[array]\ntranspose = [0, 1]")
    tried("EW-SPEC-VALUE", "input = 'y'")
    refused("EW-SPEC-FILE", tmp_path / "d.npy", ONE, tmp_path / "no.toml")
    refused("EW-SPEC-FILE", tmp_path / "d.npy", ONE, _file(tmp_path / "b.toml", b"\xff\xfe\x00"))


# Images ----------------------------------------------------------------------------------------------

PIXELS = np.random.default_rng(7).integers(0, 256, (6, 4, 3), np.uint8)
AS_IS = "[values]\nscale = 1\n"


@pytest.fixture
def picture(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(PIXELS).save(folder / "a.png")
    return folder


def test_images_in_both_layouts_and_colours(picture, tmp_path):
    error = refused("EW-DATA-DTYPE", picture, {"x": (1, 6, 4, 3)})
    assert "uint8" in error.message
    spec = spec_file(tmp_path, AS_IS)
    np.testing.assert_array_equal(load_dataset(picture, {"x": (1, 6, 4, 3)}, spec)[0]["x"][0], PIXELS)
    planes = load_dataset(picture, {"x": (1, 3, 6, 4)}, spec)[0]["x"]
    np.testing.assert_array_equal(planes[0], PIXELS.transpose(2, 0, 1))
    spec = spec_file(tmp_path, AS_IS + "[image]\ncolor = 'bgr'")
    np.testing.assert_array_equal(
        load_dataset(picture, {"x": (1, 6, 4, 3)}, spec)[0]["x"][0], PIXELS[..., ::-1]
    )
    grey = load_dataset(picture, {"x": (1, 6, 4, 1)}, spec_file(tmp_path, AS_IS))[0]["x"]
    luma = PIXELS @ np.array([0.299, 0.587, 0.114])  # ITU-R 601
    np.testing.assert_allclose(grey[0, ..., 0], luma, atol=1.0)


def test_image_values_by_channel(picture, tmp_path):
    text = "[values]\nscale = 0.00392156862745098\nmean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]"
    want = (PIXELS / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    planes = load_dataset(picture, {"x": (1, 3, 6, 4)}, spec_file(tmp_path, text))[0]["x"]
    np.testing.assert_allclose(planes[0], want.transpose(2, 0, 1), rtol=1e-5, atol=1e-6)


def test_resize_and_crop(picture, tmp_path):
    spec = spec_file(tmp_path, AS_IS + "[image]\nresize = 'none'\ncrop = [4, 2]")
    cut = load_dataset(picture, {"x": (1, 4, 2, 3)}, spec)[0]["x"]
    np.testing.assert_array_equal(cut[0], PIXELS[1:5, 1:3])
    spec = spec_file(tmp_path, AS_IS + "[image]\nsize = 8\nresize = 'nearest'\ncrop = [12, 8]")
    doubled = load_dataset(picture, {"x": (1, 12, 8, 3)}, spec)[0]["x"]
    np.testing.assert_array_equal(doubled[0], PIXELS.repeat(2, 0).repeat(2, 1))
    spec = spec_file(tmp_path, AS_IS)
    assert load_dataset(picture, {"x": (1, 3, 9, 9)}, spec)[0]["x"].shape == (1, 3, 9, 9)
    spec = spec_file(tmp_path, AS_IS + "[image]\nresize = 'none'")
    assert "6 rows and 4 columns" in refused("EW-DATA-SHAPE", picture, {"x": (1, 5, 4, 3)}, spec).message
    for line in ("size = [5, 5]", "crop = [5, 5]"):
        refused("EW-SPEC-VALUE", picture, {"x": (1, 6, 4, 3)}, spec_file(tmp_path, f"[image]\n{line}"))


def test_images_for_flat_inputs_and_unclear_layouts(picture, tmp_path):
    spec = spec_file(tmp_path, AS_IS + "[image]\nsize = [6, 4]")
    flat = load_dataset(picture, {"x": (1, 72)}, spec)[0]["x"]
    np.testing.assert_array_equal(flat[0], PIXELS.ravel())
    refused("EW-DATA-SHAPE", picture, {"x": (1, 72)}, spec_file(tmp_path, AS_IS))
    refused("EW-SPEC-VALUE", picture, {"x": (1, 3, 6, 3)}, spec_file(tmp_path, AS_IS))
    refused("EW-SPEC-VALUE", picture, {"x": (1, 5, 6, 5)}, spec_file(tmp_path, AS_IS))
    refused("EW-DATA-SHAPE", picture, {"x": (1, 6, 4, 1)}, spec_file(tmp_path, "[image]\ncolor = 'rgb'"))


def test_kinds_of_images(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    image = Image.fromarray(PIXELS)
    image.save(folder / "a.bmp")
    image.save(folder / "b.jpg", quality=100)
    image.convert("RGBA").save(folder / "c.png")
    image.convert("P").save(folder / "d.png")
    ds = load_dataset(folder, {"x": (1, 6, 4, 3)}, spec_file(tmp_path, AS_IS))
    np.testing.assert_array_equal(ds[0]["x"], ds[2]["x"])
    assert len(ds) == 4 and ds[1]["x"].shape == ds[3]["x"].shape == (1, 6, 4, 3)


def test_damaged_images_name_the_file(picture, tmp_path):
    whole = (picture / "a.png").read_bytes()
    spec = spec_file(tmp_path, AS_IS)
    for data in (whole[: len(whole) // 2], b"", b"GIF89a", whole[:40] + b"\0\0\0" + whole[43:]):
        (picture / "b.png").write_bytes(data)
        assert "b.png" in refused("EW-DATA-IMAGE", picture, {"x": (1, 6, 4, 3)}, spec).message
    Image.fromarray(np.zeros((6, 4), np.uint16)).save(picture / "b.png")
    assert "8 bits" in refused("EW-DATA-IMAGE", picture, {"x": (1, 6, 4, 3)}, spec).message


@pytest.mark.parametrize("side", [10_000, 40_000])
def test_decompression_bombs(picture, tmp_path, side):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    (picture / "b.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )
    refused("EW-DATA-SIZE", picture, {"x": (1, 6, 4, 3)}, spec_file(tmp_path, AS_IS))


def test_the_page_shows_specifications_that_work(tmp_path):
    page = (Path(__file__).resolve().parents[2] / "docs" / "accuracy.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```toml\n(.*?)^```", page, re.M | re.S)
    loaded = [load_preprocess(spec_file(tmp_path, text)) for text in examples]
    assert loaded[0].values.zero_point == 83 and loaded[1].image.crop == (224, 224)
    for table, keys in {"": TOP, **TABLES}.items():
        assert not table or f"`[{table}]`" in page
        assert all(f"`{key}`" in page for key in keys), table
