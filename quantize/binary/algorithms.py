"""The binarization algorithms by name; an algorithm is one file and one line here.

Nothing here needs PyTorch: `operator_class` imports an algorithm's file when it is asked for.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewright.errors import UsageError
from edgewright.quantize.binary.torch_extra import require_torch

if TYPE_CHECKING:
    from edgewright.quantize.binary.operator import BinaryOperator


@dataclass(frozen=True)
class Algorithm:
    """An algorithm that makes layers binary.

    Args:
        name: On the command line, and of its file.
        title: As its authors write it.
        operator: Name of the class in its file.
        cost: What its inference needs beyond XNOR, popcount and a comparison.
    """

    name: str
    title: str
    operator: str
    cost: str = "none"


# In the order of publication.
ALGORITHMS = {
    a.name: a
    for a in (
        Algorithm("bnn", "BNN", "BnnOperator"),
        Algorithm("xnor_net", "XNOR-Net", "XnorNetOperator", "mean of |x| of every image"),
        Algorithm("dorefa", "DoReFa", "DorefaOperator"),
        Algorithm("bi_real", "Bi-Real", "BiRealOperator"),
        Algorithm("xnor_plus_plus", "XNOR++", "XnorPlusPlusOperator", "a factor for every place"),
        Algorithm("react_net", "ReActNet", "ReactNetOperator"),
        Algorithm("recu", "ReCU", "RecuOperator"),
        Algorithm("fda", "FDA", "FdaOperator"),
    )
}


def algorithm(name: str) -> Algorithm:
    """The algorithm of a name.

    Raises:
        UsageError: EW-BINARY-ALGORITHM quoting the name.
    """
    if name not in ALGORITHMS:
        raise UsageError(
            "EW-BINARY-ALGORITHM", f"there is no algorithm {name!r}", f"one of {', '.join(ALGORITHMS)}"
        )
    return ALGORITHMS[name]


def operator_class(name: str) -> type[BinaryOperator]:
    """The torch module of an algorithm.

    Raises:
        UsageError: EW-BINARY-ALGORITHM; EW-TRAIN-TORCH where PyTorch is missing.
    """
    found = algorithm(name)
    require_torch()
    module = importlib.import_module(f"edgewright.quantize.binary.{found.name}")
    operator: type[BinaryOperator] = getattr(module, found.operator)
    return operator
