"""The rule for which variants ship, and its table."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from export.manifest import SHIPPED

Verdict = Literal["reference", "shipped", "on demand", "other notes", "no gain"]
VERDICTS: dict[Verdict, str] = {
    "reference": "shipped",
    "shipped": "shipped",
    "on demand": "fit; made on demand",
    "other notes": "not shipped: other notes",
    "no gain": "not shipped: neither smaller nor faster",
}
"""In words."""
REFERENCE = "fp32"
SAME_NOTES = 0.99
"""Smallest note F1 against the reference's notes that counts as the same notes."""
NOISE = 0.05
"""Relative: even times of one file run twice differ by this much."""


@dataclass(frozen=True)
class Fidelity:
    """One file: its size, and its notes on music."""

    model: str
    variant: str
    sha256: str
    bytes: int
    compressed_bytes: int
    """By brotli's best level, as a host sends it."""
    f1: float
    """Note F1 against the reference's notes, over all recordings together."""
    least_f1: float
    """On the worst recording."""
    notes: int
    """Of the reference."""
    recordings: tuple[str, ...]
    recommended_for: tuple[str, ...]
    """Backends, as the manifest says."""


class Timed(Protocol):
    """A file that ran in turns with others (``bench_results.Comparison``)."""

    @property
    def runtime(self) -> str:
        """Where."""

    @property
    def model(self) -> str:
        """Which network's."""

    @property
    def name(self) -> str:
        """The variant."""

    @property
    def ratios(self) -> tuple[float, ...]:
        """Round by round, over the baseline."""


@dataclass(frozen=True)
class Decision:
    """A row of the table."""

    fidelity: Fidelity
    reference_bytes: int
    """Compressed."""
    times: dict[str, float]
    """CPU time over the reference's, by runtime; empty if nothing was timed."""
    verdict: Verdict


def judge(*, f1: float, smaller: bool, times: Collection[float]) -> Literal["fit", Verdict]:
    """Whether a variant is fit to be shipped, or why it is not.

    ``times`` are CPU times over the reference's, one for each runtime that it ran in. NaN is not
    fit.
    """
    if not f1 >= SAME_NOTES:
        return "other notes"
    if not smaller and not any(time < 1 - NOISE for time in times):
        return "no gain"
    return "fit"


def decide(files: Sequence[Fidelity], timed: Iterable[Timed]) -> Iterator[Decision]:
    """Judge every file against the reference of its model; without one it is left out."""
    laps = {(row.runtime, row.model, row.name): row.ratios for row in timed}
    runtimes = list(dict.fromkeys(runtime for runtime, _, _ in laps))
    references = {file.model: file for file in files if file.variant == REFERENCE}
    for file in files:
        if file.model not in references:
            continue
        reference = references[file.model]
        times = {}
        for runtime in runtimes:
            ours = laps.get((runtime, file.model, file.variant))
            theirs = laps.get((runtime, file.model, REFERENCE))
            if ours and theirs:
                pairs = zip(ours, theirs, strict=True)
                times[runtime] = statistics.median(a / b for a, b in pairs)
        verdict = judge(
            f1=file.f1,
            smaller=file.compressed_bytes < reference.compressed_bytes,
            times=times.values(),
        )
        if file is reference:
            verdict = "reference"
        elif verdict == "fit":
            verdict = "shipped" if file.variant in SHIPPED else "on demand"
        yield Decision(file, reference.compressed_bytes, times, verdict)
