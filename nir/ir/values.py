"""SSA values, constant data, and the small literal types that attributes are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nir.ir.types import ElementType, TensorType

if TYPE_CHECKING:
    from nir.ir.operation import Operation


class Value:
    """One tensor in a function: a parameter, or a result of one operation.

    `name` is unique in its function, without the `%`; None asks the printer for the next free number.
    `producer` is the operation that defines it, or None for a parameter; `index` is its place among the
    producer's results or the function's parameters.
    """

    __slots__ = ("index", "name", "producer", "type")

    def __init__(
        self, type: TensorType, name: str | None = None, producer: Operation | None = None, index: int = 0
    ) -> None:
        self.type = type
        self.name = name
        self.producer = producer
        self.index = index

    def __repr__(self) -> str:
        return f"%{self.name if self.name is not None else '?'}: {self.type}"

    @property
    def shape(self) -> tuple[int | None, ...]:
        return self.type.shape

    @property
    def element(self) -> ElementType:
        return self.type.element


class Keyword(str):
    """A bare word in an attribute value, such as `relu6` or `nchw`."""

    __slots__ = ()


class Symbol(str):
    """The name of a function, written `@name`."""

    __slots__ = ()


class ConstantData:
    """The elements of a constant: an array (never written to), and the name under which a weights file holds it.

    `name` None means that the elements are written inline. Two constants are equal when dtype, shape and bits are.
    """

    __slots__ = ("array", "name")

    def __init__(self, array: np.ndarray, name: str | None = None) -> None:
        self.array = array
        self.name = name

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.array.shape))
        return f"@{self.name}" if self.name is not None else f"dense<{shape}x{self.array.dtype}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConstantData):
            return NotImplemented
        return self.array is other.array or same_bits(self.array, other.array)

    __hash__ = None  # type: ignore[assignment]


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """True for arrays of equal dtype, shape and bytes: tells -0.0 from 0.0 and takes a NaN for itself.

    A dimension that both arrays broadcast (stride 0) is looked at once, however long it is.
    """
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.size == 0:
        return True
    strides = zip(left.strides, right.strides, strict=True)
    once = tuple(slice(0, 1) if mine == other == 0 else slice(None) for mine, other in strides)
    mine, other = (np.ascontiguousarray(array[once]).reshape(-1).view(np.uint8) for array in (left, right))
    return bool(np.array_equal(mine, other))
