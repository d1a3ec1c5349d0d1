"""What the reader says about wrong text: the words, and exactly which part of the text they are about."""

from __future__ import annotations

import pytest

from nir.errors import Diagnostic, ParseError
from nir.text import parse

IN_BODY = "func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
AFTER = "\n  return %x\n}\n"

# The text with «guillemets» around the part that the caret must be under, then the message, expected, found, and hint.
WHOLE_TEXTS = [
    ("«fucn» @main() -> () { return }", "unexpected 'fucn' in the text", "did you mean 'func'?"),
    ("func «main»() -> () { return }", "unexpected 'main' in the signature of a function", "a name such as @main"),
    ("func @f(%x «tensor»<f32>) -> () { return }", "unexpected 'tensor' in the signature", "':' before the type"),
    ("func @f(%x: «f32») -> () { return }", "unexpected 'f32' in the signature", "'tensor'"),
    ("func @f(%x: tensor<«>») -> () { return }", "unexpected '>' in a tensor type", "dimensions and element type"),
    ("func @f(%x: tensor<4x«-3»xf32>) -> () { return }", "this is not a dimension", "a size, or ?"),
    ("func @f(%x: tensor<4x«»xf32>) -> () { return }", "this is not a dimension", "a size, or ?"),
    ("func @f(%x: tensor<4x«3»>) -> () { return }", "the element type is missing", "such as f32"),
    ("func @f(%x: tensor<4x«f33»>) -> () { return }", "there is no element type 'f33'", "one of f32, f16, i32"),
    ("func @f(%x: tensor<4x«int8»>) -> () { return }", "there is no element type 'int8'", "did you mean 'i8'?"),
    ("func @f(%x: tensor<4x«F32»>) -> () { return }", "this is not an element type", "such as f32"),
    ("func @f(%x: tensor<«" + "1x" * 33 + "f32»>) -> () { return }", "too many dimensions", "at most 32"),
    ("func @f(%x: tensor<«99999999999999999999»xf32>) -> () { return }", "dimension is too large", "2^63"),
    ("func @f(%x: tensor<u8, «scal»=1>) -> () { return }", "no parameter 'scal'", "did you mean 'scale'?"),
    ("func @f(%x: tensor<u8, «zero_point»=1>) -> () { return }", "'zero_point' needs 'scale' too", "scale"),
    ("func @f(%x: tensor<u8, «axis»=0>) -> () { return }", "'axis' needs 'scales' too", "axis and scales"),
    ("func @f(%x: tensor<u8, «scale»=1, axis=0>) -> () { return }", "'scale' does not go with 'scale'", "axis"),
    ("func @f(%x: tensor<u8, scale=1, «scale»=1>) -> () { return }", "'scale' is given twice", ""),
    ("func @f(%x: tensor<u8, scale=«[1]»>) -> () { return }", "'scale' takes something else", "a number"),
    (
        "func @f(%x: tensor<u8, axis=0, scales=«1»>) -> () { return }",
        "'scales' takes something else",
        "list of numbers",
    ),
    ("func @f(%x: tensor<u8, axis=0, scales=[1, «@a»]>) -> () { return }", "'scales' takes something else", "list"),
    ("func @f(%x: tensor<u8, axis=0, scales=«[]»>) -> () { return }", "there are no scales", "one scale"),
    (
        "func @f(%x: tensor<u8, axis=0, scales=[1], zero_points=«[1, 2]»>) -> () { return }",
        "there are not as many zero points as scales",
        "1",
    ),
    ("func @f(%x: tensor<u8, scale=1, zero_point=«0.5»>) -> () { return }", "this is not an integer", "an integer"),
    ("func @f(%x: tensor<u8, scale=«1e39»>) -> () { return }", "too large for a float32", "3.4028235e+38"),
    ("func @f(%x: tensor<f32>, «%x»: tensor<f32>) -> () { return }", "the value %x is defined already", ""),
    ("func @f() «{» return }", "unexpected '{' in the signature", "'->'"),
    ("func @f() -> () { return }\nfunc «@f»() -> () { return }", "there is a function @f already", ""),
    ("func @f() -> () attributes {a = 1, «a» = 2} { return }", "the attribute 'a' is given twice", ""),
    ("func @f() -> () { return", "the text ends in the return statement", "'}'"),
    ("func @f() -> () { return } «}»", "unexpected '}' in the text", "'func'"),
    ('func @f() -> () { return «%"abc }»', "the closing quote is missing", "on the same line"),
    ('func @f() -> () { return %"«\\q»" }', "there is no such escape", "\\u{...}"),
    ('func @f() -> () { return %"«\\u{110000}»" }', "there is no such escape", "10ffff"),
    ("nir «2.0»", "the text is in another version of the language", "1.0"),
    ("// c\nnir «1.1»\nsomething new", "the text is in another version of the language", "1.0"),
    ("nir «1»", "unexpected '1' in the header", "a version such as 1.0"),
    ("nir 1.0 «nir» 1.0", "unexpected 'nir' in the", "'func'"),
    ('weights «"/etc/passwd"»', "lies beside the text", "a relative path without '..'"),
    ('weights «"a/../../b"»', "lies beside the text", "a relative path without '..'"),
    ('weights «"missing.safetensors"»', "the weights file cannot be read", ""),
    ("«\ud800»", "half of a surrogate pair is no character", ""),
]

