"""Kinds of attribute values: what a field of an operator accepts, derived from its annotation.

A kind turns what the parser or a Python caller wrote into the one normal form of the value, or says what it
expected. It knows neither operators nor text.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nir.ir.quantisation import as_float32
from nir.ir.types import ElementType
from nir.ir.values import ConstantData, Keyword, Symbol


class Kind:
    """Base: `coerce` returns the normal form or raises `ValueError`; `describe` completes "expected ..."."""

    def coerce(self, value: Any) -> Any:
        raise NotImplementedError

    def describe(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class IntegerKind(Kind):
    """An integer in [minimum, 2^63)."""

    minimum: int | None = None

    def coerce(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise ValueError(value)
        if not -(2**63) <= value < 2**63 or (self.minimum is not None and value < self.minimum):
            raise ValueError(value)
        return int(value)

    def describe(self) -> str:
        return "an integer" if self.minimum is None else f"an integer >= {self.minimum}"


class FloatKind(Kind):
    """A float32 number; integers are accepted."""

    def coerce(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise ValueError(value)
        try:
            return as_float32(float(value))
        except OverflowError:
            raise ValueError(value) from None

    def describe(self) -> str:
        return "a number"


class BooleanKind(Kind):
    """True or false."""

    def coerce(self, value: Any) -> bool:
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(value)
        return bool(value)

    def describe(self) -> str:
        return "true or false"


class StringKind(Kind):
    """Text in quotes."""

    def coerce(self, value: Any) -> str:
        if not isinstance(value, str) or isinstance(value, (Keyword, Symbol)):
            raise ValueError(value)
        return str(value)

    def describe(self) -> str:
        return "a string in double quotes"


class SymbolKind(Kind):
    """A function's name. From Python a plain string will do."""

    def coerce(self, value: Any) -> Symbol:
        if not isinstance(value, str) or isinstance(value, Keyword):
            raise ValueError(value)
        return Symbol(value)

    def describe(self) -> str:
        return "a function name such as @main"


class ConstantKind(Kind):
    """Elements of a constant; a numpy array will do from Python."""

    def coerce(self, value: Any) -> ConstantData:
        if isinstance(value, np.ndarray):
            return ConstantData(value)
        if not isinstance(value, ConstantData):
            raise ValueError(value)
        return value

    def describe(self) -> str:
        return "dense<...> or the @name of a weight"


@dataclass(frozen=True)
class EnumKind(Kind):
    """One of an enum's members, written as its value. From Python the member or its value."""

    members: type[enum.Enum]

    def coerce(self, value: Any) -> enum.Enum:
        if isinstance(value, self.members):
            return value
        if not isinstance(value, str):
            raise ValueError(value)
        return self.members(str(value))

    def describe(self) -> str:
        return "one of " + ", ".join(self.names())

    def names(self) -> list[str]:
        return [str(member.value) for member in self.members]


@dataclass(frozen=True)
class SequenceKind(Kind):
    """A list of one kind, of a fixed length or of any."""

    element: Kind
    length: int | None = None

    def coerce(self, value: Any) -> tuple[Any, ...]:
        if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray)):
            raise ValueError(value)
        if self.length is not None and len(value) != self.length:
            raise ValueError(value)
        return tuple(self.element.coerce(item) for item in value)

    def describe(self) -> str:
        noun, _, rest = self.element.describe().removeprefix("an ").removeprefix("a ").partition(" ")
        what = f"{noun}s {rest}".rstrip()
        return f"a list of {what}" if self.length is None else f"a list of {self.length} {what}"


@dataclass(frozen=True)
class UnionKind(Kind):
    """The first of several kinds that accepts the value."""

    choices: tuple[Kind, ...]

    def coerce(self, value: Any) -> Any:
        for choice in self.choices:
            try:
                return choice.coerce(value)
            except ValueError:
                continue
        raise ValueError(value)

    def describe(self) -> str:
        return ", or ".join(choice.describe() for choice in self.choices)


_SIMPLE: dict[Any, Kind] = {
    float: FloatKind(),
    bool: BooleanKind(),
    str: StringKind(),
    Symbol: SymbolKind(),
    ConstantData: ConstantKind(),
    ElementType: EnumKind(ElementType),
}


def kind_of(annotation: Any, minimum: int | None = None) -> Kind:
    """The kind that an annotation such as `tuple[int, int]` or an enum asks for.

    `minimum` applies to every integer in it. Raises `TypeError` for an annotation that no attribute can have:
    a mistake in an operator class, found when the class is made.
    """
    if annotation is int:
        return IntegerKind(minimum)
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return EnumKind(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple:
        length = None if arguments[-1] is Ellipsis else len(arguments)
        return SequenceKind(kind_of(arguments[0], minimum), length)
    if origin in (typing.Union, types.UnionType):
        return UnionKind(tuple(kind_of(a, minimum) for a in arguments if a is not type(None)))
    raise TypeError(f"no attribute can be of type {annotation!r}")
