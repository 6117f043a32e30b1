"""How far a variant may be from PyTorch in float64, and the reason for each figure.

A tolerance belongs to the variant, not to the call, the runtime or the day. Each is about twice
the largest error measured over all networks, signals and runtimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from verify.compare import Array, Tolerance


@dataclass(frozen=True)
class Promise:
    """The accuracy that a variant promises, on any signal and on music."""

    activation: Tolerance
    """Of onset and frame, which lie in [0, 1]."""
    embedding: Tolerance
    """Of vectors of unit length."""
    note_f1: float
    """Smallest note F1 against the reference's notes."""
    label_agreement: float
    """Smallest share of notes that keep their timbre."""


PROMISES: dict[str, Promise] = {
    "fp32": Promise(
        Tolerance(
            2e-5,
            "float32 rounding: 9.4e-6 in PyTorch itself, 9.2e-6 in onnxruntime",
            measured=9.4e-6,
        ),
        Tolerance(
            4e-5,
            "float32 rounding: 8.7e-6 in PyTorch itself, 2.1e-5 on two frames elsewhere",
            measured=2.1e-5,
        ),
        note_f1=1.0,
        label_agreement=1.0,
    ),
    "fp16": Promise(
        Tolerance(
            1.2e-2, "weights have 11 bits: 6.0e-3 on an impulse, 9e-4 on music", measured=6.0e-3
        ),
        Tolerance(
            4e-3,
            "weights have 11 bits: 1.8e-3 on a faint signal",
            measured=1.8e-3,
        ),
        note_f1=0.99,
        label_agreement=0.96,
    ),
    "int8": Promise(
        Tolerance(
            0.3, "8-bit weights and activations: 0.19 after silence, 0.05 on music", measured=0.19
        ),
        Tolerance(
            0.2,
            "8-bit weights and activations: 0.09 after silence",
            measured=0.09,
        ),
        note_f1=0.85,
        label_agreement=0.8,
    ),
}

_EXACT = Tolerance(0, "nothing sounds: every value is exactly 0")


@dataclass(frozen=True)
class Exemption:
    """A network and signals on which rounding is magnified, whatever runs the network."""

    model: str
    variant: str
    signal: str
    """Shell patterns, all three."""
    activation: Tolerance | None = None
    """None: as promised."""
    embedding: Tolerance | None = None


EXEMPTIONS = (
    Exemption(
        "basicpitch",
        "fp32",
        "amplitude-1e+*",
        Tolerance(
            2e-4,
            "the scale depends on the faintest bin, mere rounding: 7.4e-5",
            measured=7.4e-5,
        ),
    ),
    Exemption(
        "onsets_frames",
        "fp32",
        "*",
        Tolerance(
            4e-5,
            "random weights: a nearly constant onset over its maximum: 1.7e-5",
            measured=1.7e-5,
        ),
    ),
    Exemption(
        "*",
        "int8",
        "amplitude-1e-*",
        Tolerance(
            0.8,
            "a faint signal is lost in 8 bits: 0.5; finite and in range only",
            measured=0.5,
        ),
    ),
    Exemption(
        "tanaka",
        "fp16",
        "amplitude-1e+*",
        embedding=Tolerance(
            4e-2,
            "random weights over activations as loud as audio: 2.0e-2",
            measured=2.0e-2,
        ),
    ),
)


def tolerances(
    model: str, variant: str, signal: str, reference: Mapping[str, Array]
) -> dict[str, Tolerance]:
    """One tolerance per output of a reference; KeyError for a variant that promises nothing."""
    promise = PROMISES[variant]
    if not any(value.any() for value in reference.values()):
        return dict.fromkeys(reference, _EXACT)
    activation, embedding = promise.activation, promise.embedding
    for exemption in EXEMPTIONS:
        if (
            fnmatchcase(model, exemption.model)
            and fnmatchcase(variant, exemption.variant)
            and fnmatchcase(signal, exemption.signal)
        ):
            activation = exemption.activation or activation
            embedding = exemption.embedding or embedding
            break
    given = {"onset": activation, "frame": activation, "embedding": embedding}
    return {output: given[output] for output in reference}
