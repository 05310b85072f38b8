"""From a float model and labelled data to a trained model with binary layers, still in float around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import torch
from torch import nn

from edgewright.converter.importers import ImportedModel
from edgewright.errors import UsageError
from edgewright.quantize.binary.bits_through_clamps import bits_through_clamps
from edgewright.quantize.binary.layers import binary_layers
from edgewright.quantize.binary.onnx_layer import AUTO, choose_layers, replace_layer, to_onnx
from edgewright.quantize.data import check_labels
from edgewright.quantize.graph_edit import GraphEditor, name_of, set_constant, shape_of
from edgewright.quantize.prepare import prepare
from edgewright.quantize.train.export_module import export_module
from edgewright.quantize.train.graph_module import GraphModule
from edgewright.quantize.train.losses import regression
from edgewright.quantize.train.samples import Samples, split_indices
from edgewright.quantize.train.settings import TrainSettings
from edgewright.quantize.train.trainer import Epoch, Progress, check_device, predict, train

Data = Sequence[Mapping[str, npt.NDArray[np.generic]]]
Labels = npt.NDArray[np.int64]
# A batch for the first statistics of the norms: more says little more.
MATCH_SAMPLES = 512


@dataclass(frozen=True)
class TrainedLayer:
    """A binary layer.

    Args:
        name: Of the layer.
        weights: Their number, each one bit.
        flipped: Part of the weights whose sign is not that of the float model's; None where there is none.
    """

    name: str
    weights: int
    flipped: float | None


@dataclass(frozen=True)
class Binarized:
    """A trained binary model.

    Args:
        onnx: Bytes of the float ONNX model with calls of binary functions.
        algorithm: That trained it; of a module with several, all of them.
        layers: The binary ones.
        history: Epochs.
        metric: "top1", or "mse" to the float model.
        float_value: The float model's metric on what was held back; None without one.
        binary_value: The binary model's.
        trained_with: Number of samples trained with.
        held_back: Number of samples measured with.
    """

    onnx: bytes
    algorithm: str
    layers: list[TrainedLayer]
    history: list[Epoch]
    metric: str
    float_value: float | None
    binary_value: float | None
    trained_with: int
    held_back: int


@dataclass(frozen=True)
class Control:
    """How a training is watched and continued.

    Args:
        checkpoint: File written after each epoch; None writes none.
        resume: Go on from it.
        identity: What else has to be equal for that.
        progress: Called with (done, total) steps.
        on_epoch: Called after each epoch.
    """

    checkpoint: Path | None = None
    resume: bool = False
    identity: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress | None = None
    on_epoch: Callable[[Epoch], None] | None = None


NO_CONTROL = Control()


def binarize_model(
    imported: ImportedModel,
    data: Data,
    labels: Labels | None,
    *,
    algorithm: str = "react_net",
    layers: Sequence[str] = (AUTO,),
    all_layers: bool = False,
    settings: TrainSettings | None = None,
    control: Control = NO_CONTROL,
) -> Binarized:
    """Make layers of a float model binary and train it.

    Args:
        imported: The float model.
        data: Samples, float32 [1, ...] by input name.
        labels: int64 [N]; None learns from the float model alone.
        algorithm: Name of an algorithm.
        layers: Names, or `AUTO`.
        all_layers: With `AUTO`, the first and the last layer as well.
        settings: Of the training.
        control: Checkpoints and progress.

    Raises:
        ModelError: EW-TRAIN-OP, EW-TRAIN-OUTPUTS, EW-QUANT-….
        UsageError: EW-BINARY-…, EW-TRAIN-….
        WorkError: EW-TRAIN-DIVERGED.
    """
    settings = settings or TrainSettings()
    _set_up(settings)
    model = prepare(imported)
    chosen = choose_layers(model.graph, layers, all_layers=all_layers)
    teacher = GraphModule(model.graph).to(settings.device)
    module = GraphModule(model.graph, chosen, algorithm).to(settings.device)
    parts = _split(data, labels, teacher.inputs, settings)
    regress = _regresses(model.graph, labels)
    first = parts[0].batch(range(min(MATCH_SAMPLES, len(parts[0]))))
    with torch.random.fork_rng():
        module.match(teacher, first)
    identity = {
        "model": imported.sha256,
        "algorithm": algorithm,
        "layers": [layer.name for layer in chosen],
        "samples": len(data),
        **control.identity,
    }
    history = _train(module, parts, settings, control, identity, teacher=teacher, regress=regress)
    float_value, binary_value = (_metric(m, teacher, parts[1], regress) for m in (teacher, module))
    found = module.deployed()
    float_signs = {layer.name: _signs(layer) for layer in chosen}
    _write_back(model, module, found)
    return Binarized(
        onnx=to_onnx(model),
        algorithm=algorithm,
        layers=[
            TrainedLayer(name, d.weights.size, float(np.mean(d.weights != float_signs[name])))
            for name, d in found.items()
        ],
        history=history,
        metric=_metric_name(parts[1], regress),
        float_value=float_value,
        binary_value=binary_value,
        trained_with=len(parts[0]),
        held_back=0 if parts[1] is None else len(parts[1]),
    )


def train_module(
    module: nn.Module,
    inputs: Mapping[str, Sequence[int]],
    data: Data,
    labels: Labels | None,
    *,
    teacher: ImportedModel | None = None,
    settings: TrainSettings | None = None,
    control: Control = NO_CONTROL,
) -> Binarized:
    """Train a module with binary layers of its own, and export it.

    Args:
        module: With `BinaryConv2d` or `BinaryLinear` layers; takes the inputs in their order.
        inputs: Shape by name, [1, ...].
        data: Samples.
        labels: int64 [N], or None where there is a teacher.
        teacher: Float model of the same inputs and outputs to learn from.
        settings: Of the training.
        control: Checkpoints and progress.

    Raises:
        ModelError: EW-TRAIN-MODULE, EW-TRAIN-OP.
        UsageError: EW-TRAIN-….
        WorkError: EW-TRAIN-DIVERGED.
    """
    settings = settings or TrainSettings()
    _set_up(settings)
    module = module.to(settings.device)
    float_module = None
    if teacher is not None:
        float_module = GraphModule(prepare(teacher).graph).to(settings.device)
    parts = _split(data, labels, list(inputs), settings)
    layers = binary_layers(module)
    identity = {
        "module": [f"{n}: {m.algorithm} {list(m.weight.shape)}" for n, m in layers.items()],
        "samples": len(data),
        **control.identity,
    }
    history = _train(module, parts, settings, control, identity, teacher=float_module, regress=False)
    predict(module, parts[0])  # so that every layer knows the size of its output
    float_value = None if float_module is None else _metric(float_module, float_module, parts[1], False)
    binary_value = None
    if labels is not None or float_module is not None:
        binary_value = _metric(module, float_module, parts[1], False)
    exported = export_module(module.cpu(), inputs)
    return Binarized(
        onnx=exported.SerializeToString(deterministic=True),
        algorithm=", ".join(dict.fromkeys(m.algorithm for m in layers.values())),
        layers=[TrainedLayer(n, m.weight.numel(), None) for n, m in layers.items()],
        history=history,
        metric=_metric_name(parts[1], False),
        float_value=float_value,
        binary_value=binary_value,
        trained_with=len(parts[0]),
        held_back=0 if parts[1] is None else len(parts[1]),
    )


def _set_up(settings: TrainSettings) -> None:
    check_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)


def _split(
    data: Data, labels: Labels | None, inputs: Sequence[str], settings: TrainSettings
) -> tuple[Samples, Samples | None]:
    """What to train with and what to hold back, None where that is nothing."""
    if len(data) == 0:
        raise UsageError("EW-TRAIN-DATA", "there are no samples to train with", "give more data")
    kept, back = split_indices(len(data), settings.held_back, settings.seed, labels)
    made = [
        Samples(data, inputs, labels, indices=part, device=settings.device) for part in (kept, back) if part
    ]
    return made[0], made[1] if len(made) > 1 else None


def _train(
    module: nn.Module,
    parts: tuple[Samples, Samples | None],
    settings: TrainSettings,
    control: Control,
    identity: dict[str, Any],
    *,
    teacher: nn.Module | None,
    regress: bool,
) -> list[Epoch]:
    if parts[0].labels is not None and not regress:
        with torch.no_grad():
            module.eval()
            classes = int(module(*parts[0].batch([0])).shape[1])
        check_labels(parts[0].labels.cpu().numpy(), classes)
    return train(
        module,
        parts[0],
        settings,
        teacher=teacher,
        held_back=parts[1],
        regress=regress,
        checkpoint=control.checkpoint,
        identity=identity,
        resume=control.resume,
        progress=control.progress,
        on_epoch=control.on_epoch,
    )


def _regresses(graph: ir.Graph, labels: Labels | None) -> bool:
    """Whether the model gives no classes: its output is not [1, classes], or has its input's shape."""
    output = shape_of(graph.outputs[0])
    if len(output) == 2 and output != shape_of(graph.inputs[0]):
        return False
    if labels is not None:
        raise UsageError(
            "EW-TRAIN-LABELS",
            f"the output {graph.outputs[0].name} is {list(output)}: not one number for each class",
            "leave --labels out: the model then learns its float twin's output",
        )
    return True


def _metric_name(samples: Samples | None, regress: bool) -> str:
    return "top1" if samples is not None and samples.labels is not None and not regress else "mse"


def _metric(
    module: nn.Module, teacher: nn.Module | None, samples: Samples | None, regress: bool
) -> float | None:
    """Top-1, or the mean squared error to the float model."""
    if samples is None:
        return None
    outputs = predict(module, samples)
    if samples.labels is not None and not regress:
        return float((outputs.argmax(dim=1) == samples.labels).double().mean())
    return None if teacher is None else float(regression(outputs, predict(teacher, samples)))


def _signs(layer: Any) -> npt.NDArray[np.int8]:
    weights = layer.weights() if layer.node.op_type == "Conv" else layer.rows()
    return np.where(weights >= 0, 1, -1).astype(np.int8)


def _write_back(model: ir.Model, module: GraphModule, found: Mapping[str, Any]) -> None:
    """Trained parameters and binary layers into the graph."""
    trained = module.trained()
    for value in model.graph.initializers.values():
        if name_of(value) in trained:
            set_constant(value, trained[name_of(value)])
    editor = GraphEditor(model.graph)
    for name, deployed in found.items():
        replace_layer(editor, module.layers[name], deployed)
    bits_through_clamps(model.graph)
