"""Joining, splitting, repeating, padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from evaluation import apply, floats, integers, make, results, seeds, typed
from hypothesis import given
from hypothesis import strategies as st

from nir.ir import InferenceError, tensor
from nir.ops.profiles import PROFILES


@st.composite
def parts(draw: st.DrawFn) -> tuple[list[np.ndarray], int]:
    """Tensors that differ in one dimension, empty ones among them, and that dimension."""
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    arrays = []
    for i, size in enumerate(sizes):
        shape[axis] = size
        arrays.append(floats(i, *shape))
    return arrays, axis


@given(parts())
def test_slices_of_a_concatenation_are_its_operands(drawn: Any) -> None:
    arrays, axis = drawn
    joined = apply("concatenation", *arrays, axis=axis)
    start, rows = 0, np.moveaxis(joined, axis, 0)
    for array in arrays:
        size = array.shape[axis]
        assert np.array_equal(rows[start : start + size], np.moveaxis(array, axis, 0))
        start += size
    assert start == rows.shape[0]


@given(st.integers(1, 4), st.integers(1, 3), st.integers(-3, 2), seeds)
def test_concatenation_undoes_split(count: int, size: int, axis: int, seed: int) -> None:
    shape = [2, 3, 2]
    shape[axis] = count * size
    x = floats(seed, *shape)
    cut = results(make("split", typed(x), axis=axis, parts=count), x)
    assert len(cut) == count
    assert np.array_equal(apply("concatenation", *cut, axis=axis), x)


@pytest.mark.parametrize("profile", PROFILES)
def test_concatenation_rescales_only_what_differs(profile: str) -> None:
    left, right = integers(1, 4, 3), integers(2, 4, 3)
    types = typed(left, 0.1, -3), typed(right, 0.2, 5)
    op = make("concatenation", *types, axis=1, scale=0.2, zero_point=5)
    [found] = results(op, left, right, profile=profile)
    assert np.array_equal(found[:, 3:], right)
    exact = np.clip((left.astype(float) + 3) / 2 + 5, -128, 127)
    assert np.abs(found[:, :3] - exact).max() <= 0.5


@pytest.mark.parametrize(
    ("shapes", "axis", "message"),
    [
        ([(2, 3), (3, 3)], 1, "2x3 and 3x3 differ in more than dimension 1"),
        ([(2, 3), (2,)], 0, "2x3 and 2 differ"),
        ([(2, 3)], 2, "axis 2 is not a dimension"),
    ],
)
def test_concatenation_of_shapes_that_do_not_fit(shapes: list[tuple[int, ...]], axis: int, message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        make("concatenation", *map(tensor, shapes), axis=axis)


def test_concatenation_with_unknown_dimensions() -> None:
    [inferred] = make("concatenation", tensor((None, 2, 3)), tensor((4, 1, None)), axis=1).infer()
    assert inferred.shape == (4, 3, 3)
    [inferred] = make("concatenation", tensor((4, None)), tensor((4, 1)), axis=1).infer()
    assert inferred.shape == (4, None)


@given(st.lists(st.integers(0, 3), max_size=3), st.integers(1, 4), st.data())
def test_pack(shape: list[int], count: int, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    arrays = [floats(i, *shape) for i in range(count)]
    assert np.array_equal(apply("pack", *arrays, axis=axis), np.stack(arrays, axis))


def test_split_must_fit() -> None:
    with pytest.raises(InferenceError, match="dimension 1, of size 5 is not a multiple of 2"):
        make("split", tensor((2, 5)), axis=1, parts=2)
    with pytest.raises(InferenceError, match="more than 1000000 parts"):
        make("split", tensor((2, 0)), axis=1, parts=10**12)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=4), seeds)
def test_tile(pairs: list[tuple[int, int]], seed: int) -> None:
    x = floats(seed, *(size for size, _ in pairs))
    found = apply("tile", x, multiples=[multiple for _, multiple in pairs])
    for index in np.ndindex(*found.shape):
        assert found[index] == x[tuple(i % n for i, n in zip(index, x.shape, strict=True))]


paddings = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(0, 3)), max_size=3)


@given(paddings, seeds)
def test_padding_surrounds_the_operand(drawn: list[tuple[int, int, int]], seed: int) -> None:
    x = floats(seed, *(size for size, _, _ in drawn))
    padding = [(before, after) for _, before, after in drawn]
    inside = tuple(slice(before, before + size) for size, before, _ in drawn)
    for found, value in (
        (apply("pad", x, padding=padding), 0.0),
        (apply("pad_v2", x, padding=padding, value=-2.5), -2.5),
    ):
        expected = np.full(found.shape, value, np.float32)
        expected[inside] = x
        assert np.array_equal(found, expected)


def test_padding_of_integers() -> None:
    x = np.array([5, 6], np.int8)
    [zero] = results(make("pad", typed(x, 0.5, -7), padding=[[1, 1]]), x)
    [stored] = results(make("pad_v2", typed(x, 0.5, -7), padding=[[1, 1]], value=9), x)
    assert zero.tolist() == [-7, 5, 6, -7]
    assert stored.tolist() == [9, 5, 6, 9]
    assert apply("pad", x > 5, padding=[[1, 0]]).tolist() == [False, False, True]


@pytest.mark.parametrize(("element", "value"), [("u8", -1), ("u8", 256), ("i8", 0.5), ("bool", 2), ("i32", 2**31)])
def test_value_must_be_storable(element: str, value: float) -> None:
    with pytest.raises(AssertionError, match="C1"):
        make("pad_v2", tensor((2,), element), padding=[[1, 1]], value=value)


@given(st.integers(1, 5), st.data(), st.sampled_from(["reflect", "symmetric"]), seeds)
def test_mirror_pad(size: int, data: st.DataObject, mode: str, seed: int) -> None:
    limit = size - 1 if mode == "reflect" else size
    before, after = data.draw(st.integers(0, limit)), data.draw(st.integers(0, limit))
    x = floats(seed, size, 2)
    found = apply("mirror_pad", x, padding=[[before, after], [0, 0]], mode=mode)
    edge = 0 if mode == "reflect" else 1
    for i in range(-before, size + after):
        source = -i - edge if i < 0 else 2 * size - 2 + edge - i if i >= size else i
        assert np.array_equal(found[i + before], x[source])


def test_mirror_pad_needs_enough_to_mirror() -> None:
    with pytest.raises(InferenceError, match="dimension 0 of size 2 has only 1 elements to mirror"):
        make("mirror_pad", tensor((2,)), padding=[[2, 0]], mode="reflect")
    with pytest.raises(InferenceError, match="3 entries for the 2 dimensions of 1x2"):
        make("mirror_pad", tensor((1, 2)), padding=[[0, 0]] * 3, mode="symmetric")
