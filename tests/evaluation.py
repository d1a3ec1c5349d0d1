"""Runs one operation on arrays, by the operator's name."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from nir.ir import ElementType, Operation, Quantisation, TensorType, Value
from nir.ops import OPERATORS_BY_NAME
from nir.ops.profiles import get_profile


def typed(array: np.ndarray, scale: float | None = None, zero_point: int = 0) -> TensorType:
    """The type of an array, quantised where a scale is given."""
    quantisation = None if scale is None else Quantisation.per_tensor(scale, zero_point)
    return TensorType(ElementType.from_numpy(array.dtype), array.shape, quantisation)


def make(name: str, *types: TensorType, **fields: Any) -> Operation:
    """An operation on operands of these types; all its constraints hold."""
    op = OPERATORS_BY_NAME[name].create(*map(Value, types), **fields)
    broken = [constraint.label for constraint in op.constraints if not constraint.check(op)]
    assert not broken, f"{name} breaks {broken}"
    return op


def results(op: Operation, *arrays: np.ndarray, profile: str = "tflite") -> tuple[np.ndarray, ...]:
    """All results, of the types that the operation has; the operands stay as they are."""
    before = [array.copy() for array in arrays]
    outcome = op.reference(get_profile(profile), *arrays)
    found = outcome if isinstance(outcome, tuple) else (outcome,)
    for value, array in zip(op.results, found, strict=True):
        assert isinstance(array, np.ndarray)
        assert array.dtype == value.element.numpy
        assert array.shape == tuple(value.shape)
    for array, copy in zip(arrays, before, strict=True):
        assert array.tobytes() == copy.tobytes(), "an operand was written to"
    return found


def apply(name: str, *arrays: Any, profile: str = "tflite", **fields: Any) -> Any:
    """The result of an operator on raw arrays: one array, or a tuple of them."""
    given = [np.asarray(array) for array in arrays]
    found = results(make(name, *map(typed, given), **fields), *given, profile=profile)
    return found if len(found) > 1 else found[0]


def floats(seed: int, *shape: int, dtype: Any = np.float32) -> np.ndarray:
    """Normally distributed numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def integers(seed: int, *shape: int, dtype: Any = np.int8) -> np.ndarray:
    """Numbers from the whole range of `dtype`."""
    limits = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, dtype, endpoint=True)


seeds = st.integers(0, 2**32 - 1)

shapes = st.lists(st.integers(1, 4), min_size=0, max_size=4).map(tuple)


@st.composite
def quantisations(draw: st.DrawFn, element: str) -> Quantisation:
    """Scales from 2^-12 to 2^4, powers of two among them, and any storable zero point."""
    exact = st.integers(-12, 4).map(lambda power: 2.0**power)
    scale = draw(st.one_of(exact, st.floats(2**-12, 16, width=32)))
    limits = ElementType(element)
    return Quantisation.per_tensor(scale, draw(st.integers(limits.minimum, limits.maximum)))


@st.composite
def broadcast_pairs(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that broadcast, zero-sized ones among them."""
    common = draw(st.lists(st.integers(0, 4), max_size=4))

    def side() -> tuple[int, ...]:
        kept = [size if draw(st.booleans()) else 1 for size in common]
        return tuple(kept[draw(st.integers(0, len(kept))) :])

    return side(), side()
