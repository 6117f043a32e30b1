"""How far a variant may stand from PyTorch in float64, and why that far.

A tolerance belongs to the variant, not to the call, the runtime or the day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from verify.compare import Array, Tolerance


@dataclass(frozen=True)
class Promise:
    """What a variant promises on any signal, and on music."""

    outputs: Mapping[str, Tolerance]
    note_f1: float
    """Smallest note F1 against the reference's notes."""
    label_agreement: float
    """Smallest share of notes that keep their timbre."""
    reason: str
    """For the last two."""


_FP32 = Tolerance(2e-5, "float32 rounding: PyTorch's own float32 stands up to 9.4e-6 from float64")
_FP32_EMBEDDING = Tolerance(2e-5, "float32 rounding: PyTorch's own stands up to 8.7e-6 away")

PROMISES: dict[str, Promise] = {
    "fp32": Promise(
        {"onset": _FP32, "frame": _FP32, "embedding": _FP32_EMBEDDING},
        note_f1=1.0,
        label_agreement=1.0,
        reason="errors of 1e-5 move no note and no timbre",
    ),
}

_EXACT = Tolerance(0, "nothing sounds: every activation is exactly 0")

_DECIBELS = Tolerance(
    2e-4, "basicpitch's scale hangs on the faintest bin, which is rounding beside loud ones"
)
_NO_RANGE = Tolerance(
    0.2, "basicpitch stretches 1e-4 dB, ten float32 steps, to its whole range: only finite counts"
)
EXCEPTIONS: dict[tuple[str, str], Tolerance] = {
    ("basicpitch", "amplitude-1e+*"): _DECIBELS,
    ("basicpitch", "amplitude-1e-06"): _NO_RANGE,
}
"""Where a network itself magnifies rounding: by model and signal pattern. Never narrower."""


def tolerances(
    model: str, variant: str, signal: str, reference: Mapping[str, Array]
) -> dict[str, Tolerance]:
    """One tolerance per output of a reference; KeyError for a variant that promises nothing."""
    promised = PROMISES[variant].outputs
    if not any(value.any() for value in reference.values()):
        return dict.fromkeys(reference, _EXACT)
    for (name, pattern), exception in EXCEPTIONS.items():
        if name == model and fnmatchcase(signal, pattern):
            return {
                output: max(exception, promised[output], key=lambda t: t.absolute)
                for output in reference
            }
    return {output: promised[output] for output in reference}
