"""Pieces to train on in a test: a random timbre and a modelled piano, four seconds each."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from export.nets.front_end import CQT
from train.music.scores import write_ensemble
from train.music.shards import SCALE, Shard
from train.music.stems import perform
from train.music.tones import ModelledPiano, RandomTimbre

SECONDS = 4.0


@cache
def make_shards(count: int = 3) -> list[Shard]:
    """Shards, rendered once and read only."""
    return [_make_shard(seed) for seed in range(count)]


def _make_shard(seed: int) -> Shard:
    rng = np.random.default_rng(seed)
    players: list[RandomTimbre | ModelledPiano] = [RandomTimbre(rng), ModelledPiano(rng)]
    parts = write_ensemble(rng, SECONDS, [(p.lowest, p.highest) for p in players])
    takes = [perform(p, n, SECONDS, rng) for p, n in zip(players, parts, strict=True)]
    waves = torch.from_numpy(np.stack([wave for wave, _ in takes]))
    with torch.no_grad():
        cqt = CQT()(waves[:, None]) * SCALE
    notes = [
        np.array([(n.start_seconds, n.end_seconds, n.pitch) for n in heard], np.float32)
        for _, heard in takes
    ]
    return Shard(
        cqt.numpy().astype(np.float16),
        [n.reshape(-1, 3) for n in notes],
        [f"random-{seed}", "modelled"],
    )
