"""The modules that a script imports, read from its source.

A browser learns of a module's imports when the module has arrived, one round trip after another.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

IMPORT = re.compile(rb'^(?:import|export)\b(?:[^;"]*?\bfrom)?\s*"(\.[^"]+)";', re.MULTILINE)
"""At a line's beginning, over several lines too; not what is imported while running."""


def list_modules(files: Mapping[str, bytes], start: str) -> list[str]:
    """Paths of a script and of all that it imports, directly or not, nearest first."""
    found = [start]
    for path in found:  # which grows
        for name in IMPORT.findall(files[path]):
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), name.decode()))
            if beside not in found:
                found.append(beside)
    return found
