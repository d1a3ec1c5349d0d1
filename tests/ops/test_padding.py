"""Padding means real zeros, whatever the zero point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.interp import run
from nir.ir import tensor
from nir.ops.builder import Builder


@pytest.mark.parametrize("element", ["i8", "u8", "i16", "i32"])
@given(point=st.integers(0, 100), before=st.integers(0, 2), after=st.integers(1, 2), seed=st.integers(0, 99))
def test_padding_of_stored_integers_is_padding_of_real_values(
    element: str, point: int, before: int, after: int, seed: int
) -> None:
    b = Builder("main")
    given_type = tensor((2, 3), element, scale=0.5, zero_point=point)
    padding = ((before, after), (after, before))
    b.returns(b.dequantize(b.pad(b.parameter("x", given_type), padding=padding)))
    stored = np.random.default_rng(seed).integers(0, 100, (2, 3)).astype(given_type.element.numpy)
    (real,) = run(b.module, {"x": stored}).values()
    np.testing.assert_array_equal(real, np.pad((stored.astype(np.float32) - point) * np.float32(0.5), padding))
