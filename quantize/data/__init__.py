"""Data for calibration and evaluation: arrays, raw files and images as float inputs of a model."""

from edgewright.quantize.data.dataset import Dataset, InputType, load_dataset
from edgewright.quantize.data.labels import check_labels, load_labels
from edgewright.quantize.data.preprocess import Preprocess, load_preprocess

__all__ = [
    "Dataset",
    "InputType",
    "Preprocess",
    "check_labels",
    "load_dataset",
    "load_labels",
    "load_preprocess",
]
