"""The patch to noteDigger's own scripts: progress, a way to stop, empty lists, errors' names.

Each edit says how often it expects its place. Where a file has another number of them, that file is
left as it is: the app works without the patch.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from verify.publish.app.checkout import FOLDER

FOLLOW = Path(__file__).with_name("follow.js")
ENTRANCE = (FOLDER / "AIEntrance.js").as_posix()
ANALYSER = "core/app_analyser.js"


@dataclass(frozen=True)
class Edit:
    """Every match of ``place`` is replaced, if there are ``count``."""

    why: str
    place: str
    """A regular expression, multiline."""
    text: str
    count: int


EDITS: dict[str, tuple[Edit, ...]] = {
    ENTRANCE: (
        Edit(
            "each run can be stopped, and its worker is told that progress is read",
            r'^( *)const (\w+) = new Worker\("(\./dataProcess/AI/\w+_worker\.js)"\);$',
            r'\1const \2 = new Worker("\3#progress");'
            "\n"
            r"\1const run = AI.followRun(() => { \2.terminate(); resolve([]); });",
            2,
        ),
        Edit(
            "a message of progress is not the answer",
            r"^( *)if \(data\.type === 'error'\) \{$",
            r"\1if (data.type === 'progress') return run.at(data.fraction);"
            "\n"
            r"\1run.end();"
            "\n"
            r"\g<0>",
            2,
        ),
        Edit("an error says what it is", r'\breject\("[^"]*"\);$', "reject(data.message);", 2),
        Edit(
            "a worker that fails ends its run",
            r"^( *)console\.error\(e\.message\);$",
            r"\1run.end();" + "\n" + r"\g<0>",
            2,
        ),
        Edit("what shows a run", r"\Z", FOLLOW.read_text(encoding="utf-8"), 1),
    ),
    ANALYSER: (
        Edit(
            "no notes, no track",
            r"^( *)(.*)\bAI\.basicamt\(\w+\)\.then\(\((\w+)\) => \{$",
            r"\g<0>" + "\n" + r"\1    if (!\3.length) return;",
            1,
        ),
        Edit(
            "a timbre without notes gives no track",
            r"\btracks\.forEach\(",
            "tracks.filter((events) => events.length).forEach(",
            1,
        ),
    ),
}


@dataclass(frozen=True)
class Patch:
    """Both files as they will be, or why there is no patch."""

    files: Mapping[str, bytes]
    """By path; empty if there is no patch."""
    diff: str
    left_out: str
    """The file, the place and what was found; empty if everything fits."""


def make_patch(originals: Mapping[str, bytes | None]) -> Patch:
    """The patch for the app's scripts by path; None for one that the app lacks.

    All or nothing: the analyser's part serves what the entrance's part lets through.
    """
    files, diff = {}, ""
    for path, edits in EDITS.items():
        content = originals.get(path)
        if content is None:
            return Patch({}, "", f"{path} is not there")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return Patch({}, "", f"{path} is not UTF-8")
        windows = "\r\n" in text
        old = text.replace("\r\n", "\n")
        new = old
        for edit in edits:
            found = len(re.findall(edit.place, new, re.MULTILINE))
            if found != edit.count:
                why = f"{edit.why}: {found} places like {edit.place}, {edit.count} expected"
                return Patch({}, "", f"{path}: {why}")
            new = re.sub(edit.place, edit.text, new, flags=re.MULTILINE)
        diff += _write_diff(path, old, new)
        files[path] = (new.replace("\n", "\r\n") if windows else new).encode()
    return Patch(files, diff, "")


def _write_diff(path: str, old: str, new: str) -> str:
    """As `git apply` reads it."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
