"""Tensors that are known: constants, and constants of integers behind a dequantize.

Both are real numbers that do not depend on the input. What is done to them is done now, in numpy; quantised ones stay
integers as long as they are only moved.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nir.ir import ConstantData, ElementType, Operation, Quantisation, TensorType, Value
from nir.ir.types import Dimension
from nir.ops.profiles import Array, get_profile
from nir.passes.folding.editing import Sweep, maker


class Known(NamedTuple):
    """Stored elements, what they mean (None for floats), the name of the weight, and the float type they stand for."""

    array: Array
    quantisation: Quantisation | None
    name: str | None
    element: ElementType

    def real(self) -> Array:
        """The real values, in float64."""
        if self.quantisation is None:
            return self.array.astype(np.float64)
        stored = TensorType(ElementType.from_numpy(self.array.dtype), self.array.shape, self.quantisation)
        return get_profile().dequantise(self.array, stored).astype(np.float64)


def known(value: Value | None) -> Known | None:
    """What is known of a float tensor; None where it depends on the input."""
    const = maker(value, "const")
    if const is not None and value is not None and value.element.is_float:
        data = const.attributes["value"]
        return Known(data.array, None, data.name, value.element)
    dequantize = maker(value, "dequantize")
    stored = None if dequantize is None else dequantize.operands[0]
    const = maker(stored, "const")
    if const is None or stored is None or value is None:
        return None
    data = const.attributes["value"]
    return Known(data.array, stored.type.quantisation, data.name, value.element)


def moved_axis(shape: tuple[Dimension, ...], axis: int, target: tuple[Dimension, ...]) -> int | None:
    """The dimension of `target` that a reshape makes of dimension `axis` of `shape`; None where it cuts through it."""
    if None in shape or None in target:
        return None
    before, size = _product(shape[:axis]), shape[axis]
    matching = [d for d, other in enumerate(target) if other == size and _product(target[:d]) == before]
    return matching[-1] if matching else None


def _product(sizes: tuple[Dimension, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size or 0
    return product


def put(sweep: Sweep, known_value: Known, like: Operation) -> Value:
    """Adds a known tensor to the function: a constant, with a dequantize behind it where it is quantised."""
    array = np.ascontiguousarray(known_value.array).reshape(known_value.array.shape)  # which makes vectors of scalars
    stored = TensorType(ElementType.from_numpy(array.dtype), array.shape, known_value.quantisation)
    const = sweep.emit("const", like=like, type=stored, value=ConstantData(array, known_value.name))
    if known_value.quantisation is None:
        return const.results[0]
    real = TensorType(known_value.element, array.shape)
    return sweep.emit("dequantize", const.results[0], like=like, type=real).results[0]


def put_real(sweep: Sweep, array: Array, element: ElementType, name: str | None, like: Operation) -> Value:
    """Adds a constant of floats."""
    return put(sweep, Known(array.astype(element.numpy), None, name, element), like)
