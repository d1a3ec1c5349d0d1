"""Comparisons, logic and selection."""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from evaluation import apply, broadcast_pairs, floats, integers, make, quantisations, results, seeds, typed
from hypothesis import given
from hypothesis import strategies as st

from nir.ir import ElementType, TensorType

COMPARISONS = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}


@given(broadcast_pairs(), seeds)
def test_comparisons_broadcast(pair: Any, seed: int) -> None:
    left, right = (np.round(floats(seed + i, *shape)) for i, shape in enumerate(pair))
    for name, compare in COMPARISONS.items():
        assert np.array_equal(apply(name, left, right), compare(left, right))


@given(st.sampled_from(["i8", "u8"]), st.data(), seeds)
def test_quantised_tensors_are_compared_as_real_values(element: str, data: st.DataObject, seed: int) -> None:
    types = [TensorType(ElementType(element), (40,), data.draw(quantisations(element))) for _ in "12"]
    arrays = [integers(seed + i, 40, dtype=types[0].element.numpy) for i in range(2)]
    exact = [
        [Fraction(t.quantisation.scale) * (int(v) - t.quantisation.zero_point) for v in array]
        for t, array in zip(types, arrays, strict=True)
    ]
    for name, compare in COMPARISONS.items():
        [found] = results(make(name, *types), *arrays)
        assert found.tolist() == [compare(a, b) for a, b in zip(*exact, strict=True)]


def test_nan_is_unequal_to_itself() -> None:
    nan = np.array([np.nan], np.float32)
    assert not apply("equal", nan, nan)
    assert apply("not_equal", nan, nan)
    assert not apply("less_equal", nan, nan)


def test_logic() -> None:
    left, right = np.array([[False], [True]]), np.array([False, True])
    assert apply("logical_and", left, right).tolist() == [[False, False], [False, True]]
    assert apply("logical_or", left, right).tolist() == [[False, True], [True, True]]
    assert apply("logical_not", right).tolist() == [True, False]


@given(broadcast_pairs(), seeds)
def test_select_takes_one_of_two(pair: Any, seed: int) -> None:
    left, right = (floats(seed + i, *shape) for i, shape in enumerate(pair))
    condition = floats(seed + 2, *pair[0]) > 0
    assert np.array_equal(apply("select", condition, left, right), np.where(condition, left, right))


@pytest.mark.parametrize("profile", ["tflite", "xnnpack", "relay", "relay-f32", "tvm"])
def test_select_brings_quantised_choices_to_one_scale(profile: str) -> None:
    stored = np.array([2, 4, 6], np.int8)
    condition = np.array([True, False, True])
    types = typed(condition), typed(stored, 0.5, 0), typed(stored, 0.25, 2)
    [found] = results(make("select", *types, scale=0.25, zero_point=-1), condition, stored, stored, profile=profile)
    assert found.tolist() == [3, 1, 11]
