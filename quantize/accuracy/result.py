"""What an evaluation found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgewright.quantize.accuracy.layers import LayerAccuracy
from edgewright.quantize.accuracy.meter import OutputMetrics, Task


@dataclass(frozen=True)
class AccuracyReport:
    """Accuracy of a model on data.

    Args:
        model: Its name.
        on: Where it ran: onnxruntime, host, emulator or serial.
        output: Name of the output that the figures are of, the model's first.
        task: What labels mean.
        quantized: Figures of the model.
        reference: Of the float model, None without one.
        layers: Each quantized tensor against the float model's, in graph order.
        notes: Sentences on what is worth knowing.
        seconds: Wall time.
    """

    model: str
    on: str
    output: str
    task: Task
    quantized: OutputMetrics
    reference: OutputMetrics | None = None
    layers: tuple[LayerAccuracy, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def data(self) -> dict[str, Any]:
        """JSON-ready: the model's figures at the top, the float model's below "float"."""
        return {
            "on": self.on,
            "model": self.model,
            "output": self.output,
            "task": self.task,
            **self.quantized.data(),
            "float": self.reference.data() if self.reference else None,
            "layers": [layer.data() for layer in self.layers],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
