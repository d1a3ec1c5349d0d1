"""Branches and loops in the interpreter: deep nesting without recursion, loops that do not end, traces."""

from __future__ import annotations

import numpy as np
import pytest

from nir import parse
from nir.errors import RunError
from nir.interp import Interpreter, Trace, run
from nir.ir import tensor
from nir.ops.builder import Builder
from nir.verify import check

LOOP = """nir 1.0

func @main(%x: tensor<1xi32>, %end: tensor<1xi32>) -> tensor<1xi32> {
  %0 = while(%x, %end) {condition = @below, body = @next} : tensor<1xi32>
  return %0
}

func @below(%x: tensor<1xi32>, %end: tensor<1xi32>) -> tensor<1xbool> {
  %0 = less(%x, %end) : tensor<1xbool>
  return %0
}

func @next(%x: tensor<1xi32>, %end: tensor<1xi32>) -> tensor<1xi32> {
  %one = const dense<1> : tensor<1xi32>
  %0 = add(%x, %one) : tensor<1xi32>
  return %0
}
"""


def count(start: int, end: int) -> int:
    inputs = [np.array([start], np.int32), np.array([end], np.int32)]
    return int(run(parse(LOOP), inputs)["output_0"][0])


def test_a_loop_runs_as_long_as_its_condition_holds() -> None:
    assert [count(0, 0), count(5, 2), count(-3, 4)] == [0, 5, 4]


def test_a_loop_may_take_many_rounds_but_not_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nir.interp.interpreter.MAXIMAL_ROUNDS", 200)
    assert count(0, 200) == 200
    with pytest.raises(RunError, match="the loop does not end: it has taken 200 rounds"):
        count(-1, 200)


def test_the_inputs_of_a_loop_are_left_alone() -> None:
    start, end = np.array([1], np.int32), np.array([3], np.int32)
    interpreter = Interpreter(parse(LOOP))
    results = [interpreter.run([start, end])["output_0"].tolist() for _ in range(2)]
    assert results == [[3], [3]]
    assert (start.tolist(), end.tolist()) == ([1], [3])


def test_a_loop_without_rounds_gives_copies_of_its_operands() -> None:
    start = np.array([9], np.int32)
    output = run(parse(LOOP), [start, np.array([3], np.int32)])["output_0"]
    output[0] = 4
    assert start.tolist() == [9]


def nested(depth: int) -> Builder:
    """A chain of functions, each of which calls the next one in one branch, and returns its operand in the other."""
    builder = Builder(f"f{depth}")
    x = builder.parameter("x", tensor(1))
    builder.returns(x)
    for level in reversed(range(depth)):
        inner = Builder(f"f{level}", builder.module)
        x = inner.parameter("x", tensor(1))
        condition = inner.const(np.array([True]))
        y = inner.add(x, x) if level == depth - 1 else x
        branches = {"then_branch": f"f{level + 1}", "else_branch": f"f{depth}"}
        [result] = inner.if_(condition, y, types=[tensor(1)], **branches)
        inner.returns(result)
    return builder


def test_deep_nesting_takes_no_recursion() -> None:
    module = nested(3000).module
    assert check(module) == []
    assert run(module, [np.ones(1, np.float32)], function="f0")["output_0"].tolist() == [2.0]


def test_only_the_branch_that_is_taken_runs() -> None:
    module = parse("""nir 1.0

func @main(%c: tensor<1xbool>, %rows: tensor<1xi32>) -> tensor<1x2xf32> {
  %0 = if(%c, %rows) {then_branch = @look, else_branch = @nothing} : tensor<1x2xf32>
  return %0
}

func @look(%rows: tensor<1xi32>) -> tensor<1x2xf32> {
  %table = const dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = embedding_lookup(%rows, %table) : tensor<1x2xf32>
  return %0
}

func @nothing(%rows: tensor<1xi32>) -> tensor<1x2xf32> {
  %0 = const dense<0.0> : tensor<1x2xf32>
  return %0
}
""")
    outside = np.array([5], np.int32)
    assert run(module, [np.array([False]), outside])["output_0"].tolist() == [[0.0, 0.0]]
    with pytest.raises(RunError, match="index 5"):
        run(module, [np.array([True]), outside])


def test_a_trace_shows_every_round() -> None:
    trace = Trace()
    run(parse(LOOP), [np.array([0], np.int32), np.array([3], np.int32)], trace=trace)
    rounds = [record for record in trace.records if record.path == ("main", "next") and record.operator == "add"]
    assert len(rounds) == 3


def test_a_condition_of_unknown_size_must_turn_out_to_be_one() -> None:
    module = parse("""nir 1.0

func @main(%c: tensor<?xbool>, %x: tensor<1xf32>) -> tensor<1xf32> {
  %0 = if(%c, %x) {then_branch = @same, else_branch = @same} : tensor<1xf32>
  return %0
}

func @same(%x: tensor<1xf32>) -> tensor<1xf32> {
  return %x
}
""")
    x = np.ones(1, np.float32)
    assert run(module, [np.array([True]), x])["output_0"].tolist() == [1.0]
    with pytest.raises(RunError, match="the condition has 2 elements, not one"):
        run(module, [np.array([True, False]), x])
