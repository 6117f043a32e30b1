"""How the library counts timbres: of one instrument, one; of two, two, or perhaps two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from train.judge.listen import Heard, hear
from train.judge.pieces import Piece

MODEL = "septimbre"


def hear_counts(pieces: Sequence[Piece], models: Path, cache: Path) -> list[Heard]:
    """The pieces, with timbres counted by the library."""
    return hear(pieces, models, cache, MODEL, {"timbres": "auto"}, engine=True)


def write_counts(pieces: Sequence[Piece], heard: Mapping[str, Sequence[Heard]]) -> Iterator[str]:
    """By models and group of pieces, in Markdown: the shares told as one, perhaps two, and two."""
    yield "| weights | pieces | instruments | one | perhaps two | two |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for name, answers in heard.items():
        for group in dict.fromkeys(piece.group for piece in pieces):
            for timbres in sorted({one.timbres for one in pieces if one.group == group}):
                told = [
                    (int(answer.answer["timbres"]), int(answer.answer["perhaps"]))
                    for piece, answer in zip(pieces, answers, strict=True)
                    if piece.group == group and piece.timbres == timbres
                ]
                one = np.mean([most < 2 for _, most in told])
                two = np.mean([count >= 2 for count, _ in told])
                shares = f"{one:.2f} | {1 - one - two:.2f} | {two:.2f}"
                yield f"| {name} | {group}, {len(told)} | {timbres} | {shares} |"
