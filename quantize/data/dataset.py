"""A data set as float inputs of a model, read sample by sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Array, Quantization
from edgewright.quantize.data.opening import open_source, split_key
from edgewright.quantize.data.preprocess import Preprocess, ValueSpec, load_preprocess
from edgewright.quantize.data.refusal import refused
from edgewright.quantize.data.sources import Source, check_sample_bytes

Shape = tuple[int, ...]


@dataclass(frozen=True)
class InputType:
    """Element type of an input that takes integers, and what they stand for."""

    dtype: str
    quantization: Quantization


@dataclass(frozen=True)
class Column:
    """The samples of one input.

    Args:
        name: Of the input.
        shape: Of the input, batch of 1 included.
        source: Raw samples.
        values: How they become real numbers.
        transpose: Axes of the raw sample, batch included, in the order of the input's.
        channel_axis: Where mean and std with several numbers lie, if the specification does not say.
    """

    name: str
    shape: Shape
    source: Source
    values: ValueSpec
    transpose: tuple[int, ...] | None = None
    channel_axis: int | None = None

    def sample(self, index: int) -> Array:
        """float32 of the input's shape; see `Dataset.__getitem__`."""
        raw = self.source.read(index)
        if self.transpose is not None:
            raw = raw.reshape([self.shape[self.transpose.index(a)] for a in range(len(self.shape))])
            raw = raw.transpose(self.transpose)
        x = self.values.apply(raw.reshape(self.shape), self.channel_axis)
        finite = np.isfinite(x)
        if not finite.all():
            bad = np.argwhere(~finite)[0]
            text = f"{self.source.name(index)}: {x[tuple(bad)]} at {bad.tolist()} of input {self.name}"
            raise refused("EW-DATA-NAN", text, "every value has to be a number: remove or repair the sample")
        low, high = self.values.range or (-np.finfo(np.float32).max, np.finfo(np.float32).max)
        outside = (x < low) | (x > high)
        if outside.any():
            bad = np.argwhere(outside)[0]
            text = (
                f"{self.source.name(index)}: {x[tuple(bad)]:.6g} at {bad.tolist()} of input {self.name} "
                f"is outside {low:.6g} .. {high:.6g}"
            )
            raise refused("EW-DATA-RANGE", text, "check scale, zero_point, mean, std and range in [values]")
        return x.astype(np.float32)


class Dataset(Sequence[dict[str, Array]]):
    """Samples as float32 arrays by input name, each of the input's shape; nothing is kept in memory.

    Args:
        columns: One an input, all with the same number of samples.
        order: Indices of the samples in the source, in the order of this data set.
    """

    def __init__(self, columns: Sequence[Column], order: Iterable[int] | None = None) -> None:
        self.columns = tuple(columns)
        count = len(self.columns[0].source)
        self.order: npt.NDArray[np.int64] = np.array([*(range(count) if order is None else order)], np.int64)

    def __len__(self) -> int:
        return len(self.order)

    @overload
    def __getitem__(self, index: int) -> dict[str, Array]: ...

    @overload
    def __getitem__(self, index: slice) -> Dataset: ...

    def __getitem__(self, index: int | slice) -> dict[str, Array] | Dataset:
        """A sample, or for a slice the data set of those samples.

        Raises:
            UsageError: EW-DATA-NAN, EW-DATA-RANGE, EW-DATA-FILE, EW-DATA-IMAGE, EW-DATA-SHAPE naming the
                sample.
        """
        if isinstance(index, slice):
            return Dataset(self.columns, self.order[index].tolist())
        at = int(self.order[index])
        return {column.name: column.sample(at) for column in self.columns}

    @property
    def names(self) -> list[str]:
        """What the samples are called: their file, or the file and an index."""
        return [self.columns[0].source.name(int(i)) for i in self.order]

    def split(self, count: int, seed: int = 0) -> tuple[Dataset, Dataset]:
        """`count` samples drawn without replacement, and the others; both in the order of the source.

        Raises:
            UsageError: EW-DATA-EMPTY where one of them would have no sample.
        """
        if not 0 < count < len(self):
            text = f"{count} of {len(self)} samples cannot be held apart"
            raise refused("EW-DATA-EMPTY", text, "give more data, or ask for fewer samples")
        drawn = np.zeros(len(self), bool)
        drawn[np.random.default_rng(seed).choice(len(self), count, replace=False)] = True
        return Dataset(self.columns, self.order[drawn]), Dataset(self.columns, self.order[~drawn])


