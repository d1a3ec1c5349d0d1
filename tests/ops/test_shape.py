"""Operators that move elements without changing any: shapes, blocks of pixels, joining, padding, slicing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from evaluation import apply, floats, integers, make, results, seeds, shapes, typed
from hypothesis import given
from hypothesis import strategies as st

from nir.ir import InferenceError, TensorType, tensor

images = st.tuples(st.integers(1, 3), *[st.integers(1, 4)] * 3)


@given(shapes, seeds, st.data())
def test_reshape_keeps_row_major_order(shape: tuple[int, ...], seed: int, data: st.DataObject) -> None:
    x = floats(seed, *shape)
    flat = apply("reshape", x, shape=[-1])
    assert flat.tolist() == x.ravel().tolist()
    wanted = list(shape)
    if wanted:
        wanted[data.draw(st.integers(0, len(wanted) - 1))] = -1
    assert np.array_equal(apply("reshape", flat, shape=wanted), x)


@pytest.mark.parametrize(
    ("shape", "wanted", "message"),
    [
        ((2, 3), [4, 2], r"2x3 has 6 elements, which do not fill \[4, 2\]"),
        ((2, 3), [4, -1], r"which do not fill \[4, -1\]"),
        ((2, 3), [-1, -1], "only one dimension"),
        ((0, 3), [0, -1], "which do not fill"),
    ],
)
def test_reshape_to_another_size(shape: tuple[int, ...], wanted: list[int], message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        make("reshape", tensor(shape), shape=wanted)


@given(shapes, seeds, st.randoms(use_true_random=False))
def test_transpose_and_back(shape: tuple[int, ...], seed: int, random: Any) -> None:
    x = integers(seed, *shape)
    order = list(range(len(shape)))
    random.shuffle(order)
    moved = apply("transpose", x, permutation=order)
    assert moved.shape == tuple(shape[d] for d in order)
    assert np.array_equal(apply("transpose", moved, permutation=np.argsort(order).tolist()), x)
    assert np.array_equal(apply("transpose", x), x.T)


@given(shapes, seeds, st.data())
def test_squeeze_undoes_expand_dims(shape: tuple[int, ...], seed: int, data: st.DataObject) -> None:
    x = floats(seed, *shape)
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    expanded = apply("expand_dims", x, axis=axis)
    assert np.array_equal(expanded, np.expand_dims(x, axis))
    if shape:
        assert np.array_equal(apply("squeeze", expanded, axes=[axis]), x)


def test_squeeze() -> None:
    x = floats(1, 1, 3, 1)
    assert apply("squeeze", x).shape == (3,)
    assert apply("squeeze", x[:, :1]).shape == (1,)  # never a scalar
    with pytest.raises(InferenceError, match="dimension 1 of 1x3x1 is not of size 1"):
        make("squeeze", tensor((1, 3, 1)), axes=[1])
    with pytest.raises(InferenceError, match="list them"):
        make("squeeze", tensor((1, None, 1)))


@given(images, st.integers(1, 3), st.sampled_from(["nhwc", "nchw"]), seeds)
def test_depth_to_space_and_back(shape: tuple[int, ...], block: int, layout: str, seed: int) -> None:
    batch, height, width, channels = shape
    x = integers(seed, batch, height, width, channels * block**2)
    spread = np.zeros((batch, height * block, width * block, channels), np.int8)
    for dy in range(block):
        for dx in range(block):
            first = (dy * block + dx) * channels
            spread[:, dy::block, dx::block] = x[..., first : first + channels]
    order = (0, 1, 2, 3) if layout == "nhwc" else (0, 3, 1, 2)
    packed, spread = x.transpose(order), spread.transpose(order)
    assert np.array_equal(apply("depth_to_space", packed, block=block, layout=layout), spread)
    assert np.array_equal(apply("space_to_depth", spread, block=block, layout=layout), packed)


@given(images, st.tuples(st.integers(1, 3), st.integers(1, 3)), st.sampled_from(["nhwc", "nchw"]), seeds)
def test_batch_to_space_and_back(shape: tuple[int, ...], block: tuple[int, int], layout: str, seed: int) -> None:
    (batch, height, width, channels), (down, across) = shape, block
    x = integers(seed, batch * down * across, height, width, channels)
    spread = np.zeros((batch, height * down, width * across, channels), np.int8)
    for dy in range(down):
        for dx in range(across):
            first = (dy * across + dx) * batch
            spread[:, dy::down, dx::across] = x[first : first + batch]
    order = (0, 1, 2, 3) if layout == "nhwc" else (0, 3, 1, 2)
    many, spread = x.transpose(order), spread.transpose(order)
    assert np.array_equal(apply("batch_to_space_nd", many, block=block, layout=layout), spread)
    assert np.array_equal(apply("space_to_batch_nd", spread, block=block, layout=layout), many)


def test_space_to_batch_pads_with_the_zero_point() -> None:
    x = np.array([1, 2, 3], np.uint8).reshape(1, 3, 1, 1)
    [found] = results(make("space_to_batch_nd", typed(x, 0.5, 9), block=[2, 1], padding=[1, 0, 0, 0]), x)
    assert found.ravel().tolist() == [9, 2, 1, 3]


@pytest.mark.parametrize(
    ("name", "shape", "attributes", "message"),
    [
        ("depth_to_space", (1, 2, 2, 6), {"block": 2}, "number of channels, 6 is not a multiple of 4"),
        ("space_to_depth", (1, 3, 2, 1), {"block": 2}, "height 3 is not a multiple of 2"),
        ("batch_to_space_nd", (3, 2, 2, 1), {"block": [1, 2]}, "number of images, 3 is not a multiple of 2"),
        ("space_to_batch_nd", (1, 3, 2, 1), {"block": [2, 2]}, "padded height, 3 is not a multiple of 2"),
        ("channel_shuffle", (1, 5), {"groups": 2}, "number of channels, 5 is not a multiple of 2"),
    ],
)
def test_blocks_must_fit(name: str, shape: tuple[int, ...], attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        make(name, tensor(shape), **attributes)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(-3, 2), seeds)
def test_channel_shuffle(groups: int, members: int, axis: int, seed: int) -> None:
    shape = [2, 3, 2]
    shape[axis] = groups * members
    x = floats(seed, *shape)
    rows, found = np.moveaxis(x, axis, 0), np.moveaxis(apply("channel_shuffle", x, groups=groups, axis=axis), axis, 0)
    for g in range(groups):
        for k in range(members):
            assert np.array_equal(found[k * groups + g], rows[g * members + k])


def test_unknown_dimensions_of_reshape() -> None:
    [inferred] = make("reshape", tensor((None, 4)), shape=[2, -1]).infer()
    assert inferred == TensorType(inferred.element, (2, None))
