"""Input that nobody means well with: deep, cut off, damaged, lying. It ends in a NirError, soon, and never otherwise."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data import data_path
from hypothesis import given, settings
from hypothesis import strategies as st

from nir.errors import NirError, ParseError
from nir.relay import Call, load, post_order, read_params

DEEP = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "(" * DEEP,
        "{" * DEEP,
        "nn.relu(" * DEEP,
        "if (" * DEEP,
        "fn () {" * DEEP,
        "let %x = " * DEEP,
        "def @main(%x: " + "(" * DEEP,
        "def @main(%x: " + "fn (" * DEEP,
        "def @main(a=" + "[" * DEEP,
        "-" * DEEP,
        "-" * DEEP + "5",
        "9" * DEEP,
        "%" + "a" * DEEP,
        "%a" + "-b" * DEEP,
        "%a;b" * DEEP,
        "/*" * DEEP,
        '"' * DEEP,
        "%x" + ".0" * DEEP,
        "(1," * DEEP,
        "1" + " + 1" * DEEP + " +",
        "def @main(%x: Tensor[(" + "9" * DEEP + "), int8]) { %x }",
        "def @main() { 1 }\n#[metadata]\n" + "[" * DEEP,
        "def @main() { 1 }\n#[metadata]\n" + "9" * DEEP,
        '{"root": 0, "nodes": [' + '{"a":' * DEEP,
        "\x00" * DEEP,
    ],
    ids=lambda text: re.sub(r"\W+", "_", text[:24]),
)
def test_deep_and_endless_input(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        load(text + "\n")
    assert len(str(caught.value)) < 2000


def test_deep_input_that_is_right_is_read() -> None:
    module = load("def @main(%x: float32) { " + "nn.relu(" * DEEP + "%x" + ")" * DEEP + " }\n")
    assert sum(isinstance(expr, Call) for expr in post_order(module.main)) == DEEP
    lets = "".join(f"let %v{index + 1} = exp(%v{index}); " for index in range(20_000))
    assert load("def @main(%v0: float32) { " + lets + "%v20000 }\n").main.checked_type is not None


def report_of(read: Callable[[Any], object], content: object) -> str | None:
    """What the error says that reading `content` ends in, None when it is read. Other exceptions pass through."""
    try:
        read(content)
    except NirError as error:
        return str(error)
    return None


def damaged(data: st.DataObject, text: str) -> str:
    """`text` cut off, with a piece removed, or with pieces replaced by others."""
    kind = data.draw(st.sampled_from(("cut", "remove", "replace")))
    start = data.draw(st.integers(0, len(text)))
    if kind == "cut":
        return text[:start]
    if kind == "remove":
        return text[:start] + text[start + data.draw(st.integers(1, 200)) :]
    pieces = '( ) { } [ ] , ; : = % @ %0 @main let if fn " \\ /* */ -1 0 99999999999 1e999 None True "x" meta[relay.Constant][0]'
    for _ in range(data.draw(st.integers(1, 4))):
        word = re.compile(r"-?\w+|\S").search(text, data.draw(st.integers(0, len(text))))
        if word is not None:
            text = text[: word.start()] + data.draw(st.sampled_from(pieces.split(" "))) + text[word.end() :]
    return text


def small_model(name: str) -> str:
    return (data_path("relay", "models", "tflite_mixed_f32", name)).read_text()


@pytest.mark.parametrize("name", ["model.relay", "model.json"])
@settings(max_examples=150)
@given(data=st.data())
def test_damaged_files_end_in_an_error_or_are_read(name: str, data: st.DataObject) -> None:
    text = damaged(data, small_model(name))
    assert report_of(load, text + "\n") != ""


@settings(max_examples=300)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    assert report_of(load, text + "\n") != ""


@settings(max_examples=200)
@given(data=st.data())
def test_damaged_parameter_files(data: st.DataObject) -> None:
    content = bytearray(data_path("relay", "models", "tflite_mixed_i8", "model.params").read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        start = data.draw(st.integers(0, min(len(content), 700)))
        content[start : start + 8] = data.draw(
            st.sampled_from((b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f", b"\x01"))
        )
    report = report_of(read_params, bytes(content))
    assert report is None or "byte" in report


def graph(*nodes: dict[str, Any], blobs: tuple[str, ...] = (), root: object = 1) -> str:
    return json.dumps({"root": root, "nodes": [{"type_key": ""}, *nodes], "b64ndarrays": list(blobs), "attrs": {}})


def node(key: str, **attributes: str) -> dict[str, Any]:
    return {"type_key": key, "attrs": attributes}


BASE64_OF_A_LIE = base64.b64encode(
    bytes.fromhex("3fa1b496f0405edd")
    + bytes(8)
    + bytes.fromhex("01000000 00000000 01000000 02 20 0100")
    + b"\xff" * 7
    + b"\x0f"
).decode()

HOSTILE_GRAPHS = {
    "no node": graph(root=99),
    "negative root": graph(root=-1),
    "root is text": graph(root="x"),
    "node is a list": '{"root": 0, "nodes": [[]]}',
    "null as expression": graph(root=0),
    "dangling": graph(node("relay.Call", op="77", args="0", attrs="0")),
    "huge reference": graph(node("relay.Call", op="9" * 5000, args="0", attrs="0")),
    "contains itself": graph(node("relay.Tuple", fields="2"), {"type_key": "Array", "data": [1]}),
    "two that contain each other": graph(
        node("relay.TupleGetItem", tuple_value="2", index="0"), node("relay.TupleGetItem", tuple_value="1", index="0")
    ),
    "array of itself": graph(
        node("relay.Call", op="2", args="0", attrs="3"),
        {"type_key": "Op", "repr_str": "transpose"},
        node("relay.attrs.TransposeAttrs", axes="4"),
        {"type_key": "Array", "data": [4]},
    ),
    "type of itself": graph(
        node("relay.Var", vid="2", type_annotation="4"),
        node("relay.Id", name_hint="3"),
        {"type_key": "runtime.String", "repr_str": "x"},
        node("TupleType", fields="5"),
        {"type_key": "Array", "data": [4]},
    ),
    "billion laughs": graph(
        node("relay.Call", op="2", args="0", attrs="3"),
        {"type_key": "Op", "repr_str": "transpose"},
        node("relay.attrs.TransposeAttrs", axes="4"),
        *({"type_key": "Array", "data": [index + 1] * 10} for index in range(4, 24)),
        {"type_key": "Array", "data": []},
    ),
    "tensor that is not there": graph(node("relay.Constant", data="0")),
    "tensor that is no base64": graph(node("relay.Constant", data="0"), blobs=("!!!",)),
    "tensor that lies about its size": graph(node("relay.Constant", data="0"), blobs=(BASE64_OF_A_LIE,)),
    "impossible shape": graph(
        node("relay.Var", vid="2", type_annotation="4"),
        node("relay.Id", name_hint="3"),
        {"type_key": "runtime.String", "repr_str": "x"},
        node("relay.TensorType", dtype="int8", shape="5"),
        {"type_key": "Array", "data": [6]},
        node("IntImm", dtype="int32", value="-5"),
    ),
    "unknown expression": graph(node("relay.Match")),
    "string with a lying length": graph(
        node("relay.Var", vid="2", type_annotation="0"),
        node("relay.Id", name_hint="3"),
        {"type_key": "runtime.String", "repr_b64": base64.b64encode(b"\xff" * 8 + b"x").decode()},
    ),
}


@pytest.mark.parametrize("text", HOSTILE_GRAPHS.values(), ids=HOSTILE_GRAPHS.keys())
def test_json_that_lies(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        load(text)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("content", [b"", b"\x00" * 40, b"\xff\xfe\x00a", b"PK\x03\x04 zip"])
def test_files_of_other_kinds(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.relay"
    path.write_bytes(content)
    with pytest.raises(ParseError):
        load(path)
    with pytest.raises(ParseError):
        load("def @main(%x: int8) { %x }", path)
