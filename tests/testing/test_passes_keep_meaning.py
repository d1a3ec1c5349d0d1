"""Passes over any module, drawn: the verifier takes what they make, and it computes the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nir.ir import Module, Trait, walk
from nir.ops import OPERATORS
from nir.ops.common import Layout
from nir.ops.profiles import PROFILES
from nir.passes import eliminate_dead_code, fold_constants, reduce_transposes, to_nhwc
from nir.testing import assert_equivalent, inputs_for, modules
from nir.testing.error_bounds import RULES
from nir.text import parse, print_module
from nir.verify import check

PASSES: dict[str, tuple[Callable[[Module], Any], bool]] = {
    "eliminate_dead_code": (eliminate_dead_code, True),
    "fold_constants": (fold_constants, False),
    "to_nhwc": (to_nhwc, False),
    "reduce_transposes": (reduce_transposes, False),
}
"""Passes that change a module in place, and whether the bits stay the same; others compute the same over the reals."""

BOUNDED = [op.name for op in OPERATORS if RULES.get(op.name) or Trait.MOVES in op.traits or Trait.CALLS in op.traits]
"""Operators whose rounding errors have a bound."""


IMAGES = [
    "conv_2d",
    "depthwise_conv_2d",
    "grouped_conv_2d",
    "transpose_conv_2d",
    "average_pool_2d",
    "max_pool_2d",
    "depth_to_space",
    "resize_nearest_neighbor",
    "transpose",
    "reshape",
    "add",
    "concatenation",
    "pad",
    "softmax",
    "mean",
    "relu",
    "split",
]
"""Operators between which layouts travel."""


@pytest.mark.parametrize("name", PASSES)
@settings(max_examples=40)
@given(data=st.data(), profile=st.sampled_from(list(PROFILES)))
def test_a_pass_keeps_the_meaning(name: str, data: st.DataObject, profile: str) -> None:
    change, exact = PASSES[name]
    any_module = modules() if exact else modules(operators=BOUNDED)
    module = data.draw(any_module | modules(operators=IMAGES, max_operators=8))
    changed = parse(print_module(module))
    change(changed)
    assert check(changed) == []
    inputs = data.draw(inputs_for(module))
    assert_equivalent(module, changed, inputs=inputs, profile=profile, exact=exact)


def test_layouts_are_drawn() -> None:
    """The property above would say nothing of layouts that never come up."""
    found = 0

    @settings(max_examples=60, database=None, derandomize=True)
    @given(module=modules(operators=IMAGES, max_operators=8))
    def run(module: Module) -> None:
        nonlocal found
        found += any(getattr(op, "layout", None) is Layout.NCHW for op in walk(module))

    run()
    assert found >= 10


@pytest.mark.parametrize(
    "text",
    [
        """func @main() -> tensor<1xf32> {
  %0 = const dense<3.0> : tensor<1xf32>
  %1 = split(%0) {axis = 0, parts = 1} : tensor<1xf32>
  return %1
}""",
        """func @main() -> tensor<f32> {
  %0 = const dense<3.0> : tensor<f32>
  %1 = exp(%0) : tensor<f32>
  return %1
}""",
        """func @main() -> tensor<4xi8, scale=1.0, zero_point=0> {
  %0 = const dense<[1, 3]> : tensor<2xi8, scale=0.5, zero_point=0>
  %1 = const dense<[5, 7]> : tensor<2xi8, scale=1.0, zero_point=0>
  %2 = concatenation(%0, %1) {axis = 0} : tensor<4xi8, scale=1.0, zero_point=0>
  return %2
}""",
    ],
    ids=["one part", "scalar", "parts on several scales"],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_folding_gives_what_the_operation_gives(text: str, profile: str) -> None:
    """An operation with a list of one result; a scalar; and one that rescales, which is the profile's business."""
    module, folded = parse(text), parse(text)
    fold_constants(folded)
    assert check(folded) == []
    assert_equivalent(module, folded, profile=profile)
