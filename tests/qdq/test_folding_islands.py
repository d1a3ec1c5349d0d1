"""Folding of quantize / dequantize islands keeps their meaning.

The folded network is run; then every island of the original is worked out in floats from the integers that the folded
network had at its border. Where elements only move, results are equal. Elsewhere they are the nearest integer, or, where
the real value lies half way between two, the other one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from qdq_networks import STEPS, Network, movement, qdq_networks

import nir
from nir.interp import Trace
from nir.ir import Function, Module, Operation, Value
from nir.ir.traversal import copy_module
from nir.ops.profiles import get_profile
from nir.passes import eliminate_dead_code, fold_qdq
from nir.verify import verify

EXACT = {"concatenation", "const", "dequantize", "pad", "relu", "reshape", "reverse", "slice", "transpose"}
"""Operators that leave nothing to round where the scale stays."""

PROFILE = "xnnpack"
"""The profile that multiplies in float32, and so comes nearest to the floats of an island; others round twice."""

HALF_WAY = 0.02
"""How far from half way between two integers, in steps, an operator may still take the other one: rounded biases,
multipliers of 20 bits.
"""

COARSE = {"hard_swish": 0.5, "leaky_relu": 0.5, "requantize": 0.5}
"""The same for operators whose kernels have few bits."""

BEHIND = {"relu", "relu6", "maximum", "minimum", "reshape", "transpose", "pad", "slice", "reverse", "concatenation"}
"""Operators that hand on what another has rounded."""


def folded(module: Module) -> Module:
    made = copy_module(module)
    fold_qdq(made)
    eliminate_dead_code(made)
    verify(made)
    return made


def bounded(op: Operation) -> tuple[Operation | None, int, int]:
    """The quantize that `op` is, or whose result it bounds, and the bounds."""
    low, high = -(2**31), 2**31
    while op.name in ("maximum", "minimum") and op.results[0].type.quantisation is not None:
        source, const = (value.producer for value in op.operands)
        if const is None or const.name != "const" or source is None:
            return None, low, high
        bound = int(const.attributes["value"].array)
        low, high = (max(low, bound), high) if op.name == "maximum" else (low, min(high, bound))
        op = source
    return (op if op.name == "quantize" else None), low, high


def rounding_operator(value: Value) -> str:
    """The operator that rounded a tensor, seen through those that only hand it on."""
    while value.producer is not None and value.producer.name in BEHIND and value.producer.operands[0] is not None:
        value = value.producer.operands[0]
    return "" if value.producer is None else value.producer.name


class Islands:
    """The islands of a network, worked out from stored integers."""

    def __init__(self, function: Function, stored: dict[str, np.ndarray], made: Function) -> None:
        self.stored = stored
        self.operators = {value.name: rounding_operator(value) for op in made for value in op.results}
        self.function = function

    def check(self) -> int:
        """Compares every island whose result the folded network has too; returns how many."""
        checked = 0
        for op in self.function.operations:
            name = op.results[0].name
            quantize, low, high = bounded(op)
            if quantize is not None and name in self.stored:
                real, exact = self.real(quantize.operands[0])
                self.compare(quantize, real, exact, self.stored[name], (low, high), name)
                checked += 1
        return checked

    def real(self, value: Value) -> tuple[np.ndarray, bool]:
        """The float value of an island from the integers at its border; whether that took no rounding."""
        op = value.producer
        assert op is not None
        arrays, exact = [], op.name in EXACT
        for operand in op.operands:
            if operand.name in self.stored and operand.type.quantisation is not None:
                arrays.append(self.stored[operand.name])
                continue
            array, also = self.border(operand)
            arrays.append(array)
            exact = exact and also
        return np.asarray(op.reference(get_profile(PROFILE), *arrays)), exact

    def border(self, value: Value) -> tuple[np.ndarray, bool]:
        if value.producer is not None and value.producer.name == "const":
            return value.producer.attributes["value"].array, True
        return self.real(value)

    def compare(
        self, op: Operation, real: np.ndarray, exact: bool, found: np.ndarray, bounds: tuple[int, int], name: str
    ) -> None:
        type = op.results[0].type
        expected = np.clip(get_profile(PROFILE).quantise(real, type).astype(np.int64), *bounds)
        steps = np.abs(found.astype(np.int64) - expected)
        if exact and self.keeps_scale(op):
            assert steps.max(initial=0) == 0
            return
        assert steps.max(initial=0) <= 1
        position = np.abs(real.astype(np.float64)) / np.float64(type.quantisation.scale)
        distance = np.abs(position - np.floor(position) - 0.5)
        assert distance[steps > 0].max(initial=0) < COARSE.get(self.operators[name], HALF_WAY), name

    def keeps_scale(self, op: Operation) -> bool:
        """True where what the island reads has the parameters of what it makes."""
        stack, parameters = list(op.operands), op.results[0].type.quantisation
        while stack:
            producer = stack.pop().producer
            assert producer is not None
            if producer.name == "dequantize":
                if producer.operands[0].type.quantisation != parameters:
                    return False
            else:
                stack.extend(producer.operands)
        return True


def check(module: Module, seed: int = 0) -> Module:
    made = folded(module)
    inputs = nir.interp.random_inputs(made.main, seed)
    trace = Trace(arrays=True)
    nir.run(made, inputs, profile=PROFILE, trace=trace)
    stored = {record.name: record.array for record in trace.records if record.type.quantisation is not None}
    checked = Islands(module.main, stored, made.main).check()
    assert checked > 0 or module.main.results[0].name in stored
    return made


@settings(max_examples=60)
@given(qdq_networks())
def test_islands_keep_their_meaning(module: Module) -> None:
    made = check(module)
    assert not any(op.name in ("quantize", "dequantize") for op in made.main)


@settings(max_examples=60)
@given(qdq_networks((movement,), 5))
def test_what_only_moves_is_equal(module: Module) -> None:
    check(module)


@settings(max_examples=20)
@given(qdq_networks(most=4))
def test_folding_twice_changes_nothing(module: Module) -> None:
    made = folded(module)
    again = copy_module(made)
    assert fold_qdq(again) == 0
    assert nir.same(made, again)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_every_step_becomes_one_operation_or_two(step: Callable[[Network], None]) -> None:
    """The worst: bounds that are no activation stay operations of their own, and so does a change of scale."""

    @settings(max_examples=10)
    @given(qdq_networks((step,), 1))
    def sized(module: Module) -> None:
        operations = [op.name for op in check(module).main if op.name != "const"]
        assert len(operations) <= 2 + 2

    sized()


def test_a_shared_float_stays() -> None:
    """What is used as a float elsewhere is computed as before, and folded as far as it goes."""
    b = nir.Builder("main")
    x = b.parameter("x", nir.tensor((1, 4), "i8", scale=0.1))
    real = b.add(b.dequantize(x), b.dequantize(x))
    b.returns(b.quantize(real, element="i8", scale=0.2), real)
    module = b.module
    before = nir.run(module, {"x": np.array([[1, -5, 100, -128]], np.int8)})
    made = folded(module)
    assert [op.name for op in made.main] == ["dequantize", "add", "quantize"] or len(made.main) == 4
    after = nir.run(made, {"x": np.array([[1, -5, 100, -128]], np.int8)})
    for left, right in zip(before.values(), after.values(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_floats_are_left_alone(tmp_path: Any) -> None:
    b = nir.Builder("main")
    x = b.parameter("x", nir.tensor((1, 4), "f32"))
    b.returns(b.relu(x))
    assert fold_qdq(b.module) == 0
