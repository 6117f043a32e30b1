"""The network of web/lib/timbres/choose.js, which tells one timbre from two.

It reads that folder's ``Sounds.describe``, and learns from rendered pieces: which pairs of notes
are of two instruments, and which pieces are.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from train.learn.sounds import BESIDES, BINS, FEWEST, SPECTRA, TRAITS, Example

WEIGHTS_FILE = Path(__file__).parents[2] / "web" / "lib" / "timbres" / "choose-weights.js"
STEPS = 6000
BATCH = 24
"""Pieces of a step."""
PEAK_RATE = 3e-3
WEIGHT_DECAY = 0.01
PAIRS_SHARE = 0.5
"""Weight of the pairs' loss beside the pieces'."""
MOST = 80
"""Notes of a piece, at most, in a step."""
EQUALISER = 0.5
"""Largest standard deviation of the curve that colours a piece, in tens of decibels."""
FOLDS = 4
"""Networks, each of which has not heard a fold of the instruments."""
CERTAIN = 0.92
"""Share of the recordings of one instrument that count as one; the bar is 0.9."""
LIKELY = 0.84
"""Share of them that are not even perhaps two."""

VECTOR = 16
UNITS = {"spectrum": 12, "beside": 8, "hidden": 24, "shares": 12}
DROPPED = 0.1
APART = (1, 4, 9, 16)
PAUSES = (0, 40)
KINDS = (len(APART) + 1) * (len(PAUSES) + 1)
FLOOR = 0.02


class Ear(nn.Module):
    """Notes' sounds → whether each pair, and the piece, is of two instruments; as choose.js."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = nn.Linear(BINS, UNITS["spectrum"])
        self.beside = nn.Linear(BESIDES, UNITS["beside"])
        seen = SPECTRA * UNITS["spectrum"] + UNITS["beside"] + TRAITS
        self.norm = nn.BatchNorm1d(seen)
        self.hidden = nn.Linear(seen, UNITS["hidden"])
        self.sound = nn.Linear(UNITS["hidden"], VECTOR + 1)
        self.drop = nn.Dropout(DROPPED)
        self.scales = nn.Parameter(torch.zeros(KINDS))
        self.offsets = nn.Parameter(torch.full((KINDS,), -1.0))
        self.shares = nn.Linear(1 + KINDS, UNITS["shares"])
        self.verdict = nn.Linear(UNITS["shares"], 1)

    def hear(self, told: torch.Tensor) -> torch.Tensor:
        """(notes, values of ``Sounds.describe``) → (notes, VECTOR, and the logit of its weight)."""
        spectra, beside, traits = torch.split(told, [SPECTRA * BINS, BESIDES, TRAITS], 1)
        seen = functional.leaky_relu(self.spectrum(spectra.view(-1, SPECTRA, BINS))).flatten(1)
        around = functional.leaky_relu(self.beside(beside))
        x = self.drop(self.norm(torch.cat([seen, around, traits], 1)))
        made: torch.Tensor = self.sound(functional.leaky_relu(self.hidden(x)))
        return made

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the pieces (B), and of their pairs of notes (B, N, N)."""
        heard = batch.told.new_zeros(*batch.there.shape, VECTOR + 1)
        heard[batch.there] = self.hear(batch.told[batch.there])
        vectors, weights = heard[..., :VECTOR], heard[..., VECTOR].sigmoid() * batch.there
        squares = vectors.square().sum(-1)
        products = vectors @ vectors.transpose(1, 2)
        distances = (squares[:, :, None] + squares[:, None] - 2 * products).clamp(min=0) / VECTOR
        kinds = kinds_of(batch.notes)
        pairs = distances * self.scales.exp()[kinds] + self.offsets[kinds]
        weight = weights[:, :, None] * weights[:, None]
        weight = weight * (1 - torch.eye(weight.shape[1]))
        different, all_pairs = (
            weight.new_zeros(len(weight), KINDS).scatter_add(1, kinds.flatten(1), values.flatten(1))
            for values in (weight * pairs.sigmoid(), weight)
        )
        share = different.sum(1, keepdim=True) / (all_pairs.sum(1, keepdim=True) + 2e-3)
        # here every pair is there twice
        shares = torch.cat([share, (different + 2 * share) / (all_pairs + 2)], 1)
        verdict = self.verdict(self.shares((shares + FLOOR).log()).tanh()).squeeze(1)
        return verdict, pairs


class Batch:
    """Pieces side by side, filled up with notes that are not there."""

    def __init__(self, pieces: Sequence[Example], chosen: Sequence[NDArray[np.int64]]) -> None:
        size = (len(pieces), max(map(len, chosen)))
        self.told = torch.zeros(*size, pieces[0].sounds.shape[1])
        self.notes = torch.zeros(*size, 3, dtype=torch.int64)
        self.players = torch.full(size, -1)
        self.there = torch.zeros(size, dtype=torch.bool)
        self.two = torch.tensor([float(len(one.instruments) > 1) for one in pieces])
        for i, (one, at) in enumerate(zip(pieces, chosen, strict=True)):
            self.told[i, : len(at)] = torch.from_numpy(one.sounds[at].astype(np.float32))
            self.notes[i, : len(at)] = torch.from_numpy(one.notes[at])
            self.players[i, : len(at)] = torch.from_numpy(one.players[at])
            self.there[i, : len(at)] = True


def kinds_of(notes: torch.Tensor) -> torch.Tensor:
    """(B, N, start and end frame and pitch) → (B, N, N): the kind of each pair."""
    start, end, pitch = notes.unbind(-1)
    apart = (pitch[:, :, None] - pitch[:, None]).abs()
    pause = torch.maximum(start[:, :, None] - end[:, None], start[:, None] - end[:, :, None])
    by_pitch = torch.bucketize(apart, torch.tensor(APART))
    return (len(PAUSES) + 1) * by_pitch + torch.bucketize(pause, torch.tensor(PAUSES))


def train(
    pieces: Sequence[Example],
    steps: int = STEPS,
    seed: int = 0,
    on_step: Callable[[], object] = lambda: None,
) -> Ear:
    """A network that ``pieces`` taught; calls ``on_step`` after each step."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    ear = Ear()
    optimiser = torch.optim.AdamW(ear.parameters(), PEAK_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, total_steps=steps, pct_start=0.1
    )
    order: list[int] = []
    for _ in range(steps):
        if len(order) < BATCH:
            order += rng.permutation(len(pieces)).tolist()
        batch = draw([pieces[order.pop()] for _ in range(BATCH)], rng)
        optimiser.zero_grad()
        loss_of(ear.train(), batch).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(ear.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        on_step()
    return settle(ear)


def draw(pieces: Sequence[Example], rng: np.random.Generator) -> Batch:
    """Some notes of each piece, the piece coloured."""
    chosen = []
    for one in pieces:
        count = len(one.sounds)
        least = max(FEWEST, count // 2) if rng.random() < 0.5 else count
        size = min(MOST, int(rng.integers(least, count + 1)))
        chosen.append(np.sort(rng.choice(count, size, replace=False)))
    return Batch(
        [one.coloured(rng.normal(0, rng.uniform(0, EQUALISER), 12)) for one in pieces], chosen
    )


def loss_of(ear: Ear, batch: Batch) -> torch.Tensor:
    """Cross entropy of the pieces, and of the pairs of notes whose players are known."""
    verdicts, pairs = ear(batch)
    known = batch.players >= 0
    both = known[:, :, None] & known[:, None] & ~torch.eye(known.shape[1], dtype=torch.bool)
    differ = batch.players[:, :, None] != batch.players[:, None]
    cross = functional.binary_cross_entropy_with_logits
    losses = cross(pairs, differ.float(), reduction="none") * both
    of_pairs = (losses.sum((1, 2)) / (both.sum((1, 2)) + 1)).mean()
    return cross(verdicts, batch.two) + PAIRS_SHARE * of_pairs


@torch.no_grad()
def verdicts(ear: Ear, pieces: Sequence[Example]) -> NDArray[np.float64]:
    """What the network says of pieces, from all of their notes."""
    made = [float(ear(Batch([one], [np.arange(len(one.sounds))]))[0]) for one in pieces]
    return np.array(made)


def folds_of(pieces: Sequence[Example]) -> Iterator[tuple[list[Example], list[Example]]]:
    """Pieces that teach and pieces that judge, none of whose instruments taught."""
    names = sorted({name for one in pieces for name in one.instruments})
    fold = {
        name: int(k)
        for name, k in zip(
            names, np.random.default_rng(0).permutation(len(names)) % FOLDS, strict=True
        )
    }
    for k in range(FOLDS):
        inside = [[fold[name] == k for name in one.instruments] for one in pieces]
        yield (
            [one for one, own in zip(pieces, inside, strict=True) if not any(own)],
            [one for one, own in zip(pieces, inside, strict=True) if all(own)],
        )


@dataclass(frozen=True)
class Taught:
    """Networks that judge together, by the mean of what they say."""

    ears: list[Ear]
    certain: float
    """The verdict from which a recording counts as two."""
    likely: float
    """As perhaps two."""
    found: float
    """Share of the mixtures that one network alone would find."""


def teach(
    pieces: Sequence[Example], steps: int = STEPS, on_step: Callable[[], object] = lambda: None
) -> Taught:
    """A network for each fold.

    Each judges the instruments that it has not heard, as new music will be. What they say of
    single instruments gives the limits, which are strict: a mean errs less than one network.
    """
    ears, alone, mixed = [], list[float](), list[float]()
    for seed, (others, own) in enumerate(folds_of(pieces)):
        ear = train(others, steps, seed, on_step)
        ears.append(ear)
        for one, verdict in zip(own, verdicts(ear, own), strict=True):
            (alone if len(one.instruments) == 1 else mixed).append(float(verdict))
    certain, likely = np.quantile(alone, [CERTAIN, LIKELY])
    found = float(np.mean(np.array(mixed) >= certain))
    return Taught(ears, float(certain), float(likely), found)


@torch.no_grad()
def settle(ear: Ear) -> Ear:
    """``ear`` with the weights that a file will hold: multiples of a row's 127th.

    The hidden layer takes over what the norm does, so that there is none.
    """
    norm = ear.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    ear.hidden.bias.add_(ear.hidden.weight @ (norm.bias - scale * norm.running_mean))
    ear.hidden.weight.mul_(scale)
    norm.reset_parameters()
    norm.running_var.sub_(norm.eps)
    for layer in layers_of(ear).values():
        step = steps_of(layer)[:, None]
        layer.weight.copy_((layer.weight / step).round() * step)
    return ear.eval()


def layers_of(ear: Ear) -> dict[str, nn.Linear]:
    """The layers by choose.js's names."""
    return {
        "SPECTRUM": ear.spectrum,
        "BESIDE": ear.beside,
        "HIDDEN": ear.hidden,
        "SOUND": ear.sound,
        "SHARES": ear.shares,
        "VERDICT": ear.verdict,
    }


def steps_of(layer: nn.Linear) -> torch.Tensor:
    """Of each row, a 127th of its largest weight."""
    return layer.weight.detach().abs().amax(1) / 127


def write_weights(taught: Taught, path: Path) -> None:
    """As the module that choose.js imports."""
    lines = [
        "/** Written by `python -m train learn counting`, for choose.js. */",
        "",
        "export const EARS = Object.freeze([",
    ]
    for ear in taught.ears:
        lines.append("  {")
        for name, layer in layers_of(ear).items():
            steps = steps_of(layer)
            matrix = (layer.weight.detach() / steps[:, None]).round().to(torch.int8)
            packed = base64.b64encode(matrix.numpy().tobytes()).decode()
            lines += [
                f"    {name}: {{",
                f'      bytes: "{packed}",',
                f"      steps: {_list(steps)},",
                f"      constants: {_list(layer.bias)},",
                "    },",
            ]
        lines += [
            f"    SCALES: {_list(ear.scales.exp())},",
            f"    OFFSETS: {_list(ear.offsets)},",
            "  },",
        ]
    lines += [
        "]);",
        "/** Smallest verdict that means two timbres. */",
        f"export const CERTAIN = {taught.certain:.4g};",
        "/** Smallest verdict that means perhaps two. */",
        f"export const LIKELY = {taught.likely:.4g};",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _list(values: torch.Tensor) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in values.detach()) + "]"
