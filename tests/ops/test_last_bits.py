"""Where rules of rounding differ in their last bit alone: exact halves, and the width of a factor."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from evaluation import make, results, typed
from hypothesis import given, settings
from hypothesis import strategies as st

BYTES = np.arange(-128, 128, dtype=np.int8)


@pytest.mark.parametrize(("profile", "rule"), [("tflite", "away"), ("xnnpack", "up")])
def test_halves_between_two_stored_pixels(profile: str, rule: str) -> None:
    """Three pixels of two, corners aligned: the middle one is the mean, in all pairs of int8."""
    left, right = np.meshgrid(BYTES, BYTES)
    image = np.stack([left.ravel(), right.ravel()], axis=1).reshape(-1, 1, 2, 1)
    op = make("resize_bilinear", typed(image, 0.5, 3), size=(1, 3), align_corners=True)
    (found,) = results(op, image, profile=profile)
    doubled = image.astype(np.int64).sum(axis=2).ravel()
    up = (doubled + 1) // 2
    expected = np.where(doubled < 0, -((1 - doubled) // 2), up) if rule == "away" else up
    np.testing.assert_array_equal(found[:, 0, 1, 0], expected)


scales = st.floats(2**-6, 2**2, width=32)


@settings(max_examples=40)
@given(scales, scales, scales, st.sampled_from([1, -1]))
def test_sums_as_xnnpack_takes_them(left: float, right: float, target: float, sign: int) -> None:
    """The larger factor has its highest bit at 2^20, the sum is one 32-bit integer, and the shift rounds halves up."""
    ratios = [Fraction(float(np.float32(scale) / np.float32(target))) for scale in (left, right)]
    shift = 20 - math.floor(math.log2(max(ratios)))
    factors = [round(ratio * 2**shift) for ratio in ratios]
    assert 2**20 <= max(factors) <= 2**21
    one, other = (side.ravel() for side in np.meshgrid(BYTES, BYTES))
    types = typed(one, left, 5), typed(other, right, -7)
    op = make("add" if sign == 1 else "sub", *types, scale=target, zero_point=9)
    total = (one.astype(np.int64) - 5) * factors[0] + sign * (other.astype(np.int64) + 7) * factors[1]
    expected = np.clip(((total + 2 ** (shift - 1)) >> shift) + 9, -128, 127)
    np.testing.assert_array_equal(results(op, one, other, profile="xnnpack")[0], expected)
