"""What a wheel holds: export, verify and web inside the one package ``tiny_amt``.

In a checkout they are packages of their own, at the top. Installed so, they would be hidden by any
``export.py`` or ``web/`` in the user's folder, and hide the user's from others. So a wheel has them
under one name, and the imports in it are written for that; everything else is copied as it lies.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
INSIDE = ("export", "verify", "web")
SKIPPED = {"__pycache__", "node_modules", "types", "screenshot.png"}
_NAMES = "|".join(INSIDE)
_IMPORT = re.compile(rf"^(\s*(?:from|import) )({_NAMES})\b(?=[. ])", re.MULTILINE)
_COMMAND = re.compile(rf"(?:python -m |(?<=`)make )({_NAMES}|browsers|page|serve)\b")


def rewrite(source: str) -> str:
    """A module as it stands in a wheel: what it imports, and the commands that it tells people."""
    return _COMMAND.sub(r"tiny-amt \1", _IMPORT.sub(r"\1tiny_amt.\2", source))


class BuildInside(build_py):
    """Copies the three packages into the one that setuptools knows of."""

    def run(self) -> None:
        """Build as usual, then copy."""
        super().run()
        for path in sorted((ROOT / "tiny_amt").glob("*.py")):
            self._copy(path, Path(self.build_lib) / "tiny_amt" / path.name)
        for name in INSIDE:
            inside = Path(self.build_lib) / "tiny_amt" / name
            shutil.rmtree(inside, ignore_errors=True)  # of an earlier build
            for path in sorted((ROOT / name).rglob("*")):
                place = path.relative_to(ROOT)
                if path.is_file() and not SKIPPED & {*place.parts}:
                    self._copy(path, Path(self.build_lib) / "tiny_amt" / place)

    @staticmethod
    def _copy(path: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py":
            target.write_text(rewrite(path.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(path, target)


setup(cmdclass={"build_py": BuildInside})
