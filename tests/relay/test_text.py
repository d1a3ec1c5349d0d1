"""The text reader: what each construct becomes, names that TVM's own reader refuses, and where errors point."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.errors import ParseError
from nir.relay import (
    Call,
    Constant,
    Expr,
    ExternalConstant,
    Function,
    GlobalVar,
    If,
    Let,
    Module,
    TensorType,
    Tuple,
    TupleGetItem,
    Var,
    load,
    post_order,
)
from nir.relay.text import parse
from nir.source import Source


def read(text: str) -> Module:
    return parse(Source("test.relay", text))


def body(text: str, parameters: str = "%x: float32, %y: float32") -> Expr:
    return read(f"def @main({parameters}) {{ {text} }}").main.body


def shown(expr: Expr) -> str:
    """`expr` as nested calls, in a notation of this test's own."""
    if isinstance(expr, Call):
        callee = expr.op_name or shown(expr.op)
        return f"{callee}({', '.join(shown(argument) for argument in expr.args)})"
    if isinstance(expr, Var):
        return expr.name_hint
    if isinstance(expr, Constant):
        return str(expr.data)
    if isinstance(expr, Tuple):
        return f"[{', '.join(shown(field) for field in expr.fields)}]"
    if isinstance(expr, TupleGetItem):
        return f"{shown(expr.tuple_value)}.{expr.index}"
    if isinstance(expr, Let):
        return f"let {expr.var.name_hint} {shown(expr.value)} in {shown(expr.body)}"
    if isinstance(expr, If):
        return f"if {shown(expr.cond)} then {shown(expr.true_branch)} else {shown(expr.false_branch)}"
    if isinstance(expr, Function):
        return f"<fn {' '.join(parameter.name_hint for parameter in expr.params)}: {shown(expr.body)}>"
    assert isinstance(expr, GlobalVar)
    return "@" + expr.name_hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%x", "x"),
        ("{ %x }", "x"),
        ("(%x)", "x"),
        ("()", "[]"),
        ("(%x,)", "[x]"),
        ("(%x, %y)", "[x, y]"),
        ("(%x, %y,)", "[x, y]"),
        ("((%x, %y), %x).0.1", "[[x, y], x].0.1"),
        ("nn.relu(%x)", "nn.relu(x)"),
        ("%0 = exp(%x); %1 = add(%0, %0); add(%1, %0)", "add(add(exp(x), exp(x)), exp(x))"),
        ("%0 = (%x, %y); %0.1", "[x, y].1"),
        ("let %z = exp(%x); %z", "let z exp(x) in z"),
        ("let %z: float32 = exp(%x); let %z = exp(%z); %z", "let z exp(x) in let z exp(z) in z"),
        ("exp(%x); %y", "let _ exp(x) in y"),
        ("if (True) { %x } else { exp(%y) }", "if True then x else exp(y)"),
        ("let %f = fn (%z: float32) { exp(%z) }; %f(%x)", "let f <fn z: exp(z)> in f(x)"),
        ("let %f = fn (%z: float32) -> float32 { %f(%z) }; %f(%x)", "let f <fn z: f(z)> in f(x)"),
        ("fn (%z: float32) -> float32 { %z }(%x)", "<fn z: z>(x)"),
        ("if (True) { fn () { %x } } else { fn () { %y } }()", "if True then <fn : x> else <fn : y>()"),
        ("{ fn () { (%x, %y) } }().1", "<fn : [x, y]>().1"),
        ("exp(let %z = %x; %z)", "exp(let z x in z)"),
        ("%x + %y * %x", "add(x, multiply(y, x))"),
        ("%x * %y + %x", "add(multiply(x, y), x)"),
        ("%x - %y - %x", "subtract(subtract(x, y), x)"),
        ("%x / %y / %x", "divide(divide(x, y), x)"),
        ("%x-%y", "subtract(x, y)"),
        ("%x -1", "subtract(x, 1)"),
        ("%x < %y == %y >= %x", "equal(less(x, y), greater_equal(y, x))"),
        ("(%x + %y) * %x", "multiply(add(x, y), x)"),
        ("%x != exp(%y + %x)", "not_equal(x, exp(add(y, x)))"),
        ("@main(%x, %y)", "@main(x, y)"),
        ("// line\n exp( /* a /* nested */ comment */ %x) // end\n", "exp(x)"),
        ('zeros(shape=[2], dtype="float32")', "zeros()"),
    ],
)
def test_expressions(text: str, expected: str) -> None:
    assert shown(body(text)) == expected