# The same for one operation, in a function with the parameter %x.
OPERATIONS = [
    ("%y = «reluu»(%x) : tensor<4xf32>", "there is no operator 'reluu'", "did you mean 'relu'?"),
    ("%y = relu(«%z») : tensor<4xf32>", "there is no value %z", ""),
    ("%long = relu(%x) : tensor<4xf32> %y = relu(«%lnog») : tensor<4xf32>", "there is no value %lnog", "'%long'?"),
    ("%y = relu(«%z») : tensor<4xf32> %z = relu(%x) : tensor<4xf32>", "used before it is defined", ""),
    ("«%x» = relu(%x) : tensor<4xf32>", "the value %x is defined already", ""),
    ("%a, «%a» = split(%x) {axis = 0, parts = 2} : (tensor<2xf32>, tensor<2xf32>)", "%a is defined already", ""),
    ('%y = relu(%x) : tensor<4xf32> «%"y"» = relu(%x) : tensor<4xf32>', "the value %y is defined already", ""),
    ("%y = relu(%x) «tensor»<4xf32>", "unexpected 'tensor' in an operation", "':' before the result type"),
    ("%y = relu(%x) «=» tensor<4xf32>", "unexpected '=' in an operation", "':' before the result type"),
    ("%y = relu(%x «:» tensor<4xf32>", "unexpected ':' in the operands", "')'"),
    ("%y = relu(%x,«)» : tensor<4xf32>", "unexpected ')' in the operands", "a value such as %x, or none"),
    ("%y = relu(«x») : tensor<4xf32>", "unexpected 'x' in the operands", "a value such as %x"),
    ("%y «relu»(%x) : tensor<4xf32>", "unexpected 'relu' in an operation", "'='"),
    ("y «=» relu(%x) : tensor<4xf32>", "unexpected '=' in an operation", "a value's name begins with %: %y"),
    ("retrun «%x»", "unexpected '%x' in an operation", "did you mean 'return'?"),
    ("%y = relu(%x) {«a» = 1} : tensor<4xf32>", "relu has no attribute 'a'", "no attributes"),
    ("%y = softmax(%x) {«bta» = 1.0} : tensor<4xf32>", "softmax has no attribute 'bta'", "did you mean 'beta'?"),
    ("%y = softmax(%x) {beta = «true»} : tensor<4xf32>", "'beta' cannot have this value", "a number"),
    ("%y = softmax(%x) {beta = 1, «beta» = 1} : tensor<4xf32>", "the attribute 'beta' is given twice", ""),
    ("%y = softmax(%x) {beta = «1e39»} : tensor<4xf32>", "too large for a float32", ""),
    ("%y = softmax(%x) {beta = «99999999999999999999»} : tensor<4xf32>", "the integer is out of range", ""),
    ("%y = softmax(%x) {beta = «}» : tensor<4xf32>", "unexpected '}' in the attributes", "a number, word, string"),
    ("%y = softmax(%x) {beta «:» 1} : tensor<4xf32>", "unexpected ':' in the attributes", "'='"),
    ("%y = add(%x, %x) {activation = «rellu»} : tensor<4xf32>", "cannot have this value", "did you mean 'relu'?"),
    ('%y = add(%x, %x) {activation = «"relu"»} : tensor<4xf32>', "cannot have this value", "without the quotes: relu"),
    ("%y = add(%x, %x) {activation = «@relu»} : tensor<4xf32>", "cannot have this value", "one of none, relu"),
    ("%y = conv_2d(%x, %x) {strides = «[1]»} : tensor<4xf32>", "'strides' cannot have this value", "a list of 2"),
    ("%y = conv_2d(%x, %x) {strides = «[0, 1]»} : tensor<4xf32>", "'strides' cannot have this value", ">= 1"),
    ("%y = conv_2d(%x, %x) {padding = «smae»} : tensor<4xf32>", "cannot have this value", "did you mean 'same'?"),
    ("%y = conv_2d(%x, %x) {strides = [1, «]»} : tensor<4xf32>", "unexpected ']' in a list", "a number, word"),
    ("%y = «reshape»(%x) : tensor<4xf32>", "reshape: the attribute 'shape' is missing", "a list of integers"),
    ("«%y» = split(%x) {axis = 0, parts = 2} : (tensor<4xf32>, tensor<4xf32>)", "as many result names", "2"),
    ("%y, %z = relu(%x) : «(tensor<4xf32>, tensor<4xf32>)»", "relu does not give that many results", "1"),
    ("«call» (%x) : ()", "call: the callee is missing", "a function name such as @main"),
    ('call «"f"»(%x) : ()', "call: the callee is written otherwise", "a function name such as @main"),
    ("%y = relu «@f»(%x) : tensor<4xf32>", "nothing stands between 'relu' and its operands", "'('"),
    ("%y = call @f(%x) {«callee» = @f} : tensor<f32>", "right after the operator's name", ""),
    ("%y = «const» : tensor<f32>", "const: the value is missing", "dense<...> or the @name"),
    ("%y = const «@w» : tensor<f32>", "there is no weight @w, for the text names no weights file", 'weights "model'),
    ("%y = const dense<«[1, 2]»> : tensor<3xf32>", "the list has the wrong length", "3 elements"),
    ("%y = const dense<[[1], «[2, 3]»]> : tensor<2x1xi8>", "the list has the wrong length", "1 elements"),
    ("%y = const dense<[«[»1]]> : tensor<1xf32>", "lists are nested too deep", "1 elements"),
    ("%y = const dense<[«1»]> : tensor<1x1xf32>", "the nesting does not fit the type", "1 lists of 1"),
    ("%y = const dense<[1 «2»]> : tensor<2xf32>", "a comma is missing", "',' or ']'"),
    ("%y = const dense<[1,«]»> : tensor<2xf32>", "an element is missing", "a number"),
    ("%y = const dense<«[»1> : tensor<1xf32>", "a list is not closed", "']'"),
    ("%y = const dense<1«,» 2> : tensor<2xf32>", "several elements need brackets", "2 elements"),
    ("%y = const dense<[«300»]> : tensor<1xu8>", "the integer is out of range", "from 0 to 255"),
    ("%y = const dense<[«1.0»]> : tensor<1xi32>", "this is not an element of i32", "an integer"),
    ("%y = const dense<[«1»]> : tensor<1xbool>", "this is not an element of bool", "true or false"),
    ("%y = const dense<[«65520»]> : tensor<1xf16>", "too large for an f16", "65504"),
    ("%y = const dense<«0»> : tensor<?xf32>", "a constant has no unknown dimensions", ""),
    ("%y = const dense<«0»> : tensor<999999999x999999999x9xf32>", "the constant is too large", ""),
    ("%y = const dense<«1»> : tensor<0xf32>", "the tensor has no elements", "[]"),
    ("%y = const dense<[1, 2«}»]> : tensor<2xf32>", "unexpected '}' in a constant", "'>'"),
    ('%y = foreign "a"(%x) {a = «' + "[" * 20 + "]" * 20 + "»} : tensor<f32>", "lists are nested too deep", "16"),
]


