"""The tables of the READMEs are the tools' own, and each has its place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.paths import ROOT
from verify.glance import main, write_glance
from verify.matrix import plan
from verify.readme import fill_block

PLACES = {
    "glance": ("README.md", "README.zh.md"),
    "models": ("export/README.md",),
    "bench": ("verify/README.md",),
    "variants": ("verify/README.md",),
    "lengths": ("verify/README.md",),
}
TABLES = [(table, name) for table, names in PLACES.items() for name in names]


@pytest.mark.parametrize("words", [["a,b"], ["a", "b"], ["a, b"], ["a,", "b"]])
def test_names_come_with_commas_or_one_by_one(words: list[str]) -> None:
    assert plan.parser().parse_args(["--models", *words]).models == ["a", "b"]


@pytest.mark.parametrize(("table", "name"), TABLES)
def test_a_table_has_its_place(table: str, name: str, tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    copy.write_bytes((ROOT / name).read_bytes())
    assert fill_block(copy, table, lambda language: [f"| {language} |"]) == 1
    text = copy.read_text(encoding="utf-8")
    language = "zh" if ".zh" in name else "en"
    assert f"<!-- {table} {language} -->\n| {language} |\n<!-- end -->" in text
    assert fill_block(copy, "unknown", lambda _: []) == 0
    assert copy.read_text(encoding="utf-8") == text


def copy_readmes(folder: Path) -> Path:
    for name in ("README.md", "README.zh.md", "export/README.md", "verify/README.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize("name", PLACES["glance"])
def test_the_short_table_says_what_the_long_ones_say(name: str, tmp_path: Path) -> None:
    assert main(copy_readmes(tmp_path)) == 0
    assert (tmp_path / name).read_text(encoding="utf-8") == (ROOT / name).read_text(
        encoding="utf-8"
    )
    assert "–" not in "".join(write_glance(tmp_path, "en"))


def test_a_figure_that_moves_is_seen(tmp_path: Path) -> None:
    before = list(write_glance(copy_readmes(tmp_path), "en"))
    proof = tmp_path / "verify" / "README.md"
    text = proof.read_text(encoding="utf-8")
    proof.write_text(text.replace("| basicamt fp32 | 0.", "| basicamt fp32 | 7."), encoding="utf-8")
    after = list(write_glance(tmp_path, "en"))
    assert [a == b for a, b in zip(before, after, strict=True)].count(False) == 1


def test_a_missing_table_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_readmes(tmp_path)
    (tmp_path / "export" / "README.md").write_text("# nothing\n")
    assert main(tmp_path) == 2
    assert "has no <!-- models en -->" in capsys.readouterr().err