@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [
        ("5", "int32", 5),
        ("-5", "int32", -5),
        ("--5", "int32", 5),
        ("---5", "int32", -5),
        ("2147483647", "int32", 2**31 - 1),
        ("2147483648", "int64", 2**31),
        ("-2147483648", "int32", -(2**31)),
        ("5i64", "int64", 5),
        ("5i16", "int16", 5),
        ("200u8", "uint8", 200),
        ("0.5f", "float32", 0.5),
        ("5f", "float32", 5.0),
        ("0.5", "float32", 0.5),
        ("5.", "float32", 5.0),
        ("1e-05f", "float32", np.float32(1e-5)),
        ("-1.5e+03f64", "float64", -1500.0),
        ("0.0999756f16", "float16", np.float16(0.0999756)),
        ("inff", "float32", math.inf),
        ("-inff64", "float64", -math.inf),
        ("True", "bool", True),
        ("False", "bool", False),
    ],
)
def test_literals(text: str, dtype: str, value: Any) -> None:
    constant = body(text)
    assert isinstance(constant, Constant)
    assert (constant.dtype, constant.data.dtype.name, constant.data.shape) == (dtype, dtype, ())
    assert constant.data.item() == value


def test_nan_is_read_though_tvm_refuses_it() -> None:
    constant = body("nanf")
    assert isinstance(constant, Constant)
    assert np.isnan(constant.data)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_any_float_is_read_to_its_bits(value: float) -> None:
    constant = body(f"{value!r}f")
    assert isinstance(constant, Constant)
    assert constant.data.tobytes() == np.float32(value).tobytes()


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_integer_is_read(value: int) -> None:
    constant = body(f"{value}i64")
    assert isinstance(constant, Constant)
    assert constant.data.item() == value


@pytest.mark.parametrize(
    "name",
    [
        "x:0",
        "conv1.weight",
        "model/conv",
        "a-b",
        "serving_default_keras_tensor_14:0",
        "functional/re_lu;functional/batchnorm/add_1",
        "let",
        "fn",
        "True",
        "_x",
        "größe",
        "模型",
        "x.0",
        "a::b",
        "1abc",
    ],
)
def test_names_of_other_producers(name: str) -> None:
    text = f"def @main(%{name}: Tensor[(2), int8], %b:int8) {{ %0 = exp(%{name});\n add(%0, %{name}) }}"
    module = read(text)
    assert [parameter.name_hint for parameter in module.main.params] == [name, "b"]
    assert shown(module.main.body) == f"add(exp({name}), {name})"


