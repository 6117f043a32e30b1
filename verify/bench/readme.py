"""The benchmark's tables in the README, in both languages, so that no figure in them is typed."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from verify.bench.decide import REFERENCE, VERDICTS, Decision
from verify.bench.results import Bench
from verify.readme import fill_block, group_digits

TIMES = {"en": "CPU time ÷ baseline", "zh": "CPU 时间 ÷ 基准"}
FILES = {
    "en": ("file", "bytes", "brotli", "time ÷ fp32", "note F1", "the least"),
    "zh": ("文件", "字节", "brotli", "时间 ÷ fp32", "音符 F1", "最小"),
}
LAST = {"en": ("recommended for", "verdict"), "zh": ("推荐用于", "结论")}
TOLD = (REFERENCE, "control")
"""What the first table has of each model; the page has all, the second table the variants."""


def write_tables(bench: Bench, path: Path) -> int:
    """Replace the tables in a README; return how many there were."""
    writers = {"bench": write_times, "variants": write_decisions}
    return sum(fill_block(path, name, partial(write, bench)) for name, write in writers.items())


def write_times(bench: Bench, language: str) -> Iterator[str]:
    """The default files beside the baseline, and beside the peer: a column for each runtime."""
    rows = [row for row in bench.comparisons if row.name in TOLD]
    where = [row.runtime for row in rows] + ([bench.peer.runtime] if bench.peer else [])
    runtimes = list(dict.fromkeys(where))
    cells: dict[str, dict[str, str]] = {}
    for row in sorted(rows, key=lambda row: TOLD.index(row.name)):
        cells.setdefault(f"{row.model} {row.name}", {})[row.runtime] = _write_ratios(row.ratios)
    if peer := bench.peer:
        name = f"{peer.model} ÷ {peer.package} ({peer.backend})"
        cells[name] = {peer.runtime: _write_ratios(peer.ratios)}
    yield _row([TIMES[language], *runtimes])
    yield _row(["---", *["---:"] * len(runtimes)])
    for name, found in cells.items():
        yield _row([name, *(found.get(runtime, "–") for runtime in runtimes)])


def write_decisions(bench: Bench, language: str) -> Iterator[str]:
    """Every variant and what becomes of it, in Markdown."""
    yield _row([*FILES[language], *LAST[language]])
    yield _row(["---", *["---:"] * 5, "---", "---"])
    for row in bench.decisions:
        yield _row(_write_decision(row, language))


def _write_decision(row: Decision, language: str) -> Iterator[str]:
    file, times = row.fidelity, row.times.values()
    yield f"{file.model} {file.variant}"
    yield from map(group_digits, (file.bytes, file.compressed_bytes))
    yield f"{min(times):.2f} – {max(times):.2f}" if times else "–"
    yield from (f"{f1:.3f}" for f1 in (file.f1, file.least_f1))
    yield ", ".join(file.recommended_for) or "–"
    yield VERDICTS[language][row.verdict]


def _write_ratios(ratios: Sequence[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} – {max(ratios):.2f})"


def _row(cells: list[str] | Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"
