"""Arguments that mean nothing are refused in one line, before any work."""

from __future__ import annotations

import argparse

import pytest

from verify.__main__ import main
from verify.arguments import Names, Numbers


def test_names_and_numbers_come_with_commas_or_one_by_one() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", action=Names, nargs="+")
    parser.add_argument("--minutes", action=Numbers, nargs="+")
    args = parser.parse_args(["--models", "a,b", "c", "--minutes", "1", "2.5,60"])
    assert args.models == ["a", "b", "c"]
    assert args.minutes == [1.0, 2.5, 60.0]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("lengths --minutes 1,abc", "--minutes: a number above 0 is needed, not abc"),
        ("lengths --minutes -3", "--minutes: a number above 0 is needed, not -3"),
        ("lengths --limit nan", "--limit: a number above 0 is needed, not nan"),
        ("bench --seconds -1", "--seconds: a number above 0 is needed, not -1"),
        ("bench --rounds 0", "--rounds: a whole number from 1 is needed, not 0"),
        ("soak --runs 0", "--runs: a whole number from 1 is needed, not 0"),
        ("soak --runs many", "--runs: a whole number from 1 is needed, not many"),
        ("--time-limit 0", "--time-limit: a number above 0 is needed, not 0"),
        ("onnx-suite --time-limit inf", "--time-limit: a number above 0 is needed, not inf"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(
    line: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(line.split())
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err
