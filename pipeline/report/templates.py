"""How a page is made: a template, the style that all pages share, and nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent
# Marks that turn the text around them: one in a word would turn the number beside it, too.
TURNING = {code: f"\u27e8U+{code:04X}\u27e9" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def render(template: str, *styles: str, **content: Any) -> str:
    """A page as text.

    Args:
        template: the file name of its template.
        styles: file names of style sheets that only this page has.
        content: what the template shows; text is escaped, and a mark that turns text is shown by its number.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        finalize=_turning_nothing,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    sheets = [(HERE / name).read_text(encoding="utf-8") for name in ("style.css", *styles)]
    return environment.get_template(template).render(style=Markup("\n".join(sheets)), **content)


def _turning_nothing(value: Any) -> Any:
    return value.translate(TURNING) if isinstance(value, str) else value
