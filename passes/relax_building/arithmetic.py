"""Integer arithmetic as tensor programs: rounding, saturation, multiplication by a real number with integers alone.

What is computed is said in nir/ops/fixed_point.py, in numpy; these are the same rules as expressions that TVM compiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tvm import relax, te, tirx

from nir.ops.fixed_point import quantised_multiplier
from nir.passes.relax_building.emitter import Array, Emitter, constant, integer_limits, shape_of


def round_half_away(value: Any) -> Any:
    """`value` rounded to the nearest integer, halves away from zero, as C's `round` does.

    TVM's own rounding sends halves to the even neighbour since 0.24. Exact for all floats: what is added before the
    fraction is cut off is the float next to one half, so that a sum reaches the next integer from one half on.
    """
    almost_half = float(np.nextafter(np.dtype(str(value.ty)).type(0.5), np.dtype(str(value.ty)).type(0)))
    half = tirx.const(almost_half, value.ty)
    return te.trunc(value + tirx.Select(value < tirx.const(0.0, value.ty), -half, half))


def elementwise(
    emitter: Emitter,
    data: relax.Expr,
    parameters: Sequence[tuple[Array, str]],
    axis: int,
    formula: Callable[..., Any],
    name: str,
) -> relax.Expr:
    """Binds `formula(element, parameter, ...)` for every element of `data`.

    Each parameter is an array and its element type; vectors give the element along `axis` and become constants of the
    module, single numbers become literals.
    """
    rank = len(shape_of(data))
    place = axis % rank if rank else 0
    vectors = [constant(array.reshape(-1), dtype) for array, dtype in parameters if array.ndim]

    def program(x: te.Tensor, *tables: te.Tensor) -> te.Tensor:
        def element(*index: Any) -> Any:
            remaining = iter(tables)
            values = [
                next(remaining)(index[place]) if array.ndim else tirx.const(array.item(), dtype)
                for array, dtype in parameters
            ]
            return formula(x(*index), *values)

        return te.compute(x.shape, element, name=name)

    return emitter.te(program, data, *vectors, name=name)


def limits(dtype: str) -> tuple[int, int]:
    """The least and the greatest integer of `dtype`. Raises ValueError where it is no integer type."""
    found = integer_limits(dtype)
    if found is None:
        raise ValueError(f"{dtype} is no integer type")
    return found


def saturated(value: Any, dtype: str) -> Any:
    """An int32 or float expression, clipped to the range of `dtype` and cast; int32 is only cast."""
    if dtype != "int32":
        low, high = limits(dtype)
        value = te.max(te.min(value, tirx.const(high, value.ty)), tirx.const(low, value.ty))
    return value.astype(dtype)


def multiplied_upward(value: Any, mantissa: Any, left: Any, right: Any) -> Any:
    """int32 `value` * mantissa * 2^(left - right - 31) as int32, halves upwards, by way of 64 bits."""
    product = (value.astype("int64") << left) * mantissa
    half = tirx.const(1, "int64") << (right + tirx.const(30, "int64"))
    return ((product + half) >> (right + tirx.const(31, "int64"))).astype("int32")


def multiplied_to_nearest(value: Any, mantissa: Any, left: Any, right: Any) -> Any:
    """As `multiplied_upward`, halves away from zero."""
    one = tirx.const(1, "int64")
    product = (value.astype("int64") << left) * mantissa
    half = one << (right + tirx.const(30, "int64"))
    nudge = tirx.Select(product >= tirx.const(0, "int64"), half, half - one)
    return ((product + nudge) >> (right + tirx.const(31, "int64"))).astype("int32")


def multiplier_parameters(real: Array) -> list[tuple[Array, str]]:
    """Mantissa, left shift and right shift for multiplying by `real` (float64) in integers, each int64."""
    mantissa, exponent = quantised_multiplier(real)
    left, right = np.maximum(exponent, 0), np.maximum(-exponent, 0)
    # Where more than 31 bits are shifted out nothing remains, and 64 bits would be shifted by more than they have.
    vanishes = right > 31
    parts = (np.where(vanishes, 0, mantissa), left, np.where(vanishes, 0, right))
    return [(np.asarray(part, np.int64), "int64") for part in parts]
