"""A mistake that is made twice is reported twice, though what the verifier finds out about a signature is remembered."""

from __future__ import annotations

import pytest

from nir.text import parse
from nir.verify import check

QUANTISED, OTHER = "tensor<2xi8, scale=0.5, zero_point=0>", "tensor<2xi8, scale=0.25, zero_point=0>"
MISTAKES = {
    "a rule of quantisation": f"relu(%x) : {OTHER}",
    "a shape": "relu(%x) : tensor<3xi8, scale=0.5, zero_point=0>",
    "an element type": "relu(%x) : tensor<2xu8, scale=0.5, zero_point=0>",
    "an attribute": f"reverse(%x) {{axis = 7}} : {QUANTISED}",
    "a constraint": f"strided_slice(%x) {{begin = [0], end = [2], strides = [0]}} : {QUANTISED}",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_operation_with_a_mistake_is_reported(mistake: str) -> None:
    lines = "\n".join(f"  %{number} = {MISTAKES[mistake]}" for number in range(3))
    module = parse(f"func @main(%x: {QUANTISED}) -> () {{\n{lines}\n  return\n}}\n")
    found = check(module)
    assert [diagnostic.span.line for diagnostic in found if diagnostic.span is not None] == [2, 3, 4]
