"""Elements of constants and inputs: arrays of a type, by a small number, so that equal ones are made once."""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

import numpy as np

from nir.ir import ElementType, TensorType

Array: TypeAlias = "np.ndarray[Any, Any]"


@functools.lru_cache(maxsize=4096)
def constant_array(type: TensorType, number: int) -> Array:
    """Elements for a type: all 0 for number 0, all 1 for 1, random ones for others. The array is not to be written to.

    Floats are multiples of 1/8 of magnitude 4 or less for even numbers, of a normal distribution for odd ones; stored integers are any of 8 and 16 bits, and up to 1,000 in
    magnitude where they are wider.
    """
    shape = [size or 0 for size in type.shape]
    if number < 2:
        array = np.full(shape, number, type.element.numpy)
    else:
        random = np.random.default_rng(number)
        values = (
            random.standard_normal(shape) * 2 if type.element.is_float and number % 2 else _random(type, shape, random)
        )
        array = np.asarray(values).astype(type.element.numpy)
    array.flags.writeable = False
    return array


def _random(type: TensorType, shape: list[int], random: np.random.Generator) -> Array:
    element = type.element
    if element.is_float:
        return random.integers(-32, 32, shape, endpoint=True) / 8
    if element is ElementType.BOOL:
        return random.integers(0, 2, shape) > 0
    low, high = (element.minimum, element.maximum) if element.bits < 32 else (max(element.minimum, -1000), 1000)
    return random.integers(low, high, shape, endpoint=True)
