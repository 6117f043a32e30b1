"""The ruler: pure numpy, and only agreement passes.

Checkers go green by accident: they pass NaN, never compare lengths, or have nothing to compare.
So here names, shapes and dtypes must be equal, every element finite, at least one element
compared, and |candidate - reference| <= absolute + relative * |reference| everywhere. Anything
else raises ``DisagreementError``; no flag is returned that a caller could drop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LOOSE = 10
"""A tolerance this many times the largest error measured would pass more than rounding."""


@dataclass(frozen=True)
class Tolerance:
    """How far a candidate may be from the reference, and the reason for that figure."""

    absolute: float
    """In the unit of the output."""
    reason: str
    """The error measured and the purpose of the margin. Printed in the report."""
    relative: float = 0.0
    """Added per unit of |reference|."""
    measured: float | None = None
    """The largest error ever measured under it, where that is known."""

    def __post_init__(self) -> None:
        for field in ("absolute", "relative"):
            value = getattr(self, field)
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"{field} tolerance is {value}; it must be finite and >= 0")
        if not self.reason.strip():
            raise ValueError("a tolerance needs a reason")
        if self.measured is not None and self.absolute > LOOSE * self.measured:
            raise ValueError(
                f"absolute tolerance is {self.absolute}, over {LOOSE} times the largest error "
                f"measured, {self.measured}; it would pass what was never right"
            )


@dataclass(frozen=True)
class Deviation:
    """How one output differs from its reference. Errors are None if nothing is comparable."""

    output: str
    fault: str | None
    """The fault in words; None if the output agrees."""
    shape: tuple[int, ...]
    """Of the candidate."""
    nonfinite: int
    """NaN and infinite elements of the candidate."""
    nonfinite_reference: int
    tolerance: Tolerance
    largest_absolute: float | None = None
    largest_absolute_at: tuple[int, ...] | None = None
    largest_relative: float | None = None
    """Largest |candidate - reference| / |reference|, where the reference is not zero."""
    largest_relative_at: tuple[int, ...] | None = None
    in_tolerances: float | None = None
    """Largest error in units of the tolerance allowed at its place: above 1 disagrees."""
    passing_absolute: float | None = None
    """The smallest absolute tolerance that would pass with the same relative one."""

    def __str__(self) -> str:
        """One line: the fault, or the largest error and the tolerance that would have passed."""
        if self.largest_absolute is None:
            return f"{self.output}: {self.fault}"
        measured = (
            f"largest error {self.largest_absolute:.3g} at {list(self.largest_absolute_at or ())}, "
            f"{self.in_tolerances:.3g} x tolerance; {self.passing_absolute:.3g} would pass"
        )
        return (
            f"{self.output}: {self.fault}; {measured}"
            if self.fault
            else (f"{self.output}: {measured}")
        )


class DisagreementError(AssertionError):
    """A candidate that differs from its reference; carries the deviations that were measured."""

    def __init__(self, message: str, deviations: tuple[Deviation, ...] = ()) -> None:
        super().__init__(message)
        self.deviations = deviations


def compare(
    candidate: Mapping[str, Array],
    reference: Mapping[str, Array],
    tolerances: Mapping[str, Tolerance],
    dtypes: Mapping[str, str] | None = None,
) -> tuple[Deviation, ...]:
    """Measure every output of a candidate against the reference; return only if all agree.

    ``candidate`` and ``reference`` hold outputs by name, of any shape; ``tolerances`` one entry
    per output of the reference; ``dtypes`` numpy's name of the candidate's type, where it differs
    from the reference's (a float64 reference for a float32 file).

    Returns one deviation per output, in the reference's order. Raises ``DisagreementError`` if
    anything differs, is not finite, missing, unexpected or empty, and KeyError if an output has no
    tolerance, which is a mistake of the caller.
    """
    if not reference:
        raise DisagreementError("nothing to compare: the reference has no outputs")
    missing = [name for name in reference if name not in candidate]
    surplus = [name for name in candidate if name not in reference]
    if missing or surplus:
        raise DisagreementError(
            f"outputs are {_names(candidate)}, expected {_names(reference)}"
            + (f"; missing: {', '.join(missing)}" if missing else "")
            + (f"; not expected: {', '.join(surplus)}" if surplus else "")
        )
    deviations = tuple(
        _deviation(name, candidate[name], wanted, tolerances[name], (dtypes or {}).get(name))
        for name, wanted in reference.items()
    )
    faults = [str(deviation) for deviation in deviations if deviation.fault]
    if faults:
        raise DisagreementError("; ".join(faults), deviations)
    return deviations


def measure(
    candidate: Mapping[str, Array],
    reference: Mapping[str, Array],
    dtypes: Mapping[str, str] | None = None,
) -> tuple[Deviation, ...]:
    """``compare`` without a tolerance: how far apart they are, where that can be said at all.

    Raises ``DisagreementError`` for names, shapes, dtypes, and what is not finite or empty.
    """
    return compare(candidate, reference, dict.fromkeys(reference, _ANY), dtypes)


_ANY = Tolerance(float(np.finfo(np.float64).max), "measured, not judged")


def _names(outputs: Mapping[str, Array]) -> str:
    return ", ".join(outputs) or "none"


def _deviation(
    name: str, got: Array, wanted: Array, tolerance: Tolerance, dtype: str | None
) -> Deviation:
    expected_dtype = dtype or wanted.dtype.name
    bad_got, bad_wanted = _count_nonfinite(got), _count_nonfinite(wanted)
    fault = None
    if got.dtype.name != expected_dtype:
        fault = f"dtype is {got.dtype.name}, expected {expected_dtype}"
    elif got.shape != wanted.shape:
        fault = f"shape is {list(got.shape)}, expected {list(wanted.shape)}"
    elif got.size == 0:
        fault = f"nothing to compare: shape {list(got.shape)} holds no element"
    elif bad_got or bad_wanted:
        fault = f"{bad_got} of {got.size} elements are not finite ({bad_wanted} in the reference)"
    if fault is not None:
        return Deviation(name, fault, got.shape, bad_got, bad_wanted, tolerance)

    # float64 holds every float32, float16 and int32 exactly: measuring adds no error.
    truth = wanted.astype(np.float64)
    error = np.abs(got.astype(np.float64) - truth)
    size = np.abs(truth)
    allowed = tolerance.absolute + tolerance.relative * size
    # Only equality meets a tolerance of zero; 0 / 0 would be a NaN that compares false.
    with np.errstate(divide="ignore", invalid="ignore"):
        units = np.where(error == 0, 0.0, error / allowed)
        ratio = np.where(size > 0, error / size, 0.0)
    worst, worst_ratio = _argmax(error), _argmax(ratio)
    in_tolerances = float(units.max())
    return Deviation(
        name,
        None if in_tolerances <= 1 else "leaves the tolerance",
        got.shape,
        0,
        0,
        tolerance,
        largest_absolute=float(error[worst]),
        largest_absolute_at=worst,
        largest_relative=float(ratio[worst_ratio]),
        largest_relative_at=worst_ratio,
        in_tolerances=in_tolerances,
        passing_absolute=float(np.maximum(error - tolerance.relative * size, 0).max()),
    )


def _count_nonfinite(array: Array) -> int:
    if array.dtype.kind not in "fc":
        return 0
    return int(np.count_nonzero(~np.isfinite(array)))


def _argmax(array: npt.NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(array.argmax()), array.shape))
