"""The committed modules are compiled from the C beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from web.engine import build

needs_compiler = pytest.mark.skipif(
    not build.has_compiler(), reason="needs zig's clang: pip install ziglang"
)


@needs_compiler
def test_the_modules_are_made_from_the_sources(tmp_path: Path) -> None:
    build.build(tmp_path)
    for name in build.FEATURES:
        committed = (build.FOLDER / name).read_bytes()
        assert committed == (tmp_path / name).read_bytes(), f"{name}: run `make engine`"


def test_they_are_small() -> None:
    for name in build.FEATURES:
        assert (build.FOLDER / name).stat().st_size < 40_000


def test_without_a_compiler_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "has_compiler", lambda: False)
    with pytest.raises(build.CompilerError, match="pip install ziglang"):
        build.build(tmp_path)
