"""How a page is made: a template, the style that all pages share, and nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent


def render(template: str, *styles: str, **content: Any) -> str:
    """A page as text.

    Args:
        template: the file name of its template.
        styles: file names of style sheets that only this page has.
        content: what the template shows; text is escaped.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    sheets = [(HERE / name).read_text(encoding="utf-8") for name in ("style.css", *styles)]
    return environment.get_template(template).render(style=Markup("\n".join(sheets)), **content)
