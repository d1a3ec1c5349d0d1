"""Cases with models that refer to models, sizes and ranks of which are found when they run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nir
from nir.conformance import Status, examine
from nir.errors import ConvertError
from nir.nnapi import convert
from nnapi.samples import record, run_case

BRANCHES = """
func @main(%c: tensor<1xbool>, %x: tensor<2x3xf32>) -> tensor<?x3xf32> {
  %0 = if(%c, %x) {then_branch = @double, else_branch = @stack} : tensor<?x3xf32>
  return %0
}
func @double(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = add(%x, %x) : tensor<?x3xf32>
  return %0
}
func @stack(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = concatenation(%x, %x) {axis = 0} : tensor<?x3xf32>
  return %0
}
"""
GROWING = """
func @main(%x: tensor<1x2xf32>, %i: tensor<1xi32>) -> (tensor<?x2xf32>, tensor<1xi32>) {
  %0, %1 = while(%x, %i) {condition = @below, body = @grow} : (tensor<?x2xf32>, tensor<1xi32>)
  return %0, %1
}
func @below(%x: tensor<?x2xf32>, %i: tensor<1xi32>) -> tensor<1xbool> {
  %end = const dense<[3]> : tensor<1xi32>
  %0 = less(%i, %end) : tensor<1xbool>
  return %0
}
func @grow(%x: tensor<?x2xf32>, %i: tensor<1xi32>) -> (tensor<?x2xf32>, tensor<1xi32>) {
  %0 = concatenation(%x, %x) {axis = 0} : tensor<?x2xf32>
  %one = const dense<[1]> : tensor<1xi32>
  %1 = add(%i, %one) : tensor<1xi32>
  return %0, %1
}
"""
X = np.arange(6, dtype=np.float32).reshape(2, 3)


def forget_ranks(case: dict[str, Any]) -> dict[str, Any]:
    """The case with tensors of no stated rank wherever a size is open."""
    for model in (case, *case["subgraphs"]):
        for operand in model["operands"]:
            if 0 in operand["dims"] and operand["value"] is None:
                operand["dims"] = []
    return case


@pytest.mark.parametrize("ranks", [True, False])
@pytest.mark.parametrize("condition", [True, False])
def test_branches_whose_sizes_differ(condition: bool, ranks: bool) -> None:
    case = run_case("branches", BRANCHES, [np.array([condition]), X], unknown_dims=True)
    examination = examine(record(case if ranks else forget_ranks(case)))
    assert examination.outcome.status is Status.PASSED, examination.outcome.message
    assert examination.outputs is not None
    assert examination.outputs[0].shape == ((2, 3) if condition else (4, 3))


@pytest.mark.parametrize("ranks", [True, False])
@pytest.mark.parametrize(("start", "rows"), [(3, 1), (2, 2), (0, 8)])
def test_a_loop_whose_value_grows(start: int, rows: int, ranks: bool) -> None:
    inputs = [np.ones((1, 2), np.float32), np.array([start], np.int32)]
    case = run_case("growing", GROWING, inputs, unknown_dims=True)
    examination = examine(record(case if ranks else forget_ranks(case)))
    assert examination.outcome.status is Status.PASSED, examination.outcome.message
    assert examination.outputs is not None
    assert examination.outputs[0].shape == (rows, 2)


def test_a_model_that_refers_to_itself_is_rejected() -> None:
    case = run_case("branches", BRANCHES, [np.array([True]), X], unknown_dims=True)
    inner = case["subgraphs"][0]
    inner["operands"] = case["operands"]
    inner["operations"] = case["operations"]
    inner["model_inputs"], inner["model_outputs"] = case["model_inputs"], case["model_outputs"]
    outcome = examine(record(case)).outcome
    assert outcome.status is Status.FAILED
    assert "rejected" in str(outcome.message)


def test_models_nested_too_deeply_are_refused() -> None:
    case = run_case("branches", BRANCHES, [np.array([True]), X], unknown_dims=True)
    copy = {key: case[key] for key in ("operands", "operations", "model_inputs", "model_outputs")}
    chain = []
    for number in range(200):
        operands = [
            {**operand, "value": [min(number + 1, 199)]} if operand["type"] == "SUBGRAPH" else operand
            for operand in copy["operands"]
        ]
        chain.append({**copy, "operands": operands, "name": f"level_{number}"})
    with pytest.raises(ConvertError, match="more than 100 deep"):
        convert(record({**case, "subgraphs": chain}))


def test_functions_of_referenced_models_come_after_main() -> None:
    case = run_case("growing", GROWING, [np.ones((1, 2), np.float32), np.array([0], np.int32)], unknown_dims=True)
    module = convert(record(case)).module
    assert list(module.functions) == ["main", "model_0", "model_1"]
    assert nir.check(module) == []