names = st.text(
    st.characters(exclude_characters='\\"\n', exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=30
)


@given(names)
def test_any_name_can_be_quoted(name: str) -> None:
    module = read(f'def @main(%"{name}": int8) {{ exp(%"{name}") }}')
    assert module.main.params[0].name_hint == name
    assert shown(module.main.body) == f"exp({name})"


def test_a_dot_and_a_number_is_a_field_unless_it_is_a_name() -> None:
    assert shown(body("%p.0", "%p: (int8, int8)")) == "p.0"
    assert isinstance(body("%p.0", "%p: (int8, int8)"), TupleGetItem)
    assert isinstance(body("%p.0", "%p.0: int8"), Var)


def test_shared_nodes_are_one_object() -> None:
    outer = body("%0 = exp(%x); add(%0, %0)")
    assert isinstance(outer, Call)
    assert outer.args[0] is outer.args[1]


def test_graph_names_end_with_their_block() -> None:
    with pytest.raises(ParseError, match="'%0' is not defined here"):
        body("if (True) { %0 = exp(%x); %0 } else { %0 }")


def test_calls_have_all_attributes_with_those_written_on_top() -> None:
    call = body('nn.conv2d(%x, %y, strides=[2, 2], padding=[0, 0, 1, 1], data_layout="NHWC")')
    assert isinstance(call, Call)
    assert call.attrs == {
        "strides": (2, 2),
        "padding": (0, 0, 1, 1),
        "dilation": (1, 1),
        "groups": 1,
        "channels": None,
        "kernel_size": None,
        "data_layout": "NHWC",
        "kernel_layout": "OIHW",
        "out_layout": "",
        "out_dtype": "",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("1.5f", 1.5),
        ("True", True),
        ("None", None),
        ("nullptr", None),
        ('"a b"', "a b"),
        (r'"a\"b\\c\n\x41\101"', 'a"b\\c\nAA'),
        ("[]", ()),
        ("[1, 2]", (1, 2)),
        ("[1,2,]", (1, 2)),
        ("(1, 2)", (1, 2)),
        ("[[1, 2], [3, -4]]", ((1, 2), (3, -4))),
        ('[ 0.5f , True, "x" ]', (0.5, True, "x")),
    ],
)
def test_attribute_values(text: str, value: Any) -> None:
    function = read(f"def @main(%x: int8, some.key={text}, last=1) {{ %x }}").main
    assert function.attrs == {"some.key": value, "last": 1}


def test_functions_with_attributes_and_several_functions() -> None:
    module = read(
        """
        def @main(%x: float32) -> float32 { @part(%x) }
        def @part(%p: float32, Compiler="nir", Primitive=1) -> float32 {
          %0 = fn (%q: float32, Composite="nir.relu") -> float32 { nn.relu(%q) };
          %0(%p)
        }
        """
    )
    assert list(module.functions) == ["main", "part"]
    assert module["part"].attrs == {"Compiler": "nir", "Primitive": 1}
    inner = module["part"].body
    assert isinstance(inner, Call)
    assert isinstance(inner.op, Function)
    assert inner.op.attrs == {"Composite": "nir.relu"}


def test_comments_of_the_printer() -> None:
    module = read(
        "def @main(%x: Tensor[(2), int8] /* ty=Tensor[(2), int8] span=input:0:0:0 */) {"
        " exp(%x) /* ty=Tensor[(2), int8] span=from_string:3:19 */ }"
    )
    assert module.main.params[0].origin == "input:0"
    assert module.main.body.origin == "from_string:3:19"
    assert module.main.body.checked_type == TensorType((2,), "int8")


def test_constants_that_the_text_does_not_bring_stay_with_their_type() -> None:
    module = load("def @main(%x: Tensor[(2), int8]) { add(%x, meta[relay.Constant][3] /* ty=Tensor[(2), int8] */) }\n")
    (external,) = [expr for expr in post_order(module.main) if isinstance(expr, ExternalConstant)]
    assert (external.index, external.checked_type) == (3, TensorType((2,), "int8"))


def test_an_expression_alone_becomes_main() -> None:
    assert shown(read('#[version = "0.0.5"]\nfn (%x: int8) { exp(%x) }').main) == "<fn x: exp(x)>"
    assert shown(read("free_var %x: int8; let %y = %x; add(%y, %x)").main) == "<fn x: let y x in add(y, x)>"


def test_spans_cover_what_was_read() -> None:
    module = read("def @main(%x: int8) {\n  %0 = nn.relu(exp(%x));\n  (%0, 7).1\n}")
    texts = [expr.span.text for expr in post_order(module.main.body) if expr.span is not None]
    assert texts == ["nn.relu", "exp", "%x", "exp(%x)", "nn.relu(exp(%x))", "7", "(%0, 7)", "(%0, 7).1"]
    assert module.main.span is not None
    assert module.main.span.text.startswith("def @main")


