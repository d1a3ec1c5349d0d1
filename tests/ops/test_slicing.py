"""Parts of tensors, against Python's own slices and loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from evaluation import apply, floats, make, seeds, shapes
from hypothesis import given
from hypothesis import strategies as st

from nir.errors import RunError
from nir.ir import InferenceError, tensor


@given(shapes, seeds, st.data())
def test_slice(shape: tuple[int, ...], seed: int, data: st.DataObject) -> None:
    x = floats(seed, *shape)
    begin = [data.draw(st.integers(0, size)) for size in shape]
    size = [data.draw(st.integers(-1, whole - first)) for first, whole in zip(begin, shape, strict=True)]
    box = tuple(slice(b, None if s == -1 else b + s) for b, s in zip(begin, size, strict=True))
    assert np.array_equal(apply("slice", x, begin=begin, size=size), x[box])


bounds = st.integers(-7, 7)
steps = st.sampled_from([-3, -2, -1, 1, 2, 3])


@given(
    st.lists(st.tuples(st.integers(1, 5), bounds, bounds, steps), max_size=4), st.integers(0, 15), st.integers(0, 15)
)
def test_strided_slice_is_pythons(drawn: list[Any], begin_mask: int, end_mask: int) -> None:
    x = floats(1, *(size for size, *_ in drawn))
    expected = x
    slices = []
    for d, (_, begin, end, step) in enumerate(drawn):
        first = None if begin_mask >> d & 1 else begin
        last = None if end_mask >> d & 1 else end
        slices.append(slice(first, last, step))
    expected = x[tuple(slices)]
    lists = {"begin": [d[1] for d in drawn], "end": [d[2] for d in drawn], "strides": [d[3] for d in drawn]}
    assert np.array_equal(apply("strided_slice", x, **lists, begin_mask=begin_mask, end_mask=end_mask), expected)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 7), st.data())
def test_strided_slice_shrinks(shape: list[int], mask: int, data: st.DataObject) -> None:
    x = floats(2, *shape)
    begin = [data.draw(st.integers(-size, size - 1)) for size in shape]
    index = tuple(b if mask >> d & 1 else slice(b, None) for d, b in enumerate(begin))
    expected = x[index]
    found = apply("strided_slice", x, begin=begin, end=[99] * len(shape), strides=[1] * len(shape), shrink_mask=mask)
    assert np.array_equal(found, expected if expected.ndim else [expected])


@pytest.mark.parametrize(
    ("name", "attributes", "message"),
    [
        ("slice", {"begin": [3, 0], "size": [0, 1]}, "index 3 lies outside dimension 0 of size 2"),
        ("slice", {"begin": [1, 1], "size": [1, 3]}, "3 elements from 1 on leave dimension 1 of size 3"),
        ("slice", {"begin": [1], "size": [1, 1]}, "1 entries for the 2 dimensions of 2x3"),
        (
            "strided_slice",
            {"begin": [2, 0], "end": [3, 1], "strides": [1, 1], "shrink_mask": 1},
            "index 2 lies outside",
        ),
        ("strided_slice", {"begin": [0, 0], "end": [3, 1], "strides": [0, 1]}, "a stride is 0"),
        ("reverse", {"axis": 2}, "axis 2 is not a dimension"),
    ],
)
def test_parts_must_lie_inside(name: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        make(name, tensor((2, 3)), **attributes)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.lists(st.integers(0, 3), max_size=2), st.data())
def test_gather(shape: list[int], index_shape: list[int], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = floats(3, *shape)
    indices = np.random.default_rng(data.draw(seeds)).integers(0, shape[axis], index_shape).astype(np.int32)
    found = apply("gather", x, indices, axis=axis)
    front = axis % len(shape)
    for place in np.ndindex(*index_shape):
        taken = found[(slice(None),) * front + place]
        assert np.array_equal(taken, x[(slice(None),) * front + (indices[place],)])


@pytest.mark.parametrize("index", [-1, 3])
def test_gather_outside(index: int) -> None:
    with pytest.raises(RunError, match=f"index {index} lies outside dimension 0 of size 3"):
        apply("gather", np.zeros(3, np.float32), np.array([0, index], np.int32))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), seeds, st.data())
def test_reverse(shape: list[int], seed: int, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = floats(seed, *shape)
    once = apply("reverse", x, axis=axis)
    assert np.array_equal(np.moveaxis(once, axis, 0)[::-1], np.moveaxis(x, axis, 0))
    assert np.array_equal(apply("reverse", once, axis=axis), x)
