"""The ruler goes red on every planted fault, and green only on agreement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.compare import Array, DisagreementError, Expectation, Tolerance, compare

TOLERANCE = Tolerance(1e-3, "for these tests")
SHAPE = (1, 4, 5)


def outputs() -> dict[str, Array]:
    values = np.linspace(0, 1, 20, dtype=np.float32).reshape(SHAPE)
    return {"onset": values, "frame": values[:, ::-1].copy()}


def check(candidate: dict[str, Array], reference: dict[str, Array]) -> None:
    compare(candidate, reference, {"onset": TOLERANCE, "frame": TOLERANCE})


def with_element(value: float) -> dict[str, Array]:
    changed = outputs()
    changed["frame"].reshape(-1)[7] = value
    return changed


def test_equal_outputs_agree_with_no_error() -> None:
    deviations = compare(outputs(), outputs(), dict.fromkeys(("onset", "frame"), TOLERANCE))
    assert [deviation.largest_absolute for deviation in deviations] == [0.0, 0.0]
    assert [deviation.fault for deviation in deviations] == [None, None]


FAULTS = {
    "NaN in the candidate": (with_element(np.nan), outputs(), "1 of 20 elements are not finite"),
    "NaN in the reference": (outputs(), with_element(np.nan), "1 in the reference"),
    "NaN on both sides": (with_element(np.nan), with_element(np.nan), "not finite"),
    "infinity on both sides": (with_element(np.inf), with_element(np.inf), "not finite"),
    "transposed": (
        {**outputs(), "frame": outputs()["frame"].transpose(0, 2, 1)},
        outputs(),
        r"shape is \[1, 5, 4\], expected \[1, 4, 5\]",
    ),
    "one frame less": ({**outputs(), "frame": outputs()["frame"][..., :-1]}, outputs(), "shape"),
    "would broadcast": ({**outputs(), "frame": outputs()["frame"][:, :1]}, outputs(), "shape"),
    "another dtype": (
        {**outputs(), "frame": outputs()["frame"].astype(np.float64)},
        outputs(),
        "dtype is float64, expected float32",
    ),
    "missing output": ({"onset": outputs()["onset"]}, outputs(), "missing: frame"),
    "surplus output": (outputs(), {"onset": outputs()["onset"]}, "not expected: frame"),
    "renamed output": (
        {"onset": outputs()["onset"], "frames": outputs()["frame"]},
        outputs(),
        "missing: frame; not expected: frames",
    ),
    "no outputs at all": ({}, {}, "nothing to compare"),
    "no elements": (
        {name: array[..., :0] for name, array in outputs().items()},
        {name: array[..., :0] for name, array in outputs().items()},
        "nothing to compare",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_red(fault: str) -> None:
    candidate, reference, message = FAULTS[fault]
    with pytest.raises(DisagreementError, match=message):
        check(candidate, reference)


def test_difference_just_above_the_tolerance_is_red_and_just_under_it_is_green() -> None:
    reference = {"onset": np.zeros(3)}
    under, over = np.zeros(3), np.zeros(3)
    under[1], over[1] = 1e-3, np.nextafter(1e-3, 1)
    compare({"onset": under}, reference, {"onset": TOLERANCE})
    with pytest.raises(DisagreementError, match=r"0\.001 would pass"):
        compare({"onset": over}, reference, {"onset": TOLERANCE})


def test_the_tolerance_that_it_names_passes_and_a_smaller_one_does_not() -> None:
    reference = {"onset": np.array([1.0, 2.0, -4.0])}
    candidate = {"onset": np.array([1.0, 2.5, -4.25])}
    with pytest.raises(DisagreementError) as caught:
        compare(candidate, reference, {"onset": Tolerance(1e-9, "too tight", relative=0.01)})
    named = caught.value.deviations[0].passing_absolute
    assert named is not None
    compare(candidate, reference, {"onset": Tolerance(named, "a named reference", relative=0.01)})
    with pytest.raises(DisagreementError):
        compare(candidate, reference, {"onset": Tolerance(named * 0.99, "less", relative=0.01)})


def test_it_says_how_much_and_where() -> None:
    with pytest.raises(DisagreementError) as caught:
        check(with_element(0.9), outputs())
    frame = caught.value.deviations[1]
    assert frame.output == "frame"
    assert frame.largest_absolute_at == (0, 1, 2)
    assert frame.largest_absolute == pytest.approx(abs(0.9 - outputs()["frame"][0, 1, 2]))
    assert frame.in_tolerances == pytest.approx((frame.largest_absolute or 0) / 1e-3)


def test_a_zero_tolerance_asks_for_equality() -> None:
    exact = Tolerance(0, "silence is exact")
    compare({"onset": np.zeros(2)}, {"onset": np.zeros(2)}, {"onset": exact})
    with pytest.raises(DisagreementError):
        compare({"onset": np.array([0, 5e-324])}, {"onset": np.zeros(2)}, {"onset": exact})


def test_a_float64_reference_measures_a_float32_candidate_only_on_request() -> None:
    reference = {"onset": np.full(2, 0.1)}
    candidate = {"onset": np.full(2, 0.1, np.float32)}
    with pytest.raises(DisagreementError, match="dtype"):
        compare(candidate, reference, {"onset": TOLERANCE})
    compare(candidate, reference, {"onset": TOLERANCE}, {"onset": "float32"})


def test_every_output_needs_a_tolerance() -> None:
    with pytest.raises(KeyError):
        compare(outputs(), outputs(), {"onset": TOLERANCE})


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_a_tolerance_that_passes_everything_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Tolerance(value, "reason")
    with pytest.raises(ValueError, match="reason"):
        Tolerance(1.0, " ")


@given(st.integers(0, 19), st.floats(2**-8, 2**100, width=32), st.sampled_from((-1, 1)))
def test_no_single_element_can_leave_unseen(index: int, size: float, sign: int) -> None:
    candidate = outputs()
    candidate["onset"].reshape(-1)[index] += np.float32(sign * size)
    with pytest.raises(DisagreementError, match="onset: leaves the tolerance"):
        check(candidate, outputs())


def test_half_a_complex_number_is_not_finite() -> None:
    ours = {"spectrum": np.array([1 + 1j, complex(1, np.nan)])}
    with pytest.raises(DisagreementError, match="1 of 2 elements are not finite"):
        compare(ours, {"spectrum": np.array([1 + 1j, 1])}, {"spectrum": Tolerance(1, "any")})


def test_a_tolerance_far_above_what_was_measured_is_refused() -> None:
    assert Tolerance(9e-6, "rounding", measured=1e-6).measured == 1e-6
    with pytest.raises(ValueError, match="over 10 times the largest error measured"):
        Tolerance(1.1e-5, "rounding", measured=1e-6)


def judge(got: Array, wanted: Array, expected: Expectation | None = None) -> None:
    compare(
        {"y": got},
        {"y": wanted},
        {"y": Tolerance(1e-3, "for these tests")},
        expected={"y": expected} if expected else None,
    )


LOGS = np.array([-np.inf, np.nan, np.inf, 1.0])


def test_what_ought_not_to_be_finite_passes_where_that_was_said() -> None:
    judge(LOGS, LOGS, "nonfinite")
    judge(np.zeros((0, 2)), np.zeros((0, 2)), "empty")
    with pytest.raises(DisagreementError, match="3 of 4 elements are not finite"):
        judge(LOGS, LOGS)


@pytest.mark.parametrize(
    ("got", "wanted", "expected", "message"),
    [
        (LOGS, LOGS * -1, "nonfinite", "2 of 4 elements"),
        (np.where(np.isnan(LOGS), 0, LOGS), LOGS, "nonfinite", "1 of 4 elements"),
        (LOGS, np.nan_to_num(LOGS, posinf=np.inf), "nonfinite", "2 of 4 elements"),
        (LOGS + np.array([0, 0, 0, 0.01]), LOGS, "nonfinite", "leaves the tolerance"),
        (np.ones(2), np.ones(2), "nonfinite", "every element of the reference is"),
        (np.zeros((0, 2)), np.zeros((0, 3)), "empty", "shape"),
        (np.ones(2), np.ones(2), "empty", "expected to be empty"),
    ],
)
def test_an_expectation_is_no_pardon(
    got: Array, wanted: Array, expected: Expectation, message: str
) -> None:
    with pytest.raises(DisagreementError, match=message):
        judge(got, wanted, expected)


def test_strings_are_compared_as_they_are() -> None:
    judge(np.array(["a", "bc"]), np.array(["a", "bc"]))
    with pytest.raises(DisagreementError, match="1 of 2 strings differ"):
        judge(np.array(["a", "b"]), np.array(["a", "bc"]))
    with pytest.raises(DisagreementError, match="dtype is int64, expected string"):
        judge(np.array([1, 2]), np.array(["a", "bc"]))


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (np.array([2**60 + 1]), np.array([2**60])),  # equal in float64
        (np.array([1 + 2j]), np.array([1 + 1j])),  # equal in their real parts
        (np.array([True]), np.array([False])),
    ],
)
def test_a_difference_that_float64_would_hide_is_seen(got: Array, wanted: Array) -> None:
    judge(got, got)
    with pytest.raises(DisagreementError, match="leaves the tolerance"):
        judge(got, wanted)
