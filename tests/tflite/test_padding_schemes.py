"""The cells that a file pads with, by a scheme and by an operator together, are those that the convolution has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import nir.tflite
from nir.ir import InferenceError, tensor
from nir.ops.builder import Builder

tflite = pytest.importorskip("tflite")

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
cells = st.tuples(*[st.integers(0, 2)] * 4)


def written_cells(content: bytes, size: tuple[int, int], window: tuple[int, int]) -> tuple[int, ...]:
    """Cells at top, bottom, left and right, as a reader of the file works them out."""
    graph = tflite.Model.GetRootAsModel(content, 0).Subgraphs(0)
    operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]
    added = np.zeros((4, 2), np.int32)
    if len(operators) == 2:
        buffer = graph.Tensors(operators[0].Inputs(1)).Buffer()
        data = tflite.Model.GetRootAsModel(content, 0).Buffers(buffer).DataAsNumpy()
        added = np.frombuffer(data.tobytes(), np.int32).reshape(4, 2)
    options = tflite.Conv2DOptions()
    options.Init(operators[-1].BuiltinOptions().Bytes, operators[-1].BuiltinOptions().Pos)
    strides = options.StrideH(), options.StrideW()
    found: list[int] = []
    for axis in (0, 1):
        length = size[axis] + int(added[1 + axis].sum())
        total = 0
        if options.Padding() == tflite.Padding.SAME:
            total = max((-(-length // strides[axis]) - 1) * strides[axis] + window[axis] - length, 0)
        found += [int(added[1 + axis][0]) + total // 2, int(added[1 + axis][1]) + total - total // 2]
    return tuple(found)


@given(size=st.tuples(st.integers(2, 6), st.integers(2, 6)), window=pairs, strides=pairs, padding=cells)
def test_cells_are_written_as_they_are(
    size: tuple[int, int], window: tuple[int, int], strides: tuple[int, int], padding: tuple[int, ...]
) -> None:
    b = Builder("main")
    x: Any = b.parameter("x", tensor((1, *size, 1)))
    weights = b.const(np.ones((1, *window, 1), np.float32))
    try:
        b.returns(b.conv_2d(x, weights, padding=padding, strides=strides))
    except InferenceError:
        assume(False)
    assert written_cells(nir.tflite.to_bytes(b.module), size, window) == padding
