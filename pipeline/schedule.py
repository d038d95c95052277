"""How q changes while a model is trained: a pure function of how far training is."""

from __future__ import annotations

from dataclasses import dataclass

FALL = 0.05  # share of the steps in which q goes from its peak to its last value


@dataclass(frozen=True)
class Schedule:
    """A q that rests, rises, and may come down again before the end.

    With x the share of the optimiser steps that are done, q(x) is the straight line through

        (0, first), (start, first), (end, peak), (fall, peak), (fall + 0.05, last), (1, last).

    Where peak = last it never comes down, and first = peak = last is a constant. start = end is a jump.

    Why: at a large q a word whose tag the model finds improbable has almost no gradient, so a model that starts there
    learns slowly or never; at q = 0 it learns at once, the noise included. Beginning as cross-entropy, it learns first;
    at the peak it drops the noise that it learned; the last q then decides how sure it is (see `law`).

    Args:
        first: the value at the beginning.
        last: the value at the end.
        start: share of the steps before it rises, in [0, 1].
        end: share of the steps after which it is at its peak, in [start, fall].
        peak: the value between `end` and `fall`.
        fall: share of the steps after which it goes to `last`, in [end, 1].

    Raises:
        ValueError: start, end and fall are not in order within [0, 1].
    """

    first: float
    last: float
    start: float
    end: float
    peak: float
    fall: float

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end <= self.fall <= 1:
            raise ValueError(
                f"start, end, fall must be in order within [0, 1], got {self.start}, {self.end}, {self.fall}"
            )

    def at(self, done: float) -> float:
        """The value once a share of the steps is done.

        Args:
            done: x, in [0, 1].

        >>> q = Schedule(first=0.0, last=0.8, start=0.25, end=0.5, peak=1.0, fall=0.75)
        >>> q.at(0.0), q.at(0.375), q.at(0.6), q.at(1.0)
        (0.0, 0.5, 1.0, 0.8)
        """
        if done < self.end:
            return _between(done, self.start, self.end, self.first, self.peak)
        return _between(done, self.fall, self.fall + FALL, self.peak, self.last)


def constant(value: float) -> Schedule:
    """The schedule that never changes."""
    return Schedule(value, value, 0.0, 0.0, value, 0.0)


def _between(x: float, low: float, high: float, before: float, after: float) -> float:
    if x < low:
        return before
    return after if x >= high else before + (after - before) * (x - low) / (high - low)
