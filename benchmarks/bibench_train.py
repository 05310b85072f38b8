"""Training the networks of the binarization benchmark: one group of runs shares a float twin.

A run is a record of plain numbers in a file of its own: an interrupted benchmark goes on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import torch
from torch import nn

from benchmarks.bibench_mixing import AnsweredSamples, Answers, Student
from benchmarks.bibench_nets import Net
from benchmarks.bibench_tasks import CORRUPTIONS, SEVERITIES, TASKS, FloatArray, Labels, Task, corrupted
from edgewright.converter.importers import ImportedModel
from edgewright.converter.importers.onnx_format.read_onnx import read_onnx
from edgewright.quantize.quantize_model import quantize_model
from edgewright.quantize.train.export_module import export_module
from edgewright.quantize.train.samples import Samples
from edgewright.quantize.train.settings import TrainSettings
from edgewright.quantize.train.trainer import predict, train

FLOAT = "float"
CALIBRATION_SAMPLES = 100
# Bumped where a change of the code makes earlier runs worthless.
VERSION = 1


@dataclass(frozen=True)
class Recipe:
    """How all networks of a task are trained.

    Args:
        epochs: Of a binary network.
        float_epochs: Of its float twin.
        batch: Samples of a step.
    """

    epochs: int
    float_epochs: int
    batch: int


RECIPES = {"digits": Recipe(30, 15, 64), "kws": Recipe(40, 40, 32)}
QUICK = Recipe(1, 1, 64)


@dataclass(frozen=True)
class Group:
    """Runs that share data and a float twin."""

    task: str
    architecture: str
    seed: int
    quick: bool = False

    @property
    def recipe(self) -> Recipe:
        return QUICK if self.quick else RECIPES[self.task]

    def path(self, folder: Path, operator: str, suffix: str) -> Path:
        """Where a run's result lies: the name depends on everything that decides it."""
        what = json.dumps([VERSION, asdict(self.recipe), sorted(CORRUPTIONS), list(SEVERITIES)])
        digest = hashlib.sha256(what.encode()).hexdigest()[:8]
        return folder / f"{self.task}-{self.architecture}-{self.seed}-{operator}-{digest}{suffix}"


def run_group(group: Group, operators: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Train the float twin and a network of every operator, or read what is there already."""
    torch.set_num_threads(1)
    return list(_runs(group, operators, folder))


def _runs(group: Group, operators: Sequence[str], folder: Path) -> Iterator[dict[str, Any]]:
    task = TASKS[group.task](group.seed)
    teacher: nn.Module | None = None
    for operator in (FLOAT, *operators):
        record, model = group.path(folder, operator, ".json"), group.path(folder, operator, ".onnx")
        weights = group.path(folder, FLOAT, ".pt")
        if record.is_file() and model.is_file() and (operator != FLOAT or weights.is_file()):
            yield json.loads(record.read_text())
            continue
        if operator != FLOAT and teacher is None:
            teacher = Net(task, group.architecture, None)
            teacher.load_state_dict(torch.load(weights, weights_only=True))
        net, seconds = _trained(group, task, operator, teacher)
        if operator == FLOAT:
            torch.save(net.state_dict(), weights)
            teacher = net
        int8 = int8_model(net, task)
        model.write_bytes(int8)
        found = _measured(group, task, operator, net, int8) | {"seconds": seconds}
        partial = record.with_suffix(".partial")
        partial.write_text(json.dumps(found))
        partial.replace(record)
        yield found


def _trained(group: Group, task: Task, operator: str, twin: nn.Module | None) -> tuple[Net, float]:
    """(network, seconds of an epoch)."""
    torch.manual_seed(group.seed)
    net = Net(task, group.architecture, None if operator == FLOAT else operator)
    recipe = group.recipe
    epochs = recipe.float_epochs if operator == FLOAT else recipe.epochs
    settings = TrainSettings(epochs, recipe.batch, max_shift=task.max_shift, seed=group.seed)
    module: nn.Module = net
    data, teacher = _samples(task.train, task.train_labels), twin
    if task.teacher_file is not None:
        data, teacher, module = _answered(group.task, group.seed), Answers(), Student(net)
    begin = time.process_time()
    train(module, data, settings, teacher=teacher)
    return net, (time.process_time() - begin) / epochs


@functools.lru_cache(maxsize=1)
def _answers(task: str, seed: int) -> AnsweredSamples:
    return AnsweredSamples(TASKS[task](seed), seed)


def _answered(task: str, seed: int) -> AnsweredSamples:
    """The samples of a task and seed, as they were at first."""
    samples = _answers(task, seed)
    samples.restart()
    return samples


def _samples(inputs: FloatArray, labels: Labels | None) -> Samples:
    return Samples([{"x": x[None]} for x in inputs], ["x"], labels)


def int8_model(net: Net, task: Task) -> bytes:
    """The network as ONNX, with int8 where it is not binary."""
    exported = export_module(net, {"x": task.shape}, "net").SerializeToString()
    model, _ = read_onnx(exported, Path(), {})
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(task.train), min(CALIBRATION_SAMPLES, len(task.train)), replace=False)
    samples = [{"x": task.train[i : i + 1]} for i in chosen]
    quantized = quantize_model(ImportedModel("net", "", "onnx", model), samples).model
    return bytes(ir.to_proto(quantized).SerializeToString(deterministic=True))


def _measured(group: Group, task: Task, operator: str, net: Net, int8: bytes) -> dict[str, Any]:
    corruptions = {
        name: [_accuracy(net, corrupted(task, name, s), task.test_labels) for s in SEVERITIES]
        for name in CORRUPTIONS
    }
    return {
        "task": group.task,
        "architecture": group.architecture,
        "seed": group.seed,
        "operator": operator,
        "accuracy": _accuracy(net, task.test, task.test_labels),
        "deployed": _deployed_accuracy(int8, task),
        "corrupted": corruptions,
    }


def _accuracy(net: nn.Module, inputs: FloatArray, labels: Labels) -> float:
    found = predict(net, _samples(inputs, labels)).argmax(dim=1).numpy()
    return float((found == labels).mean())


def _deployed_accuracy(int8: bytes, task: Task) -> float:
    """Top-1 of the int8 and binary model in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(int8, options, providers=["CPUExecutionProvider"])
    found = [int(session.run(None, {"x": task.test[i : i + 1]})[0].argmax()) for i in range(len(task.test))]
    return float((np.array(found) == task.test_labels).mean())
