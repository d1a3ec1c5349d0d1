"""Functions, constants, names and sizes: what surrounds the operators of a compiled module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agreement import disagreement
from batches import compiled_results, interpreted
from data import data_path

import nir
import nir.relay
import nir.tvm
from nir.errors import ConvertError, RunError
from nir.ir import Module, tensor
from nir.nnapi import read
from nir.nnapi.case import convert, inputs_of
from nir.ops.builder import Builder as OperatorBuilder
from nir.passes import nir_to_relax, relay_to_nir

CONTROL = """
func @main(%"a/b:0": tensor<1xbool>, %x: tensor<4xi32>, %c: tensor<bool>) -> (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) {
  %one = const dense<[1, 2, 3, 4]> : tensor<4xi32>
  %0 = if(%"a/b:0", %x, %one) {then_branch = @"sum:1", else_branch = @product} : tensor<4xi32>
  %1, %2 = if(%c, %0, %one) {then_branch = @both, else_branch = @swapped} : (tensor<4xi32>, tensor<4xi32>)
  return %1, %2, %one
}
func @"sum:1"(%x: tensor<4xi32>, %y: tensor<4xi32>) -> tensor<4xi32> {
  %0 = add(%x, %y) : tensor<4xi32>
  return %0
}
func @product(%x: tensor<4xi32>, %y: tensor<4xi32>) -> tensor<4xi32> {
  %0 = mul(%x, %y) : tensor<4xi32>
  return %0
}
func @both(%x: tensor<4xi32>, %y: tensor<4xi32>) -> (tensor<4xi32>, tensor<4xi32>) {
  %0 = call @"sum:1"(%x, %x) : tensor<4xi32>
  return %0, %y
}
func @swapped(%x: tensor<4xi32>, %y: tensor<4xi32>) -> (tensor<4xi32>, tensor<4xi32>) {
  return %y, %x
}
"""


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_branches_calls_and_several_results(first: bool, second: bool) -> None:
    module = nir.parse(CONTROL)
    inputs = {"a/b:0": np.array([first]), "x": np.array([5, -6, 7, 2**31 - 1], np.int32), "c": np.array(second)}
    found = nir.tvm.compile(module).run(inputs)
    for mine, other in zip(interpreted(module, inputs, "tflite"), found, strict=True):
        assert np.array_equal(mine, other)


def test_a_function_by_name_and_parameters_that_are_results() -> None:
    module = nir.parse(CONTROL)
    compiled = nir.tvm.compile(module, function="swapped")
    x, y = np.arange(4, dtype=np.int32), np.ones(4, np.int32)
    assert [array.tolist() for array in compiled.run({"x": x, "y": y})] == [y.tolist(), x.tolist()]
    with pytest.raises(RunError, match="no function @swaped"):
        nir.tvm.compile(module, function="swaped")


def test_special_floats_come_out_as_they_are() -> None:
    text = """
    func @main(%x: tensor<6xf16>, %y: tensor<6xf32>) -> (tensor<6xf16>, tensor<6xf32>, tensor<6xi8>, tensor<i32>,
        tensor<6xi8, scale=0.5, zero_point=1>, tensor<6xf32>) {
      %0 = relu6(%x) : tensor<6xf16>
      %1 = maximum(%y, %y) : tensor<6xf32>
      %2 = cast(%y) : tensor<6xi8>
      %3 = rank(%y) : tensor<i32>
      %4 = quantize(%y) : tensor<6xi8, scale=0.5, zero_point=1>
      %5 = relu1(%y) : tensor<6xf32>
      return %0, %1, %2, %3, %4, %5
    }
    """
    special = [np.nan, np.inf, -np.inf, -0.0, 1e-7, 5.9]
    inputs = {"x": np.array(special, np.float16), "y": np.array(special, np.float32)}
    module = nir.parse(text)
    [found] = compiled_results([module], [inputs], "tflite")
    for mine, other in zip(interpreted(module, inputs, "tflite"), found, strict=True):
        assert np.array_equal(mine, other, equal_nan=mine.dtype.kind == "f")


def test_a_long_chain_converts() -> None:
    """Without recursion; equal programs stand in the module once."""
    b = OperatorBuilder("main")
    x = b.parameter("x", tensor((2,), "i32"))
    one = b.const(np.ones(2, np.int32))
    for index in range(10_000):
        x = b.reshape(x, shape=(2,)) if index % 10 else b.add(x, one)
    b.returns(x)
    relax = nir_to_relax(b.module)
    (main,) = [function for name, function in relax.functions_items() if name.name_hint == "main"]
    assert sum(len(block.bindings) for block in main.body.blocks) >= 10_000
    programs = [name for name, _ in relax.functions_items() if name.name_hint != "main"]
    assert len(programs) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("func @main(%x: tensor<?xf32>) -> tensor<?xf32> {\n  return %x\n}", "%x is known only at run time"),
        ("func @main(%x: tensor<0x2xf32>) -> tensor<0x2xf32> {\n  return %x\n}", "%x has no elements"),
        (
            "func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n  %0 = call @main(%x) : tensor<2xf32>\n  return %0\n}",
            "recursive call of @main",
        ),
        (
            'func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n  %0 = foreign "a.b"(%x) : tensor<2xf32>\n  return %0\n}',
            "NIR does not know what it means",
        ),
    ],
)
def test_refusals_say_why_and_where(text: str, reason: str) -> None:
    with pytest.raises(ConvertError, match=reason) as caught:
        nir_to_relax(nir.parse(text))
    assert caught.value.diagnostics[0].span is not None


def test_all_refusals_are_told_at_once() -> None:
    text = """
    func @main(%x: tensor<2xf32>, %y: tensor<?xf32>) -> tensor<2xf32> {
      %0 = foreign "a.b"(%x) : tensor<2xf32>
      %1 = foreign "a.c"(%0) : tensor<2xf32>
      return %1
    }
    """
    with pytest.raises(ConvertError) as caught:
        nir_to_relax(nir.parse(text))
    assert [d.found for d in caught.value.diagnostics] == ["2 operations", "tensor<?xf32>"]


def test_what_is_no_module_is_told() -> None:
    with pytest.raises(TypeError, match=r"nir\.Module"):
        nir_to_relax("model.nir")  # type: ignore[arg-type]
    with pytest.raises(RunError, match="no numeric profile 'tflit'"):
        nir_to_relax(nir.parse(CONTROL), profile="tflit")


def test_a_whole_network_in_int8(repository: Path) -> None:
    folder = repository / "examples" / "mobilenet_v1_int8"
    module = relay_to_nir(nir.relay.load(folder / "model.relay", folder / "model.params"))
    samples = np.load(folder / "samples.npz")
    (parameter,) = module.main.parameters
    images = next(samples[name] for name in samples.files if samples[name].shape[1:] == parameter.shape[1:])
    compiled = nir.tvm.compile(module, profile="relay")
    for image in images[:2]:
        inputs = {str(parameter.name): image.reshape([int(size or 0) for size in parameter.shape])}
        for mine, other in zip(interpreted(module, inputs, "relay"), compiled.run(inputs), strict=True):
            assert np.array_equal(mine, other)


def test_recorded_cases_of_nnapi() -> None:
    """Every fortieth; the rest are like them."""
    records = [record for record in read([data_path("nnapi")]) if not record.json["expect_failure"]][::40]
    modules: list[Module] = []
    inputs = []
    for record in records:
        module = convert(record).module
        try:
            nir_to_relax(module)
        except ConvertError:
            continue
        modules.append(module)
        inputs.append(inputs_of(record))
    assert len(modules) > 30
    for module, given, found in zip(modules, inputs, compiled_results(modules, inputs, "tflite"), strict=True):
        assert not disagreement(module, given, interpreted(module, given, "tflite"), found)