def split(marked: str) -> tuple[str, int, int]:
    """The text without the guillemets, and the range that they enclose."""
    start = marked.find("«")
    if start < 0:
        return marked, len(marked.rstrip()), len(marked.rstrip())
    end = marked.index("»") - 1
    return marked.replace("«", "").replace("»", ""), start, max(end, start)


def only_error(text: str) -> Diagnostic:
    with pytest.raises(ParseError) as caught:
        parse(text)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


@pytest.mark.parametrize(
    ("marked", "message", "help"),
    [*WHOLE_TEXTS, *((IN_BODY + "  " + op + AFTER, *rest) for op, *rest in OPERATIONS)],
    ids=[case[0][:50].encode("ascii", "replace").decode() for case in [*WHOLE_TEXTS, *OPERATIONS]],
)
def test_error(marked: str, message: str, help: str) -> None:
    text, start, end = split(marked)
    diagnostic = only_error(text)
    assert message in diagnostic.message
    assert help in "\n".join(filter(None, (diagnostic.expected, diagnostic.hint)))
    assert diagnostic.span is not None
    shown = diagnostic.span.source.text
    assert (diagnostic.span.start, max(diagnostic.span.end, start)) == (start, end) or (
        start == end and diagnostic.span.start == start
    ), f"under the caret: {shown[diagnostic.span.start : diagnostic.span.end]!r}"


