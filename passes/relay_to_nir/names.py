"""Names for values and weights: readable, from what the producer of the model called things, and unique."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from nir.ir import Operation, Value
from nir.ir.values import same_bits

_COMPONENTS = 2
"""How many of the last parts of a path such as `model/block_1/conv/BiasAdd` a name keeps."""

_POSITION = re.compile(r"(:\d+){2}$")
"""What TVM appends to a name: line and column, in the text that it read."""

_NO_NAMES = frozenset({"from_string", "GeneratedSource"})
"""What TVM calls texts without a name."""

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.$-]+")


def readable_name(origin: str | None) -> str | None:
    """A short plain name for a layer: of the first of several joined by `;`, the last parts of its path.

    >>> readable_name("net/block_1/conv_1/Relu6;net/block_1/conv_1/BiasAdd")
    'conv_1.Relu6'
    """
    source = _POSITION.sub("", (origin or "").split(";", 1)[0])
    if source in _NO_NAMES:
        return None
    parts = [part for part in source.split("/") if part]
    name = _NOT_PLAIN.sub("_", ".".join(parts[-_COMPONENTS:])).strip("_.")
    return name if name and not name[0].isdigit() else None


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
