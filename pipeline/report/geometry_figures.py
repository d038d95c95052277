"""Representations: three classes of words in the plane through their templates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.patches import PathPatch
from matplotlib.path import Path

from pipeline.report.formatting import short
from pipeline.report.panels import BLUE, GREEN, INK, MUTED, RED, Canvas, Draw, Frame
from pipeline.report.reading import Record

SIZE = (2.35, 2.6)
COLOURS = (BLUE, RED, GREEN)
SIDE = 0.96 * SIZE[0]  # inches of the square in which the points lie
LONGEST_LABEL = 8
LAYERS = 4  # the classes are drawn in turns, so that the last does not hide the others


@dataclass(frozen=True)
class Window:
    """The part of its plane that a panel shows: a square of that side around the middle of its points."""

    middle: tuple[float, float]
    side: float


def windows(records: Sequence[Record]) -> list[Window]:
    """A square for every model, all of one side, so that a smaller cloud is smaller on paper."""
    boxes = []
    for record in records:
        points = [point for own in record["points"] for point in own]
        boxes.append([(min(axis), max(axis)) for axis in zip(*points, strict=True)])
    side = 1.1 * max(high - low for box in boxes for low, high in box) or 1.0
    return [Window(((x[0] + x[1]) / 2, (y[0] + y[1]) / 2), side) for x, y in boxes]


def projection(record: Record, window: Window) -> Draw:
    """The points of three classes, and a bar that tells how long one length is in all panels.

    Args:
        record: {classes, points: a list of (x, y) for each class}.
        window: from `windows`.
    """
    (x, y), half = window.middle, window.side / 2
    unit = _round(window.side / 5)

    def draw(figure: Canvas) -> None:
        box = (0.02, 1 - SIDE / SIZE[1], SIDE / SIZE[0], SIDE / SIZE[1])
        frame = Frame(figure, box, (x - half, x + half), (y - half, y + half))
        parts = [[own[i::LAYERS] for i in range(LAYERS)] for own in record["points"]]
        for layer in zip(*parts, strict=True):
            for points, colour in zip(layer, COLOURS, strict=True):
                _points(frame, points, colour)
        below = Frame(figure, (0.02, 0, SIDE / SIZE[0], 1 - SIDE / SIZE[1]), (0, window.side), (0, 1))
        for position, (label, colour) in enumerate(zip(record["classes"], COLOURS, strict=True)):
            at = 0.03 + 0.25 * position
            name = label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"
            below.line([at * window.side], [0.45], marker="o", markersize=5, color=colour, markeredgewidth=0)
            below.text((at + 0.035) * window.side, 0.45, name, ha="left", va="center_baseline", color=INK)
        below.line([window.side - unit, window.side], [0.75, 0.75], color=MUTED, linewidth=1)
        below.text(window.side - unit / 2, 0.55, short(unit), va="top", fontsize=7.5)

    return draw


def _points(frame: Frame, points: Sequence[tuple[float, float]], colour: str) -> None:
    """Dots as strokes of no length to speak of, in one path: a marker each would make the page ten times as large."""
    if points:
        nothing = 1e-4 * (frame.x[1] - frame.x[0])
        vertices = [end for x, y in points for end in ((x, y), (x + nothing, y))]
        path = Path(vertices, [Path.MOVETO, Path.LINETO] * len(points))
        path.should_simplify = False
        dot: dict[str, Any] = {"edgecolor": colour, "linewidth": 2.6, "alpha": 0.5, "capstyle": "round"}
        # Snapped to pixels, a stroke would have no length at all, and not be drawn.
        frame.figure.add_artist(PathPatch(path, fill=False, snap=False, transform=frame.transform, **dot))


def _round(length: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is no longer."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(step * power for step in (1, 2, 5) if step * power <= length)
