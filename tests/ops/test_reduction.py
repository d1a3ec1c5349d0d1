"""Reductions and index searches, against exact sums and plain loops."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from evaluation import apply, floats, integers, make, quantisations, results, seeds, typed
from hypothesis import given
from hypothesis import strategies as st

from nir.ir import ElementType, InferenceError, TensorType, tensor
from nir.ops.profiles import PROFILES

reduced = st.lists(st.integers(1, 4), min_size=1, max_size=4).flatmap(
    lambda shape: st.tuples(
        st.just(tuple(shape)), st.lists(st.integers(-len(shape), len(shape) - 1), max_size=4), st.booleans()
    )
)


def rows_of(x: np.ndarray, axes: list[int]) -> tuple[np.ndarray, tuple[int, ...]]:
    """The elements to reduce as the last dimension of a matrix, and the axes once each."""
    chosen = sorted({axis % x.ndim for axis in axes})
    kept = [d for d in range(x.ndim) if d not in chosen]
    width = math.prod(x.shape[d] for d in chosen)
    return x.transpose(kept + chosen).reshape(-1, width), tuple(chosen)


def result_shape(x: np.ndarray, chosen: tuple[int, ...], keep_dims: bool) -> tuple[int, ...]:
    if keep_dims:
        return tuple(1 if d in chosen else size for d, size in enumerate(x.shape))
    return tuple(size for d, size in enumerate(x.shape) if d not in chosen) or (1,)


@given(reduced, seeds)
def test_floats(drawn: Any, seed: int) -> None:
    shape, axes, keep_dims = drawn
    x = floats(seed, *shape)
    rows, chosen = rows_of(x, axes)
    exact = {
        "mean": [math.fsum(row) / len(row) for row in rows.tolist()],
        "reduce_sum": [math.fsum(row) for row in rows.tolist()],
        "reduce_prod": [float(np.float32(math.prod(row))) for row in rows.tolist()],
        "reduce_max": [max(row) for row in rows.tolist()],
        "reduce_min": [min(row) for row in rows.tolist()],
    }
    for name, expected in exact.items():
        found = apply(name, x, axes=axes, keep_dims=keep_dims)
        assert found.shape == result_shape(x, chosen, keep_dims)
        assert found.ravel().tolist() == np.array(expected, np.float32).tolist(), name


@given(reduced, seeds)
def test_booleans(drawn: Any, seed: int) -> None:
    shape, axes, keep_dims = drawn
    x = floats(seed, *shape) > -0.5
    rows, _ = rows_of(x, axes)
    for name, function in (("reduce_all", all), ("reduce_any", any)):
        assert apply(name, x, axes=axes, keep_dims=keep_dims).ravel().tolist() == [function(row) for row in rows]


@pytest.mark.parametrize("profile", PROFILES)
@given(st.data(), seeds)
def test_quantised_mean_and_sum_are_near_the_real_ones(profile: str, data: st.DataObject, seed: int) -> None:
    """Within one step and a half; where averages are truncated, one step of the operand's scale more."""
    element = data.draw(st.sampled_from(["i8", "u8"]))
    source = TensorType(ElementType(element), (3, 7), data.draw(quantisations(element)))
    target = data.draw(quantisations(element))
    x = integers(seed, 3, 7, dtype=source.element.numpy)
    for name, divisor in (("mean", 7), ("reduce_sum", 1)):
        [found] = results(make(name, source, axes=[1], quantisation=target), x, profile=profile)
        ratio = Fraction(source.quantisation.scale) / Fraction(target.scale)
        for row, stored in zip(x.tolist(), found.tolist(), strict=True):
            steps = Fraction(sum(row) - 7 * source.quantisation.zero_point, divisor) * ratio
            wanted = min(max(steps + target.zero_point, source.element.minimum), source.element.maximum)
            truncated = ratio if name == "mean" and PROFILES[profile].truncates_averages else 0
            assert abs(stored - wanted) <= Fraction(3, 2) + truncated + abs(steps) / 2**18


def test_mean_of_raw_integers() -> None:
    x = np.array([[7, 8], [-7, -8], [-128, -127], [1, 1]], np.int8)
    assert apply("mean", x, axes=[1]).tolist() == [8, -8, -128, 1]  # halves away from zero
    assert apply("mean", x, axes=[1], profile="relay").tolist() == [7, -7, -127, 1]


def test_sums_and_products_of_raw_integers_wrap_around() -> None:
    x = np.array([[100, 100, 100], [2, 3, 4]], np.int8)
    assert apply("reduce_sum", x, axes=[1]).tolist() == [44, 9]
    assert apply("reduce_prod", x, axes=[1]).tolist() == [64, 24]


def test_product_with_zero_is_zero() -> None:
    assert apply("reduce_prod", np.array([0, np.inf, 2], np.float32), axes=[0]).tolist() == [0]


def test_reducing_nothing() -> None:
    empty = np.zeros((2, 0), np.float32)
    assert apply("reduce_sum", empty, axes=[1]).tolist() == [0, 0]
    assert apply("reduce_prod", empty, axes=[1]).tolist() == [1, 1]
    assert apply("reduce_max", empty, axes=[1]).tolist() == [-np.inf, -np.inf]
    assert np.isnan(apply("mean", empty, axes=[1])).all()
    assert apply("reduce_max", empty.astype(np.uint8), axes=[1]).tolist() == [0, 0]
    stored = empty.astype(np.int8)
    [found] = results(make("mean", typed(stored, 0.5, 3), axes=[1]), stored)
    assert found.tolist() == [3, 3]
    assert apply("reduce_sum", np.zeros((0, 2), np.float32), axes=[1]).shape == (0,)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data(), seeds)
def test_argmax_is_the_first_of_the_largest(shape: list[int], data: st.DataObject, seed: int) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)
    rows = np.moveaxis(x, axis, -1).reshape(-1, shape[axis]).tolist()
    assert apply("argmax", x, axis=axis).ravel().tolist() == [row.index(max(row)) for row in rows]
    assert apply("argmin", x, axis=axis).ravel().tolist() == [row.index(min(row)) for row in rows]


@given(st.integers(1, 3), st.integers(1, 6), st.data(), seeds)
def test_topk(height: int, width: int, data: st.DataObject, seed: int) -> None:
    k = data.draw(st.integers(0, width))
    x = np.random.default_rng(seed).integers(-2, 3, (height, width)).astype(np.int32)
    values, indices = results(make("topk_v2", typed(x), k=k), x)
    for row, found, places in zip(x.tolist(), values.tolist(), indices.tolist(), strict=True):
        expected = sorted(((value, i) for i, value in enumerate(row)), reverse=True)[:k]
        assert list(zip(found, places, strict=True)) == expected


def test_searches_that_cannot_end_well() -> None:
    with pytest.raises(InferenceError, match="dimension 1 of 2x0 is empty"):
        make("argmax", tensor((2, 0)), axis=1)
    with pytest.raises(InferenceError, match="fewer than 4 elements"):
        make("topk_v2", tensor((2, 3)), k=4)
    with pytest.raises(InferenceError, match="axis 0 is not a dimension of a tensor of rank 0"):
        make("argmin", tensor(()), axis=0)
    with pytest.raises(InferenceError, match="axis -3 is not a dimension"):
        make("mean", tensor((2, 3)), axes=[0, -3])
    with pytest.raises(AssertionError, match="Q3"):
        make("reduce_prod", tensor((2,), "i8", scale=0.5), axes=[0])
