"""What `benchmarks.quantize` measures."""
