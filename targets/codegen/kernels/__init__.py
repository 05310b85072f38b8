"""Builders of row kernels: TensorIR over the micro-kernels of a CPU class."""
