"""What the app's maintainer gets: the diff, and what was found in the app, in two languages."""

from __future__ import annotations

from pathlib import Path

from verify.publish.app.patch import Patch

NOTES = {"NOTE.md": "note.en.md", "NOTE.zh.md": "note.zh.md"}
DIFF = "app.diff"


def write_letter(out: Path, patch: Patch) -> None:
    """Write it into a folder, in place of an earlier one."""
    out.mkdir(parents=True, exist_ok=True)
    for name, source in NOTES.items():
        text = Path(__file__).with_name(source).read_text(encoding="utf-8")
        (out / name).write_text(text, encoding="utf-8")
    (out / DIFF).write_text(patch.diff, encoding="utf-8")
