"""The training loop: one network, one task, resumable at any step.

``Trainer.load`` resumes as if the run had not stopped: the optimiser, the averages and the step
are in the checkpoint, and batches follow from the seed and the step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from export.nets.basicamt import NoteBranch
from export.nets.front_end import stack_harmonics
from export.nets.septimbre import Encoder
from train.learn.batches import Batch, Recipe, draw_batch, draw_mixtures
from train.learn.losses import contrast, focal
from train.learn.quick import encode, note_logits
from train.music.shards import Shard

AVERAGE = 0.998
"""Share of the old in the running average of the weights; the average ships."""


@dataclass(frozen=True)
class Plan:
    """Number of steps and learning rate."""

    steps: int
    peak_rate: float = 4e-3
    warm_up: int = 60
    weight_decay: float = 1e-3
    clip: float = 5.0
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate of ``step``: a linear rise, then half a cosine down to a hundredth."""
        if step < self.warm_up:
            return self.peak_rate * (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.peak_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


class NoteTask:
    """basicamt's branch.

    Its b stays 0, so that the same weights serve septimbre: there the zeros of the harmonic
    stacking become b, here they stay 0. Its k stays too: then no gradient reaches the input.
    """

    def __init__(self) -> None:
        self.network = NoteBranch()
        self.network.b = nn.Parameter(torch.tensor(0.0), requires_grad=False)
        self.network.k.requires_grad_(False)
        frame, onset = self.network.conv_yn[0], self.network.conv_yo2[0]
        for layer, bias in ((frame, -2.5), (onset, -4.0)):
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            nn.init.constant_(layer.bias, bias)

    def draw(self, shards: list[Shard], recipe: Recipe, seed: int, step: int) -> Batch:
        """The batch of ``step``."""
        return draw_batch(shards, recipe, seed, step)

    def loss(self, batch: Batch) -> Tensor:
        """Frame and onset loss."""
        onset, frame = note_logits(self.network, stack_harmonics(batch.energy))
        return focal(frame, batch.frame) + 2 * focal(onset, batch.onset)


class TimbreTask:
    """septimbre's encoder, which may start with the early layers of a trained note branch.

    These convolutions have the same shapes, and have learned about harmonics: a better start than
    noise.
    """

    def __init__(self, listener: NoteBranch | None = None) -> None:
        self.network = Encoder()
        if listener is None:
            return
        learned, fresh = listener.state_dict(), self.network.state_dict()
        for ours, theirs in _EARS.items():
            fresh[ours] = learned[theirs]
        self.network.load_state_dict(fresh)

    def draw(self, shards: list[Shard], recipe: Recipe, seed: int, step: int) -> Batch:
        """The batch of ``step``."""
        return draw_mixtures(shards, recipe, seed, step)

    def loss(self, batch: Batch) -> Tensor:
        """Contrast between the timbres of each crop."""
        embedding = encode(self.network, stack_harmonics(batch.energy))
        return contrast(embedding, batch.sounding)


_EARS = {
    "k": "k",
    "b": "b",
    "early_conv.0.weight": "early_conv.0.conv.weight",
    "early_conv.3.weight": "early_conv.1.weight",
    "early_conv.3.bias": "early_conv.1.bias",
    "neck.1.weight": "neck.conv.weight",
}
"""Parameters of the encoder and those of the note branch that they start from."""

Task = NoteTask | TimbreTask


class Trainer:
    """One run: a task, its optimiser, its averaged weights, its step."""

    def __init__(self, task: Task, plan: Plan, recipe: Recipe, shards: list[Shard]) -> None:
        self.task, self.plan, self.recipe, self.shards = task, plan, recipe, shards
        self.step = 0
        self.optimiser = torch.optim.AdamW(
            [p for p in task.network.parameters() if p.requires_grad],
            lr=plan.peak_rate,
            weight_decay=plan.weight_decay,
        )
        self.average = deepcopy(task.network).eval()

    def run(self) -> Iterator[tuple[int, float]]:
        """Train to the plan's end; yields (step, loss) after each step."""
        network = self.task.network.train()
        while self.step < self.plan.steps:
            batch = self.task.draw(self.shards, self.recipe, self.plan.seed, self.step)
            for group in self.optimiser.param_groups:
                group["lr"] = self.plan.rate(self.step)
            self.optimiser.zero_grad()
            loss = self.task.loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), self.plan.clip)
            self.optimiser.step()
            self._follow(network)
            self.step += 1
            yield self.step, float(loss.detach())

    def _follow(self, network: nn.Module) -> None:
        share = min(AVERAGE, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            states = zip(
                self.average.state_dict().values(), network.state_dict().values(), strict=True
            )
            for mean, now in states:
                if mean.is_floating_point():
                    mean.lerp_(now, 1 - share)
                else:
                    mean.copy_(now)

    def save(self, path: Path) -> None:
        """Write all that ``load`` needs; the old file stays until the new one is complete."""
        partial = path.with_suffix(".partial")
        torch.save(
            {
                "step": self.step,
                "network": self.task.network.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
            },
            partial,
        )
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Resume from ``save``."""
        state = torch.load(path, weights_only=True)
        self.step = state["step"]
        self.task.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
