"""What the README tells people to type is understood."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.paths import ROOT
from verify.bisect import command
from verify.matrix import plan
from verify.readme import fill_block

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
        command.parser().parse_args(words[1:])
    else:
        assert plan.parser().parse_args(words).reference


@pytest.mark.parametrize("words", [["a,b"], ["a", "b"], ["a, b"], ["a,", "b"]])
def test_names_come_with_commas_or_one_by_one(words: list[str]) -> None:
    assert plan.parser().parse_args(["--models", *words]).models == ["a", "b"]


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
@pytest.mark.parametrize("table", ["models", "bench", "lengths"])
def test_a_table_has_its_place(name: str, table: str, tmp_path: Path) -> None:
    copy = tmp_path / name
    copy.write_bytes((ROOT / name).read_bytes())
    assert fill_block(copy, table, lambda language: [f"| {language} |"]) == 1
    text = copy.read_text(encoding="utf-8")
    language = "zh" if ".zh" in name else "en"
    assert f"<!-- {table} {language} -->\n| {language} |\n<!-- end -->" in text
    assert fill_block(copy, "unknown", lambda _: []) == 0
    assert copy.read_text(encoding="utf-8") == text
