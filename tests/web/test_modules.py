"""The modules that the page asks for at once are those that it imports."""

from __future__ import annotations

import re
from pathlib import Path

from web.assets import WEB
from web.build import MAIN
from web.modules import list_modules


def list_page() -> list[str]:
    files = {path.relative_to(WEB).as_posix(): path.read_bytes() for path in sources()}
    return list_modules(files, MAIN)


def sources() -> list[Path]:
    return [*(WEB / "lib").rglob("*.js"), *(WEB / "page").rglob("*.js")]


def test_what_is_imported_directly_or_not_is_listed_once() -> None:
    files = {
        "page/main.js": b'import { a } from "./a.js";\nimport {\n  b,\n} from "../lib/b.js";\n',
        "page/a.js": b'export { c } from "../lib/deep/c.js";\nimport "../lib/b.js";\n',
        "lib/b.js": b'const later = () => import("./later.js");\nnew URL("./worker.js", here);\n',
        "lib/deep/c.js": b'/** @type {import("../types.js").T} */\nimport { b } from "../b.js";\n'
        b'export const name = "./no.js";\n',
    }
    listed = list_modules(files, "page/main.js")
    assert listed == ["page/main.js", "page/a.js", "lib/b.js", "lib/deep/c.js"]


def test_no_import_of_the_page_is_overlooked() -> None:
    listed = list_page()
    assert "lib/transcribe.js" in listed
    assert "lib/worker/worker.js" not in listed  # a worker fetches its own
    for path in listed:
        text = (WEB / path).read_text(encoding="utf-8")
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
        named = re.findall(
            r'^(?:import|\} from|export .* from)[^"\n]*"(\.[^"]*)"', code, re.MULTILINE
        )
        for name in named:
            beside = (WEB / path).parent.joinpath(name).resolve().relative_to(WEB)
            assert beside.as_posix() in listed, f"{path} imports {name}"
