"""Quantisation goes from arguments to the parameters of the functions that are called, each to its own, and back."""

from __future__ import annotations

import pytest

from nir.ir import Module, Quantisation, tensor
from nir.ops.builder import Builder
from nir.passes import propagate_quantisation

PARAMETERS = [Quantisation.per_tensor(0.5, 3), Quantisation.per_tensor(0.25, -1), Quantisation.per_tensor(2.0, 0)]


def branch(name: str, count: int) -> Builder:
    b = Builder(name)
    b.returns(*[b.parameter(f"p{i}", tensor((2,), "i8")) for i in range(count)])
    return b


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("stated", ["arguments", "results", "parameters"])
def test_each_argument_of_an_if_goes_with_one_parameter(count: int, stated: str) -> None:
    yes, no = branch("yes", count), branch("no", count)
    b = Builder("main")
    condition = b.parameter("condition", tensor((1,), "bool"))
    arguments = [b.parameter(f"x{i}", tensor((2,), "i8")) for i in range(count)]
    types = [tensor((2,), "i8")] * count
    results = b.if_(condition, *arguments, then_branch="yes", else_branch="no", types=types)
    b.returns(*results)
    known = {"arguments": arguments, "results": results, "parameters": yes.function.parameters}[stated]
    for value, quantisation in zip(known, PARAMETERS, strict=False):
        value.type = value.type.with_quantisation(quantisation)
    module = Module([b.function, yes.function, no.function])
    propagate_quantisation(module)
    for values in (arguments, results, yes.function.parameters, no.function.parameters):
        assert [value.type.quantisation for value in values] == PARAMETERS[:count]
    assert condition.type.quantisation is None
