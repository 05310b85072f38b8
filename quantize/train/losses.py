"""What training minimizes: the error of the labels, and the distance from the float model.

Hinton, Vinyals, Dean: "Distilling the Knowledge in a Neural Network", 2015, arXiv:1503.02531.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def distillation(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(logits / T)), mean over the batch.

    The factor T^2 keeps the size of the gradient whatever T is.

    Args:
        logits: [N, classes].
        teacher: [N, classes], a constant.
        temperature: T > 0.
    """
    wanted = functional.log_softmax(teacher.detach() / temperature, dim=1)
    found = functional.log_softmax(logits / temperature, dim=1)
    loss: Tensor = functional.kl_div(found, wanted, reduction="batchmean", log_target=True)
    return loss * temperature**2


def classification(
    logits: Tensor, labels: Tensor | None, teacher: Tensor | None, share: float, temperature: float
) -> Tensor:
    """(1 - share) cross-entropy + share distillation; one of them alone where the other has nothing.

    Args:
        logits: [N, classes].
        labels: [N] class numbers, or None.
        teacher: [N, classes] of the float model, or None.
        share: 0 to 1.
        temperature: Of the distillation.
    """
    if labels is None:
        assert teacher is not None
        return distillation(logits, teacher, temperature)
    hard: Tensor = functional.cross_entropy(logits, labels)
    if teacher is None or share == 0:
        return hard
    return (1 - share) * hard + share * distillation(logits, teacher, temperature)


def regression(output: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error, for models that give no classes (autoencoders, for one)."""
    loss: Tensor = functional.mse_loss(output, wanted.detach())
    return loss
