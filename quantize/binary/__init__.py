"""Binarization: weights and activations of one bit, by eight published algorithms.

An algorithm is one file: what it does with activations and weights, its gradients, its scales. A layer
(`layers.BinaryConv2d`, `layers.BinaryLinear`) takes one by name and can be trained; `deployed` says what
remains of it for inference. Importing this package does not need PyTorch, the algorithms do.
"""

from edgewright.quantize.binary.algorithms import ALGORITHMS, Algorithm, algorithm, operator_class

__all__ = ["ALGORITHMS", "Algorithm", "algorithm", "operator_class"]
