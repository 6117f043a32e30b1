"""The order of the engine's weights, as its C declares it: ``web/engine/weights.h``.

``variants/engine.py`` writes files in this order. ``web/engine/build.py`` compiles its fingerprint
into the engine, which refuses files of another order.
"""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path

DECLARATION = Path(__file__).parents[1] / "web" / "engine" / "weights.h"
Layout = dict[str, dict[str, int]]
"""Sizes of fields by struct, in order, e.g. ``{"NoteWeights": {"trunk.k": 1}}``."""


class EngineError(ValueError):
    """The engine does not compute a network; the message names the difference."""


def read_layout(declaration: str) -> Layout:
    """The structs of a C declaration; EngineError if a line is neither a field nor a comment."""
    layout: Layout = {}
    code = re.sub(r"//[^\n]*", "", declaration)
    for body, name in re.findall(r"typedef struct \{(.*?)\} (\w+);", code, re.DOTALL):
        fields = layout[name] = {}
        for line in filter(None, (part.strip() for part in body.split(";"))):
            if array := re.fullmatch(r"float (\w+)\[([\d *]+)\]", line):
                fields[array[1]] = math.prod(map(int, array[2].split("*")))
            elif (nested := re.fullmatch(r"(\w+) (\w+)", line)) and nested[1] in layout:
                fields |= {f"{nested[2]}.{key}": size for key, size in layout[nested[1]].items()}
            else:
                raise EngineError(f"struct {name}: cannot read {line!r}; expected float x[n]")
    return layout


def fingerprint(layout: Layout) -> int:
    """CRC-32 of names, sizes and order."""
    lines = (f"{name}.{key}:{n}\n" for name, fields in layout.items() for key, n in fields.items())
    return zlib.crc32("".join(lines).encode())
