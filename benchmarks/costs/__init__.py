"""Parts of `python -m benchmarks.kernel_costs`."""
