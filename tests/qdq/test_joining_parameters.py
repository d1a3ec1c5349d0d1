"""Tensors that are joined between dequantize and quantize: as they are stored only where both parameters agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.interp import run
from nir.ir import Quantisation, copy_module, tensor, walk
from nir.ops.builder import Builder
from nir.passes import eliminate_dead_code, fold_qdq
from nir.verify import verify

quantisations = st.builds(Quantisation.per_tensor, st.sampled_from([0.25, 0.5]), st.sampled_from([-3, 0, 5]))


@pytest.mark.parametrize("operator", ["concatenation", "pack"])
@given(left=quantisations, right=quantisations, seed=st.integers(0, 99))
def test_joining_moves_real_values(operator: str, left: Quantisation, right: Quantisation, seed: int) -> None:
    """The network gives real values, and joining rounds nothing: all bits are the same."""
    b = Builder("main")
    stored = [b.parameter(name, tensor((2, 3), "i8").with_quantisation(q)) for name, q in (("x", left), ("y", right))]
    b.returns(getattr(b, operator)(*[b.dequantize(value) for value in stored], axis=1))
    folded = copy_module(b.module)
    fold_qdq(folded)
    eliminate_dead_code(folded)
    verify(folded)
    arrays = np.random.default_rng(seed).integers(-128, 128, (2, 2, 3)).astype(np.int8)
    inputs = {"x": arrays[0], "y": arrays[1]}
    (before,), (after,) = (run(module, inputs).values() for module in (b.module, folded))
    np.testing.assert_array_equal(after, before)
    names = [op.name for op in walk(folded)]
    assert (names == [operator, "dequantize"]) == (left == right)
