"""Every part of a statement is found again, however it is spaced."""

from __future__ import annotations

import pytest

from nir.ir import Function, Operation, Origin
from nir.source import Span
from nir.text import locate, locate_parameter, locate_result_type, locate_return, parse

TEXT = """
func @main(%x: tensor<4xf32>, %"a, b": tensor<2x3xi8, axis=0, scales=[0.5, 1.0]>)
    -> (tensor<4xf32>, tensor<u8, scale=0.5, zero_point=3>) attributes {a = "} {"} {
  %"first, %y" , %z = // two (of) them
     foreign "f(%x)" (%x , none, %"a, b") { k = [ [1, 2], "}" ], "odd, name" = word }
       : ( tensor<4xf32> , tensor<2x3xu8, scale = 0.5 , zero_point=-3> )
  %c = const dense< [ 1, // a > b
    2] > : tensor<2xi8>
  call @"g : h"() : ()
  return %z , %c
}
"""
MAIN = parse(TEXT)["main"]
FOREIGN, CONSTANT, CALL = MAIN.operations


@pytest.mark.parametrize(
    ("op", "part", "text"),
    [
        (FOREIGN, "name", "foreign"),
        (FOREIGN, "subject", '"f(%x)"'),
        (FOREIGN, ("result", 0), '%"first, %y"'),
        (FOREIGN, ("result", 1), "%z"),
        (FOREIGN, ("result", 2), None),
        (FOREIGN, ("operand", 0), "%x"),
        (FOREIGN, ("operand", 1), "none"),
        (FOREIGN, ("operand", 2), '%"a, b"'),
        (FOREIGN, ("operand", 3), None),
        (FOREIGN, ("attribute", "k"), "k"),
        (FOREIGN, ("attribute_value", "k"), '[ [1, 2], "}" ]'),
        (FOREIGN, ("attribute", "odd, name"), '"odd, name"'),
        (FOREIGN, ("attribute_value", "odd, name"), "word"),
        (FOREIGN, ("attribute", "missing"), None),
        (FOREIGN, ("type", 0), "tensor<4xf32>"),
        (FOREIGN, ("type", 1), "tensor<2x3xu8, scale = 0.5 , zero_point=-3>"),
        (FOREIGN, ("shape", 1), "2x3xu8"),
        (FOREIGN, ("scale", 1), "0.5"),
        (FOREIGN, ("zero_point", 1), "-3"),
        (FOREIGN, ("axis", 1), None),
        (FOREIGN, ("type", 2), None),
        (CONSTANT, "subject", "dense< [ 1, // a > b\n    2] >"),
        (CONSTANT, ("type", 0), "tensor<2xi8>"),
        (CALL, "name", "call"),
        (CALL, "subject", '@"g : h"'),
        (CALL, ("operand", 0), None),
        (CALL, ("type", 0), None),
    ],
)
def test_parts_of_operations(op: Operation, part: str | tuple[str, int | str], text: str | None) -> None:
    span = locate(op, part)
    assert (span.text if span else None) == text


def test_parts_of_signatures() -> None:
    def text(span: Span | None) -> str | None:
        return span.text if span else None

    assert [text(locate_parameter(MAIN, i)) for i in range(3)] == ["%x", '%"a, b"', None]
    assert text(locate_parameter(MAIN, 1, "type")) == "tensor<2x3xi8, axis=0, scales=[0.5, 1.0]>"
    assert text(locate_parameter(MAIN, 1, "scales")) == "[0.5, 1.0]"
    assert text(locate_parameter(MAIN, 1, "axis")) == "0"
    assert text(locate_parameter(MAIN, 0, "axis")) is None
    assert text(locate_result_type(MAIN, 0)) == "tensor<4xf32>"
    assert text(locate_result_type(MAIN, 1, "zero_point")) == "3"
    assert text(locate_result_type(MAIN, 2)) is None
    assert [text(locate_return(MAIN, i)) for i in range(3)] == ["%z", "%c", None]
    assert text(locate_return(MAIN)) == "return"


def test_statements_and_names() -> None:
    assert [op.location.text.split()[0] for op in MAIN] == ['%"first,', "%c", "call"]  # type: ignore[union-attr]
    assert FOREIGN.location.text.endswith("zero_point=-3> )")  # type: ignore[union-attr]
    assert MAIN.location is not None
    assert MAIN.location.text == "@main"


def test_an_empty_body() -> None:
    function = parse("func @f(%x: tensor<f32>) -> tensor<f32> { return %x }")["f"]
    span = locate_return(function, 0)
    assert span is not None
    assert (span.text, span.column) == ("%x", 50)


def test_operations_from_elsewhere() -> None:
    op = type(CALL)((), dict(CALL.attributes), (), location=Origin("nn.conv2d"))
    function = Function("f")
    assert locate(op, "name") is None
    assert locate_parameter(function, 0) is None
    assert locate_result_type(function, 0) is None
    assert locate_return(function) is None
