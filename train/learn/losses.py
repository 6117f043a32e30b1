"""The losses that training minimises."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from train.music.targets import Sounding


def focal(logit: Tensor, target: Tensor, gamma: float = 1.0, positive: float = 0.6) -> Tensor:
    """Focal loss (Lin et al. 2017, arXiv 1708.02002), summed over pitches, mean over frames.

    ``logit`` and ``target`` (in [0, 1], may be soft) are (B, 84, F); the weight of confident
    cells falls with (1 - p)^gamma; ``positive`` and 1 - ``positive`` weigh the two classes.
    """
    cross = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    missed = (torch.sigmoid(logit) - target).abs() ** gamma
    weight = target * positive + (1 - target) * (1 - positive)
    return (cross * missed * weight).sum(1).mean()


def contrast(embedding: Tensor, sounding: list[Sounding], temperature: float = 0.15) -> Tensor:
    """InfoNCE over notes: each note nearer to its own timbre's notes than to the others'.

    ``embedding`` (B, 12, 84, F) of unit length. A note is the mean of its cells, at unit length.
    Crops with fewer than two timbres do not count.
    """
    losses = []
    for item, played in zip(embedding, sounding, strict=True):
        spans = torch.from_numpy(played.spans)
        if len(spans) < 3 or len(np.unique(played.spans[:, 0])) < 2:
            continue
        total = F.pad(item.cumsum(dim=2), (1, 0))  # (12, 84, F + 1)
        stem, row, first, last = spans.unbind(1)
        notes = F.normalize((total[:, row, last] - total[:, row, first]).T, dim=1)  # (N, 12)
        similarity = notes @ notes.T / temperature
        itself = torch.eye(len(notes), dtype=torch.bool)
        same = (stem[:, None] == stem[None]) & ~itself
        chance = similarity.masked_fill(itself, float("-inf")).log_softmax(1)
        answered = same.any(1)
        share = chance.masked_fill(~same, 0).sum(1)[answered] / same.sum(1)[answered]
        losses.append(-share)
    if not losses:
        return embedding.sum() * 0
    return torch.cat(losses).mean()
