"""Verdicts of earlier runs that still hold: nothing that they depend on has changed.

Only what agreed is kept. A verdict's key is a hash of the file, the runtime with its version, the
signal, the reference, the tolerances, and the code that runs and compares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from verify.compare import Deviation, Tolerance
from verify.matrix.notes import NoteAgreement
from verify.matrix.records import Case, Plan, Subject, Verdict
from verify.runtimes.runners import hash_tensors

FILE_NAME = "verdicts.jsonl"
MOST = 20_000
"""Verdicts in the file; the oldest go."""
_ROOT = Path(__file__).parents[2]
CODE = (
    _ROOT / "verify" / "compare.py",
    *sorted(
        path
        for folder in ("verify/matrix", "verify/runtimes", "web/lib")
        for path in (_ROOT / folder).rglob("*")
        if path.suffix in (".py", ".js", ".mjs", ".html", ".wasm")
    ),
)
"""Code that runs a file and judges its outputs."""


class KeptVerdicts:
    """A file of verdicts, one line each, written as they come, so that a killed run resumes."""

    def __init__(self, path: Path, code: Iterable[Path] = CODE) -> None:
        self._path = path
        self._code = hash_code(tuple(code))
        self._lock = Lock()
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        whole, _, unfinished = text.rpartition("\n")
        lines = whole.splitlines()
        self._lines = dict(line.split(" ", 1) for line in lines[-MOST:] if " " in line)
        if unfinished or len(lines) > MOST:
            beside = path.with_suffix(".part")
            beside.write_text("".join(f"{k} {v}\n" for k, v in self._lines.items()), "utf-8")
            beside.replace(path)

    def find(self, plan: Plan, subject: Subject, case: Case) -> Verdict | None:
        """The verdict of an earlier run under the same key, marked as kept."""
        line = self._lines.get(self._key(plan, subject, case) or "")
        try:
            return replace(_read(json.loads(line)), kept=True) if line else None
        except (ValueError, KeyError, TypeError):
            return None  # half written, or of another version

    def keep(self, plan: Plan, subject: Subject, case: Case, verdict: Verdict) -> None:
        """Write down a verdict that agrees."""
        key = self._key(plan, subject, case)
        if key is None or verdict.status != "agrees":
            return
        line = json.dumps(asdict(verdict))
        with self._lock:
            self._lines[key] = line
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(f"{key} {line}\n")

    def _key(self, plan: Plan, subject: Subject, case: Case) -> str | None:
        """None for a runtime whose version is not known."""
        if plan.identity is None:
            return None
        digest = hashlib.sha256()
        promises = {name: asdict(tolerance) for name, tolerance in case.tolerances.items()}
        floors = (case.notes is not None, case.note_f1, case.label_agreement, subject.thresholds)
        stated = (self._code, plan.name, plan.identity, subject.model, subject.variant)
        dtypes = {**subject.dtypes, **case.dtypes}
        judged = (subject.sha256, dtypes, case.signal, promises, floors, dict(case.expected))
        digest.update(repr((stated, judged)).encode())
        digest.update(hash_tensors(case.inputs).encode() + hash_tensors(case.reference).encode())
        return digest.hexdigest()


@cache
def hash_code(paths: tuple[Path, ...] = CODE) -> str:
    """SHA-256 over files, by their names and bytes."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _read(data: dict[str, Any]) -> Verdict:
    deviations = tuple(
        Deviation(
            **{
                **one,
                "tolerance": Tolerance(**one["tolerance"]),
                "shape": tuple(one["shape"]),
                "largest_absolute_at": tuple(one["largest_absolute_at"] or ()),
                "largest_relative_at": tuple(one["largest_relative_at"] or ()),
            }
        )
        for one in data["deviations"]
    )
    notes = NoteAgreement(**data["notes"]) if data["notes"] else None
    return Verdict(**{**data, "deviations": deviations, "notes": notes})
