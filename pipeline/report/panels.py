"""Panels: what a figure is made of, and how it becomes SVG in the page and a PNG beside it.

A panel is drawn twice by the same function: alone, as SVG inside the page, where the browser arranges the panels for
its width; and next to its siblings, as one PNG in the run's folder. The colours of `PALETTE` are those of the light
page; in SVG each becomes the CSS variable of the same name, so that the page's dark colours reach the figures.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Bbox, BboxTransform

PALETTE = {
    "ink": "#1d2733",
    "muted": "#5c6773",
    "line": "#d3d9df",
    "blue": "#2f6fb3",
    "red": "#c9453b",
    "green": "#1f8a70",
}
INK, MUTED, LINE, BLUE, RED, GREEN = PALETTE.values()

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "text.parse_math": False,  # a stage may be named "$x"
    "lines.dashed_pattern": (3.2, 2.4),
    "lines.dotted_pattern": (1.4, 1.2),
    "lines.solid_capstyle": "butt",
    "hatch.linewidth": 0.8,
    "svg.fonttype": "none",  # text stays text: small, selectable, in the page's own typeface
}

Canvas = Figure | SubFigure
Draw = Callable[[Canvas], None]


@dataclass(frozen=True)
class Panel:
    """One picture.

    Args:
        title: its heading; the page and the PNG set it above the drawing.
        note: one line under it, empty for none.
        alt: what it shows, for those who cannot see it.
        draw: draws into a figure or subfigure.
        size: width and height in inches.
    """

    title: str
    note: str
    alt: str
    draw: Draw
    size: tuple[float, float]


class Frame:
    """A rectangle of a figure with coordinates of its own: all that these panels need of matplotlib's Axes.

    Axes bring ticks, labels and limits of their own, which would take nine tenths of the time of a report.

    Args:
        figure: where to draw.
        box: left, bottom, width and height as fractions of the figure.
        x: the coordinate at the left and at the right edge.
        y: the coordinate at the bottom and at the top edge.
    """

    def __init__(
        self, figure: Canvas, box: tuple[float, float, float, float], x: tuple[float, float], y: tuple[float, float]
    ) -> None:
        self.figure = figure
        self.x, self.y = x, y
        to_box = BboxTransform(Bbox([[x[0], y[0]], [x[1], y[1]]]), Bbox.from_bounds(*box))
        self.transform = to_box + figure.transSubfigure

    def line(self, x: Sequence[float], y: Sequence[float], **look: Any) -> None:
        """A line through points."""
        self.figure.add_artist(Line2D(x, y, transform=self.transform, **look))

    def rectangles(self, corners: Iterable[tuple[float, float, float, float]], **look: Any) -> None:
        """Rectangles (left, bottom, right, top), all of one look, as one path."""
        paths = [Path([(a, b), (c, b), (c, d), (a, d), (a, b)], closed=True) for a, b, c, d in corners]
        if paths:
            path = Path.make_compound_path(*paths)
            self.figure.add_artist(PathPatch(path, transform=self.transform, **({"linewidth": 0} | look)))

    def text(self, x: float, y: float, text: str, **look: Any) -> None:
        """A text; muted, 8.5 points and centred unless told otherwise."""
        usual: dict[str, Any] = {"color": MUTED, "fontsize": 8.5, "ha": "center", "va": "center"}
        self.figure.text(x, y, text, transform=self.transform, **(usual | look))


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings while drawing; the caller's own come back afterwards."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a browser has glyphs that DejaVu lacks
        yield


def svg(panel: Panel, name: str) -> str:
    """A panel as an inline SVG element.

    Args:
        panel: what to draw.
        name: unique on the page; ids are derived from it, so the same run gives the same bytes.
    """
    figure = Figure(figsize=panel.size)
    figure.patch.set_visible(False)
    panel.draw(figure)
    buffer = io.StringIO()
    mpl.rcParams["svg.hashsalt"] = name
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    FigureCanvasSVG(figure).print_svg(buffer, metadata=no_metadata)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<g id=\"[^\"]*\">", "<g>", text)  # nothing refers to them, and every figure has the same
    text = re.sub(r" xmlns(:xlink)?=\"[^\"]*\"", "", text)  # HTML knows these
    text = re.sub(r"\s*\n\s*", "\n", text)
    for variable, colour in PALETTE.items():
        text = text.replace(colour, f"var(--{variable})")
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(panel.alt)}" ', 1)


def png(panels: Sequence[Panel], columns: int, caption: str, key: str) -> bytes:
    """Panels side by side on white, each under its title, as the bytes of one PNG file.

    Args:
        panels: at least one, all of one size.
        columns: how many stand in a row.
        caption: what the figure shows.
        key: how to read its colours.
    """
    rows = math.ceil(len(panels) / columns)
    width, height = panels[0].size
    top, heading = 0.55, 0.42
    size = (columns * width, top + rows * (height + heading))
    figure = Figure(figsize=size, dpi=120, facecolor="white")
    (above,), (below,) = figure.subfigures(2, 1, height_ratios=[top, size[1] - top], squeeze=False)
    margin = 0.1 / size[0]
    above.text(margin, 0.55, caption, fontsize=11, fontweight="bold")
    above.text(margin, 0.18, key, fontsize=8, color=MUTED)
    grid = below.subfigures(2 * rows, columns, height_ratios=[heading, height] * rows, squeeze=False)
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        title = grid[2 * row, column]
        title.text(0.04, 0.45, panel.title, fontsize=9.5, fontweight="bold", va="bottom")
        title.text(0.04, 0.38, panel.note, fontsize=8, color=MUTED, va="top")
        panel.draw(grid[2 * row + 1, column])
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def columns_for(panels: int) -> int:
    """How many panels stand in a row: at most four, rows as even as they can be."""
    return math.ceil(panels / math.ceil(panels / 4))
