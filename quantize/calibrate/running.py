"""Run a float or QDQ model in onnxruntime and look at tensors inside it, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
import onnx_ir as ir

from edgewright.converter.importers.normalize.finish import first_line
from edgewright.converter.program import Array
from edgewright.errors import ModelError
from edgewright.quantize.graph_edit import name_of, shape_of

Samples = Sequence[Mapping[str, Array]]
"""Inputs by name, float32 in the model's shapes; one at a time is read."""

# Bytes of tensors that one run hands out.
MAX_RUN_BYTES = 256 << 20


class Runner:
    """A session that computes chosen tensors of a model.

    Quantization is computed as the nodes say, in float: onnxruntime's fused integer kernels saturate on
    some machines and would hide what the device computes.

    Args:
        model: The model.
        tensors: Names of the tensors wanted; the graph's outputs where empty.
        feeds: Initializers that `run` may replace.
    """

    def __init__(self, model: ir.Model, tensors: Sequence[str] = (), feeds: Sequence[str] = ()) -> None:
        import onnxruntime

        proto = ir.to_proto(model)
        self.tensors = list(tensors) or [o.name for o in proto.graph.output]
        known = {o.name for o in proto.graph.output}
        proto.graph.output.extend(onnx.ValueInfoProto(name=t) for t in self.tensors if t not in known)
        values = {v.name: v for v in model.graph.initializers.values()}
        for name in feeds:
            info = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape_of(values[name]))
            proto.graph.input.append(info)
        self._inputs = {v.name for v in model.graph.inputs}
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises a class of its own for every status
            raise _cannot_run(error) from error

    def run(self, sample: Mapping[str, Array], feeds: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """The tensors for one sample.

        Args:
            sample: Inputs by name.
            feeds: Other data for initializers named at the start.
        """
        inputs = {n: np.asarray(x) for n, x in sample.items() if n in self._inputs}
        try:
            results = self._session.run(self.tensors, inputs | dict(feeds or {}))
        except Exception as error:
            raise _cannot_run(error) from error
        return dict(zip(self.tensors, (np.asarray(r) for r in results), strict=True))


def _cannot_run(error: Exception) -> ModelError:
    return ModelError(
        "EW-QUANT-RUN",
        f"onnxruntime does not run the model: {first_line(error)}",
        "the samples have to fit the model's inputs, and onnxruntime has to know its operators",
    )


def in_runs(values: Sequence[ir.Value]) -> Iterator[list[str]]:
    """Names of tensors in portions that `MAX_RUN_BYTES` holds."""
    portion: list[str] = []
    room = MAX_RUN_BYTES
    for value in values:
        size = 4 * int(np.prod(shape_of(value), dtype=np.int64))
        if portion and size > room:
            yield portion
            portion, room = [], MAX_RUN_BYTES
        portion.append(name_of(value))
        room -= size
    if portion:
        yield portion
