"""Strategies for the parts of values: element types, shapes, quantisation, tensor types, arrays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis.extra import numpy as numpy_strategies

from nir.ir import ElementType, Quantisation, Shape, TensorType
from nir.ir.quantisation import as_float32
from nir.testing.strategy_arguments import allowed_elements, check_bounds

Array: TypeAlias = "np.ndarray[Any, Any]"


def element_types(
    *, allow_float: bool = True, allow_integer: bool = True, allow_bool: bool = True
) -> st.SearchStrategy[ElementType]:
    """Element types; floats are the simplest. Raises `InvalidArgument` where none is left."""
    left = [
        element
        for element in ElementType
        if (allow_float and element.is_float)
        or (allow_integer and element.is_integer)
        or (allow_bool and element is ElementType.BOOL)
    ]
    if not left:
        raise InvalidArgument("allow_float, allow_integer and allow_bool cannot all be False")
    return st.sampled_from(left)


def shapes(
    *, min_rank: int = 0, max_rank: int = 4, min_side: int = 1, max_side: int = 4, allow_unknown: bool = False
) -> st.SearchStrategy[Shape]:
    """Shapes; with `allow_unknown` some dimensions are None."""
    check_bounds("rank", min_rank, max_rank)
    check_bounds("side", min_side, max_side)
    sides: st.SearchStrategy[int | None] = st.integers(min_side, max_side)
    if allow_unknown:
        sides = sides | st.none()
    return st.lists(sides, min_size=min_rank, max_size=max_rank).map(tuple)


@st.composite
def _quantisations(
    draw: st.DrawFn, element: ElementType, axes: Sequence[tuple[int, int]], bounds: tuple[float, float]
) -> Quantisation:
    scales = st.floats(*bounds, width=32, allow_subnormal=False)
    points = st.just(0) | st.integers(element.minimum, element.maximum)
    if not axes or draw(st.booleans()):
        return Quantisation.per_tensor(draw(scales), draw(points))
    axis, count = draw(st.sampled_from(axes))
    several = draw(st.lists(scales, min_size=count, max_size=count))
    zeros = draw(st.none() | st.lists(points, min_size=count, max_size=count))
    return Quantisation.per_channel(several, axis, zeros)


def quantisations(
    element: ElementType | str,
    *,
    shape: Shape | None = None,
    min_scale: float = 2.0**-20,
    max_scale: float = 2.0**10,
) -> st.SearchStrategy[Quantisation]:
    """Scales and zero points for an integer type: per tensor, and per slice of one of the dimensions of `shape`.

    Raises `InvalidArgument` for a type that cannot be quantised, and for bounds that are not positive.
    """
    element = ElementType(element)
    if not element.is_integer:
        raise InvalidArgument(f"element={element.value!r} cannot be quantised: only integers can")
    low, high = as_float32(min_scale), as_float32(max_scale)
    if not 0 < low <= high < float("inf"):
        raise InvalidArgument(f"min_scale={min_scale!r} and max_scale={max_scale!r} must be positive and in order")
    axes = [(axis, size) for axis, size in enumerate(shape or ()) if size]
    return _quantisations(element, axes, (low, high))


@st.composite
def _tensor_types(
    draw: st.DrawFn,
    elements: st.SearchStrategy[ElementType],
    sizes: st.SearchStrategy[Shape],
    quantised: bool | None,
    per_channel: bool,
) -> TensorType:
    element, shape = draw(elements), draw(sizes)
    if not element.is_integer or quantised is False or (quantised is None and not draw(st.booleans())):
        return TensorType(element, shape)
    return TensorType(element, shape, draw(quantisations(element, shape=shape if per_channel else None)))


def tensor_types(
    *,
    elements: Collection[ElementType | str] | None = None,
    shapes: st.SearchStrategy[Shape] | None = None,
    quantised: bool | None = None,
    allow_per_channel: bool = True,
) -> st.SearchStrategy[TensorType]:
    """Types whose parts fit together. `quantised` None draws integers of both sorts."""
    of = st.sampled_from(sorted(allowed_elements(elements), key=list(ElementType).index))
    return _tensor_types(of, _default_shapes if shapes is None else shapes, quantised, allow_per_channel)


def tensors(
    type: TensorType, *, allow_nan: bool = True, allow_infinity: bool = True, unknown: int = 1
) -> st.SearchStrategy[Array]:
    """Arrays of a type: any stored elements, special floats among them. Unknown dimensions have the size `unknown`."""
    shape = tuple(unknown if size is None else size for size in type.shape)
    elements = None
    if type.element.is_float:
        width: Literal[16, 32] = 16 if type.element is ElementType.F16 else 32
        elements = st.floats(width=width, allow_nan=allow_nan, allow_infinity=allow_infinity)
    made: st.SearchStrategy[Array] = numpy_strategies.arrays(type.element.numpy, shape, elements=elements)
    return made


_default_shapes = shapes()
