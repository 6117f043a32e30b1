"""Write the table of models into the README, so that no figure in it is typed.

python -m export.readme dist/models README.md README.zh.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from export.manifest import Manifest, ManifestError, ModelFile

HEADINGS = {
    "en": "| file | bytes | nodes | error | parameters | weights |",
    "zh": "| 文件 | 字节 | 节点 | 误差 | 参数 | 权重 |",
}
RULE = "| --- | ---: | ---: | ---: | ---: | --- |"
BLOCK = re.compile(r"(<!-- models (en|zh) -->\n).*?(<!-- end -->)", re.DOTALL)
"""Where a table goes; the language is in the opening mark."""


def write_tables(manifest: Manifest, path: Path) -> int:
    """Replace the tables in a file; return how many there were."""
    rows = "\n".join(map(_write_row, manifest.files))
    text, count = BLOCK.subn(
        lambda match: f"{match[1]}{HEADINGS[match[2]]}\n{RULE}\n{rows}\n{match[3]}",
        path.read_text(encoding="utf-8"),
    )
    path.write_text(text, encoding="utf-8")
    return count


def _write_row(file: ModelFile) -> str:
    return (
        f"| `{file.path}` | {_group(file.bytes)} | {file.nodes} | {max(file.error.values()):.1e} "
        f"| {_group(file.parameters)} | {file.weights} |"
    )


def _group(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def main(arguments: list[str]) -> int:
    """Run the command; return the exit status."""
    if len(arguments) < 2 or "--help" in arguments:
        print(__doc__)
        return 0 if "--help" in arguments else 2
    try:
        manifest = Manifest.read(Path(arguments[0]))
        for path in map(Path, arguments[1:]):
            if not write_tables(manifest, path):
                print(f"error: {path} has no <!-- models en --> … <!-- end -->", file=sys.stderr)
                return 2
    except (ManifestError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
