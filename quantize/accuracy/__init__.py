"""Accuracy: metrics on labelled data, and a quantized model against its float model, layer by layer."""

from edgewright.quantize.accuracy.compare import compare
from edgewright.quantize.accuracy.layers import LayerAccuracy
from edgewright.quantize.accuracy.meter import OutputMeter, OutputMetrics, task_of
from edgewright.quantize.accuracy.result import AccuracyReport

__all__ = ["AccuracyReport", "LayerAccuracy", "OutputMeter", "OutputMetrics", "compare", "task_of"]
