"""How q changes while a model is trained: a pure function of how far training is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A value that rests, moves in a straight line, and rests again.

        value(x) = first                                          for x <= start
                   first + (last - first) * (x - start) / (end - start)    between
                   last                                           for x >= end

    with x the share of the optimiser steps that are done. start = end is a jump there.

    Why for q: at a large q a word whose tag the model finds improbable has almost no gradient, so a model that starts
    there learns slowly or never; at q = 0 it learns at once, the noise included. Beginning as cross-entropy and ending
    at a large q learns first and forgets the noise later; confidence follows the q of the end (see `law`).

    Args:
        first: the value at the beginning.
        last: the value at the end.
        start: share of the steps before it moves, in [0, 1].
        end: share of the steps after which it rests again, in [start, 1].

    Raises:
        ValueError: start and end are not in order within [0, 1].
    """

    first: float
    last: float
    start: float = 0.0
    end: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end <= 1:
            raise ValueError(f"start and end must be in order within [0, 1], got {self.start} and {self.end}")

    def at(self, done: float) -> float:
        """The value once a share of the steps is done.

        Args:
            done: x, in [0, 1].

        >>> q = Schedule(first=0.0, last=0.8, start=0.25, end=0.75)
        >>> q.at(0.0), q.at(0.5), q.at(1.0)
        (0.0, 0.4, 0.8)
        """
        if done >= self.end:
            return self.last
        if done <= self.start:
            return self.first
        return self.first + (self.last - self.first) * (done - self.start) / (self.end - self.start)


def constant(value: float) -> Schedule:
    """The schedule that never changes."""
    return Schedule(value, value)
