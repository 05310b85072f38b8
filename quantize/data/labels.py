"""Labels: one class number a sample."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Array
from edgewright.quantize.data.opening import data_files, split_key
from edgewright.quantize.data.refusal import refused
from edgewright.quantize.data.sources import npz_headers, open_npy, open_npz

MAX_TEXT_BYTES = 64 << 20
MAX_CLASS = 1_000_000

Labels = npt.NDArray[np.int64]


def load_labels(path: Path | str, count: int, names: Sequence[str] | None = None) -> Labels:
    """Read the labels of `count` samples, in the order of the samples.

    Args:
        path: .npy or .npz (FILE.npz:KEY chooses an array; without KEY the only one that fits), .txt (one
            number a line), .csv (a column of numbers, or file name and number; a first line without numbers
            is a heading), or a folder with a subfolder a class (the data's own): numbers where all
            subfolders are named by numbers, else their place in alphabetical order.
        count: Number of samples.
        names: Files of the samples, for a .csv with file names.

    Returns:
        int64 [count].

    Raises:
        UsageError: EW-LABELS-FILE, -KIND, -NAME, -VALUE, -COUNT.
    """
    file, key = split_key(path)
    if not file.exists():
        raise refused("EW-LABELS-FILE", f"{file} does not exist")
    if file.is_dir():
        labels = _from_folder(file)
    elif file.suffix.lower() in (".npy", ".npz"):
        labels = _integers(_load_array(file, key, count), str(path))
    elif file.suffix.lower() in (".txt", ".csv"):
        labels = _from_text(file, names)
    else:
        kinds = ".npy, .npz, .csv, .txt or a folder of classes"
        raise refused("EW-LABELS-KIND", f"{file}: labels come as {kinds}")
    if len(labels) != count:
        text = f"{path}: {len(labels)} labels for {count} samples"
        raise refused("EW-LABELS-COUNT", text, "give one label a sample, in the order of the samples")
    return labels


def check_labels(labels: Labels, classes: int) -> None:
    """Refuse labels that are no class of a model.

    Raises:
        UsageError: EW-LABELS-RANGE naming the first such label.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        first = int(wrong[0])
        text = f"label {int(labels[first])} of sample {first}: the model has classes 0 to {classes - 1}"
        raise refused("EW-LABELS-RANGE", text, "are these the labels of this model? Classes count from 0")


def _load_array(path: Path, key: str | None, count: int) -> Array:
    if path.suffix.lower() == ".npy":
        return open_npy(path)
    headers = npz_headers(path)
    if key is None:
        fitting = [
            k for k, h in headers.items() if h.shape in ((count,), (count, 1)) and h.dtype.kind in "iub"
        ]
        if not fitting:
            fitting = [k for k, h in headers.items() if len(h.shape) == 1]
        if len(fitting) != 1:
            have = ", ".join(headers) or "none"
            text = f"{path}: which array holds the labels? It has {have}"
            raise refused("EW-LABELS-NAME", text, f"choose one: {path.name}:ARRAY")
        key = fitting[0]
    if key not in headers:
        have = ", ".join(headers) or "none"
        raise refused("EW-LABELS-NAME", f"{path}: has the arrays {have}, not {key}")
    return open_npz(path, key)


def _integers(array: Array, where: str) -> Labels:
    """An array as class numbers; floats that are whole numbers will do."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        text = f"{where}: labels have shape {list(array.shape)}, not one number a sample"
        raise refused("EW-LABELS-VALUE", text, "of one-hot rows take the argmax")
    values = np.asarray(array, np.float64)
    wrong = np.flatnonzero(~((values == np.round(values)) & (np.abs(values) <= MAX_CLASS)))
    if wrong.size:
        first = int(wrong[0])
        raise refused("EW-LABELS-VALUE", f"{where}: {array[first]} (sample {first}) is no class number")
    return values.astype(np.int64)


def _from_folder(folder: Path) -> Labels:
    files = data_files(folder)
    classes = sorted({p.parent.name for p in files if p.parent != folder})
    if not classes:
        hint = "put the samples into a subfolder a class, or give a file with labels"
        raise refused("EW-LABELS-KIND", f"{folder} has no subfolders that could be classes", hint)
    numbered = all(name.isascii() and name.isdigit() and len(name) < 7 for name in classes)
    numbers = {name: int(name) if numbered else index for index, name in enumerate(classes)}
    return np.array([numbers[p.parent.name] for p in files], np.int64)


def _from_text(path: Path, names: Sequence[str] | None) -> Labels:
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise refused("EW-LABELS-FILE", f"{path}: larger than {MAX_TEXT_BYTES} bytes")
        text = path.read_text(encoding="utf-8-sig")
        lines = text.splitlines()
        rows = list(csv.reader(lines)) if path.suffix.lower() == ".csv" else [[line] for line in lines]
    except (OSError, ValueError, csv.Error) as error:
        raise refused("EW-LABELS-FILE", f"{path}: cannot be read: {error}") from error
    numbered = [(i, [c.strip() for c in row]) for i, row in enumerate(rows, 1) if any(c.strip() for c in row)]
    if numbered and path.suffix.lower() == ".csv" and _number(numbered[0][1][-1]) is None:
        numbered = numbered[1:]  # the heading
    if len({len(row) for _, row in numbered}) > 1 or (numbered and len(numbered[0][1]) > 2):
        hint = "one column of numbers, or two: file name, number"
        raise refused("EW-LABELS-FILE", f"{path}: its rows have other columns", hint)
    labels = []
    for line, row in numbered:
        number = _number(row[-1])
        if number is None:
            raise refused("EW-LABELS-VALUE", f"{path}, line {line}: {row[-1]!r} is no class number")
        labels.append(number)
    if numbered and len(numbered[0][1]) == 2:
        return _by_name(path, dict(zip((row[0] for _, row in numbered), labels, strict=True)), names)
    return np.array(labels, np.int64)


def _number(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 8 else None


def _by_name(path: Path, labels: dict[str, int], names: Sequence[str] | None) -> Labels:
    """In the order of the samples' files, which are found by file name, or subfolder and file name."""
    found = []
    for name in names or ():
        file = Path(name)
        number = labels.get(file.name, labels.get(f"{file.parent.name}/{file.name}"))
        if number is None:
            raise refused("EW-LABELS-NAME", f"{path}: has no label for {name}")
        found.append(number)
    if names is None:
        hint = "give one column of numbers, in the order of the samples"
        raise refused("EW-LABELS-NAME", f"{path}: names files, and the data is no folder of them", hint)
    return np.array(found, np.int64)
