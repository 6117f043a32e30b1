"""The benchmark's tables in the README, in both languages, so that no figure in them is typed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from export.readme import fill_block, group_digits
from verify.bench_results import Bench
from verify.decide import VERDICTS, Decision

TIMES = {
    "en": "| runtime | file | CPU time ÷ baseline | least – most | multiply-adds a second, 10⁶ |",
    "zh": "| 运行时 | 文件 | CPU 时间 ÷ 基准 | 最小 – 最大 | 每秒音频的乘加次数（百万） |",
}
FILES = {
    "en": ("file", "bytes", "brotli", "time ÷ fp32, {}", "note F1", "the least"),
    "zh": ("文件", "字节", "brotli", "时间 ÷ fp32，{}", "音符 F1", "最小"),
}
LAST = {"en": ("recommended for", "verdict"), "zh": ("推荐用于", "结论")}


def write_tables(bench: Bench, path: Path) -> int:
    """Replace the tables in a README; return how many there were."""
    writers = {"bench": write_times, "variants": write_decisions}
    return sum(fill_block(path, name, partial(write, bench)) for name, write in writers.items())


def write_times(bench: Bench, language: str) -> Iterator[str]:
    """Every file beside the baseline, in Markdown."""
    yield TIMES[language]
    yield "| --- | --- | ---: | ---: | ---: |"
    for row in bench.comparisons:
        if row.name != "baseline":
            counted = "–" if row.multiply_adds is None else f"{row.multiply_adds / 1e6:.0f}"
            spread = f"{min(row.ratios):.2f} – {max(row.ratios):.2f}"
            file = f"{row.model} {row.name}"
            yield _row([row.runtime, file, f"{row.ratio:.2f}", spread, counted])
    if peer := bench.peer:
        spread = f"{min(peer.ratios):.3f} – {max(peer.ratios):.3f}"
        file = f"{peer.model} fp32 ÷ {peer.package} ({peer.backend})"
        yield _row([peer.runtime, file, f"{peer.ratio:.3f}", spread, "–"])


def write_decisions(bench: Bench, language: str) -> Iterator[str]:
    """Every variant and what becomes of it, in Markdown."""
    rows = bench.decisions
    runtimes = list(dict.fromkeys(runtime for row in rows for runtime in row.times))
    file, size, compressed, time, notes, least = FILES[language]
    times = [time.format(runtime) for runtime in runtimes]
    yield _row([file, size, compressed, *times, notes, least, *LAST[language]])
    yield _row(["---", *["---:"] * (4 + len(runtimes)), "---", "---"])
    for row in rows:
        yield _row(_write_decision(row, runtimes, language))


def _write_decision(row: Decision, runtimes: list[str], language: str) -> Iterator[str]:
    file = row.fidelity
    yield f"{file.model} {file.variant}"
    yield from map(group_digits, (file.bytes, file.compressed_bytes))
    yield from (f"{row.times[name]:.2f}" if name in row.times else "–" for name in runtimes)
    yield from (f"{f1:.3f}" for f1 in (file.f1, file.least_f1))
    yield ", ".join(file.recommended_for) or "–"
    yield VERDICTS[language][row.verdict]


def _row(cells: list[str] | Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"
