"""Strided slices of images go along into another layout, with whatever their masks say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nir.interp import run
from nir.ir import copy_module, tensor, walk
from nir.ops.builder import Builder
from nir.passes import to_nhwc
from nir.verify import verify

bounds = st.tuples(*[st.integers(-3, 3)] * 4)
masks = st.integers(0, 15)


@given(begin=bounds, begin_mask=masks, end_mask=masks, shrunk=st.sampled_from([0, 1, 2, 4, 8, 6, 10]))
def test_masks_follow_their_dimensions(begin: tuple[int, ...], begin_mask: int, end_mask: int, shrunk: int) -> None:
    """All of the dimensions have another size, and the slice stands between two pools of NCHW."""
    sizes = (3, 4, 5, 6)
    b = Builder("main")
    x = b.parameter("x", tensor(sizes))
    image = b.max_pool_2d(x, window=(1, 1), layout="nchw")
    end = tuple(max(first % size, 0) + 2 for first, size in zip(begin, sizes, strict=True))
    part = b.strided_slice(
        image,
        begin=begin,
        end=end,
        strides=(1, 1, 2, 1),
        begin_mask=begin_mask,
        end_mask=end_mask,
        shrink_mask=shrunk,
    )
    b.returns(
        b.average_pool_2d(part, window=(1, 1), layout="nchw") if len(part.shape) == 4 and part.type.size else part
    )
    module = copy_module(b.module)
    to_nhwc(module)
    verify(module)
    assert not any("layout" in op.attributes for op in walk(module))
    values = np.arange(360, dtype=np.float32).reshape(sizes)
    (before,), (after,) = (run(m, {"x": values}).values() for m in (b.module, module))
    np.testing.assert_array_equal(after, before)
