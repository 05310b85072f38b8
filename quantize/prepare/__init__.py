"""Bring a float model to the form that quantization works on."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir
from onnx_ir.passes import common

from edgewright.converter.importers import ImportedModel
from edgewright.quantize.prepare.affine import fold_before, fold_behind, norms_to_layers
from edgewright.quantize.prepare.check_float import check_float, check_prepared
from edgewright.quantize.prepare.constants import fold_dequantized, own_constants
from edgewright.quantize.prepare.dense import fold_factors, merge_bias, sums_to_additions
from edgewright.quantize.prepare.identities import remove_identities

STEPS: tuple[Callable[[ir.Graph], None], ...] = (
    fold_dequantized,
    remove_identities,
    sums_to_additions,
    fold_factors,
    merge_bias,
    fold_behind,
    fold_before,
    norms_to_layers,
    fold_behind,
    own_constants,
)


def prepare(imported: ImportedModel) -> ir.Model:
    """A float model with the same results whose layers are Conv, Gemm and MatMul + Add with own constants.

    Value names stay: what a step merges has the name of its last value.

    Args:
        imported: The float model; it is not changed.

    Raises:
        ModelError: EW-QUANT-ALREADY, EW-QUANT-TYPE, EW-QUANT-NO-WEIGHTS, EW-QUANT-NAN.
    """
    check_float(imported)
    model = imported.model.clone()
    for step in STEPS:
        step(model.graph)
        common.RemoveUnusedNodesPass()(model)
    check_prepared(model, imported.name)
    return model
