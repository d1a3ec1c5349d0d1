"""Partitioned NIR modules: the same graph, the same numbers, every operator outside with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nir
import nir.testing
from nir.errors import PartitionError, VerifyError
from nir.ir import Module, Trait, copy_module, dependency_order
from nir.ops.builder import Builder
from nir.passes import inline_regions, partition
from nir.targets import Target, rule
from nir.text.files import text_and_weights
from nir.verify import verify


def some_of(name: str, module: Module, wanted: set[int]) -> Target:
    """A target that runs those operations of `@main` whose numbers are wanted."""
    supported = {op.results[0].name for i, op in enumerate(module.main.operations) if i in wanted and op.results}

    @rule("chosen")
    def chosen(op: nir.Operation) -> bool:
        """The operation is one of those chosen."""
        return bool(op.results) and op.results[0].name in supported and Trait.CALLS not in op.traits

    return Target(name, "for a test", (chosen,))


def in_order(module: Module) -> Module:
    """The module with its operations in the order of the graph."""
    result = copy_module(module)
    for function in result:
        function.operations = dependency_order(function)
    return result


@given(module=nir.testing.modules(max_operators=10), data=st.data())
@settings(max_examples=150)
def test_a_partition_is_the_same_graph_and_computes_the_same(module: Module, data: st.DataObject) -> None:
    count = len(module.main.operations)
    numbers = st.sets(st.integers(0, max(count - 1, 0)))
    targets = [some_of("first", module, data.draw(numbers)), some_of("second", module, data.draw(numbers))]
    connected = data.draw(st.booleans())
    before = copy_module(module)
    split = partition(module, targets, connected=connected)
    assert nir.same(module, before, names=True), "the module given is left alone"
    try:
        verify(module)
    except VerifyError:
        return
    verify(split.module)
    assert nir.same(split.inlined(), module)
    text, weights = text_and_weights(split.module)
    read = nir.parse(text, weights=weights)
    # Compared as text: an attribute that is NaN is not equal to itself.
    assert text_and_weights(in_order(inline_regions(read)))[0] == text_and_weights(in_order(module))[0]
    assert_complete(split, module)
    inputs = data.draw(nir.testing.inputs_for(module))
    for left, right in zip(nir.run(module, inputs).values(), nir.run(split.module, inputs).values(), strict=True):
        np.testing.assert_array_equal(left, right, strict=True)


def assert_complete(split: nir.passes.partition, module: Module) -> None:
    """Operators are either in a region of their target or outside with a reason of every target."""
    report = split.report
    drawn = [op for op in module.main.operations if Trait.CONSTANT not in op.traits]
    assert report.operators == len(drawn)
    assert report.macs == sum(op.macs() for op in drawn)
    for each in report.outside:
        assert {reason.target for reason in each.reasons} == set(report.targets)
    for region, function in zip(report.regions, split.regions(), strict=True):
        assert function.attributes["target"] == region.target
        assert region.size == sum(Trait.CONSTANT not in op.traits for op in function.operations) > 0


def network() -> Module:
    """A quantised convolution, an operator that only the host has, and another convolution, with a shared constant."""
    b = Builder("main")
    x = b.parameter("x", nir.tensor((1, 8, 8, 4), "u8", scale=0.5, zero_point=128))
    w = b.const(np.ones((4, 1, 1, 4), np.int8), scale=0.25, name="w")
    first = b.conv_2d(x, w, scale=1.0, zero_point=3, name="first")
    middle = b.elu(b.dequantize(first, element="f32", name="wide"), name="middle")
    again = b.quantize(middle, element="u8", scale=1.0, zero_point=3, name="again")
    b.returns(b.conv_2d(again, w, scale=2.0, zero_point=1, name="last"), first)
    return b.module


def test_constants_go_along_and_boundaries_keep_their_quantisation() -> None:
    split = partition(network(), ["apu"])
    main, first, second = split.module
    assert [op.name for op in main.operations] == ["call", "elu", "call"]
    assert [op.name for op in first.operations] == ["const", "conv_2d", "dequantize"]
    assert [op.name for op in second.operations] == ["const", "quantize", "conv_2d"]
    assert str(first.parameters[0].type) == "tensor<1x8x8x4xu8, scale=0.5, zero_point=128>"
    assert [str(value.type) for value in first.results] == [
        "tensor<1x8x8x4xu8, scale=1.0, zero_point=3>",
        "tensor<1x8x8x4xf32>",
    ]
    assert nir.same(split.inlined(), network())


def test_the_report() -> None:
    split = partition(network(), ["apu"])
    (outside,) = split.report.outside
    assert (outside.name, outside.operator) == ("middle", "elu")
    assert [reason.rule for reason in outside.reasons] == ["available"]
    first, second = split.report.regions
    assert (first.name, first.target, first.macs, second.macs) == ("nir_0", "apu", 1024, 1024)
    assert (first.bytes_in, first.bytes_out, first.constant_bytes) == (256, 256 + 1024, 16)
    data = split.report.to_json()
    assert (data["operators"], data["offloaded_macs"], data["bytes_across"]) == (5, 2048, 256 + 1280 + 1024 + 256)
    assert data["outside"][0]["reasons"][0]["sentence"].startswith("The operator is available in the Neuron API")


def test_small_regions_are_given_up_and_fall_to_the_next_target() -> None:
    small = partition(network(), ["apu"], minimum_macs=5000)
    assert small.report.regions == ()
    assert {reason.rule for each in small.report.outside for reason in each.reasons} == {
        "region-too-small",
        "available",
    }
    found = next(each for each in small.report.outside if each.operator == "conv_2d").reasons[0].found
    assert found == "1024 multiply-accumulates, where 5000 are the least"
    both = partition(network(), ["apu", "cpu"], minimum_operators=3)
    assert [(region.target, region.size) for region in both.report.regions] == [("cpu", 5)]


def test_names_that_are_taken_are_passed_by() -> None:
    module = nir.parse(
        """func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = call @nir_0(%x) : tensor<2xf32>
  %1 = relu(%0) : tensor<2xf32>
  return %1
}

