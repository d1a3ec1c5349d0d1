"""Unique names: for the values of a function, and for constants in a weights file."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nir.ir import Operation, Value
from nir.ir.values import same_bits


class UniqueNames:
    """Hands out each name once; one that is taken gets `_1`, `_2`, ... in constant time on average."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """`wanted`, or with a number behind it."""
        name = wanted
        while name in self._taken:
            number = self._next.get(wanted, 1)
            self._next[wanted] = number + 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


def name_values(parameters: Iterable[Value], operations: Iterable[Operation]) -> None:
    """Makes the names of a function's values unique. Parameters come first and keep theirs; nameless get numbers."""
    names, number = UniqueNames(), 0
    for value in parameters:
        value.name = names.take(value.name or "parameter")
    for op in operations:
        for value in op.results:
            if value.name is None:
                value.name = names.take(str(number))
                number += 1
            else:
                value.name = names.take(value.name)


class WeightNames:
    """Names of the constants of a module. The same elements keep their name, others of that name get a number."""

    def __init__(self) -> None:
        self._arrays: dict[str, list[tuple[np.ndarray, str]]] = {}
        self._names = UniqueNames()

    def take(self, wanted: str, array: np.ndarray) -> str:
        """The name for a constant that its producer called `wanted`."""
        known = self._arrays.setdefault(wanted, [])
        for other, name in known:
            if other is array or same_bits(other, array):
                return name
        name = self._names.take(wanted)
        known.append((array, name))
        return name
