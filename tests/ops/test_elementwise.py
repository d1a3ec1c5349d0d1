"""Arithmetic of two operands: broadcasting, raw integers, and quantised sums and products near the real ones."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from evaluation import apply, broadcast_pairs, floats, integers, make, quantisations, results, seeds, shapes, typed
from hypothesis import given, settings
from hypothesis import strategies as st

from nir.ir import InferenceError, TensorType, tensor
from nir.ops.broadcasting import broadcast_shapes
from nir.ops.profiles import PROFILES
from nir.ops.quantised_arithmetic import _TABLE_FROM

FUNCTIONS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum}
INTEGER_TYPES = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32]


@given(broadcast_pairs(), seeds)
def test_floats_broadcast_as_numpy_does(pair: Any, seed: int) -> None:
    left, right = floats(seed, *pair[0]), floats(seed + 1, *pair[1])
    for name, function in FUNCTIONS.items():
        assert np.array_equal(apply(name, left, right), function(left, right)), name
    with np.errstate(all="ignore"):
        assert np.array_equal(apply("div", left, right), left / right)


@given(broadcast_pairs(), seeds)
def test_float16_is_rounded_once(pair: Any, seed: int) -> None:
    left, right = (floats(seed + i, *shape, dtype=np.float16) for i, shape in enumerate(pair))
    for name in ("add", "sub", "mul", "div", "pow", "prelu"):
        with np.errstate(all="ignore"):
            wide = apply(name, left.astype(np.float32), right.astype(np.float32)).astype(np.float16)
        assert np.array_equal(apply(name, left, right), wide, equal_nan=True), name


@pytest.mark.parametrize("dtype", INTEGER_TYPES)
def test_raw_integers_wrap_around(dtype: Any) -> None:
    left, right = integers(1, 50, dtype=dtype), integers(2, 50, dtype=dtype)
    modulus, lowest = 2 ** (8 * np.dtype(dtype).itemsize), int(np.iinfo(dtype).min)
    for name, function in (("add", int.__add__), ("sub", int.__sub__), ("mul", int.__mul__)):
        exact = [function(a, b) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
        wrapped = [(value - lowest) % modulus + lowest for value in exact]
        assert apply(name, left, right).tolist() == wrapped


def test_integer_division_rounds_down_and_survives_zero() -> None:
    left = np.array([7, -7, 7, -7, 5, -(2**31)], np.int32)
    right = np.array([2, 2, -2, -2, 0, -1], np.int32)
    assert apply("div", left, right).tolist() == [3, -4, -4, 3, 0, -(2**31)]


@pytest.mark.parametrize(
    ("activation", "expected"), [("relu", [0, 0, 5, 9]), ("relu1", [-1, 0, 1, 1]), ("relu6", [0, 0, 5, 6])]
)
def test_activation_is_applied_to_the_result(activation: str, expected: list[int]) -> None:
    values = np.array([-3, 0, 5, 9])
    for dtype in (np.float32, np.float16, np.int32):
        found = apply("add", values.astype(dtype), np.zeros(1, dtype), activation=activation)
        assert found.tolist() == expected
    stored = (values * 2 + 10).astype(np.uint8)
    type = typed(stored, 0.5, 10)
    op = make("add", type, typed(stored[:1], 0.5, 10), quantisation=type.quantisation, activation=activation)
    [found] = results(op, stored, np.array([10], np.uint8))
    assert ((found.astype(int) - 10) / 2).tolist() == expected


@st.composite
def quantised_operands(draw: st.DrawFn) -> tuple[TensorType, TensorType, TensorType, int]:
    element = draw(st.sampled_from(["i8", "u8"]))
    shape = draw(shapes)
    left, right, target = (TensorType(tensor(1, element).element, shape, draw(quantisations(element))) for _ in "123")
    return left, right, target, draw(seeds)


def exact_steps(name: str, arrays: list[np.ndarray], types: list[TensorType]) -> list[Fraction]:
    """The real results in steps of the result's scale, without its zero point."""
    sides = []
    for array, type in zip(arrays, types, strict=False):
        parameters = type.quantisation
        assert parameters is not None
        sides.append([(int(v) - parameters.zero_point) * Fraction(parameters.scale) for v in array.ravel()])
    functions = {
        "add": Fraction.__add__,
        "sub": Fraction.__sub__,
        "mul": Fraction.__mul__,
        "maximum": max,
        "minimum": min,
    }
    target = types[-1].quantisation
    assert target is not None
    return [functions[name](a, b) / Fraction(target.scale) for a, b in zip(*sides, strict=True)]


@settings(max_examples=60)
@given(quantised_operands())
def test_quantised_results_are_near_the_real_ones(drawn: Any) -> None:
    """Within what the roundings on the way allow: one half step, and one for each operand rescaled before."""
    left, right, target, seed = drawn
    arrays = [integers(seed + i, *left.shape, dtype=left.element.numpy) for i in range(2)]
    zero_point, element = target.quantisation.zero_point, target.element
    for name in ("add", "sub", "mul", "maximum", "minimum"):
        exact = exact_steps(name, arrays, [left, right, target])
        op = make(name, left, right, quantisation=target.quantisation)
        for profile in PROFILES:
            [found] = results(op, *arrays, profile=profile)
            for stored, real in zip(found.ravel().tolist(), exact, strict=True):
                wanted = min(max(real + zero_point, element.minimum), element.maximum)
                slack = Fraction(3, 2) + abs(real) * Fraction(1, 2**18)
                assert abs(stored - wanted) <= slack, (name, profile, stored, float(wanted))


@pytest.mark.parametrize("name", ["add", "sub", "mul", "prelu"])
@pytest.mark.parametrize("profile", PROFILES)
def test_tables_of_pairs_change_nothing(name: str, profile: str) -> None:
    """Large tensors are looked up in a table; slices too small for it are computed."""
    rows = 64
    shape = (rows, _TABLE_FROM // rows)
    left, right = integers(1, *shape), integers(2, *shape)
    types = typed(left, 0.037, -11), typed(right, 0.21, 5)
    target = typed(left, 0.09, 3).quantisation
    [whole] = results(make(name, *types, quantisation=target), left, right, profile=profile)
    parts = make(name, *(t.with_shape(shape[1:]) for t in types), quantisation=target)
    for row in range(0, rows, 7):
        [part] = results(parts, left[row], right[row], profile=profile)
        assert np.array_equal(whole[row], part)


@given(broadcast_pairs(), st.data())
def test_inference_with_unknown_dimensions(pair: Any, data: st.DataObject) -> None:
    """What is inferred holds for every size that the unknown dimensions can have."""
    expected = np.broadcast_shapes(*pair)
    hidden = [tuple(None if data.draw(st.booleans()) else size for size in shape) for shape in pair]
    inferred = broadcast_shapes(*hidden)
    assert len(inferred) == len(expected)
    assert all(size in (None, known) for size, known in zip(inferred, expected, strict=True))


def test_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(InferenceError, match="2x3 and 2 do not broadcast"):
        make("add", tensor((2, 3)), tensor((2,)))


def test_operands_of_different_types_are_refused() -> None:
    with pytest.raises(AssertionError, match="C1"):
        make("add", tensor((2,)), tensor((2,), "i32"))
    with pytest.raises(AssertionError, match="Q2"):
        make("add", tensor((2,), "i8", scale=1.0), tensor((2,), "i8"))
    with pytest.raises(AssertionError, match="Q1"):
        make("mul", tensor((2,), "i8", scales=[1.0, 2.0], axis=0), tensor((2,), "i8", scale=1.0), scale=1.0)
