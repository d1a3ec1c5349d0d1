"""The weights of a program come in the order of the names in its header, whatever the names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nir
from nir.ir import ConstantData, same, tensor
from nir.ops.builder import Builder
from nir.tvm.runtime_program import decode, encode

names = st.lists(st.sampled_from(["a", "b", "w10", "w9", "Z", "layer/1:0"]), min_size=1, max_size=5, unique=True)


@pytest.mark.parametrize("embed", [False, True])
@given(names=names)
def test_a_program_is_the_module_again(embed: bool, names: list[str]) -> None:
    b = Builder("main")
    value = b.parameter("x", tensor((2,)))
    for number, name in enumerate(names):
        weight = b.const(np.float32([number + 1, -number]))
        weight.producer.attributes["value"] = ConstantData(weight.producer.attributes["value"].array, name)
        value = b.add(b.mul(value, weight), weight)
    b.returns(value)
    program = encode(b.module, embed=embed)
    header = decode(program.encoded)
    assert len(program.weights) == len(header.weight_names) == (0 if embed else len(names))
    again = header.module(program.weights)
    assert same(b.module, again)
    x = np.float32([0.5, 3])
    for left, right in zip(nir.run(b.module, [x]).values(), nir.run(again, [x]).values(), strict=True):
        np.testing.assert_array_equal(left, right)
