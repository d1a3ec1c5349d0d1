"""Fixed-point primitives against plain integers, and what tells the profiles apart."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.errors import RunError
from nir.ir import Quantisation, tensor
from nir.ops.common import Activation, Rounding
from nir.ops.fixed_point import (
    doubling_high_multiply,
    multiply_double_rounding,
    multiply_rounding_to_nearest,
    multiply_rounding_upward,
    quantised_multiplier,
    round_half_away,
    rounding_divide_by_power_of_two,
)
from nir.ops.profiles import PROFILES, ScaleProduct, activate, activation_bounds, get_profile

INT32 = st.integers(-(2**31), 2**31 - 1)
MANTISSAS = st.integers(2**30, 2**31 - 1)


def gemmlowp_high_multiply(a: int, b: int) -> int:
    """SaturatingRoundingDoublingHighMul as gemmlowp writes it: a nudge by sign and a truncating division."""
    product = a * b
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    quotient = abs(nudged) // 2**31
    return min(quotient if nudged >= 0 else -quotient, 2**31 - 1)


@given(INT32, st.one_of(MANTISSAS, st.just(2**31 - 1), st.just(2**30)))
def test_doubling_high_multiply(value: int, mantissa: int):
    assert int(doubling_high_multiply(np.array(value), mantissa)) == gemmlowp_high_multiply(value, mantissa)


@given(INT32, st.integers(0, 31))
def test_rounding_divide(value: int, exponent: int):
    exact = Fraction(value, 2**exponent)
    rounded = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    assert int(rounding_divide_by_power_of_two(np.array(value), exponent)) == rounded


@given(st.integers(-(2**24), 2**24), MANTISSAS, st.integers(-20, 6))
def test_multiplications_by_a_quantised_multiplier(value: int, mantissa: int, exponent: int):
    exact = Fraction(value * mantissa) * Fraction(2) ** (exponent - 31)
    upward = (exact + Fraction(1, 2)).__floor__()
    away = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    array = np.array(value)
    assert int(multiply_rounding_upward(array, mantissa, exponent)) == upward
    assert int(multiply_rounding_to_nearest(array, mantissa, exponent)) == away
    assert abs(Fraction(int(multiply_double_rounding(array, mantissa, exponent))) - exact) <= 1


@given(st.floats(2.0**-30, 2.0**30))
def test_quantised_multiplier(real: float):
    mantissa, exponent = (int(v) for v in quantised_multiplier(real))
    assert 2**30 <= mantissa < 2**31
    assert abs(Fraction(mantissa) * Fraction(2) ** (exponent - 31) / Fraction(real) - 1) <= Fraction(1, 2**30)


def test_quantised_multiplier_next_to_a_power_of_two():
    """The mantissa rounds up to 2^31 and is halved; 0 has none."""
    assert [int(v) for v in quantised_multiplier(1 - 2.0**-40)] == [2**30, 1]
    assert [int(v) for v in quantised_multiplier(0.0)] == [0, 0]


@given(st.floats(-(2.0**40), 2.0**40, width=32))
def test_round_half_away(value: float):
    exact = Fraction(value)
    rounded = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    assert float(round_half_away(np.float32(value))) == rounded


@pytest.mark.parametrize(
    ("type", "activation", "expected"),
    [
        (tensor(1, "u8", scale=0.5, zero_point=10), Activation.NONE, (0, 255)),
        (tensor(1, "u8", scale=0.5, zero_point=10), Activation.RELU, (10, 255)),
        (tensor(1, "u8", scale=0.5, zero_point=10), Activation.RELU1, (8, 12)),
        (tensor(1, "u8", scale=0.5, zero_point=10), Activation.RELU6, (10, 22)),
        (tensor(1, "i8", scale=0.01, zero_point=100), Activation.RELU6, (100, 127)),
        (tensor(1, "i8", scale=0.4, zero_point=0), Activation.RELU1, (-3, 3)),
        (tensor(1, "i8", scale=1e-38, zero_point=0), Activation.RELU6, (0, 127)),
        (tensor(1, "i32"), Activation.RELU6, (0, 6)),
    ],
)
def test_activation_bounds(type, activation: Activation, expected: tuple[int, int]):
    assert activation_bounds(type, activation) == expected


def test_activate_keeps_nan():
    values = np.array([-2, -0.5, 0.5, 7, np.nan], np.float32)
    assert activate(values, Activation.RELU6)[:4].tolist() == [0, 0, 0.5, 6]
    assert activate(values, Activation.RELU1)[:4].tolist() == [-1, -0.5, 0.5, 1]
    assert np.isnan(activate(values, Activation.RELU)[4])


def test_profiles_differ_where_they_should():
    """Halves: -2.5, -0.5, 0.5 and 2.5 in steps of one."""
    halves = np.array([-10, -2, 2, 10])
    source, target = ScaleProduct(0.25, (1.0,)), tensor(4, "i8", scale=1.0)
    results = {name: profile.rescale(halves, source, target).tolist() for name, profile in PROFILES.items()}
    assert results["tflite"] == [-3, -1, 1, 3]
    assert results["xnnpack"] == [-2, 0, 0, 2]
    assert results["relay"] == results["relay-f32"] == results["tvm"] == [-2, 0, 1, 3]
    away = PROFILES["relay"].rescale(halves, source, target, rounding=Rounding.TO_NEAREST)
    assert away.tolist() == [-3, -1, 1, 3]


def test_single_rounding_is_not_double_rounding():
    sums = np.arange(-(2**16), 2**16)
    source, target = ScaleProduct(0.0101, (0.0503,)), tensor(sums.shape, "i8", scale=1.0)
    once = PROFILES["tflite"].rescale(sums, source, target, single_rounding=True)
    twice = PROFILES["tflite"].rescale(sums, source, target)
    differing = int((once != twice).sum())
    assert 0 < differing < 300
    assert np.abs(once.astype(int) - twice).max() == 1


def test_scales_along_an_axis():
    sums = np.array([[100, 100], [-100, -100]])
    target = tensor((2, 2), "i8", scale=1.0, zero_point=1)
    for profile in PROFILES.values():
        result = profile.rescale(sums, ScaleProduct(0.5, (1.0, 0.25), axis=1), target)
        assert result[0].tolist() == [51, 14] or result[0].tolist() == [51, 13]
        source = Quantisation.per_channel([0.5, 0.25], 0, [10, -20])
        assert profile.rescale(sums, source, target).tolist() == [[46, 46], [-19, -19]]


def test_stated_scale_counts_under_relay_alone():
    sums = np.array([1000])
    source = ScaleProduct(0.1, (0.1,), stated=(0.02,))
    target = tensor(1, "i8", scale=1.0)
    results = {name: int(p.rescale(sums, source, target)[0]) for name, p in PROFILES.items()}
    assert results == {"tflite": 10, "xnnpack": 10, "relay": 20, "relay-f32": 20, "relay-f64": 20, "tvm": 20, "qdq": 10}


def test_unknown_profile_is_an_error_with_a_hint():
    with pytest.raises(RunError, match="tflite") as caught:
        get_profile("tflight")
    assert caught.value.diagnostics[0].hint == "did you mean 'tflite'?"
    assert get_profile(PROFILES["relay"]) is PROFILES["relay"]


def test_extreme_scales_saturate():
    sums = np.array([-5, 5])
    for profile in PROFILES.values():
        for ratio, expected in ((2.0**20, [-128, 127]), (2.0**-60, [0, 0])):
            result = profile.rescale(sums, ScaleProduct(ratio, (1.0,)), tensor(2, "i8", scale=1.0))
            assert result.tolist() == expected, (profile, ratio)
