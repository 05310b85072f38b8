"""A small task that can be learned in a second, and float ONNX models for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from edgewright.converter.importers import ImportedModel, load_model
from edgewright.quantize.train.export_module import export_module

SHAPE = (1, 1, 8, 8)


def images(count: int = 240, seed: int = 0):
    """Bars in one of four places with noise: (data, labels)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    x = 0.3 * rng.standard_normal((count, 1, 8, 8)).astype(np.float32)
    for image, label in zip(x, labels, strict=True):
        if label < 2:
            image[0, 1 + 4 * label] += 1.5
        else:
            image[0, :, 1 + 4 * (label - 2)] += 1.5
    return [{"x": v[None]} for v in x], labels.astype(np.int64)


class FloatNet(nn.Module):
    """Convolutions with Relu, a pool, two fully connected layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 4)),
        )

    def forward(self, x):
        return self.layers(x)


def float_model(folder: Path, net: nn.Module | None = None, epochs: int = 6) -> tuple[ImportedModel, Path]:
    """A trained float model as a file, loaded."""
    torch.manual_seed(0)
    net = net or FloatNet()
    data, labels = images()
    x, y = torch.from_numpy(np.concatenate([d["x"] for d in data])), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    net.train()
    for _ in range(epochs):
        for start in range(0, len(x), 32):
            loss = nn.functional.cross_entropy(net(x[start : start + 32]), y[start : start + 32])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    path = folder / "float.onnx"
    onnx.save(export_module(net, {"x": SHAPE}), path)
    return load_model(path), path
