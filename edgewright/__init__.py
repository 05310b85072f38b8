"""edgewright: from a trained model and a board to verified, measured firmware."""

__version__ = "0.1.0"
