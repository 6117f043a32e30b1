"""The tables of the READMEs are the tools' own, and each has its place."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.paths import ROOT
from verify.matrix import options
from verify.readme import GLANCE, PLACES, fill_block, main, write_glance

TABLES = [
    *((name, "en", place) for name, place in PLACES.items()),
    *(("glance", language, place) for language, place in GLANCE.items()),
]


@pytest.mark.parametrize("words", [["a,b"], ["a", "b"], ["a, b"], ["a,", "b"]])
def test_names_come_with_commas_or_one_by_one(words: list[str]) -> None:
    assert options.parser().parse_args(["--models", *words]).models == ["a", "b"]


@pytest.mark.parametrize(("table", "language", "place"), TABLES)
def test_a_table_has_its_place(table: str, language: str, place: Path, tmp_path: Path) -> None:
    copy = copy_readmes(tmp_path) / place
    fill_block(copy, table, language, ["| a |", "| b |"])
    text = copy.read_text(encoding="utf-8")
    assert f"<!-- {table} {language} -->\n| a |\n| b |\n<!-- end -->" in text


def copy_readmes(folder: Path) -> Path:
    for place in {*PLACES.values(), *GLANCE.values()}:
        (folder / place).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / place, folder / place)
    return folder


def write(root: Path) -> int:
    return main(["--models", str(root / "none"), "--report", str(root / "none")], root)


def test_the_short_table_says_what_the_long_ones_say(tmp_path: Path) -> None:
    assert write(copy_readmes(tmp_path)) == 0
    for place in {*PLACES.values(), *GLANCE.values()}:  # nothing was measured: nothing changes
        assert (tmp_path / place).read_bytes() == (ROOT / place).read_bytes()
    assert "–" not in "".join(write_glance(tmp_path, "en"))


def test_a_figure_that_moves_is_seen(tmp_path: Path) -> None:
    before = list(write_glance(copy_readmes(tmp_path), "en"))
    proof = tmp_path / "verify" / "README.md"
    text = proof.read_text(encoding="utf-8")
    moved = re.sub(
        r"^\| basicamt (fp32|engine) \| 0\.", r"| basicamt \1 | 7.", text, flags=re.MULTILINE
    )
    proof.write_text(moved, encoding="utf-8")
    after = list(write_glance(tmp_path, "en"))
    assert [a == b for a, b in zip(before, after, strict=True)].count(False) == 1


def test_a_missing_table_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_readmes(tmp_path)
    (tmp_path / "export" / "README.md").write_text("# nothing\n")
    assert write(tmp_path) == 2
    assert "has no <!-- models en -->" in capsys.readouterr().err
