"""The classifier of web/lib/notes/overtones.js, which separates real notes from overtones.

It reads the features of that file's ``describeNotes``, and is trained only on rendered pieces: with
notes of several thresholds, since users move them, and of several weights, since a site may have
its own (it has seen the bundled and the published ones).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mir_eval
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from export.catalog import LOWEST_PITCH, PITCHES
from export.manifest import Manifest
from train.judge.listen import hear
from train.judge.measure import ONSET_TOLERANCE_SECONDS
from train.judge.pieces import Piece
from train.music.doubled import INTERVALS

WEIGHTS_FILE = Path(__file__).parents[2] / "web" / "lib" / "notes" / "overtone-weights.js"
FACTORS = (1.0, 0.75, 1.25)
"""Factors on a model's own thresholds, for the notes to learn from."""
MODEL = "basicamt"
UNITS = 12
FOLDS = 5
DOUBLED_WEIGHT = 3.0
"""Weight of a note that really doubles another, which must not be lost."""
KEEPS = tuple(np.arange(0.2, 0.56, 0.05).round(2))


@dataclass(frozen=True)
class Example:
    """The notes of one piece at one pair of thresholds."""

    features: NDArray[np.float64]
    """(notes, features)."""
    right: NDArray[np.bool_]
    """(notes): whether the score has the note."""
    doubled: NDArray[np.bool_]
    """(notes): whether the score has it, as a doubling of another an octave or more below."""
    wanted: int
    """Notes of the score."""

    def f1(self, kept: NDArray[np.bool_]) -> float:
        """Note F1 of the notes that are ``kept``."""
        return 2 * float(self.right[kept].sum()) / max(1, int(kept.sum()) + self.wanted)


def collect(pieces: Sequence[Piece], models: Path, cache: Path) -> list[list[Example]]:
    """For each of FACTORS the examples of all pieces."""
    own = next(file.thresholds for file in Manifest.read(models).files if file.model == MODEL)
    found = []
    for factor in FACTORS:
        thresholds = {"frame": factor * own.frame, "onset": factor * own.onset}
        options = {"thresholds": thresholds, "keepOvertones": True, "describe": True}
        heard = hear(pieces, models, cache, MODEL, options)
        examples = []
        for piece, one in zip(pieces, heard, strict=True):
            features = np.array(one.answer["features"]).reshape(len(one.notes), -1)
            right, wanted = _match(one.notes, piece.notes)
            doubled = right & _doubles(one.notes, piece.notes)
            examples.append(Example(features, right, doubled, wanted))
        found.append(examples)
    return found


def _match(found: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[NDArray[np.bool_], int]:
    """Whether each note found is right (onset within 50 ms), and the number of notes to find."""
    truth = truth[(truth[:, 2] >= LOWEST_PITCH) & (truth[:, 2] < LOWEST_PITCH + PITCHES)]
    right = np.zeros(len(found), bool)
    if len(found) and len(truth):
        pairs = mir_eval.transcription.match_notes(
            np.stack([truth[:, 0], np.maximum(truth[:, 1], truth[:, 0] + 0.01)], 1),
            mir_eval.util.midi_to_hz(truth[:, 2]),
            found[:, :2],
            mir_eval.util.midi_to_hz(found[:, 2]),
            offset_ratio=None,
        )
        right[[j for _, j in pairs]] = True
    return right, len(truth)


def _doubles(found: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each note begins together with one of the score at one of INTERVALS below it."""
    together = np.abs(found[:, None, 0] - truth[None, :, 0]) <= ONSET_TOLERANCE_SECONDS
    above = found[:, None, 2] - truth[None, :, 2]
    doubles: NDArray[np.bool_] = np.any(together & np.isin(above, INTERVALS), axis=1)
    return doubles


class Judge(nn.Module):
    """Standardised features → one hidden layer → logit."""

    def __init__(self, features: NDArray[np.float64]) -> None:
        super().__init__()
        self.mean = torch.from_numpy(features.mean(0))
        self.scale = torch.from_numpy(features.std(0) + 1e-9)
        self.hidden = nn.Linear(features.shape[1], UNITS).double()
        self.output = nn.Linear(UNITS, 1).double()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(notes, features) → (notes)."""
        x = (features - self.mean) / self.scale
        made: torch.Tensor = self.output(torch.relu(self.hidden(x))).squeeze(1)
        return made


def fit(examples: Sequence[Example], epochs: int = 400, seed: int = 0) -> Judge:
    """Train on all notes of ``examples`` in one batch, with weight decay."""
    torch.manual_seed(seed)
    features = np.concatenate([one.features for one in examples])
    x = torch.from_numpy(features)
    y = torch.from_numpy(np.concatenate([one.right for one in examples]).astype(np.float64))
    doubled = torch.from_numpy(np.concatenate([one.doubled for one in examples]))
    weight = torch.where(doubled, DOUBLED_WEIGHT, 1.0).double()
    judge = Judge(features)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=1e-2, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(judge(x), y, weight).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return judge


@torch.no_grad()
def certainty(judge: Judge, one: Example) -> NDArray[np.float64]:
    """The probability of each note of an example."""
    made: NDArray[np.float64] = judge(torch.from_numpy(one.features)).sigmoid().numpy()
    return made


def choose_keep(found: Sequence[Sequence[Example]]) -> tuple[float, dict[float, float]]:
    """The smallest probability of a note that is kept, and mean F1 for each of KEEPS.

    Every piece is judged by a classifier trained on others, with the models' thresholds.
    """
    own = found[0]
    scores: dict[float, list[float]] = {keep: [] for keep in KEEPS}
    for fold in range(FOLDS):
        others = [one for many in found for i, one in enumerate(many) if i % FOLDS != fold]
        judge = fit(others)
        for one in own[fold::FOLDS]:
            sure = certainty(judge, one)
            for keep, values in scores.items():
                values.append(one.f1(sure >= keep))
    means = {keep: float(np.mean(values)) for keep, values in scores.items()}
    # The smallest of those as good as the best: a note dropped wrongly is worse than one kept.
    best = max(means.values())
    return min(keep for keep, value in means.items() if value >= best - 0.01), means


def write_weights(judge: Judge, keep: float, path: Path) -> None:
    """As the module that overtones.js imports."""
    hidden = np.concatenate(
        [_numbers(judge.hidden.weight), _numbers(judge.hidden.bias)[:, None]], 1
    )
    output = np.concatenate([_numbers(judge.output.weight)[0], _numbers(judge.output.bias)])
    lines = [
        "/** Written by `python -m train learn overtones`, for overtones.js. */",
        "",
        "/** Mean of each feature. */",
        f"export const MEAN = Object.freeze({_list(judge.mean.numpy())});",
        "/** Standard deviation of each feature. */",
        f"export const SCALE = Object.freeze({_list(judge.scale.numpy())});",
        "/** Of each hidden unit: one weight per feature, and a constant. */",
        "export const HIDDEN = Object.freeze([",
        *(f"  {_list(row)}," for row in hidden),
        "]);",
        "/** One weight per hidden unit, and a constant. */",
        f"export const OUTPUT = Object.freeze({_list(output)});",
        "/** Smallest probability of a note that is kept. */",
        f"export const KEEP = {keep:g};",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _numbers(values: torch.Tensor) -> NDArray[np.float64]:
    made: NDArray[np.float64] = values.detach().numpy()
    return made


def _list(values: NDArray[np.float64]) -> str:
    return "[" + ", ".join(f"{value:.4g}" for value in values) + "]"
