"""Write the table of models into export/README.md, so that no figure in it is typed.

python -m verify.readme dist/models export/README.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from export.manifest import Manifest, ManifestError

HEADINGS = {
    "en": "| file | bytes | nodes | error | parameters | weights |",
    "zh": "| 文件 | 字节 | 节点 | 误差 | 参数 | 权重 |",
}


def fill_block(path: Path, name: str, write: Callable[[str], Iterable[str]]) -> int:
    """Replace what stands between ``<!-- name language -->`` and ``<!-- end -->`` in a file.

    ``write`` gives the lines in a language, ``en`` or ``zh``. Returns how many blocks there were.
    """
    block = re.compile(rf"(<!-- {name} (en|zh) -->\n).*?(<!-- end -->)", re.DOTALL)
    text, count = block.subn(
        lambda match: match[1] + "\n".join([*write(match[2]), match[3]]),
        path.read_text(encoding="utf-8"),
    )
    path.write_text(text, encoding="utf-8")
    return count


def write_models(manifest: Manifest, language: str) -> Iterator[str]:
    """The table of a manifest's files, in Markdown."""
    yield HEADINGS[language]
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for file in manifest.wholes:
        numbers = f"{group_digits(file.bytes)} | {file.nodes} | {max(file.error.values()):.1e}"
        parameters = group_digits(file.parameters)
        yield f"| `{file.path}` | {numbers} | {parameters} | {file.weights} |"


def group_digits(number: int) -> str:
    """18978 → 18 978."""
    return f"{number:,}".replace(",", " ")


def main(arguments: list[str]) -> int:
    """Run the command; return the exit status."""
    if len(arguments) < 2 or "--help" in arguments:
        print(__doc__)
        return 0 if "--help" in arguments else 2
    try:
        manifest = Manifest.read(Path(arguments[0]))
        for path in map(Path, arguments[1:]):
            if not fill_block(path, "models", partial(write_models, manifest)):
                print(f"error: {path} has no <!-- models en --> … <!-- end -->", file=sys.stderr)
                return 2
    except (ManifestError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
