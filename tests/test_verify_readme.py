"""What the README tells people to type is understood."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from verify import bisect, options

ROOT = Path(__file__).parent.parent
COMMANDS = [
    (readme.name, line)
    for readme in sorted(ROOT.glob("README*.md"))
    for line in readme.read_text(encoding="utf-8").splitlines()
    if line.startswith("python -m verify")
]


def test_there_are_commands_to_check() -> None:
    assert {name for name, _ in COMMANDS} >= {"README.md"}


@pytest.mark.parametrize(("readme", "line"), COMMANDS)
def test_a_command_of_the_readme_parses(readme: str, line: str) -> None:
    words = shlex.split(line)[3:]
    if words[0] == "bisect":
        bisect.parser().parse_args(words[1:])
    else:
        assert options.parser().parse_args(words).reference


@pytest.mark.parametrize("words", [["a,b"], ["a", "b"], ["a, b"], ["a,", "b"]])
def test_names_come_with_commas_or_one_by_one(words: list[str]) -> None:
    assert options.parser().parse_args(["--models", *words]).models == ["a", "b"]
