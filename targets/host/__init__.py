"""Kernels for the host and other application processors, compiled by TVM's LLVM."""
