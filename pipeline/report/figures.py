"""What is drawn: reliability diagrams, dots with intervals, loss curves and matrices, each a function into a panel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.ticker import MaxNLocator

from pipeline.report.formatting import count, short
from pipeline.report.panels import BLUE, GREEN, INK, LINE, MUTED, RED, Canvas, Draw, Frame
from pipeline.report.reading import Record
from pipeline.report.tables import Table

ROLE_COLOURS = {"teacher": BLUE, "student": GREEN, "control": MUTED}
DECADES = 4  # the histogram's axis is logarithmic, from 10^-4 of the units to all of them
LOSS_POINTS = 200  # a training curve is averaged down to this many points
LONGEST_NAME = 22
MOST_NUMBERED = 15  # a matrix of more labels than this carries no numbers in its PNG
LEVELS = 40  # shades of a matrix in its PNG
SHADE = 0.5  # the deepest cell of a matrix is this much blue, so that dark text stays readable on it


def reliability(bins: Sequence[Record], confidence: float | None, accuracy: float | None) -> Draw:
    """A reliability diagram as the article draws it, over the share of units in each bin.

    Args:
        bins: {low, high, n, confidence, accuracy}; the last two null where n = 0.
        confidence: mean confidence over all units, in [0, 1].
        accuracy: accuracy over all units, in [0, 1].
    """
    full = [b for b in bins if b["n"]]
    total = sum(b["n"] for b in full)

    def draw(figure: Canvas) -> None:
        upper = Frame(figure, (0.17, 0.345, 0.8, 0.64), (0, 1), (0, 1))
        sides = [(b["low"] + 0.006, b["high"] - 0.006) for b in full]
        ends = [sorted((b["accuracy"], b["confidence"])) for b in full]
        gaps = [(left, low, right, high) for (left, right), (low, high) in zip(sides, ends, strict=True)]
        claimed = [(left, 0.0, right, low) for (left, low, right, _) in gaps]
        beyond = [gap for gap, b in zip(gaps, full, strict=True) if b["accuracy"] > b["confidence"]]
        upper.rectangles(claimed, facecolor=BLUE, alpha=0.75)
        upper.rectangles(beyond, facecolor=BLUE, alpha=0.3)  # the output's bar goes on under the gap, but paler
        upper.rectangles(gaps, facecolor=RED, alpha=0.3)
        upper.rectangles(gaps, fill=False, edgecolor=RED, hatch="////", linewidth=0.8)
        upper.line([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        upper.line([0, 0, 1], [1, 0, 0], color=LINE, linewidth=0.8)
        for value, label in ((0.0, "0"), (0.5, ".5"), (1.0, "1")):
            upper.text(-0.03, value, label, ha="right", va="top" if value == 1 else "center")
        upper.text(0.02, 1, "accuracy", ha="left", va="top", fontsize=7.5)

        lower = Frame(figure, (0.17, 0.1, 0.8, 0.19), (0, 1), (0, DECADES))
        heights = [max(0.08, DECADES + math.log10(b["n"] / total)) for b in full]
        shares = [(left, 0.0, right, height) for (left, right), height in zip(sides, heights, strict=True)]
        lower.rectangles(shares, facecolor=MUTED, alpha=0.45)
        for mean, linestyle in ((confidence, ":"), (accuracy, "-")):
            if mean is not None:
                lower.line([mean, mean], [0, DECADES], color=INK, linewidth=1.4, linestyle=linestyle)
        lower.line([0, 0, 1], [DECADES, 0, 0], color=LINE, linewidth=0.8)
        for height, label in ((0, ".01%"), (DECADES / 2, "1%"), (DECADES, "100%")):
            lower.text(-0.03, height, label, ha="right", va="top" if height == DECADES else "center", fontsize=7)
        for value, label in ((0.0, "0"), (0.5, "confidence"), (1.0, "1")):
            lower.text(value, -0.35, label, va="top", fontsize=7.5 if value == 0.5 else 8.5)

    return draw


@dataclass(frozen=True)
class Dot:
    """One row of a dot plot: a value with its interval, and the value after temperature scaling where there is one."""

    label: str
    value: float | None
    text: str
    colour: str
    low: float | None = None
    high: float | None = None
    scaled: float | None = None


def dots(rows: Sequence[Dot], *, from_zero: bool) -> Draw:
    """Rows of dots with intervals; `from_zero` draws a stem from zero, for quantities whose length means something."""
    half = LONGEST_NAME // 2
    names = [x if len(x) <= LONGEST_NAME else f"{x[:half]}…{x[-half:]}" for x in (row.label for row in rows)]
    left = 0.03 + 0.0165 * max(map(len, names), default=0)
    known = [x for row in rows for x in (row.value, row.low, row.high, row.scaled) if x is not None]
    low, high = (0.0 if from_zero else min(known, default=0.0)), max(known, default=1.0)
    margin = 0.06 * (high - low) or 0.01
    start, end = low - (0 if from_zero else margin), high + margin

    def draw(figure: Canvas) -> None:
        frame = Frame(figure, (left, 0.01, 0.86 - left, 0.98), (start, end), (len(rows) - 0.5, -0.5))
        beside = Frame(figure, (0, 0.01, 1, 0.98), (0, 1), frame.y)
        for y, (row, name) in enumerate(zip(rows, names, strict=True)):
            beside.text(left - 0.02, y, name, ha="right", color=INK, fontsize=9)
            beside.text(0.995, y, row.text, ha="right", color=INK, fontsize=9)
            frame.line([start, end], [y, y], color=LINE, linewidth=0.7)
            if row.value is None:
                continue
            if from_zero:
                frame.line([0, row.value], [y, y], color=row.colour, linewidth=3.5, alpha=0.4, solid_capstyle="butt")
            if row.low is not None and row.high is not None:
                frame.line([row.low, row.high], [y, y], color=row.colour, linewidth=2, alpha=0.65)
            if row.scaled is not None:
                frame.line([row.scaled], [y], marker="o", markersize=5, color=row.colour, markerfacecolor="none")
            frame.line([row.value], [y], marker="o", markersize=6, color=row.colour, markeredgewidth=0)

    return draw


def curves(log: Sequence[Record]) -> Draw:
    """Loss against optimiser steps: training as a thin line, dev as points joined by a line."""
    train = np.array([(r["step"], r["loss"]) for r in log if r.get("loss") is not None], dtype=float).reshape(-1, 2)
    dev = np.array([(r["step"], r["dev_loss"]) for r in log if r.get("dev_loss") is not None], dtype=float)
    parts = np.array_split(train, min(LOSS_POINTS, max(1, len(train))))
    train = np.array([part.mean(axis=0) for part in parts if len(part)]).reshape(-1, 2)
    dev = dev.reshape(-1, 2)
    steps, top = np.concatenate([train, dev]).max(axis=0, initial=1e-9)

    def draw(figure: Canvas) -> None:
        frame = Frame(figure, (0.17, 0.13, 0.8, 0.84), (0, steps), (0, 1.04 * top))
        for value in _ticks(top):
            frame.line([0, steps], [value, value], color=LINE, linewidth=0.7)
            frame.text(-0.03 * steps, value, short(value), ha="right")
        for value in _ticks(steps):
            frame.text(value, -0.06 * top, count(value), va="top")
        frame.line(*train.T, color=MUTED, linewidth=1.1)
        frame.line(*dev.T, color=BLUE, linewidth=1.6, marker="o", markersize=3.5)

    return draw


def matrix(table: Table) -> Draw:
    """A heatmap of row shares in [0, 1], for the PNG; the page shows the same table as HTML."""
    labels, k = table.columns, len(table.columns)
    blue = np.array(to_rgb(BLUE))

    def draw(figure: Canvas) -> None:
        frame = Frame(figure, (0.19, 0.02, 0.79, 0.79), (0, k), (k, 0))
        for i, label in enumerate(labels):
            frame.text(i + 0.35, -0.15, label, ha="left", va="bottom", rotation=60, rotation_mode="anchor", fontsize=7)
            frame.text(-0.2, i + 0.5, label, ha="right", fontsize=7)
        cells = [(x, y, cell) for y, row in enumerate(table.rows) for x, cell in enumerate(row.cells)]
        for level in range(LEVELS + 1):
            squares = [(x, y) for x, y, cell in cells if round(LEVELS * (cell.shade or 0.0)) == level]
            colour = 1 - SHADE * level / LEVELS * (1 - blue)
            frame.rectangles([(x + 0.03, y + 0.03, x + 0.97, y + 0.97) for x, y in squares], facecolor=tuple(colour))
        for x, y, cell in cells if k <= MOST_NUMBERED else []:
            frame.text(x + 0.5, y + 0.5, cell.text, fontsize=6.5, color=INK)

    return draw


def _ticks(top: float) -> list[float]:
    """Up to four round numbers from zero to `top`."""
    return [float(x) for x in MaxNLocator(nbins=3, steps=[1, 2, 5, 10]).tick_values(0, top) if 0 <= x <= top]
