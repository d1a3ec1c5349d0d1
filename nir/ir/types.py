"""Tensor types: what is stored (element type), how it is shaped, and how stored integers mean real values.

Quantisation is orthogonal to storage: an `i8` tensor without quantisation holds raw integers.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nir.ir.quantisation import Quantisation

Dimension = int | None
"""A dimension: a size >= 0, or None where the size is known only at run time (`?` in text)."""

Shape = tuple[Dimension, ...]

HIGHEST_RANK = 32
"""Dimensions of a tensor at most, as in numpy's older versions."""

LARGEST_DIMENSION = 2**63 - 1
"""The greatest size of a dimension: sizes have 64 bits, as the integers of attributes."""


class ElementType(enum.Enum):
    """What one element is stored as. The value is its spelling in `.nir` text."""

    F32 = "f32"
    F16 = "f16"
    I32 = "i32"
    U32 = "u32"
    I16 = "i16"
    U16 = "u16"
    I8 = "i8"
    U8 = "u8"
    BOOL = "bool"

    numpy: np.dtype[Any]
    """The numpy dtype of the same layout."""
    is_float: bool
    is_integer: bool
    """True for signed and unsigned integers, false for bool."""
    bits: int
    """Bits of one stored element; a bool takes a byte."""

    def __repr__(self) -> str:
        return str(self.value)

    # Members are singletons; the default hash of an enum is a Python-level call, and types are hashed a lot.
    __hash__ = object.__hash__

    @property
    def minimum(self) -> int:
        """Smallest storable integer. Raises `ValueError` for float and bool."""
        return int(np.iinfo(self.numpy).min)

    @property
    def maximum(self) -> int:
        """Largest storable integer. Raises `ValueError` for float and bool."""
        return int(np.iinfo(self.numpy).max)

    @classmethod
    def from_numpy(cls, dtype: Any) -> ElementType:
        """The element type of a numpy dtype (either byte order). Raises `KeyError` where NIR has none."""
        return _BY_NUMPY[np.dtype(dtype).newbyteorder("=")]


for _element, _dtype in {
    ElementType.F32: np.float32,
    ElementType.F16: np.float16,
    ElementType.I32: np.int32,
    ElementType.U32: np.uint32,
    ElementType.I16: np.int16,
    ElementType.U16: np.uint16,
    ElementType.I8: np.int8,
    ElementType.U8: np.uint8,
    ElementType.BOOL: np.bool_,
}.items():
    _element.numpy = np.dtype(_dtype)
    _element.is_float = _element.value[0] == "f"
    _element.is_integer = _element.value[0] in "iu"
    _element.bits = _element.numpy.itemsize * 8

_BY_NUMPY = {element.numpy: element for element in ElementType}

FLOATS = frozenset({ElementType.F32, ElementType.F16})
INTEGERS = frozenset(e for e in ElementType if e.is_integer)
QUANTISED_8 = frozenset({ElementType.I8, ElementType.U8})
INT32 = frozenset({ElementType.I32})
BOOLS = frozenset({ElementType.BOOL})
ANY = frozenset(ElementType)


class TensorType:
    """An immutable tensor type: element type, shape, and quantisation or None.

    Equal types compare equal and hash alike; the hash is computed once, since types are looked up far more
    often than they are made.
    """

    __slots__ = ("_hash", "element", "quantisation", "shape")

    element: ElementType
    shape: Shape
    quantisation: Quantisation | None
    _hash: int

    def __init__(self, element: ElementType, shape: Iterable[Dimension], quantisation: Quantisation | None = None):
        put = object.__setattr__
        put(self, "element", element)
        put(self, "shape", tuple(shape))
        put(self, "quantisation", quantisation)
        put(self, "_hash", hash((element, self.shape, quantisation)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"TensorType is immutable; use with_{name}(...) or make a new one")

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, TensorType):
            return NotImplemented
        return (
            self._hash == other._hash
            and self.element is other.element
            and self.shape == other.shape
            and self.quantisation == other.quantisation
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorType, (self.element, self.shape, self.quantisation)

    def __str__(self) -> str:
        """The type as `.nir` text with inline scales."""
        inside = "x".join(["?" if d is None else str(d) for d in self.shape] + [self.element.value])
        if self.quantisation is not None:
            inside += f", {self.quantisation}"
        return f"tensor<{inside}>"

    __repr__ = __str__

    @property
    def rank(self) -> int:
        """Number of dimensions; 0 for a scalar."""
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        """True where every dimension is known."""
        return None not in self.shape

    @property
    def size(self) -> int:
        """Number of elements; unknown dimensions count as one."""
        return math.prod(1 if d is None else d for d in self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the stored elements; unknown dimensions count as one."""
        return self.size * self.element.numpy.itemsize

    def with_shape(self, shape: Iterable[Dimension]) -> TensorType:
        """The same element type and quantisation with another shape."""
        return TensorType(self.element, shape, self.quantisation)

    def with_element(self, element: ElementType) -> TensorType:
        """The same shape and quantisation stored as `element`."""
        return TensorType(element, self.shape, self.quantisation)

    def with_quantisation(self, quantisation: Quantisation | None) -> TensorType:
        """The same storage and shape meaning other real values."""
        return TensorType(self.element, self.shape, quantisation)


def tensor(
    shape: Sequence[Dimension] | int,
    element: ElementType | str = ElementType.F32,
    *,
    scale: float | None = None,
    zero_point: int = 0,
    scales: Iterable[float] | None = None,
    axis: int | None = None,
) -> TensorType:
    """Short hand for a `TensorType`.

    >>> tensor((1, 224, 224, 3), "u8", scale=0.0078125, zero_point=128)
    tensor<1x224x224x3xu8, scale=0.0078125, zero_point=128>
    >>> tensor((2, 1, 1, 4), "i8", scales=[0.5, 0.25], axis=0)
    tensor<2x1x1x4xi8, axis=0, scales=[0.5, 0.25]>

    Raises `ValueError` for an unknown element type, or scales without an axis.
    """
    quantisation = None
    if scales is not None:
        if axis is None:
            raise ValueError("scales of a per-channel quantisation need an axis")
        quantisation = Quantisation.per_channel(scales, axis)
    elif scale is not None:
        quantisation = Quantisation.per_tensor(scale, zero_point)
    dimensions = (shape,) if isinstance(shape, int) else shape
    return TensorType(ElementType(element), dimensions, quantisation)
