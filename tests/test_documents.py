"""The documents are true: commands parse, links resolve, every room is named, READMEs are short."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import export.__main__
import train.__main__
from tests.paths import ROOT
from verify.bisect import command as bisect
from verify.matrix import options

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("export/*/*.md")])
MOST_LINES = 120
LINK = re.compile(r"(?:\]\(|src=\")([^)\"\s]+)[)\"]")
COMMAND = re.compile(
    r"(?:^|`)(?:\S*/bin/)?(python -m (?:export|verify|train)\b[^`#\n]*)", re.MULTILINE
)
MAKE = re.compile(r"(?:^|`)make((?: (?:[A-Z_]+=(?:\"[^\"]*\"|[^\s`]+)|[a-z-]+))+)", re.MULTILINE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def find(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    return [
        (name_of(path), found.strip())
        for path in DOCUMENTS
        for found in pattern.findall(path.read_text(encoding="utf-8"))
    ]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> list[str]:
    """Relative links of a document that do not resolve."""
    broken = []
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        file = path.parent / target if target else path
        if not file.exists() or (
            anchor and anchor not in anchors(file.read_text(encoding="utf-8"))
        ):
            broken.append(link)
    return broken


def unknown_words(words: str) -> list[str]:
    """Targets and variables of a `make` line that the Makefile lacks."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    variables = set(re.findall(r"\$\((?:if |or )?\$?\(?([A-Z_]+)", makefile))
    named = [word.partition("=")[0] for word in shlex.split(words)]
    return [name for name in named if name not in targets | variables]


def test_there_is_something_to_check() -> None:
    names = {name for name, _ in find(COMMAND)}
    assert names >= {"README.md", "README.zh.md", "export/README.md", "verify/README.md"}
    assert len(find(MAKE)) > 30
    assert len(find(LINK)) > 60


@pytest.mark.parametrize("line", sorted({line for _, line in find(COMMAND)}))
def test_a_command_is_understood(line: str) -> None:
    _, _, tool, *words = shlex.split(line)
    if "--help" in words:
        return
    if tool == "export":
        export.__main__.parse(words)
    elif tool == "train":
        train.__main__.parse(words)
    elif words[0] == "bisect":
        bisect.parser().parse_args(words[1:])
    else:
        options.parser().parse_args(words)


@pytest.mark.parametrize(("document", "words"), find(MAKE))
def test_make_knows_the_target(document: str, words: str) -> None:
    assert not unknown_words(words), f"{document}: make {words}"


def test_an_unknown_target_is_seen() -> None:
    assert unknown_words("exprot CHECKPOINT=DIR ARGS=x") == ["exprot", "CHECKPOINT"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    assert not broken_links(path)


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# One two\n[x](a.md#one-two) [y](b.md) [z](#three)\n")
    assert broken_links(tmp_path / "a.md") == ["b.md", "#three"]


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_is_short(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_both_languages_say_the_same_in_figures() -> None:
    english, chinese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")
    )
    for pattern in (
        LINK,
        COMMAND,
        MAKE,
        re.compile(r"^\|", re.MULTILINE),
        re.compile(r"^#+ ", re.M),
    ):
        ours, theirs = (
            sorted(x for x in pattern.findall(text) if not x.startswith("README"))
            for text in (english, chinese)
        )
        assert ours == theirs


def rooms() -> set[str]:
    packages = {
        path.parent.relative_to(ROOT).as_posix() + "/"
        for top in ("export", "verify", "train")
        for path in (ROOT / top).rglob("__init__.py")
    }
    library = {path.name for path in (ROOT / "web" / "lib").iterdir() if path.is_dir()}
    return {room for room in packages if not room.startswith("train/")} | library


@pytest.mark.parametrize("room", sorted(rooms()))
def test_the_architecture_names_every_room(room: str) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert f"]({room})" in text or f"`{room}`" in text
