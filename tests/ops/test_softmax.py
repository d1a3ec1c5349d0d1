"""Softmax and normalisations against float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from evaluation import apply, floats, integers, make, results, seeds, typed
from hypothesis import given
from hypothesis import strategies as st

import nir
from nir.ir import InferenceError, tensor
from nir.ops.profiles import PROFILES

shapes_and_axes = st.lists(st.integers(1, 5), min_size=1, max_size=4).flatmap(
    lambda shape: st.tuples(st.just(tuple(shape)), st.integers(-len(shape), len(shape) - 1))
)


@given(shapes_and_axes, st.sampled_from([1.0, 0.5, 3.0]), seeds)
def test_softmax(drawn: Any, beta: float, seed: int) -> None:
    shape, axis = drawn
    x = floats(seed, *shape) * 5
    exponents = beta * (x.astype(np.float64) - x.max(axis=axis, keepdims=True))
    powers = np.exp(exponents)
    exact = powers / powers.sum(axis=axis, keepdims=True)
    # An exponent e is off by |e| units of its last place, and its power by as much relatively.
    slack = (6 - exponents) * 2.0**-23
    assert np.all(np.abs(apply("softmax", x, axis=axis, beta=beta) - exact) <= exact * slack)
    assert np.all(np.abs(apply("log_softmax", x, axis=axis, beta=beta) - np.log(exact)) <= slack)


@pytest.mark.parametrize("profile", PROFILES)
def test_quantised_softmax_is_near_the_real_one(profile: str) -> None:
    """Relay's approximation has steps of 2^-7; elsewhere the result is the nearest stored integer."""
    stored = integers(4, 30, 12)
    [found] = results(make("softmax", typed(stored, 0.04, 10)), stored, profile=profile)
    powers = np.exp((stored.astype(np.float64) - 10) * np.float32(0.04))
    exact = np.clip(powers / powers.sum(axis=1, keepdims=True) * 256 - 128, -128, 127)
    assert np.abs(found - exact).max() <= (6 if profile.startswith("relay") else 0.51)


def test_softmax_of_large_numbers_does_not_overflow() -> None:
    assert apply("softmax", np.array([1e30, 1e30, -1e30], np.float32)).tolist() == [0.5, 0.5, 0]


@given(shapes_and_axes, seeds)
def test_l2_normalization(drawn: Any, seed: int) -> None:
    shape, axis = drawn
    x = floats(seed, *shape)
    exact = x / np.sqrt(np.square(x, dtype=np.float64).sum(axis=axis, keepdims=True))
    assert np.allclose(apply("l2_normalization", x, axis=axis), exact, rtol=1e-5)


def test_l2_normalization_of_zeros_is_zero() -> None:
    assert apply("l2_normalization", np.zeros((2, 3), np.float32)).tolist() == [[0, 0, 0], [0, 0, 0]]


@given(shapes_and_axes, st.integers(0, 3), seeds)
def test_local_response_normalization(drawn: Any, radius: int, seed: int) -> None:
    shape, axis = drawn
    x = floats(seed, *shape)
    rows = np.moveaxis(x.astype(np.float64), axis, -1)
    sums = np.zeros_like(rows)
    for i in range(rows.shape[-1]):
        sums[..., i] = np.square(rows[..., max(i - radius, 0) : i + radius + 1]).sum(axis=-1)
    exact = np.moveaxis(rows / (1.5 + 0.2 * sums) ** 0.75, -1, axis)
    attributes = {"radius": radius, "bias": 1.5, "alpha": 0.2, "beta": 0.75, "axis": axis}
    assert np.allclose(apply("local_response_normalization", x, **attributes), exact, rtol=1e-5, atol=1e-6)


def test_neighbours_of_other_windows_do_not_count() -> None:
    """The square of 1e10 is so large that beside it the others would be lost."""
    found = apply(
        "local_response_normalization", np.array([1e10, 0, 1, 2], np.float32), radius=1, bias=1.0, alpha=1.0, beta=0.5
    )
    assert np.allclose(found, [1, 0, 1 / 6**0.5, 2 / 6**0.5], rtol=1e-6)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_instance_normalization(layout: str) -> None:
    x = floats(5, 2, 5, 4, 3) * 3 + 100
    images = x.astype(np.float64)
    mean, variance = images.mean(axis=(1, 2), keepdims=True), images.var(axis=(1, 2), keepdims=True)
    exact = (images - mean) * 1.5 / np.sqrt(variance + 1e-3) + 0.25
    order = (0, 1, 2, 3) if layout == "nhwc" else (0, 3, 1, 2)
    given_layout = np.ascontiguousarray(x.transpose(order))
    found = apply("instance_normalization", given_layout, gamma=1.5, beta=0.25, epsilon=1e-3, layout=layout)
    assert np.allclose(found, exact.transpose(order), rtol=1e-4, atol=1e-4)


def test_empty_tensors() -> None:
    for name in ("softmax", "log_softmax", "l2_normalization"):
        assert apply(name, np.zeros((0, 3), np.float32)).shape == (0, 3)
        assert apply(name, np.zeros((3, 0), np.float32)).shape == (3, 0)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "l2_normalization"])
def test_axis_must_exist(name: str) -> None:
    with pytest.raises(InferenceError, match="axis 2 is not a dimension of a tensor of rank 2"):
        make(name, tensor((2, 3)), axis=2)


def test_a_window_larger_than_any_tensor_is_the_whole_dimension() -> None:
    signature = "func @main(%x: tensor<1x2x2x5xf32>) -> tensor<1x2x2x5xf32> {\n"
    outputs = []
    for radius in (5, 2**63 - 1):
        attributes = f"{{radius = {radius}, bias = 1.0, alpha = 0.5, beta = 0.75}}"
        body = f"  %y = local_response_normalization(%x) {attributes} : tensor<1x2x2x5xf32>\n  return %y\n}}"
        module = nir.parse(signature + body)
        outputs.append(nir.run(module, [np.arange(20, dtype=np.float32).reshape(1, 2, 2, 5)])["output_0"])
    assert np.array_equal(*outputs)
