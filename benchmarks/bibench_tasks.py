"""The two tasks of the binarization benchmark, and how their test inputs are corrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.locate import DEVELOPMENT_FOLDERS, find_files
from edgewright.errors import UsageError
from tests.shared import SHARED

FloatArray = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
HELD_OUT = 0.3
KWS_FILE, KWS_TEACHER = "kws01_first500.npz", "kws_f.onnx"
KWS_FOLDERS = (*DEVELOPMENT_FOLDERS, SHARED / "models" / "mlperf_tiny" / "float_onnx")
KWS_SCALE, KWS_ZERO_POINT = 0.5847029, 83
SEVERITIES = (1, 2, 3)


@dataclass(frozen=True)
class Task:
    """Data of a task, split.

    Args:
        name: "digits" or "kws".
        classes: Their number.
        train, test: float32 [N, 1, H, W], about -1 .. 1 or of deviation 1.
        train_labels, test_labels: int64 [N].
        max_shift: Pixels that training images are moved by.
        teacher_file: Float ONNX model that all networks learn from; None where they learn from labels and
            their float twin.
        mean, deviation: Of each input column of `teacher_file`'s input, which the task's own inputs lack.
    """

    name: str
    classes: int
    train: FloatArray
    train_labels: Labels
    test: FloatArray
    test_labels: Labels
    max_shift: int
    teacher_file: Path | None = None
    mean: FloatArray | None = None
    deviation: FloatArray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an input, with a batch of 1."""
        return (1, *self.train.shape[1:])


def load_digits_task(seed: int) -> Task:
    """scikit-learn's digits, 8x8, of which `HELD_OUT` are held out in a way that depends on the seed."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = images.astype(np.float32).reshape(-1, 1, 8, 8) / 8 - 1
    return _split("digits", images, labels.astype(np.int64), seed, max_shift=1)


def load_kws_task(seed: int, folder: Path | None = None) -> Task:
    """500 keyword-spotting inputs of MLPerf Tiny, 49 x 10 features, split like the digits.

    350 inputs are too few to learn twelve words from: the networks learn from MLPerf Tiny's float model what
    it says to shifted and mixed training inputs.

    Raises:
        UsageError: EW-BENCH-FILES where the data or the model is not here.
    """
    found = find_files([KWS_FILE, KWS_TEACHER], folder, KWS_FOLDERS, "the KWS inputs and float model")
    with np.load(found[KWS_FILE], allow_pickle=False) as data:
        inputs, labels = data["inputs"], data["labels"].astype(np.int64)
    real = (inputs.astype(np.float32) - KWS_ZERO_POINT) * np.float32(KWS_SCALE)
    # One mean and deviation for each of the ten coefficients, over the whole set: fixed numbers, no labels.
    real = real.reshape(-1, 49, 10)
    mean, deviation = real.mean(axis=(0, 1)), real.std(axis=(0, 1))
    scaled = ((real - mean) / deviation)[:, None].astype(np.float32)
    task = _split("kws", scaled, labels, seed, max_shift=0)
    return replace(task, teacher_file=found[KWS_TEACHER], mean=mean, deviation=deviation)


TASKS: dict[str, Callable[[int], Task]] = {"digits": load_digits_task, "kws": load_kws_task}


def available_tasks() -> tuple[list[str], dict[str, str]]:
    """Names of the tasks whose data is here, and why the others are not."""
    reasons: dict[str, str] = {}
    for name, load in TASKS.items():
        try:
            load(0)
        except UsageError as error:
            reasons[name] = error.message
        except ImportError as error:
            reasons[name] = f"{error}: pip install scikit-learn"
    return [n for n in TASKS if n not in reasons], reasons


def _split(name: str, inputs: FloatArray, labels: Labels, seed: int, max_shift: int) -> Task:
    """Hold out the same part of every class."""
    rng = np.random.default_rng(1000 + seed)
    test = np.zeros(len(labels), bool)
    for value in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == value))
        test[members[: round(HELD_OUT * len(members))]] = True
    classes = int(labels.max()) + 1
    return Task(name, classes, inputs[~test], labels[~test], inputs[test], labels[test], max_shift)


def noise(x: FloatArray, severity: int, rng: np.random.Generator) -> FloatArray:
    """Gaussian noise of 0.15, 0.3 or 0.45."""
    return np.asarray(x + 0.15 * severity * rng.standard_normal(x.shape), np.float32)


def blur(x: FloatArray, severity: int, rng: np.random.Generator) -> FloatArray:
    """Mixed with its 3x3 box average: a third, two thirds, all of it."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    rows, columns = x.shape[2:]
    box = sum(padded[:, :, i : i + rows, j : j + columns] for i in range(3) for j in range(3)) / 9
    return np.asarray(x + (box - x) * severity / 3, np.float32)


def contrast(x: FloatArray, severity: int, rng: np.random.Generator) -> FloatArray:
    """Towards the mean of the image: 0.75, 0.5 or 0.25 of the contrast is left."""
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    return np.asarray(mean + (x - mean) * (1 - severity / 4), np.float32)


def brightness(x: FloatArray, severity: int, rng: np.random.Generator) -> FloatArray:
    """0.2, 0.4 or 0.6 is added."""
    return np.asarray(x + 0.2 * severity, np.float32)


def missing(x: FloatArray, severity: int, rng: np.random.Generator) -> FloatArray:
    """A tenth, a fifth or three tenths of the elements have the smallest value."""
    return np.where(rng.random(x.shape) < severity / 10, x.min(), x).astype(np.float32)


CORRUPTIONS: dict[str, Callable[[FloatArray, int, np.random.Generator], FloatArray]] = {
    f.__name__: f for f in (noise, blur, contrast, brightness, missing)
}


def corrupted(task: Task, name: str, severity: int) -> FloatArray:
    """The test inputs, corrupted in the same way in every run."""
    seed = 7 + 101 * severity + list(CORRUPTIONS).index(name)
    return CORRUPTIONS[name](task.test, severity, np.random.default_rng(seed))
