"""Labels: what is read, and what is refused."""

import numpy as np
import pytest

from edgewright.errors import UsageError
from edgewright.quantize.data import check_labels, load_dataset, load_labels

WANT = np.array([2, 0, 1, 1])


def refused(code, *arguments):
    with pytest.raises(UsageError) as caught:
        load_labels(*arguments)
    assert caught.value.code == code, caught.value
    return caught.value


def test_arrays(tmp_path):
    np.save(tmp_path / "l.npy", WANT.astype(np.float32)[:, None])
    np.testing.assert_array_equal(load_labels(tmp_path / "l.npy", 4), WANT)
    np.savez(tmp_path / "l.npz", image=np.zeros((4, 8, 8)), label=WANT.astype(np.uint8))
    np.testing.assert_array_equal(load_labels(tmp_path / "l.npz", 4), WANT)
    np.savez(tmp_path / "m.npz", a=WANT, b=WANT + 1)
    np.testing.assert_array_equal(load_labels(f"{tmp_path / 'm.npz'}:b", 4), WANT + 1)
    assert "m.npz:ARRAY" in refused("EW-LABELS-NAME", tmp_path / "m.npz", 4).hint
    refused("EW-LABELS-NAME", f"{tmp_path / 'm.npz'}:c", 4)
    assert load_labels(tmp_path / "l.npy", 4).dtype == np.int64


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.txt", "2\n0\n1\n1\n"),
        ("l.txt", "2\n\n0\n 1\n1"),
        ("l.csv", "label\n2\n0\n1\n1\n"),
        ("l.csv", "2\r\n0\r\n1\r\n1\r\n"),
        ("l.csv", "\ufefffile,label\nd.npy,1\nb.npy,0\nc.npy,1\na.npy,2\n"),
    ],
)
def test_text(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    names = [f"/data/{n}.npy" for n in "abcd"]
    np.testing.assert_array_equal(load_labels(tmp_path / name, 4, names), WANT)


@pytest.mark.parametrize(("folders", "want"), [("cat dog eel", [0, 1, 1, 2]), ("9 10 11", [9, 10, 10, 11])])
def test_subfolders_are_classes(tmp_path, folders, want):
    first, second, third = folders.split()
    for folder, names in ((first, "a"), (second, "ab"), (third, "a")):
        (tmp_path / folder).mkdir()
        for name in names:
            np.save(tmp_path / folder / f"{name}.npy", np.full((1, 2), len(folder), np.float32))
    ds = load_dataset(tmp_path, {"x": (1, 2)})
    labels = load_labels(tmp_path, len(ds), ds.names)
    by_name = {name.split("/")[-2]: int(label) for name, label in zip(ds.names, labels, strict=True)}
    assert sorted(labels) == want
    assert by_name[first] == want[0] and by_name[third] == want[3]


def test_refused(tmp_path):
    refused("EW-LABELS-FILE", tmp_path / "none.npy", 4)
    np.save(tmp_path / "l.npy", WANT)
    error = refused("EW-LABELS-COUNT", tmp_path / "l.npy", 5)
    assert "4 labels for 5 samples" in error.message
    np.save(tmp_path / "l.npy", np.eye(4))
    assert "argmax" in refused("EW-LABELS-VALUE", tmp_path / "l.npy", 4).hint
    for bad in (0.5, np.nan, np.inf, 1e9):
        np.save(tmp_path / "l.npy", np.array([0, bad]))
        assert "sample 1" in refused("EW-LABELS-VALUE", tmp_path / "l.npy", 2).message
    (tmp_path / "l.json").write_text("[]")
    refused("EW-LABELS-KIND", tmp_path / "l.json", 0)
    (tmp_path / "l.txt").write_text("1\ncat\n")
    assert "line 2" in refused("EW-LABELS-VALUE", tmp_path / "l.txt", 2).message
    (tmp_path / "l.csv").write_text("a,b,1\n")
    refused("EW-LABELS-FILE", tmp_path / "l.csv", 1)
    (tmp_path / "l.csv").write_text("a.npy,1\n")
    refused("EW-LABELS-NAME", tmp_path / "l.csv", 1)
    refused("EW-LABELS-NAME", tmp_path / "l.csv", 1, ["b.npy"])
    (tmp_path / "l.csv").write_bytes(b"\xff\xff\x00")
    refused("EW-LABELS-FILE", tmp_path / "l.csv", 1)
    (tmp_path / "flat").mkdir()
    np.save(tmp_path / "flat" / "a.npy", WANT)
    refused("EW-LABELS-KIND", tmp_path / "flat", 1)


def test_labels_outside_the_classes():
    check_labels(WANT, 3)
    for labels in (WANT, WANT - 2):
        with pytest.raises(UsageError) as caught:
            check_labels(labels, 2)
        assert caught.value.code == "EW-LABELS-RANGE"
    assert "label -2 of sample 1" in caught.value.message
