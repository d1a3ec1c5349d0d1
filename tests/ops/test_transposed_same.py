"""A transposed convolution with `same` is the gradient of the convolution with `same`, whatever the padding."""

from __future__ import annotations

import numpy as np
from evaluation import apply
from hypothesis import given
from hypothesis import strategies as st

pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(size=st.tuples(st.integers(1, 7), st.integers(1, 7)), window=pairs, strides=pairs, seed=st.integers(0, 99))
def test_products_with_either_side_are_equal(
    size: tuple[int, int], window: tuple[int, int], strides: tuple[int, int], seed: int
) -> None:
    """<conv(x), y> = <x, transpose_conv(y)>; all numbers are small and whole."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-9, 9, (1, *size, 2)).astype(np.float32)
    filter = rng.integers(-9, 9, (3, *window, 2)).astype(np.float32)
    forward = apply("conv_2d", x, filter, strides=strides, padding="same")
    y = rng.integers(-9, 9, forward.shape).astype(np.float32)
    swapped = np.ascontiguousarray(filter.transpose(3, 1, 2, 0))
    back = apply("transpose_conv_2d", y, swapped, strides=strides, padding="same", output_size=size)
    assert float((forward * y).sum()) == float((x * back).sum())
