"""What the printer does with modules made in Python: names that are missing or taken, layout, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nir.errors import NirError
from nir.ir import Comments, Function, Keyword, Module, Symbol, TensorType, Value, same, tensor
from nir.ops import OPERATORS_BY_NAME
from nir.ops.builder import Builder
from nir.text import format_text, parse, print_function, print_module, print_operation

T = tensor(4)
RELU = OPERATORS_BY_NAME["relu"]


def chain(*names: str | None) -> Function:
    """A chain of relu, whose values (the parameter first) have these names."""
    function = Function("f", [Value(T, names[0])])
    last = function.parameters[0]
    for name in names[1:]:
        op = RELU([last], {}, [T], [name])
        function.operations.append(op)
        last = op.results[0]
    function.results = [last]
    return function


@pytest.mark.parametrize(
    ("names", "printed"),
    [
        (("x", None, None), ["%x", "%0", "%1"]),
        ((None, "0", None), ["%1", "%0", "%2"]),
        (("x", "x", "x_1", "x"), ["%x", "%x_2", "%x_1", "%x_3"]),
        (("a b", "", 'q"\\', "\ud800\n"), ['%"a b"', '%""', '%"q\\"\\\\"', '%"\\u{d800}\\n"']),
        (("ä", "x:0", "-", "$.$"), ['%"ä"', '%"x:0"', "%-", "%$.$"]),
    ],
)
def test_names(names: tuple[str | None, ...], printed: list[str]) -> None:
    text = print_module(Module([chain(*names)]))
    first = text[text.index("(") + 1 : text.index(": tensor")]
    rest = [line.split(" = ")[0].strip() for line in text.split("\n") if " = relu(" in line]
    assert [first, *rest] == printed
    assert same(parse(text), Module([chain(*names)]))


def test_one_operation_alone() -> None:
    x = Value(tensor((1, 8, 8, 3)), "x")
    op = OPERATORS_BY_NAME["conv_2d"].create(x, Value(tensor((2, 1, 1, 3))), None, strides=(2, 2))
    assert print_operation(op) == "%1 = conv_2d(%x, %0) {strides = [2, 2]} : tensor<1x4x4x2xf32>"


def test_a_value_from_elsewhere_keeps_its_name() -> None:
    function = chain("x", "y")
    function.operations[0].operands = (Value(T, "lost"),)
    function.results = [Value(T)]
    assert "%y = relu(%lost)" in print_function(function)
    assert "return %?" in print_function(function).replace('"', "")


def test_layout_of_long_lines() -> None:
    long = tensor((1, 2, 3, 4), "u8", scale=0.123456, zero_point=128)
    name = "n" * 40
    b = Builder("main")
    x = b.parameter(name, long)
    y = b.relu(x, name="m" * 40)
    b.returns(y)
    text = print_module(b.module)
    assert text.split("\n") == [
        "nir 1.0",
        "",
        f"func @main(%{name}: {long})",
        f"    -> {long} {{",
        f"  %{'m' * 40} = relu(%{name})",
        f"      : {long}",
        f"  return %{'m' * 40}",
        "}",
        "",
    ]
    b.parameter("second", long)
    assert print_module(b.module).split("\n")[2:6] == [
        "func @main(",
        f"    %{name}: {long},",
        f"    %second: {long}",
        f") -> {long} {{",
    ]


@pytest.mark.parametrize("width", range(110, 131))
def test_lines_are_broken_beyond_120_columns(width: int) -> None:
    name = "n" * (width - len("  % = relu(%x) : tensor<4xf32>"))
    lines = print_function(chain("x", name)).split("\n")[1:-3]
    assert [len(line) for line in lines] == ([width] if width <= 120 else [width - 16, 21])


def test_comments_made_in_python() -> None:
    function = chain("x", "y")
    function.operations[0].comments = Comments(["no slashes", "", "//two\nlines"], "behind\nit")
    text = print_function(function)
    assert "  // no slashes\n\n  //two\n  // lines\n  %y = relu(%x) : tensor<4xf32> // behind it\n" in text
    assert format_text(text).endswith(text)


def test_what_python_and_numpy_call_numbers() -> None:
    attributes: dict[str, Any] = {
        "b": np.bool_(True),
        "i": np.int8(-3),
        "f": np.float32(0.5),
        "d": 0.1,
        "l": [1, (2.0, [])],
        "s": Symbol("a b"),
        "k": Keyword("word"),
        "t": "text\n",
        "n": float("nan"),
        "g": -float("inf"),
    }
    function = Function("f", attributes=attributes)
    assert print_function(function) == (
        'func @f() -> () attributes {b = true, i = -3, f = 0.5, d = 0.1, l = [1, [2.0, []]], s = @"a b", k = word, '
        't = "text\\n", n = nan, g = -inf} {\n  return\n}\n'
    ).replace("func @f() -> ()", "func @f()\n    -> ()")
    assert parse(print_function(function))["f"].attributes["l"] == (1, (2.0, ()))


@pytest.mark.parametrize(
    "value", [object(), None, {"a": 1}, b"bytes", Keyword("two words"), Keyword(""), Keyword("true")]
)
def test_what_cannot_be_written(value: object) -> None:
    with pytest.raises(NirError):
        print_function(Function("f", attributes={"a": value}))


def test_equal_types_with_other_names_for_their_scales() -> None:
    """Types compare equal whatever their scales are called, and yet each prints its own name."""
    text = "func @f(%x: tensor<2xi8, axis=0, scales=@a>, %y: tensor<2xi8, axis=0, scales=@b>) -> () {\n  return\n}\n"
    scales = np.array([0.5, 1.0], np.float32)
    module = parse(text, weights={"a": scales, "b": scales})
    x, y = module["f"].parameters
    assert x.type == y.type
    assert print_function(module["f"]) == text
    assert isinstance(x.type, TensorType)
