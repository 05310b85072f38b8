"""Random changes of training inputs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def shifted(x: Tensor, largest: int, generator: torch.Generator) -> Tensor:
    """Move every image by its own number of rows and columns, up to `largest`; zeros come in.

    Args:
        x: [N, C, H, W], or [N, H, W, C] where the last axis is the shortest of the three; other ranks are
            returned as they are.
        largest: In pixels.
        generator: Where the numbers come from.
    """
    if x.dim() != 4 or largest == 0:
        return x
    channels_last = x.shape[3] < min(x.shape[1], x.shape[2])
    images = x if channels_last else x.permute(0, 2, 3, 1)
    count, height, width, _ = images.shape
    padded = functional.pad(images, (0, 0, *(largest,) * 4))
    steps = torch.randint(0, 2 * largest + 1, (2, count), generator=generator).to(x.device)
    rows = (steps[0, :, None] + torch.arange(height, device=x.device))[:, :, None]
    columns = (steps[1, :, None] + torch.arange(width, device=x.device))[:, None, :]
    moved = padded[torch.arange(count, device=x.device)[:, None, None], rows, columns]
    return moved if channels_last else moved.permute(0, 3, 1, 2)
