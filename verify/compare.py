"""The ruler: pure numpy, and only agreement passes.

Checkers go green by accident: they pass NaN, never compare lengths, or have nothing to compare.
So here names, shapes and dtypes must be equal, every element finite, at least one element
compared, and |candidate - reference| <= absolute + relative * |reference| everywhere. Anything
else raises ``DisagreementError``; no flag is returned that a caller could drop. An output that
ought to hold NaN or infinities, or nothing, passes only where the reference says so beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Expectation = Literal["nonfinite", "empty"]
"""Of an output. ``nonfinite``: the reference holds NaN or infinities, and the candidate the same at
the same places. ``empty``: it has no element, in this very shape."""
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
    expected: Mapping[str, Expectation] | None = None,
) -> tuple[Deviation, ...]:
    """Measure every output of a candidate against the reference; return only if all agree.

    ``candidate`` and ``reference`` hold outputs by name, of any shape; ``tolerances`` one entry
    per output of the reference; ``dtypes`` numpy's name of the candidate's type, where it differs
    from the reference's (a float64 reference for a float32 file); ``expected`` the outputs that are
    not finite or empty in truth. Strings and whole numbers are compared as they are.

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
        _deviation(
            name,
            candidate[name],
            wanted,
            tolerances[name],
            (dtypes or {}).get(name),
            (expected or {}).get(name),
        )
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
    name: str,
    got: Array,
    wanted: Array,
    tolerance: Tolerance,
    dtype: str | None,
    expected: Expectation | None,
) -> Deviation:
    bad_got, bad_wanted = _count_nonfinite(got), _count_nonfinite(wanted)
    fault = _fault(got, wanted, dtype or type_name(wanted), expected)
    if fault is not None:
        return Deviation(name, fault, got.shape, bad_got, bad_wanted, tolerance)
    if not got.size:  # as expected
        return Deviation(name, None, got.shape, 0, 0, tolerance, 0.0, (), 0.0, (), 0.0, 0.0)

    error, size = _measure(got, wanted)
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
        bad_got,
        bad_wanted,
        tolerance,
        largest_absolute=float(error[worst]),
        largest_absolute_at=worst,
        largest_relative=float(ratio[worst_ratio]),
        largest_relative_at=worst_ratio,
        in_tolerances=in_tolerances,
        passing_absolute=float(np.maximum(error - tolerance.relative * size, 0).max()),
    )


def _fault(got: Array, wanted: Array, dtype: str, expected: Expectation | None) -> str | None:
    """What keeps two outputs from being measured; None if nothing does."""
    bad_got, bad_wanted = _count_nonfinite(got), _count_nonfinite(wanted)
    if type_name(got) != dtype:
        return f"dtype is {type_name(got)}, expected {dtype}"
    if got.shape != wanted.shape:
        return f"shape is {list(got.shape)}, expected {list(wanted.shape)}"
    if expected == "empty" and got.size:
        return f"expected to be empty, but shape {list(got.shape)} holds {got.size} elements"
    if got.size == 0:
        empty = f"nothing to compare: shape {list(got.shape)} holds no element"
        return None if expected == "empty" else empty
    if got.dtype.kind == "U":
        different = int(np.count_nonzero(got != wanted))
        return f"{different} of {got.size} strings differ" if different else None
    if expected == "nonfinite":
        if not bad_wanted:
            return "expected not to be finite, but every element of the reference is"
        misplaced = int(np.count_nonzero(~_is_alike(got, wanted)))
        return (
            f"{misplaced} of {got.size} elements are not finite where the reference is, "
            "or finite where it is not, or another infinity"
            if misplaced
            else None
        )
    if bad_got or bad_wanted:
        return f"{bad_got} of {got.size} elements are not finite ({bad_wanted} in the reference)"
    return None


def _is_alike(got: Array, wanted: Array) -> npt.NDArray[np.bool_]:
    """Where both are finite, both NaN, or the same infinity."""
    finite = np.isfinite(got) & np.isfinite(wanted)
    same: npt.NDArray[np.bool_] = finite | (np.isnan(got) & np.isnan(wanted)) | (got == wanted)
    return same


def _measure(got: Array, wanted: Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """|got - wanted| and |wanted|; 0 for strings and where both are not finite, alike by now."""
    if got.dtype.kind == "U":
        return np.zeros(got.shape), np.zeros(got.shape)
    # float64 holds every float32, float16 and int32 exactly: measuring adds no error.
    wide = np.complex128 if "c" in (got.dtype.kind, wanted.dtype.kind) else np.float64
    ours, truth = got.astype(wide), wanted.astype(wide)
    finite = np.isfinite(truth)
    with np.errstate(invalid="ignore"):
        error = np.where(finite, np.abs(ours - truth), 0.0)
    if {got.dtype.kind, wanted.dtype.kind} <= {"i", "u", "b"}:
        error = np.where((got != wanted) & (error == 0), 1.0, error)  # 64 bits do not all fit
    return error, np.where(finite, np.abs(truth), 0.0)


def type_name(array: Array) -> str:
    """Name of the type, as numpy's; ``string`` for strings of any length."""
    return "string" if array.dtype.kind == "U" else str(array.dtype.name)


def _count_nonfinite(array: Array) -> int:
    if array.dtype.kind not in "fc":
        return 0
    return int(np.count_nonzero(~np.isfinite(array)))


def _argmax(array: npt.NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(array.argmax()), array.shape))
