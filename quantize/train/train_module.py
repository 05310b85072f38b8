"""Training a module that has binary layers of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from edgewright.converter.importers import ImportedModel
from edgewright.quantize.binary.layers import binary_layers
from edgewright.quantize.prepare import prepare
from edgewright.quantize.train.export_module import export_module
from edgewright.quantize.train.graph_module import GraphModule
from edgewright.quantize.train.session import (
    NO_CONTROL,
    Binarized,
    Control,
    Data,
    Labels,
    TrainedLayer,
    metric,
    metric_name,
    run_training,
    set_up,
    split,
)
from edgewright.quantize.train.settings import TrainSettings
from edgewright.quantize.train.trainer import predict


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
    set_up(settings)
    module = module.to(settings.device)
    float_module = None
    if teacher is not None:
        float_module = GraphModule(prepare(teacher).graph).to(settings.device)
    parts = split(data, labels, list(inputs), settings)
    layers = binary_layers(module)
    identity = {
        "module": [f"{n}: {m.algorithm} {list(m.weight.shape)}" for n, m in layers.items()],
        "samples": len(data),
        **control.identity,
    }
    history = run_training(module, parts, settings, control, identity, teacher=float_module, regress=False)
    predict(module, parts[0])  # so that every layer knows the size of its output
    float_value = None if float_module is None else metric(float_module, float_module, parts[1], False)
    binary_value = None
    if labels is not None or float_module is not None:
        binary_value = metric(module, float_module, parts[1], False)
    exported = export_module(module.cpu(), inputs)
    return Binarized(
        onnx=exported.SerializeToString(deterministic=True),
        algorithm=", ".join(dict.fromkeys(m.algorithm for m in layers.values())),
        layers=[TrainedLayer(n, m.weight.numel(), None) for n, m in layers.items()],
        history=history,
        metric=metric_name(parts[1], False),
        float_value=float_value,
        binary_value=binary_value,
        trained_with=len(parts[0]),
        held_back=0 if parts[1] is None else len(parts[1]),
    )
