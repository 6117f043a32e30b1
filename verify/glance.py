"""The short table of the README, gathered from the long tables of the READMEs below it.

python -m verify.glance
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from export.manifest import ManifestError
from verify.readme import fill_block

ROOT = Path(__file__).parents[1]
MODELS = ("basicamt", "septimbre")
WORDS = {
    "en": (
        "",
        "size in float32, bytes",
        "size in float16, bytes",
        "largest error against PyTorch in float64",
        "CPU time ÷ the network as trained, in Chromium",
        "peak memory for an hour of audio, MB",
    ),
    "zh": (
        "",
        "float32 文件，字节",
        "float16 文件，字节",
        "与 float64 的 PyTorch 的最大误差",
        "CPU 时间 ÷ 训练时的形式，Chromium",
        "一小时音频的内存峰值，MB",
    ),
}


def read_table(path: Path, name: str) -> list[list[str]]:
    """Cells of the table between ``<!-- name en -->`` and ``<!-- end -->``, headings left out.

    ManifestError if the file has no such table.
    """
    found = re.search(
        rf"<!-- {name} en -->\n(.*?)<!-- end -->", path.read_text(encoding="utf-8"), re.DOTALL
    )
    if found is None:
        raise ManifestError(f"{path} has no <!-- {name} en --> … <!-- end -->")
    rows = [line.strip("| ").split(" | ") for line in found[1].splitlines()]
    return rows[2:]


def write_glance(root: Path, language: str) -> Iterator[str]:
    """Five rows and their headings, in Markdown; a figure that no table has is a dash."""
    files = {row[0].strip("`"): row for row in read_table(root / "export" / "README.md", "models")}
    proof = root / "verify" / "README.md"
    times = {row[0]: row for row in read_table(proof, "bench")}
    lengths = {(row[0], row[1]): row for row in read_table(proof, "lengths")}
    columns = [
        (
            model,
            _cell(files.get(f"{model}_44100.onnx"), 1),
            _cell(files.get(f"{model}_44100.fp16.onnx"), 1),
            _cell(files.get(f"{model}_44100.onnx"), 3),
            _cell(times.get(f"{model} fp32"), 1).split(" (")[0],
            _cell(lengths.get((f"chromium-wasm, {model}", "60")), 3),
        )
        for model in MODELS
    ]
    rows = list(zip(WORDS[language], *columns, strict=True))
    rows.insert(1, ("---", *["---:"] * len(MODELS)))
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _cell(row: list[str] | None, column: int) -> str:
    return "–" if row is None else row[column]


def main(root: Path = ROOT) -> int:
    """Write the table into both languages; return the exit status."""
    try:
        for name in ("README.md", "README.zh.md"):
            if not fill_block(root / name, "glance", partial(write_glance, root)):
                raise ManifestError(f"{root / name} has no <!-- glance en --> … <!-- end -->")
    except (ManifestError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
