"""Errors of data and labels, with what to do where the place that found the fault knows no better."""

from __future__ import annotations

from typing import Any

from edgewright.errors import UsageError

HINTS = {
    "EW-DATA-MISSING": "give the path of an .npy, .npz or .bin file, or of a folder of samples",
    "EW-DATA-FILE": "write it again: numpy.save or numpy.savez, arrays of numbers only",
    "EW-DATA-KIND": "convert it: numpy.save of an array [samples, ...], or a folder with one file a sample",
    "EW-DATA-EMPTY": "give at least one sample",
    "EW-DATA-SHAPE": "reshape the samples; size and layout of images: --preprocess (docs/accuracy.md)",
    "EW-DATA-DTYPE": "save it as float32",
    "EW-DATA-SIZE": "give fewer or smaller samples",
    "EW-LABELS-FILE": "give one class number a sample: .npy, .npz, .csv or .txt",
    "EW-LABELS-KIND": "give one class number a sample: .npy, .npz, .csv or .txt",
    "EW-LABELS-VALUE": "a class is a whole number from 0 on",
    "EW-SPEC-FILE": "it is TOML: sections [image] and [values] (docs/accuracy.md)",
    "EW-SPEC-VALUE": "docs/accuracy.md lists the keys and their values",
}


def refused(code: str, message: str, hint: str = "", **details: Any) -> UsageError:
    """The error of a code, with its own hint or that of the code."""
    return UsageError(code, message, hint or HINTS.get(code, ""), **details)
