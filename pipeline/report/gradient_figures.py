"""Where the gradient goes: the share of it that comes from wrong tags, and how it is spread over words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.report.formatting import short
from pipeline.report.panels import BLUE, INK, LINE, MUTED, RED, Canvas, Draw, Frame
from pipeline.report.reading import Record

SIZE = (2.35, 3.0)
LEFT, WIDTH = 0.17, 0.8


def gradient(epochs: Sequence[Record]) -> Draw:
    """Above, shares over the epochs; below, the weights of clean and of flipped words in the first and the last epoch.

    Args:
        epochs: {epoch, words_share, weight_share, cross_entropy_share, clean, flipped, edges}, one for each, in order.
    """
    ends = [epochs[0], *epochs[1:][-1:]]
    top = max(n / side["n"] for e in ends for side in (e["clean"], e["flipped"]) if side for n in side["histogram"])

    def draw(figure: Canvas) -> None:
        _shares(figure, epochs)
        for epoch, bottom in zip(ends, (0.33, 0.1), strict=False):
            _weights(figure, epoch, bottom, top, labelled=epoch is ends[-1])

    return draw


def _shares(figure: Canvas, epochs: Sequence[Record]) -> None:
    first, last = epochs[0]["epoch"], epochs[-1]["epoch"]
    room = 0.04 * max(1, last - first)
    frame = Frame(figure, (LEFT, 0.63, WIDTH, 0.36), (first - room, last + room), (0, 1))
    left, right = frame.x
    for value, label in ((0.0, "0"), (0.5, ".5"), (1.0, "1")):
        frame.line([left, right], [value, value], color=LINE, linewidth=0.7)
        frame.text(left - 0.03 * (right - left), value, label, ha="right", va="top" if value == 1 else "center")
    for epoch in range(first, last + 1, math.ceil((last - first + 1) / 8)):
        frame.text(epoch, -0.05, str(epoch), va="top", fontsize=8)
    for key, look in (
        ("words_share", {"color": MUTED, "linewidth": 1, "linestyle": "--"}),
        ("weight_share", {"color": RED, "linewidth": 1.6, "marker": "o", "markersize": 3.5}),
        ("cross_entropy_share", {"color": INK, "linewidth": 1.4, "linestyle": ":"}),
    ):
        known = [(e["epoch"], e[key]) for e in epochs if e[key] is not None]
        frame.line([x for x, _ in known], [y for _, y in known], **look)


def _weights(figure: Canvas, epoch: Record, bottom: float, top: float, *, labelled: bool) -> None:
    exponents = [math.log10(edge) for edge in epoch["edges"]]
    low, high = exponents[0], exponents[-1]
    frame = Frame(figure, (LEFT, bottom, WIDTH, 0.16), (low, high), (0, top))
    for side, look in (
        (epoch["clean"], {"facecolor": BLUE, "alpha": 0.6}),
        (epoch["flipped"], {"facecolor": RED, "alpha": 0.5}),
    ):
        bars = zip(exponents[:-1], exponents[1:], side["histogram"] if side else (), strict=False)
        frame.rectangles([(a, 0.0, b, n / side["n"]) for a, b, n in bars if n], **look)
    frame.line([low, high], [0, 0], color=LINE, linewidth=0.8)
    frame.text(low, 1.1 * top, f"epoch {epoch['epoch']}", ha="left", va="bottom", fontsize=7.5)
    if labelled:
        for exponent in range(math.ceil(low), math.floor(high) + 1):
            frame.text(exponent, -0.1 * top, short(10.0**exponent), va="top", fontsize=7.5)
