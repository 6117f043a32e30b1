"""Write measured figures into the READMEs, so that no figure in them is typed: ``make readme``.

python -m verify.readme [--models DIR] [--report DIR]

A table stands between ``<!-- name language -->`` and ``<!-- end -->``. Those of figures that are
not there, since nothing was exported or measured, stay as they are; the README's short table is
gathered from the others.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from export.manifest import FILE_NAME, Manifest, ManifestError
from verify.bench import lengths_results, results
from verify.bench.decide import REFERENCE, VERDICTS
from verify.bench.lengths_results import Key, Point, Way
from verify.bench.results import Bench
from verify.publish.gate import PublishError
from verify.publish.judge import usage

ROOT = Path(__file__).parents[1]
PLACES = {
    "models": Path("export/README.md"),
    "bench": Path("verify/README.md"),
    "variants": Path("verify/README.md"),
    "lengths": Path("verify/README.md"),
    "notedigger": Path("verify/README.md"),
}
"""Where each long table stands."""
HEADINGS = {
    "models": "| file | bytes | nodes | error | parameters | weights |",
    "variants": "| file | bytes | brotli | time ÷ fp32 | note F1 | the least | recommended for "
    "| verdict |",
    "lengths": "| peak memory beyond the decoded audio | minutes | whole file, MB | streamed, MB "
    "| CPU time, streamed ÷ whole |",
}
SHOWN = (REFERENCE, "engine", "engine-relaxed", "control")
"""Rows of each model in the table of times; bench.html has all."""
STARTS = "chromium-wasm"
"""Column of first runs in fresh browsers."""
GLANCE = {"en": Path("README.md"), "zh": Path("README.zh.md")}
"""Where the short table stands, by language."""
GLANCE_MODELS = ("basicamt", "septimbre")
GLANCE_WORDS = {
    "en": (
        "",
        "size in float32, bytes",
        "size in float16, bytes",
        "largest error against PyTorch in float64",
        "CPU time in Chromium, the network as trained = 1",
        "peak memory for an hour of audio, MB",
    ),
    "zh": (
        "",
        "float32 文件，字节",
        "float16 文件，字节",
        "与 float64 的 PyTorch 的最大误差",
        "Chromium 中的 CPU 时间，训练时的网络 = 1",
        "一小时音频的内存峰值，MB",
    ),
}


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Run the command; its exit status, 2 where a table has no place."""
    parser = argparse.ArgumentParser(
        prog="python -m verify.readme", description="Write measured figures into the READMEs."
    )
    parser.add_argument("--models", type=Path, default=Path("dist/models"), metavar="DIR")
    parser.add_argument("--report", type=Path, default=Path("dist/report"), metavar="DIR")
    args = parser.parse_args(arguments)
    try:
        for name, lines in find_figures(args.models, args.report).items():
            fill_block(root / PLACES[name], name, "en", lines)
            print(f"{PLACES[name]}: {name}")
        for language, place in GLANCE.items():
            fill_block(root / place, "glance", language, write_glance(root, language))
    except (ManifestError, PublishError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def find_figures(models: Path, report: Path) -> dict[str, Iterable[str]]:
    """The lines of each long table whose figures are in the folders of models and of reports."""
    tables: dict[str, Iterable[str]] = {}
    if (models / FILE_NAME).is_file():
        tables["models"] = write_models(Manifest.read(models))
    if bench := results.read(report):
        tables["bench"] = write_times(bench)
        tables["variants"] = write_decisions(bench)
    if points := lengths_results.read(report):
        tables["lengths"] = write_lengths(points)
    if used := usage.read(report):
        tables["notedigger"] = usage.write_table(used)
    return tables


def fill_block(path: Path, name: str, language: str, lines: Iterable[str]) -> None:
    """Replace what stands between ``<!-- name language -->`` and ``<!-- end -->`` in a file.

    ManifestError if the file has no such block.
    """
    text = path.read_text(encoding="utf-8")
    start, end = _find_block(path, text, name, language)
    text = text[:start] + "".join(f"{line}\n" for line in lines) + text[end:]
    path.write_text(text, encoding="utf-8")


def read_table(path: Path, name: str) -> list[list[str]]:
    """Cells of a long table, headings left out; ManifestError if the file has no such table."""
    text = path.read_text(encoding="utf-8")
    start, end = _find_block(path, text, name, "en")
    return [line.strip("| ").split(" | ") for line in text[start:end].splitlines()][2:]


def _find_block(path: Path, text: str, name: str, language: str) -> tuple[int, int]:
    found = re.search(rf"<!-- {name} {language} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    if found is None:
        raise ManifestError(f"{path} has no <!-- {name} {language} --> … <!-- end -->")
    return found.span(1)


def write_models(manifest: Manifest) -> Iterator[str]:
    """The files of a manifest."""
    yield HEADINGS["models"]
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for file in manifest.wholes:
        numbers = (group_digits(file.bytes), str(file.nodes), f"{max(file.error.values()):.1e}")
        yield _row((f"`{file.path}`", *numbers, group_digits(file.parameters), file.weights))


def write_times(bench: Bench) -> Iterator[str]:
    """The default files against the baseline, and against the peer: a column for each runtime."""
    rows = [row for row in bench.comparisons if row.name in SHOWN]
    where = [*(row.runtime for row in rows), *(STARTS for _ in bench.starts)]
    where += [bench.peer.runtime] if bench.peer else []
    runtimes = list(dict.fromkeys(where))
    cells: dict[str, dict[str, str]] = {}
    for row in sorted(rows, key=lambda row: SHOWN.index(row.name)):
        cells.setdefault(f"{row.model} {row.name}", {})[row.runtime] = _write_ratios(row.ratios)
    for start in bench.starts:
        name = f"{start.model} engine ÷ onnxruntime-web, in a fresh browser"
        cells[name] = {STARTS: _write_ratios(start.ratios)}
    if peer := bench.peer:
        for ours, ratios in peer.ratios.items():
            name = f"{peer.model} {ours} ÷ {peer.package} ({peer.backend})"
            cells[name] = {peer.runtime: _write_ratios(ratios)}
    yield _row(["CPU time ÷ baseline", *runtimes])
    yield _row(["---", *["---:"] * len(runtimes)])
    for name, found in cells.items():
        yield _row([name, *(found.get(runtime, "–") for runtime in runtimes)])


def write_decisions(bench: Bench) -> Iterator[str]:
    """Every variant and what becomes of it."""
    yield HEADINGS["variants"]
    yield "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |"
    for row in bench.decisions:
        file, times = row.fidelity, row.times.values()
        yield _row(
            (
                f"{file.model} {file.variant}",
                *map(group_digits, (file.bytes, file.compressed_bytes)),
                f"{min(times):.2f} – {max(times):.2f}" if times else "–",
                *(f"{f1:.3f}" for f1 in (file.f1, file.least_f1)),
                ", ".join(file.recommended_for) or "–",
                VERDICTS[row.verdict],
            )
        )


def write_lengths(points: Mapping[Key, Point]) -> Iterator[str]:
    """A row for each runtime, model and length."""
    yield HEADINGS["lengths"]
    yield "| --- | ---: | ---: | ---: | ---: |"
    ways: dict[tuple[str, str, float], dict[Way, Point]] = {}
    for point in points.values():
        ways.setdefault((point.runtime, point.model, point.audio_seconds), {})[point.way] = point
    for (runtime, model, seconds), found in sorted(ways.items()):
        whole, streamed = found.get("whole"), found.get("streamed")
        ratio = f"{streamed.cpu_seconds / whole.cpu_seconds:.2f}" if whole and streamed else "–"
        cells = (f"{seconds / 60:g}", _write_megabytes(whole), _write_megabytes(streamed), ratio)
        yield _row((f"{runtime}, {model}", *cells))


def write_glance(root: Path, language: str) -> Iterator[str]:
    """The short table, gathered from the long ones; a figure that none of them has is a dash.

    Time and memory are the engine's, which the page runs, where the long tables have it.
    """
    tables = {name: read_table(root / place, name) for name, place in PLACES.items()}
    files = {row[0].strip("`"): row for row in tables["models"]}
    times = {row[0]: row for row in tables["bench"]}
    lengths = {(row[0], row[1]): row for row in tables["lengths"]}
    columns = [
        (
            model,
            _cell(files.get(f"{model}_44100.onnx"), 1),
            _cell(files.get(f"{model}_44100.fp16.onnx"), 1),
            _cell(files.get(f"{model}_44100.onnx"), 3),
            _cell(times.get(f"{model} engine") or times.get(f"{model} fp32"), 1).split(" (")[0],
            _cell(
                lengths.get((f"chromium-engine, {model}", "60"))
                or lengths.get((f"chromium-wasm, {model}", "60")),
                3,
            ),
        )
        for model in GLANCE_MODELS
    ]
    heading, *rows = map(_row, zip(GLANCE_WORDS[language], *columns, strict=True))
    yield from (heading, _row(["---", *["---:"] * len(GLANCE_MODELS)]), *rows)


def _cell(row: list[str] | None, column: int) -> str:
    return "–" if row is None else row[column]


def _write_ratios(ratios: Sequence[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} – {max(ratios):.2f})"


def _write_megabytes(point: Point | None) -> str:
    return "–" if point is None else group_digits(round(point.peak_bytes / 1e6))


def group_digits(number: int) -> str:
    """18978 → 18 978."""
    return f"{number:,}".replace(",", " ")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
