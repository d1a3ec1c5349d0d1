"""What is added to a sum of products, or multiplied with it, becomes part of its weights and bias."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nir.ir import copy_module, tensor
from nir.ops.builder import Builder
from nir.passes import fold_constants
from nir.testing import assert_equivalent

CHANNELS = 3
steps = st.lists(st.sampled_from(["add", "sub", "mul", "div"]), min_size=1, max_size=3)


@given(
    operator=st.sampled_from(["conv_2d", "depthwise_conv_2d", "fully_connected"]),
    bias=st.booleans(),
    steps=steps,
    known_first=st.booleans(),
    seed=st.integers(0, 99),
)
def test_factors_scale_weights_and_bias(
    operator: str, bias: bool, steps: list[str], known_first: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dense = operator == "fully_connected"
    shape = {"conv_2d": (CHANNELS, 2, 2, CHANNELS), "depthwise_conv_2d": (1, 2, 2, CHANNELS)}.get(
        operator, (CHANNELS, CHANNELS)
    )
    b = Builder("main")
    x = b.parameter("x", tensor((2, CHANNELS) if dense else (1, 3, 3, CHANNELS)))
    weights = b.const(rng.standard_normal(shape).astype(np.float32))
    addend = b.const(rng.standard_normal(CHANNELS).astype(np.float32)) if bias else None
    value = getattr(b, operator)(x, weights, addend)
    for step in steps:
        known = b.const(rng.uniform(0.5, 2, CHANNELS).astype(np.float32))
        pair = (known, value) if known_first and step in ("add", "mul") else (value, known)
        value = getattr(b, step)(*pair)
    b.returns(value)
    folded = copy_module(b.module)
    fold_constants(folded)
    assert [op.name for op in folded.main if op.name != "const"] == [operator]
    assert_equivalent(b.module, folded, exact=False, samples=2)
