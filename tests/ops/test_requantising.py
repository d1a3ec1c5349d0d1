"""The cheap ways from sums to stored integers give the very numbers of the profiles' own arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nir.ir import tensor
from nir.ops.common import Activation, Rounding
from nir.ops.profiles import PROFILES, ScaleProduct, get_profile
from nir.ops.requantising import _fast_finish, finish_requantised

EXACT_PROFILES = ("tflite", "xnnpack", "relay", "tvm", "qdq")


@st.composite
def rescalings(draw: st.DrawFn):
    """Scales, target, offsets and sums: many of the sums lie where the result steps."""
    channels = draw(st.integers(1, 3))
    element = draw(st.sampled_from(["i8", "u8"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    magnitude = draw(st.floats(-13, 2))
    ratios = np.exp2(magnitude + rng.uniform(-2, 2, channels)).astype(np.float32)
    if draw(st.booleans()):
        ratios = np.exp2(np.round(np.log2(ratios)))  # powers of two make ties
    target = tensor(
        (1, channels), element, scale=1.0, zero_point=draw(st.integers(*((-128, 127) if element == "i8" else (0, 255))))
    )
    source = ScaleProduct(0.5, tuple(float(r) * 2 for r in ratios), 1)
    reach = draw(st.sampled_from([1, 2**12, 2**22]))
    offset = rng.integers(-reach, reach, channels)
    steps = rng.integers(-300, 300, (200, channels)) + 0.5
    near = np.round(steps / ratios) + rng.integers(-2, 3, steps.shape)
    sums = np.clip(np.concatenate([near, rng.integers(-(2**20), 2**20, steps.shape)]), -(2.0**22), 2.0**22)
    return source, target, offset.astype(np.int64), sums.astype(np.int64)


@pytest.mark.parametrize("name", EXACT_PROFILES)
@settings(max_examples=150)
@given(case=rescalings(), rounding=st.sampled_from(Rounding), activation=st.sampled_from(Activation))
def test_cheap_way_is_exact(name: str, case, rounding: Rounding, activation: Activation):
    source, target, offset, sums = case
    profile = get_profile(name)
    raw = (sums - offset).astype(np.float32)
    block = np.empty(sums.shape, target.element.numpy)
    finish_requantised(profile, source, target, offset, 2**23, rounding=rounding, activation=activation)(raw, block)
    expected = profile.rescale(sums, source, target, rounding=rounding, activation=activation)
    assert np.array_equal(block, expected)


@pytest.mark.parametrize("name", EXACT_PROFILES)
@pytest.mark.parametrize("ratio", [0.0003, 0.001, 0.0078125, 0.02, 0.25, 0.9, 1.5])
@pytest.mark.parametrize("rounding", Rounding)
def test_every_sum_of_sixteen_bits(name: str, ratio: float, rounding: Rounding):
    """All sums in [-2^15, 2^15): the cheap way is taken, and equal."""
    profile = get_profile(name)
    source = ScaleProduct(ratio, (1.0,))
    sums = np.arange(-(2**15), 2**15)[:, np.newaxis]
    for target in (tensor((1, 1), "i8", scale=1.0, zero_point=-3), tensor((1, 1), "u8", scale=1.0)):
        block = np.empty(sums.shape, target.element.numpy)
        none = np.zeros(1, np.int64)
        finish = _fast_finish(profile, source, target, none, 2**15, rounding, Activation.NONE, False)
        assert finish is not None
        finish(sums.astype(np.float32), block)
        assert np.array_equal(block, profile.rescale(sums, source, target, rounding=rounding))


@pytest.mark.parametrize("name", EXACT_PROFILES)
@pytest.mark.parametrize("ratio", [2.0**-45, 2.0**-20, 2.0**31])
def test_extreme_multipliers(name: str, ratio: float):
    """No cheap way is proven for these; the numbers are the profile's all the same."""
    profile, source, target = get_profile(name), ScaleProduct(ratio, (1.0,)), tensor((1, 1), "i8", scale=1.0)
    sums = np.array([[-(2**23)], [-1], [0], [1], [2**23]])
    block = np.empty(sums.shape, np.int8)
    fields = {"rounding": Rounding.UPWARD, "activation": Activation.NONE}
    finish_requantised(profile, source, target, np.zeros(1, np.int64), 2**24, **fields)(sums.astype(np.float64), block)
    assert np.array_equal(block, profile.rescale(sums, source, target))


def test_sums_beyond_32_bits_wrap_around():
    source, target = ScaleProduct(2.0**-30, (1.0,)), tensor((1, 1), "i8", scale=1.0)
    block = np.empty((1, 1), np.int8)
    finish = finish_requantised(
        PROFILES["relay"],
        source,
        target,
        np.zeros(1, np.int64),
        2**33,
        rounding=Rounding.UPWARD,
        activation=Activation.NONE,
    )
    finish(np.full((1, 1), 3.0 * 2**30), block)
    assert block.item() == -1