func @nir_0(%x: tensor<2xf32>) -> tensor<2xf32> { return %x }
"""
    )
    split = partition(module, ["apu"])
    assert list(split.module.functions) == ["main", "nir_0", "nir_1"]
    assert [reason.rule for reason in split.report.outside[0].reasons] == ["no-calls"]
    assert nir.same(split.inlined(), module)


def test_what_depends_on_nothing_stays() -> None:
    module = nir.parse(
        """func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<f32>) {
  %unused = const dense<1.0> : tensor<f32>
  %returned = const dense<2.0> : tensor<f32>
  %dead = relu(%x) : tensor<2xf32>
  %0 = add(%x, %returned) : tensor<2xf32>
  return %x, %0, %returned
}
"""
    )
    split = partition(module, ["apu"])
    verify(split.module)
    assert nir.same(split.inlined(), module)
    assert [op.name for op in split.module.main.operations] == ["const", "const", "call"]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["apuu"], "did you mean 'apu'"),
        ([], "no target to partition for"),
        (["apu", "apu"], "named twice"),
    ],
)
def test_wrong_targets_are_refused(targets: list[str], message: str) -> None:
    with pytest.raises(PartitionError, match=message):
        partition(network(), targets)


def test_a_partitioned_module_is_not_partitioned_again() -> None:
    with pytest.raises(PartitionError, match="already: @nir_0 has a target"):
        partition(partition(network()).module)


def test_a_module_without_main_is_refused() -> None:
    module = nir.parse("func @f() -> () { return }\nfunc @g() -> () { return }")
    with pytest.raises(PartitionError, match="no function @main"):
        partition(module)


def test_a_long_graph_takes_no_recursion_and_little_time(tmp_path: Path) -> None:
    b = Builder("main")
    value = b.parameter("x", nir.tensor((2,), "f32"))
    for index in range(10_000):
        value = b.elu(value) if index % 50 == 0 else b.relu(value)
    b.returns(value)
    split = partition(b.module)
    assert len(split.report.regions) == 200
    assert nir.same(inline_regions(split.module), b.module)
