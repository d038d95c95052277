"""Sequences whose items are made when they are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class OnDemand(Sequence[T]):
    """A sequence that is its length and how to make one item; a slice of it is a list."""

    @abstractmethod
    def at(self, index: int) -> T:
        """Make one item; the index is in [0, length)."""

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        places = range(len(self))[index]
        return self.at(places) if isinstance(places, int) else [self.at(i) for i in places]

    def __iter__(self) -> Iterator[T]:
        return (self.at(i) for i in range(len(self)))  # by default an IndexError in `at` would pass for the end
