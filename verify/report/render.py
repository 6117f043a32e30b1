"""Pages and pictures from templates."""

from __future__ import annotations

from pathlib import Path

import jinja2

FOLDER = Path(__file__).parent / "templates"


def render(name: str, *folders: Path, **values: object) -> str:
    """Fill a template of the report, or of further ``folders``, which may include the report's.

    A name that the template knows and ``values`` lacks is an error; values are escaped as HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, FOLDER]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(values)
