"""The effect of an error in a tensor on the music: on the notes and timbres made from it.

``web/lib`` makes them, under node, as it does in the browser: one implementation, not two.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from export.catalog import Thresholds
from verify.compare import Array, DisagreementError
from web.node import NodeError, run_node

SCRIPT = Path(__file__).with_name("notes.js")
LIMIT = 600.0
"""Seconds; notes take one."""
TIMBRE_COUNTS = (2, 3, 4)
"""Numbers of timbres that noteDigger's users choose from."""
ONSET_FRAMES = 1
"""Two notes of one pitch are the same if they begin at most this far apart."""


@dataclass(frozen=True)
class Note:
    """A note on the frame grid."""

    start_frame: int
    end_frame: int
    """Exclusive."""
    pitch: int
    """MIDI number."""


@dataclass(frozen=True)
class Transcription:
    """Notes by start and pitch, and their timbres."""

    notes: tuple[Note, ...]
    labels: tuple[tuple[int, ...], ...]
    """For each of TIMBRE_COUNTS a label per note; empty without an embedding."""


@dataclass(frozen=True)
class NoteAgreement:
    """Two transcriptions of one recording."""

    notes: int
    """Of the candidate."""
    notes_reference: int
    f1: float
    """2 * matched / (candidate + reference), in [0, 1]."""
    label_agreement: float | None
    """Smallest share of matched notes with the same timbre over TIMBRE_COUNTS, under the best
    renaming of timbres; None without an embedding."""


class NoteError(RuntimeError):
    """Notes could not be made; the message says why."""


def transcribe(outputs: Mapping[str, Array], thresholds: Thresholds) -> Transcription:
    """Make notes from onset and frame (1, 84, F), and timbres from embedding (1, 12, 84, F).

    Raises NoteError if node is missing or the library refuses the tensors.
    """
    with tempfile.TemporaryDirectory() as folder:
        request: dict[str, object] = {
            "embedding": None,
            "frames": int(outputs["frame"].shape[-1]),
            "counts": TIMBRE_COUNTS,
            "thresholds": {
                "frame": thresholds.frame,
                "onset": thresholds.onset,
                "minimumFrames": thresholds.minimum_frames,
                "toleranceFrames": thresholds.tolerance_frames,
            },
        }
        for name in ("onset", "frame", "embedding"):
            if name in outputs:
                path = Path(folder) / name
                path.write_bytes(outputs[name].astype(np.float32).tobytes())
                request[name] = str(path)
        try:
            made = json.loads(run_node(SCRIPT, request=json.dumps(request), limit_seconds=LIMIT))
        except NodeError as error:
            raise NoteError(f"web/lib made no notes: {error}") from None
    return Transcription(
        tuple(Note(note["startFrame"], note["endFrame"], note["pitch"]) for note in made["notes"]),
        tuple(tuple(labels) for labels in made["labels"]),
    )


def agree(candidate: Transcription, reference: Transcription) -> NoteAgreement:
    """Measure a transcription; DisagreementError if the reference has no notes."""
    if not reference.notes:
        raise DisagreementError("nothing to compare: the reference's tensors give no note")
    pairs = match(candidate.notes, reference.notes)
    labels = None
    if reference.labels:
        labels = min(
            same_partition([ours[i] for i, _ in pairs], [theirs[j] for _, j in pairs])
            for ours, theirs in zip(candidate.labels, reference.labels, strict=True)
        )
    total = len(candidate.notes) + len(reference.notes)
    f1 = 2 * len(pairs) / total
    return NoteAgreement(len(candidate.notes), len(reference.notes), f1, labels)


def match(candidate: Sequence[Note], reference: Sequence[Note]) -> list[tuple[int, int]]:
    """Pair as many notes of equal pitch and onset as possible, each once; indices of both.

    In order of onset, the earliest partner in reach is as good as any other, so one pass over each
    pitch finds the most pairs.
    """
    pairs = []
    taken: set[int] = set()
    for i in sorted(range(len(candidate)), key=lambda i: candidate[i].start_frame):
        note = candidate[i]
        reachable = [
            j
            for j, other in enumerate(reference)
            if j not in taken
            and other.pitch == note.pitch
            and abs(other.start_frame - note.start_frame) <= ONSET_FRAMES
        ]
        if reachable:
            j = min(reachable, key=lambda j: reference[j].start_frame)
            taken.add(j)
            pairs.append((i, j))
    return pairs


def same_partition(ours: Sequence[int], theirs: Sequence[int]) -> float:
    """Share of equal labels under the best renaming; 0 for no labels at all."""
    if not ours:
        return 0.0
    names = sorted({*ours, *theirs})
    best = 0
    for renaming in permutations(names):
        renamed = dict(zip(names, renaming, strict=True))
        best = max(best, sum(renamed[a] == b for a, b in zip(ours, theirs, strict=True)))
    return best / len(ours)