ERRORS = [
    ("exp(%z)", "%z", "'%z' is not defined here"),
    ("nn.con2d(%x, %y)", "nn.con2d", "did you mean 'nn.conv2d'"),
    ("nn.conv2d(%x, %y, stride=[1, 1])", "stride", "did you mean 'strides'"),
    ("exp(%x, axis=1)", "axis", "'exp' has no attributes"),
    ("nn.conv2d(%x, %y, groups=1, groups=2)", "groups", "stands twice"),
    ('nn.conv2d(%x, %y, groups="a")', "groups", "expected: an integer"),
    ('nn.conv2d(%x, %y, strides=[1, "a"])', "strides", "a list, each item an integer"),
    ("reshape(%x)", "reshape", "needs the attribute 'newshape'"),
    ("exp(%x", "}", "expected: ',' or ')'"),
    ("(%x, %y", "}", "expected: ',' or ')'"),
    ("if (True) { %x }", "}", "expected: 'else'"),
    ("%0 = %x %y", "%y", "expected: ';'"),
    ("let %z = %x %z", "%z", "expected: ';'"),
    ("@nothing(%x)", "@nothing", "there is no function"),
    ("match (%x) { }", "match", "not supported"),
    ("ref(%x)", "ref", "not supported"),
    ("300i8", "300i8", "does not fit into int8"),
    ("5f5", "5f5", "no expression here"),
    ("%x.y", "%x.y", "'%x.y' is not defined here"),
    ("exp(%x).y", ".y", "expected: a field's number"),
    ('nn.conv2d(%x, %y, data_layout="NCHW)', '"', "not closed"),
    ("exp(%x) /* never closed", "/*", "not closed"),
    ("meta[relay.Function][0]", "meta[relay.Function][0]", "no expression"),
    ("relu", "relu", "no expression"),
    ("fn (%z: Tensor[(1, 2), floot32]) { %z }", "floot32", "an element type"),
    ("fn (%z: Tensor[(1, a), float32]) { %z }", "a", "an extent"),
    ("fn (%z: List[int8]) { %z }", "List", "algebraic data types"),
    ("fn (%z: int8, %z: int8) { %z }", "%z", "stands twice"),
]


@pytest.mark.parametrize(("text", "marked", "message"), ERRORS, ids=[text for text, _, _ in ERRORS])
def test_errors_stand_where_they_belong(text: str, marked: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        body(text)
    report = str(caught.value)
    assert message in report
    span = caught.value.diagnostics[0].span
    assert span is not None
    assert span.text.startswith(marked) or marked.startswith(span.text)
    assert "test.relay:1:" in report


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected: def @main"),
        ('#[version = "0.0.6"]\ndef @main() { 1 }', 'expected: #[version = "0.0.5"]'),
        ("v0.0.3\ndef @main() { 1 }", "or v0.0.4"),
        ("def @main() { 1 } rest", "expected: 'def'"),
        ("def @main() { 1 }.0", "expected: 'def'"),
        ("def @main() { 1 } + 1", "expected: 'def'"),
        ("def @main() { 1 } def @main() { 2 }", "defined twice"),
        ("type List[A] { Nil }", "algebraic data types"),
        ("def @main() { 1 }\n#[metadata]\n{]", "this JSON is broken"),
        ("def @main() { 1 }\n#[metadata]\n[]", "no graph of TVM"),
        ('def @main() { meta[relay.Constant][0] }\n#[metadata]\n{"root": 0, "nodes": [{}]}', "has no meta"),
    ],
)
def test_errors_of_whole_texts(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        read(text)
    assert message in str(caught.value)


def test_unknown_operators_are_kept_if_their_type_is_stated() -> None:
    module = load("def @main(%x: int8) { my.op(%x, mode=1) /* ty=Tensor[(3), int8] */ }\n")
    assert isinstance(module.main.body, Call)
    assert module.main.body.attrs == {"mode": 1}
    assert module.main.body.checked_type == TensorType((3,), "int8")
