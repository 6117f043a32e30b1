"""The table of lengths in the README, in both languages, so that no figure in it is typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from verify.bench.lengths_results import Key, Point, Way
from verify.readme import group_digits

HEADINGS = {
    "en": "| peak memory beyond the decoded audio | minutes | whole file, MB | streamed, MB "
    "| CPU time, streamed ÷ whole |",
    "zh": "| 解码后音频之外的内存峰值 | 分钟 | 整段，MB | 分块，MB | CPU 时间，分块 ÷ 整段 |",
}


def write_lengths(points: Mapping[Key, Point], language: str) -> Iterator[str]:
    """A row for each runtime, model and length, in Markdown."""
    yield HEADINGS[language]
    yield "| --- | ---: | ---: | ---: | ---: |"
    ways: dict[tuple[str, str, float], dict[Way, Point]] = {}
    for point in points.values():
        ways.setdefault((point.runtime, point.model, point.audio_seconds), {})[point.way] = point
    for (runtime, model, seconds), found in sorted(ways.items()):
        whole, streamed = found.get("whole"), found.get("streamed")
        ratio = f"{streamed.cpu_seconds / whole.cpu_seconds:.2f}" if whole and streamed else "–"
        cells = [f"{seconds / 60:g}", _write_megabytes(whole), _write_megabytes(streamed), ratio]
        yield f"| {runtime}, {model} | {' | '.join(cells)} |"


def _write_megabytes(point: Point | None) -> str:
    return "–" if point is None else group_digits(round(point.peak_bytes / 1e6))
