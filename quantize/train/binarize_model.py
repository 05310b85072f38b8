"""From a float model and data to a trained model with binary layers, still in float around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import torch

from edgewright.converter.importers import ImportedModel
from edgewright.errors import UsageError
from edgewright.quantize.binary.bits_through_clamps import bits_through_clamps
from edgewright.quantize.binary.onnx_layer import AUTO, choose_layers, replace_layer, to_onnx
from edgewright.quantize.graph_edit import GraphEditor, name_of, set_constant, shape_of
from edgewright.quantize.prepare import prepare
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

# A batch for the first statistics of the norms: more says little more.
MATCH_SAMPLES = 512


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
    set_up(settings)
    model = prepare(imported)
    chosen = choose_layers(model.graph, layers, all_layers=all_layers)
    teacher = GraphModule(model.graph).to(settings.device)
    module = GraphModule(model.graph, chosen, algorithm).to(settings.device)
    parts = split(data, labels, teacher.inputs, settings)
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
    history = run_training(module, parts, settings, control, identity, teacher=teacher, regress=regress)
    float_value, binary_value = (metric(m, teacher, parts[1], regress) for m in (teacher, module))
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
        metric=metric_name(parts[1], regress),
        float_value=float_value,
        binary_value=binary_value,
        trained_with=len(parts[0]),
        held_back=0 if parts[1] is None else len(parts[1]),
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