def test_the_whole_report() -> None:
    text = IN_BODY + "  %y = softmax(%x) {bta = 0.5} : tensor<4xf32>" + AFTER
    with pytest.raises(ParseError) as caught:
        parse(text, name="model.nir")
    assert str(caught.value) == (
        "model.nir:2:21: error: softmax has no attribute 'bta'\n"
        "  2 |   %y = softmax(%x) {bta = 0.5} : tensor<4xf32>\n"
        "    |                     ^^^\n"
        "  expected: one of beta, axis, rounding\n"
        "  hint: did you mean 'beta'?"
    )


def test_all_errors_of_a_text_are_found_once() -> None:
    body = (
        "  %a = relu(%u) : tensor<4xf32>\n"
        "  %b = rleu(%a) : tensor<4xf32>\n"
        "  %c = add(%a, %b) {activation = relu7} : tensor<4xf32>\n"
        "  %d = add(%c, %d) : tensor<4xf32>\n"
    )
    with pytest.raises(ParseError) as caught:
        parse(IN_BODY + body + AFTER)
    messages = [diagnostic.message for diagnostic in caught.value.diagnostics]
    assert messages == [
        "there is no value %u",
        "there is no operator 'rleu'",
        "add: 'activation' cannot have this value",
        "the value %d is used before it is defined",
    ]


def test_a_later_definition_is_pointed_at() -> None:
    diagnostic = only_error(IN_BODY + "  %y = relu(%z) : tensor<4xf32>\n  %z = relu(%x) : tensor<4xf32>" + AFTER)
    assert diagnostic.notes == ("it is defined at <string>:3:3",)


@pytest.mark.parametrize(
    ("content", "byte", "column"), [(b"nir 1.0\n\xff", "0xff", 1), (b"//\xc3\n", "0xc3", 3), (b"\xe4\xb8", "0xe4", 1)]
)
def test_bytes_that_are_not_utf_8(content: bytes, byte: str, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(content)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message == "the text is not UTF-8"
    assert byte in (diagnostic.found or "")
    assert diagnostic.span is not None
    assert diagnostic.span.column == column


def test_messages_stay_short() -> None:
    name = "a" * 1_000_000
    with pytest.raises(ParseError) as caught:
        parse(IN_BODY + f"  %y = {name}(%{name}) {{{name} = {name}}} : tensor<{name}>" + AFTER)
    assert len(str(caught.value)) < 2000
