"""`functools.cache` with the types of what it wraps: arguments may be classes, which the type checker thinks unhashable."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


def remembered(most: int | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Remembers what a function gave for its arguments, the last `most` of them (all, by default)."""

    def wrap(function: Callable[P, T]) -> Callable[P, T]:
        return cast(Callable[P, T], functools.lru_cache(maxsize=most)(function))

    return wrap
