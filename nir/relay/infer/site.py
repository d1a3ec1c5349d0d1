"""What a typing rule sees of a call: the types of its arguments, its attributes, and how to complain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from nir.errors import ConvertError
from nir.relay.expr import Call
from nir.relay.types import Dimension, TensorType, TupleType, Type

Shape: TypeAlias = "tuple[Dimension, ...]"


class CannotInfer(Exception):
    """A rule has no answer: values that are known only at run time, or a form that we do not model."""


class CallSite:
    """One call of an operator, with the types of its arguments."""

    __slots__ = ("attrs", "call", "types")

    def __init__(self, call: Call, types: Sequence[Type]) -> None:
        self.call = call
        self.types = types
        self.attrs = call.attrs

    def error(self, message: str, *, expected: object = None, found: object = None) -> ConvertError:
        """The error at the operator's name."""
        where = "" if self.call.origin is None else f" (made from {self.call.origin})"
        return ConvertError(
            f"{self.call.op_name}: {message}{where}",
            self.call.op.span or self.call.span,
            expected=None if expected is None else str(expected),
            found=None if found is None else str(found),
        )

    def tensor(self, index: int = 0) -> TensorType:
        """The type of argument `index`, which must be a tensor."""
        found = self.types[index]
        if not isinstance(found, TensorType):
            raise self.error(f"argument {index} must be a tensor", expected="a tensor", found=found)
        return found

    def tensors(self, index: int = 0) -> tuple[TensorType, ...]:
        """The types of the fields of argument `index`, which must be a tuple of tensors."""
        found = self.types[index]
        if isinstance(found, TensorType):
            raise self.error(f"argument {index} must be a tuple", expected="a tuple of tensors", found=found)
        fields = tuple(field for field in getattr(found, "fields", ()) if isinstance(field, TensorType))
        if not isinstance(found, TupleType) or len(fields) != len(found.fields) or not fields:
            raise self.error(f"argument {index} must hold tensors", expected="a tuple of tensors", found=found)
        return fields

    def ranked(self, rank: int, index: int = 0) -> TensorType:
        """The type of argument `index`, which must have `rank` dimensions."""
        found = self.tensor(index)
        if found.rank != rank:
            raise self.error(f"argument {index} has the wrong rank", expected=f"{rank} dimensions", found=found)
        return found

    def axis(self, value: Any, rank: int, name: str = "axis") -> int:
        """`value` as an axis of a tensor of `rank`, counted from 0."""
        if type(value) is not int or not -rank <= value < rank:
            raise self.error(f"'{name}' is no axis of its input", expected=f"{-rank} to {rank - 1}", found=value)
        return value % rank

    def integers(self, name: str, count: int | None = None) -> tuple[int, ...]:
        """The attribute `name`, which must be `count` integers."""
        value = self.attrs.get(name)
        if type(value) is int and count is not None:
            value = (value,) * count
        if not isinstance(value, tuple) or any(type(item) is not int for item in value):
            raise self.error(f"attribute '{name}' must be a list of integers", found=value)
        if count is not None and len(value) != count:
            raise self.error(f"attribute '{name}' has the wrong length", expected=f"{count} integers", found=value)
        return value

    def dtype(self, name: str, default: str) -> str:
        """The element type in attribute `name`, or `default` where it is void."""
        value = self.attrs.get(name)
        return value if isinstance(value, str) and value else default

    def same_extent(self, left: Dimension, right: Dimension, what: str) -> Dimension:
        """One of two extents that must agree; an unknown one agrees with all."""
        if left is not None and right is not None and left != right:
            raise self.error(f"{what} do not agree", expected=left, found=right)
        return right if left is None else left

    def broadcast(self, left: Shape, right: Shape) -> Shape:
        """The shape that two shapes have together: aligned at the last dimension, extents of 1 stretch."""
        rank = max(len(left), len(right))
        padded_left: Shape = (1,) * (rank - len(left)) + left
        padded_right: Shape = (1,) * (rank - len(right)) + right
        result: list[Dimension] = []
        for one, other in zip(padded_left, padded_right, strict=True):
            if one == other or other == 1:
                result.append(one)
            elif one == 1:
                result.append(other)
            elif one is None or other is None:
                result.append(other if one is None else one)
            else:
                raise self.error("the shapes cannot be broadcast together", expected=left, found=right)
        return tuple(result)


Rule: TypeAlias = Callable[[CallSite], Type]


def product(extents: Sequence[Dimension]) -> Dimension:
    """The product, or None where an extent is unknown."""
    result = 1
    for extent in extents:
        if extent is None:
            return None
        result *= extent
    return result