def load_dataset(
    path: Path | str,
    inputs: Mapping[str, Sequence[int]],
    preprocess: Path | None = None,
    *,
    types: Mapping[str, InputType] | None = None,
) -> Dataset:
    """Open the data for a model's inputs; samples are read when they are asked for.

    Args:
        path: .npy or .npz (one or several samples, leading dimension; FILE.npz:KEY chooses an array), .bin
            (raw, little-endian, sample after sample) or a folder of .npy, .bin or image files (png, jpg,
            bmp), one a sample, sorted by name; where it has only subfolders, their files.
        inputs: Shape by name, batch of 1 included.
        preprocess: TOML file, see `edgewright.quantize.data.preprocess`.
        types: Inputs that take integers: data of that type needs no specification.

    Raises:
        UsageError: EW-DATA-MISSING, -KIND, -FILE, -EMPTY, -NAME, -SHAPE, -DTYPE, -SIZE; EW-SPEC-….
    """
    spec = load_preprocess(preprocess) if preprocess else Preprocess()
    shapes = {name: tuple(int(n) for n in shape) for name, shape in inputs.items()}
    file, key = split_key(path)
    if spec.input is not None and spec.input not in shapes:
        known = ", ".join(shapes)
        raise refused("EW-SPEC-VALUE", f"{preprocess}: input = {spec.input!r}", f"the model has {known}")
    for name, shape in shapes.items():
        check_sample_bytes(int(np.prod(shape)), f"input {name}")
    stored = next((t.dtype for t in (types or {}).values()), None)
    if spec.values.dtype is None and stored is not None:  # .bin files hold what the model takes
        spec = replace(spec, values=replace(spec.values, dtype=stored))
    columns = []
    for name, (source, dtype, axis) in open_source(file, key, shapes, spec).items():
        own = spec if spec.input in (None, name) else Preprocess()
        values = _conversion(name, own.values, dtype, (types or {}).get(name), file)
        _check_channels(name, shapes[name], values, axis)
        columns.append(Column(name, shapes[name], source, values, own.transpose, axis))
    counts = {column.name: len(column.source) for column in columns}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise refused("EW-DATA-SHAPE", f"{path}: the inputs have different numbers of samples ({listed})")
    if not all(counts.values()):
        raise refused("EW-DATA-EMPTY", f"{path}: holds no samples")
    return Dataset(columns)


def _conversion(
    name: str, values: ValueSpec, dtype: np.dtype[np.generic], want: InputType | None, path: Path
) -> ValueSpec:
    """How data of this type becomes real numbers; refused where that would be a guess.

    Floats are the real numbers, and so are booleans (0 and 1). Integers are where the model takes the same
    integers, or the specification says so.
    """
    if values.explicit or dtype.kind in "fb":
        return values
    if want is not None and np.dtype(want.dtype) == dtype:
        q = want.quantization
        return replace(values, scale=q.scale, zero_point=float(q.zero_point))
    raise refused(
        "EW-DATA-DTYPE",
        f"{path} holds {dtype} values, input {name} takes real numbers: what they stand for is not known",
        "say it in a preprocessing file: [values] scale = 1 takes them as they are, scale = 0.0039215686 "
        "makes 0..255 to 0..1, scale and zero_point dequantize",
    )


def _check_channels(name: str, shape: Shape, values: ValueSpec, image_axis: int | None) -> None:
    """Lists of mean and std have as many numbers as the input has channels."""
    axis = values.axis if values.axis is not None else image_axis
    for key, numbers in (("mean", values.mean), ("std", values.std)):
        if len(numbers) == 1:
            continue
        if axis is None:
            text = f"[values] {key} has {len(numbers)} numbers, and the axis of the channels is not known"
            raise refused("EW-SPEC-VALUE", text, f"give [values] axis, of input {name} {list(shape)}")
        if axis >= len(shape) or shape[axis] != len(numbers):
            text = f"[values] {key} has {len(numbers)} numbers, not axis {axis} of input {name} {list(shape)}"
            raise refused("EW-SPEC-VALUE", text, "give one number, or one a channel")
