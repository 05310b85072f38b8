"""The .onnx importer."""
