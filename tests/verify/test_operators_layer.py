"""Layer 3 and what decides between layers, on operators made for these tests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nir.ir import (
    InferenceError,
    Module,
    Operation,
    QuantisationRule,
    Shape,
    TensorType,
    Value,
    attribute,
    constraint,
    operand,
    result,
    tensor,
)
from nir.ir.types import FLOATS, INTEGERS
from nir.ops.builder import Builder
from nir.verify import check


class Rotate(Operation, name="rotate"):
    """For these tests: turns the last two dimensions."""

    __slots__ = ()

    input: Value = operand("an image", FLOATS | INTEGERS, rank=(2, 3))
    steps: int = attribute("quarters of a turn", default=1)
    output: Value = result("the turned image", quantisation=QuantisationRule.SAME)

    @constraint("C1: the number of steps is not negative", at="steps")
    def steps_count(self) -> bool:
        return self.steps >= 0

    @constraint("C2: the result's second dimension is not 7", at="output")
    def not_seven(self) -> bool:
        return self.output.shape[1] != 7

    @constraint("Z1: the scale is not 3", at="input")
    def scale_not_three(self) -> bool:
        quantisation = self.input.type.quantisation
        return quantisation is None or quantisation.scale != 3

    def infer_shapes(self) -> Sequence[Shape]:
        if self.steps > 9:
            raise InferenceError("that makes dizzy", at="steps")
        *batch, height, width = self.input.shape
        return [(*batch, width, height)]


def messages(module: Module) -> list[str]:
    return [diagnostic.message for diagnostic in check(module)]


def rotate(input: TensorType, output: TensorType, **attributes: int) -> Module:
    b = Builder()
    x = b.parameter("x", input)
    b.returns(b.append(Rotate([x], attributes, [output], ["y"])))
    return b.module


F23, F32 = tensor((2, 3)), tensor((3, 2))


def test_right() -> None:
    assert messages(rotate(F23, F32)) == []


@pytest.mark.parametrize(
    ("input", "output", "right"),
    [
        ((None, 3), (3, None), True),
        ((None, 3), (3, 2), True),
        ((2, 3), (None, None), True),
        ((None, 3), (2, 2), False),
        ((None, 3), (3,), False),
    ],
)
def test_unknown_dimensions_go_with_any_size(input: Shape, output: Shape, right: bool) -> None:
    assert (messages(rotate(tensor(input), tensor(output))) == []) is right


def test_element_type_of_an_operand() -> None:
    [diagnostic] = check(rotate(tensor((2, 3), "bool"), tensor((3, 2), "bool")))
    assert diagnostic.message == "rotate: operand 'input' has the wrong element type"
    assert diagnostic.expected == "f32, f16, i32, u32, i16, u16, i8 or u8"
    assert diagnostic.found == "tensor<2x3xbool>"


def test_rank_of_an_operand() -> None:
    [diagnostic] = check(rotate(tensor((2,)), tensor((2,))))
    assert diagnostic.message == "rotate: operand 'input' has the wrong rank"
    assert (diagnostic.expected, diagnostic.found) == ("rank 2 or 3", "rank 1, tensor<2xf32>")


def test_element_type_of_the_result() -> None:
    assert messages(rotate(F23, tensor((3, 2), "f16"))) == [
        "rotate: result 'output' has another element type than operand 'input'"
    ]


def test_shape_of_the_result() -> None:
    [diagnostic] = check(rotate(F23, F23))
    assert (diagnostic.expected, diagnostic.found) == ("3x2", "2x3")


def test_constraint_says_what_it_looked_at() -> None:
    [diagnostic] = check(rotate(F23, F32, steps=-1))
    assert diagnostic.message == "rotate: C1 does not hold: the number of steps is not negative"
    assert (diagnostic.rule, diagnostic.found) == ("C1", "steps = -1")


def test_inference_error() -> None:
    [diagnostic] = check(rotate(F23, F32, steps=10))
    assert diagnostic.message == "rotate: that makes dizzy"
    assert diagnostic.found == "operand is tensor<2x3xf32>"


def test_all_constraints_are_reported() -> None:
    assert len(messages(rotate(tensor((7, 2)), tensor((2, 7)), steps=-1))) == 2


def test_constraint_that_stumbles_over_a_wrong_shape_is_not_an_error_of_its_own() -> None:
    assert messages(rotate(F23, tensor((6,)))) == ["rotate: result 'output' has another shape than its operands give"]


def test_quantisation_comes_last() -> None:
    wrong_scale = tensor((2, 3), "u8", scale=3)
    assert messages(rotate(wrong_scale, tensor((3, 2), "u8", scale=3))) == [
        "rotate: Z1 does not hold: the scale is not 3"
    ]
    assert messages(rotate(wrong_scale, tensor((2, 3), "u8", scale=3))) == [
        "rotate: result 'output' has another shape than its operands give"
    ]


def test_what_is_shared_between_operations_of_equal_storage_does_not_hide_errors() -> None:
    """The same storage five times: layer 3 looks at the first only, layer 4 at all."""
    b = Builder()
    for scale in (1, 3, 2, 3, 4):
        x = b.parameter("x", tensor((2, 3), "u8", scale=scale))
        b.append(Rotate([x], {}, [tensor((3, 2), "u8", scale=scale + (scale == 4))], ["y"]))
    b.returns()
    assert [(d.span.line, d.rule) for d in check(b.module) if d.span is not None] == [(2, "Z1"), (4, "Z1"), (5, None)]


def test_operand_with_a_malformed_type_is_reported_once() -> None:
    wrong = tensor((2, 3), "u8", scale=0)
    assert messages(rotate(wrong, tensor((3, 2), "u8", scale=3))) == [
        "parameter %x has a scale that is no positive number"
    ]


class Stumbling(Rotate, name="stumbling"):
    """For these tests: a mistake in the operator's class."""

    __slots__ = ()

    @constraint("C3: a mistake")
    def mistake(self) -> bool:
        return self.input.shape[99] == 1


def test_a_mistake_in_an_operator_is_not_blamed_on_the_module() -> None:
    b = Builder()
    b.returns(b.emit(Stumbling, b.parameter("x", F23)))
    with pytest.raises(IndexError):
        check(b.module)
