"""What diagnostics look like for operations that did not come from `.nir` text."""

from __future__ import annotations

import numpy as np
import pytest

from nir.ir import ConstantData, Module, Origin, tensor
from nir.ops.activation import Relu
from nir.ops.builder import Builder
from nir.ops.control import Foreign
from nir.source import Source
from nir.text import parse
from nir.verify import check

X = tensor((4,))


def rendered(module: Module) -> str:
    return "\n".join(diagnostic.render() for diagnostic in check(module))


def test_operation_is_printed_with_carets_under_the_part() -> None:
    b = Builder()
    x = b.parameter("image", X)
    b.relu(x)
    b.append(Relu([x], {}, [tensor((5,))], ["y"]))
    b.returns()
    assert rendered(b.module) == (
        "@main:2:21: error: relu: result 'output' has another shape than its operands give\n"
        "  2 | %y = relu(%image) : tensor<5xf32>\n"
        "    |                     ^^^^^^^^^^^^^\n"
        "  expected: 4\n"
        "  found: 5"
    )


def test_origin_is_named() -> None:
    b = Builder()
    x = b.parameter("x", X)
    span = Source("model.txt", "nn.relu(%x)").span(0, 7)
    b.append(Relu([x], {}, [tensor((5,))], ["y"], Origin("nn.relu", span)))
    b.append(Relu([x], {}, [tensor((5,))], ["z"], Origin("%7")))
    b.returns()
    first, second = check(b.module)
    assert first.notes == ("the operation was made from nn.relu at model.txt:1:1",)
    assert second.notes == ("the operation was made from %7",)


def test_attributes_subject_and_several_results_are_printed() -> None:
    b = Builder()
    x = b.parameter("x", tensor((4,)))
    attributes = {"operator": "f", "alpha": 0.1, "data": ConstantData(np.zeros((9, 9), np.float32)), "list": (1,) * 99}
    b.append(Foreign([x, None], attributes, [X, X], ["a", "b c"]))
    b.returns()
    assert rendered(b.module) == (
        "@main:1:30: error: foreign: operand 'inputs[1]' cannot be left out\n"
        '  1 | %a, %"b c" = foreign "f"(%x, none) {alpha = 0.1, data = a constant of 9x9xf32, '
        "list = [1, 1, 1, 1, 1, 1, 1, 1, ... 91 mo...\n"
        "    |                              ^^^^\n"
        "  found: none"
    )


def test_signature_and_return_are_printed() -> None:
    b = Builder("f")
    x = b.parameter("x", tensor((4,), "u8", scale=0.0))
    b.returns(x, x)
    b.function.declared_result_types = (X,)
    assert rendered(b.module) == (
        "@f:0:9: error: parameter %x has a scale that is no positive number\n"
        "  0 | func @f(%x: tensor<4xu8, scale=0.0, zero_point=0>) -> tensor<4xf32>\n"
        "    |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  expected: a finite number > 0\n"
        "  found: 0.0\n"
        "@f:1:1: error: @f returns 2 values\n"
        "  1 | return %x, %x\n"
        "    | ^^^^^^\n"
        "  expected: 1 value, as its signature says\n"
        "  found: [%x, %x]"
    )


def test_names_that_could_disturb_a_terminal_are_quoted() -> None:
    b = Builder()
    x = b.parameter("\x1b[31m", X)
    b.append(Relu([x], {}, [tensor((5,))], ["\n"]))
    b.returns()
    text = rendered(b.module)
    assert "\x1b" not in text
    assert r'%"\n" = relu(%"\u{1b}[31m")' in text


def test_messages_stay_short_whatever_they_are_about() -> None:
    b = Builder("f" * 10_000)
    x = b.parameter("x" * 10_000, tensor((1,) * 10_000))
    b.append(Relu([x], {"attribute" * 1000: 1}, [tensor((5,))], ["y" * 10_000]))
    b.append(Relu([x], {}, [tensor((5,) * 10_000)], ["z"]))
    b.returns(x, x)
    b.function.declared_result_types = (X,)
    for diagnostic in check(b.module):
        assert len(diagnostic.render()) < 1500


MANY = 10_000


@pytest.mark.parametrize(
    "text",
    [
        "func @f(" + ", ".join(f"%x{i}: tensor<4xu8, scale=0.0>" for i in range(MANY)) + ") -> () {\n  return\n}\n",
        "func @f() -> (" + ", ".join(["tensor<f16>"] * MANY) + ") {\n  %0 = const dense<1> : tensor<f32>\n"
        "  return " + ", ".join(["%0"] * MANY) + "\n}\n",
        "func @f() -> () {\n  " + ", ".join(f"%r{i}" for i in range(MANY)) + ' = foreign "f"() : ('
        "" + ", ".join(["tensor<u8, scale=0.0>"] * MANY) + ")\n  return\n}\n",
    ],
    ids=["parameters", "returned values", "results"],
)
def test_an_error_in_every_part_of_one_statement(text: str) -> None:
    """Every caret stands right, and the statement is not taken apart again for each: that would take minutes."""
    found = check(parse(text))
    assert len(found) == MANY
    columns = [diagnostic.span.start for diagnostic in found if diagnostic.span is not None]
    assert len(set(columns)) == MANY
    assert columns == sorted(columns)
