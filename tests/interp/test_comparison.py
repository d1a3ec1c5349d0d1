"""Comparing runs: distances of elements, the first difference, and what the report says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.interp import Tolerance, compare, compare_arrays
from nir.interp.comparison import element_distances
from nir.ir import copy_module, tensor
from nir.ops.builder import Builder
from nir.source import Source

FLOATS = st.floats(width=32, allow_nan=False)


@given(FLOATS, st.integers(0, 50))
def test_ulps_count_neighbouring_floats(start: float, steps: int):
    value = np.float32(start)
    for _ in range(steps):
        value = np.nextafter(value, np.float32(np.inf))
    reached = steps if np.isfinite(value) else None
    distance = int(element_distances(np.array([np.float32(start)]), np.array([value]))[0])
    assert distance == reached or (reached is None and distance <= steps)


@given(st.floats(width=16), st.floats(width=16))
def test_distance_is_symmetric_and_zero_for_equal_numbers(a: float, b: float):
    left, right = np.array([a], np.float16), np.array([b], np.float16)
    distance = element_distances(left, right)
    assert np.array_equal(distance, element_distances(right, left))
    assert (distance[0] == 0) == (a == b or (a != a and b != b))


def test_tolerances():
    left = np.array([1.0, 2.0, np.nan, np.inf], np.float32)
    right = np.nextafter(left, np.float32(0))
    right[3] = np.inf
    difference = compare_arrays(left, right)
    assert (difference.differing, difference.total, difference.largest) == (2, 4, 1)
    assert compare_arrays(left, right, Tolerance(ulps=1)) is None
    assert compare_arrays(left, right, Tolerance(relative=1e-6)) is None
    assert compare_arrays(left, right, Tolerance(absolute=1e-8)).differing == 2
    numbers = np.array([[1, 200], [30, 4]], np.uint8)
    others = np.array([[2, 200], [10, 4]], np.uint8)
    difference = compare_arrays(numbers, others, Tolerance(steps=1))
    assert (difference.differing, difference.largest, difference.index) == (1, 20, (1, 0))
    assert str(difference) == "1 of 4 elements, by up to 20 steps; at [1, 0]: 30 and 10"
    assert compare_arrays(numbers, others, Tolerance(steps=20)) is None
    assert compare_arrays(np.array(np.nan, np.float32), np.array(0, np.float32)).differing == 1
    with pytest.raises(ValueError, match="cannot be compared"):
        compare_arrays(numbers, left)


def network(weight: int = 3):
    b = Builder()
    source = Source("net.nir", "  %y = conv_2d(%x, %w)\n")
    x = b.parameter("x", tensor((1, 4, 4, 8), "i8", scale=0.5))
    rng = np.random.default_rng(1)
    weights = rng.integers(-100, 100, (8, 1, 1, 8)).astype(np.int8)
    weights[0, 0, 0, 0] = weight
    w = b.const(weights, tensor(weights.shape, "i8", scale=0.01), name="w")
    y = b.conv_2d(x, w, scale=0.25, location=source.span(7, 14), name="y")
    z = b.max_pool_2d(y, window=(2, 2), name="z")
    b.returns(z)
    return b.module


def test_two_profiles_of_one_module():
    comparison = compare(network(), profile="tflite", right_profile="xnnpack")
    assert comparison.titles == ("tflite", "xnnpack")
    assert comparison.compared == 4
    first = comparison.first
    assert first is not None
    assert first.value.name == "y"
    assert first.difference.largest == 1
    assert dict(first.operands) == {"x": True, "w": True}
    report = comparison.report()
    assert "%y = conv_2d in @main" in report
    assert "operands: %x (equal), %w (equal)" in report
    assert "net.nir:1:8" in report


def test_equal_runs():
    comparison = compare(network())
    assert comparison.equal
    assert comparison.first is None
    assert "no value differs" in str(comparison)


def test_two_modules_that_differ_in_a_constant():
    comparison = compare(network(3), network(-3), seed=1)
    assert [d.value.name for d in comparison.differences] == ["w", "y", "z"]
    assert dict(comparison.differences[1].operands) == {"x": True, "w": False}
    assert dict(comparison.differences[2].operands) == {"y": False}


def test_modules_with_other_names_are_compared_by_output():
    right = network(-3)
    for value in right.main.values():
        value.name = f"other_{value.name}"
    comparison = compare(network(3), right)
    assert comparison.compared == 0
    assert comparison.unmatched == ["x", "w", "y", "z"]
    assert [d.value.name for d in comparison.differences] == ["z"]
    assert "4 values have no counterpart: %x, %w, %y, %z" in comparison.report()


def test_values_of_other_types_and_numbers():
    left, right = network(), copy_module(network())
    right.main.results = [right.main.operations[1].results[0]]
    comparison = compare(left, right)
    assert "is int8[1, 3, 3, 8] on the left, int8[1, 4, 4, 8] on the right" in comparison.report()
    right.main.results = []
    assert "the left has 1 outputs, the right 0" in compare(left, right).report()
