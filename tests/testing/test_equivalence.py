"""assert_equivalent accepts what is the same, refuses what is not, and says where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nir.interp import run
from nir.ir import Module, Operation, Trait
from nir.ops import OPERATORS
from nir.ops.profiles import get_profile
from nir.testing import (
    NoErrorBound,
    NotEquivalent,
    assert_conversion,
    assert_equivalent,
    inputs_for,
    modules,
    operations,
)
from nir.testing.conversion_check import cut_behind
from nir.testing.error_bounds import RULES, ErrorBounds, rule_of
from nir.testing.error_terms import Array, Error, real_values
from nir.text import parse, print_module
from nir.verify import check

CHAIN = """func @main(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> tensor<2x3xf32> {
  %0 = add(%x, %y) : tensor<2x3xf32>
  %1 = mul(%0, %y) : tensor<2x3xf32>
  %2 = tanh(%1) : tensor<2x3xf32>
  return %2
}
"""
QUANTISED = """func @main(%x: tensor<4xi8, scale=0.5, zero_point=0>) -> tensor<4xi8, scale=0.25, zero_point=0> {
  %0 = relu(%x) : tensor<4xi8, scale=0.5, zero_point=0>
  %1 = add(%0, %x) : tensor<4xi8, scale=0.25, zero_point=0>
  return %1
}
"""


# --- the same ---


@settings(max_examples=40)
@given(module=modules())
def test_a_module_is_equivalent_to_its_text(module: Module) -> None:
    assert_equivalent(module, parse(print_module(module)), samples=2)


@settings(max_examples=30)
@given(module=modules(operators=["conv_2d", "add", "mul", "relu", "softmax", "reshape", "tanh"]))
def test_bounds_are_not_below_nothing(module: Module) -> None:
    assert_equivalent(module, parse(print_module(module)), samples=1, exact=False)


def test_functions_and_names_by_place() -> None:
    module = parse(CHAIN)
    renamed = parse(CHAIN.replace("%x", "%a").replace("%y", "%b"))
    assert_equivalent(module, renamed)
    assert_equivalent(module, lambda inputs: run(module, inputs))
    assert_equivalent(lambda inputs: list(run(module, inputs).values()), module)
    assert_equivalent(len, lambda inputs: np.array(len(inputs)), inputs={"x": np.zeros(1)})


def test_another_order_of_summation_is_within_the_bound() -> None:
    """What numpy's pairwise sum, a plain loop and float64 give are all within gamma(n) of each other, and nothing else is."""
    module = parse(
        "func @main(%x: tensor<4096xf32>) -> tensor<1xf32> {\n  %0 = reduce_sum(%x) {axes = [0]} : tensor<1xf32>\n  return %0\n}"
    )
    inputs = {"x": np.random.default_rng(3).standard_normal(4096).astype(np.float32)}

    def loop(arrays: Mapping[str, Any]) -> Any:
        return np.cumsum(arrays["x"], dtype=np.float32)[-1:]

    def wrong(arrays: Mapping[str, Any]) -> Any:
        return arrays["x"][1:].sum(keepdims=True)

    with pytest.raises(NotEquivalent, match="output 0 differs"):
        assert_equivalent(module, loop, inputs=inputs, exact=True)
    assert_equivalent(module, loop, inputs=inputs)
    assert_equivalent(
        module, lambda arrays: arrays["x"].astype(np.float64).sum(keepdims=True).astype(np.float32), inputs=inputs
    )
    with pytest.raises(NotEquivalent):
        assert_equivalent(module, wrong, inputs=inputs)


def test_rewriting_over_the_reals_is_allowed_where_it_is_said() -> None:
    left = parse(
        "func @main(%x: tensor<50xf32>, %y: tensor<50xf32>, %z: tensor<50xf32>) -> tensor<50xf32> {\n  %0 = add(%x, %y) : tensor<50xf32>\n  %1 = add(%0, %z) : tensor<50xf32>\n  return %1\n}"
    )
    right = parse(
        "func @main(%x: tensor<50xf32>, %y: tensor<50xf32>, %z: tensor<50xf32>) -> tensor<50xf32> {\n  %a = add(%y, %z) : tensor<50xf32>\n  %b = add(%x, %a) : tensor<50xf32>\n  return %b\n}"
    )
    with pytest.raises(NotEquivalent):
        assert_equivalent(left, right)
    assert_equivalent(left, right, exact=False)


def test_a_float_decides_an_integer_only_near_a_boundary() -> None:
    text = "func @main(%x: tensor<3xf32>) -> tensor<3xi8, scale=1.0, zero_point=0> {\n  %0 = exp(%x) : tensor<3xf32>\n  %1 = quantize(%0) : tensor<3xi8, scale=1.0, zero_point=0>\n  return %1\n}"
    inputs = {"x": np.log(np.array([2.5, 3.5, 3.0], np.float32))}
    other = {"x": inputs["x"] * np.float32(1 + 3e-7)}
    assert_equivalent(parse(text), lambda arrays: run(parse(text), other), inputs=inputs)
    with pytest.raises(NotEquivalent):
        assert_equivalent(
            parse(text), lambda arrays: run(parse(text), {"x": inputs["x"] + np.float32(1.5)}), inputs=inputs
        )


# --- not the same ---


def test_the_first_operator_that_differs_is_named_with_its_operands() -> None:
    wrong = parse(CHAIN.replace("mul(", "sub("))
    inputs = {"x": np.full((2, 3), 2, np.float32), "y": np.array([0.5, 1, 0.25], np.float32)}
    with pytest.raises(NotEquivalent) as caught:
        assert_equivalent(parse(CHAIN), wrong, inputs=inputs)
    text = str(caught.value)
    assert text.splitlines()[0] == "the first value that differs: %1 in @main"
    assert "%1 = mul(%0, %y)" in text
    assert "on the right: %1 = sub(%0, %y)" in text
    assert "6 of 6 elements differ by more than they may; the worst is [0, 2]: 0.5625 and 2.0" in text
    assert "%0: tensor<2x3xf32>, agrees, [0, 2] is 2.25" in text
    assert "%y: tensor<3xf32>, agrees, [2] is 0.25" in text
    assert "<string>:3" in text
    assert caught.value.operation is not None
    assert caught.value.operation.name == "mul"
    assert caught.value.inputs.keys() == {"x", "y"}


def test_integers_are_equal_but_for_stated_steps() -> None:
    module = parse(QUANTISED)

    def off_by_one(arrays: Mapping[str, Any]) -> Any:
        return run(module, arrays)["output_0"] ^ 1

    with pytest.raises(NotEquivalent, match="1 step apart, where nothing is allowed"):
        assert_equivalent(module, off_by_one)
    assert_equivalent(module, off_by_one, steps=1)


def test_profiles_differ_where_they_round() -> None:
    text = """func @main(%x: tensor<3xf32>) -> tensor<3xi8, scale=1.0, zero_point=0> {
  %0 = quantize(%x) : tensor<3xi8, scale=1.0, zero_point=0>
  return %0
}"""
    inputs = {"x": np.array([0.5, 1.5, 2.5], np.float32)}
    assert_equivalent(parse(text), parse(text), inputs=inputs, profile="tvm")
    with pytest.raises(NotEquivalent, match="quantize"):
        assert_equivalent(parse(text), parse(text), inputs=inputs, right_profile="tvm")


@pytest.mark.parametrize(
    ("right", "message"),
    [
        (lambda inputs: [], "the left has 1 outputs, the right 0"),
        (lambda inputs: np.zeros((2, 3)), "float64"),
        (lambda inputs: np.zeros((3, 2), np.float32), r"\[3, 2\] on the right"),
    ],
)
def test_outputs_of_another_kind(right: Any, message: str) -> None:
    with pytest.raises(NotEquivalent, match=message):
        assert_equivalent(parse(CHAIN), right)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(TypeError, match="a int cannot be run"):
        assert_equivalent(parse(CHAIN), 7)
    with pytest.raises(TypeError, match="inputs must be given"):
        assert_equivalent(len, len)
    lstm = parse(next(op for op in OPERATORS if op.name == "rnn").example())
    with pytest.raises(NoErrorBound, match="no error bound for rnn"):
        assert_equivalent(lstm, lambda inputs: run(lstm, inputs))
    assert_equivalent(lstm, lambda inputs: run(lstm, inputs), ulps={"rnn": 10})
    assert_equivalent(lstm, parse(print_module(lstm)))


def test_zeros_have_a_sign_and_nans_none() -> None:
    module = parse("func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x }")
    inputs = {"x": np.array([0, np.nan], np.float32)}
    other = np.array([-0.0, -np.nan], np.float32)
    with pytest.raises(NotEquivalent, match=r"\[0\]: 0.0 and -0.0"):
        assert_equivalent(module, lambda arrays: other, inputs=inputs, exact=True)
    assert_equivalent(module, lambda arrays: other, inputs=inputs)


# --- finding the operator behind outputs ---


def forgetful(module: Module) -> Any:
    """A back end that takes `tanh` for the identity where it follows a product."""
    text = print_module(module).replace("tanh(%1)", "relu(%1)")
    return lambda inputs: run(parse(text), inputs)


def test_a_conversion_is_cut_off_behind_the_operator_that_is_wrong() -> None:
    module = parse(
        """func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
             %0 = exp(%x) : tensor<4xf32>
             %1 = mul(%x, %x) : tensor<4xf32>
             %2 = tanh(%1) : tensor<4xf32>
             %3 = add(%2, %0) : tensor<4xf32>
             %4 = neg(%3) : tensor<4xf32>
             return %4
           }"""
    )
    with pytest.raises(NotEquivalent) as caught:
        assert_conversion(module, forgetful)
    assert "output 0 differs: %2 in @main" in str(caught.value)
    part = str(caught.value).split("by itself this differs:\n")[1]
    assert [op.name for op in parse(part).main] == ["mul", "tanh"]
    assert_conversion(module, lambda candidate: candidate)


@settings(max_examples=30)
@given(module=modules(), data=st.data())
def test_a_cut_module_is_a_module(module: Module, data: st.DataObject) -> None:
    made = [op for op in module.main if Trait.CONSTANT not in op.traits]
    part = cut_behind(module, data.draw(st.sampled_from(made)).results)
    assert check(part) == []
    run(part, data.draw(inputs_for(module)))


# --- the bounds ---

RULED = [op for op in OPERATORS if op.name in RULES or (Trait.MOVES in op.traits and op.name != "const")]
WITHOUT_FLOATS = {
    "dequantize",
    "requantize",
    "logical_and",
    "logical_or",
    "logical_not",
    "reduce_all",
    "reduce_any",
}
"""Operators of integers and bools: there is nothing to be off."""
UNRULED = {
    "lsh_projection": "signs of sums: bits, which floats decide",
    "random_multinomial": "random numbers",
    **dict.fromkeys(
        (
            "bidirectional_sequence_rnn",
            "rnn",
            "svdf",
            "unidirectional_sequence_rnn",
            "lstm",
            "unidirectional_sequence_lstm",
            "bidirectional_sequence_lstm",
            "quantized_16bit_lstm",
            "quantized_lstm",
        ),
        "many steps one on the other: not derived",
    ),
    **dict.fromkeys(
        (
            "roi_align",
            "roi_pooling",
            "axis_aligned_bbox_transform",
            "box_with_nms_limit",
            "generate_proposals",
            "detection_postprocessing",
            "heatmap_max_keypoint",
        ),
        "comparisons of floats decide which elements there are",
    ),
    **dict.fromkeys(("call", "if", "while"), "errors go through functions"),
    "foreign": "cannot be run",
    "const": "exact",
}


def test_every_operator_has_a_rule_or_a_reason() -> None:
    assert {op.name for op in OPERATORS} == {op.name for op in RULED} | set(UNRULED)


@pytest.mark.parametrize("operator", RULED, ids=[op.name for op in RULED])
@settings(max_examples=10)
@given(data=st.data())
def test_a_disturbance_within_the_errors_stays_within_the_bound(operator: type[Operation], data: st.DataObject) -> None:
    """Floats off by up to e give results off by at most the bound for e, and the rounding of both runs."""
    floats = None if operator.name in WITHOUT_FLOATS else ["f32", "f16", "i32", "bool", "i8", "u8"]
    module = data.draw(operations(name=operator.name, elements=floats))
    op = next(op for op in module.main if type(op) is operator)
    seen: dict[Any, Array] = {}
    run(module, data.draw(inputs_for(module)), trace=lambda event: seen.__setitem__(event.value, event.array))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    operands = [None if value is None else seen[value] for value in op.operands]
    pairs = [(array, None) if array is None else disturbed(array, random) for array in operands]
    changed = [array for array, _ in pairs]
    bounds = ErrorBounds(module)
    with np.errstate(all="ignore"):
        before, after = results(op, operands), results(op, changed)
        passed = bounds.bounds(op, operands, [error for _, error in pairs], before)
        rounded = bounds.bounds(op, changed, [None] * len(changed), after)
        for value, left, right, first, second in zip(op.results, before, after, passed, rounded, strict=True):
            a, b = real_values(left, value.type), real_values(right, value.type)
            allowed = sum(np.zeros(a.shape) if error is None else error for error in (first, second))
            apart = np.abs(a - b)
            assert ((a == b) | (apart <= allowed * (1 + 1e-9)) | np.isinf(allowed) | ~np.isfinite(a)).all()


def disturbed(array: Array, random: np.random.Generator) -> tuple[Array, Error]:
    """Floats with some elements changed, and by how much at most."""
    if array.dtype.kind != "f":
        return array, None
    size = 10.0 ** -random.integers(1, 7)
    wanted = np.where(random.random(array.shape) < 0.7, size * (np.abs(array) + 0.1), 0)
    other = (array + wanted * random.uniform(-1, 1, array.shape)).astype(array.dtype)
    return other, np.maximum(wanted, np.abs(other.astype(np.float64) - array))


def results(op: Operation, operands: list[Array | None]) -> list[Array]:
    outcome = op.reference(get_profile("tflite"), *operands)
    return list(outcome) if isinstance(outcome, tuple) else [outcome]


def test_rules_are_of_operators() -> None:
    assert set(RULES) <= {op.name for op in OPERATORS}
    assert all(rule_of(op) is not None for op in parse(CHAIN).main)
