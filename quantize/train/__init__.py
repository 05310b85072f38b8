"""Training binary networks in PyTorch: an ONNX graph or a user's module becomes one with binary layers."""
