"""Importers: a model file of any supported kind becomes a normalized ONNX model.

`load_model` reads the file, `save_onnx` writes the ONNX it became. A new kind is one folder with
one function of the form `load_model.Importer`, and one line in `load_model` and `file_kind`.
"""

from edgewright.converter.importers.imported_model import ImportedModel
from edgewright.converter.importers.load_model import load_model
from edgewright.converter.importers.save_onnx import save_onnx

__all__ = ["ImportedModel", "load_model", "save_onnx"]
