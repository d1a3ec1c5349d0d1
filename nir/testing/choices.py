"""Choosing: the one way in which the strategies ask Hypothesis for something, and a way that always takes the simplest.

Every choice is a small integer, so that strategies are made once and draws cost little. Simple things stand first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


@functools.cache
def _integers(least: int, greatest: int) -> st.SearchStrategy[int]:
    return st.integers(least, greatest)


class Choices:
    """Choices by Hypothesis. `draw` is what `st.composite` hands to its function."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw

    def below(self, count: int) -> int:
        """An integer in [0, count); smaller ones are simpler. Draws nothing where there is no choice."""
        return self.draw(_integers(0, count - 1)) if count > 1 else 0

    def within(self, least: int, greatest: int) -> int:
        """An integer from `least` to `greatest`, both included."""
        return least + self.below(greatest - least + 1)

    def pick(self, items: Sequence[T]) -> T:
        """One of `items`; the first is the simplest."""
        return items[self.below(len(items))]

    def flag(self, one_in: int = 2) -> bool:
        """True once in `one_in` times, about; False is simpler."""
        return self.below(one_in) == one_in - 1

    def some(self, items: Sequence[T]) -> list[T]:
        """A part of `items` in their order; none of them is the simplest."""
        chosen = self.below(1 << len(items))
        return [item for place, item in enumerate(items) if chosen >> place & 1]


class Simplest(Choices):
    """Always the simplest choice: what a shrunk example looks like."""

    def __init__(self) -> None:
        super().__init__(lambda strategy: None)

    def below(self, count: int) -> int:
        return 0


def divisors(number: int) -> list[int]:
    """What divides `number`, ascending; 1 for 0."""
    return [d for d in range(1, number + 1) if number % d == 0] or [1]
