"""Whatever comes in, a module or a `ParseError` comes out, soon, and in memory that the input's size bounds."""

from __future__ import annotations

import gc
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text.modules import mutated

from nir.errors import ParseError
from nir.ops import OPERATORS
from nir.text import format_text, parse, print_module

REAL = [f"nir 1.0\n\n{operator.example()}" for operator in OPERATORS if operator.example().strip()]
DEEP = 100_000
BODY = "func @f(%x: tensor<f32>) -> () {\n  "


def module_or_error(text: str | bytes) -> None:
    try:
        printed = print_module(parse(text, weights={}))
    except ParseError as error:
        assert str(error)
    else:
        assert format_text(printed) == printed


@given(st.sampled_from(REAL).flatmap(mutated))
@settings(max_examples=300)
def test_mutated_files(text: str) -> None:
    module_or_error(text)


@given(
    st.sampled_from(REAL).map(str.encode),
    st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=3)), max_size=4),
)
@settings(max_examples=200)
def test_mutated_bytes(content: bytes, changes: list[tuple[int, bytes]]) -> None:
    for place, new in changes:
        place %= len(content)
        content = content[:place] + new + content[place + 1 :]
    module_or_error(content)


@given(st.sampled_from(REAL).map(str.encode), st.integers(0, 10_000))
def test_truncated_files(content: bytes, length: int) -> None:
    module_or_error(content[: length % len(content)])


@given(st.binary() | st.text(st.characters(exclude_categories=())))
def test_raw_input(content: bytes | str) -> None:
    module_or_error(content)


@pytest.mark.parametrize(
    "text",
    [
        "[" * DEEP,
        BODY + "%y = relu(%x) {a = " + "[" * DEEP,
        BODY + '%y = foreign "a"(%x) {a = ' + "[" * DEEP + "]" * DEEP + "} : tensor<f32> return }",
        "func @f() -> () attributes {a = " + "[" * DEEP + "]" * DEEP + "} { return }",
        BODY + "%y = const dense<" + "[" * DEEP,
        BODY + "%y = const dense<" + "[" * DEEP + "]" * DEEP + "> : tensor<1x1xf32> return }",
        BODY + "%y = relu(" + "(" * DEEP,
        BODY + "%y = relu(%x) " + "{" * DEEP,
        BODY + "%y = relu(%x) : " + "(" * DEEP,
        "func @f(%x: " + "tensor<" * DEEP,
        "func @f(%x: tensor<" + "1x" * DEEP + "f32>) -> () { return }",
        "func @f(%x: tensor<u8, axis=0, scales=" + "[" * DEEP + "]" * DEEP + ">) -> () { return }",
        BODY * DEEP,
        '"' * DEEP,
        BODY + '%"' + "\\" * DEEP,
        BODY + "%y = const dense<[" + "1, " * DEEP + "x]> : tensor<100001xf32> return }",
        BODY + "%y = relu(" + "%x, " * DEEP + "relu",
    ],
    ids=lambda text: text[:60].replace("\n", " "),
)
def test_deep_nesting_and_long_lists(text: str) -> None:
    limit = sys.getrecursionlimit()
    caught: list[ParseError] = []

    def read() -> None:
        with pytest.raises(ParseError) as info:
            parse(text)
        caught.append(info.value)

    thread = threading.Thread(target=read)  # a thread has a small stack: recursion in C would show
    thread.start()
    thread.join()
    assert len(str(caught[0])) < 3000
    assert sys.getrecursionlimit() == limit


def test_the_collector_is_on_again() -> None:
    assert gc.isenabled()
    parse(REAL[0], weights={})
    assert gc.isenabled()
    with pytest.raises(ParseError):
        parse("nonsense")
    assert gc.isenabled()
    gc.disable()
    try:
        parse(REAL[0], weights={})
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_chain_of_20_000_operations() -> None:
    lines = [f"  %{i + 1} = relu(%{i}) : tensor<4xf32>" for i in range(20_000)]
    text = "\n".join(
        ["nir 1.0", "", "func @main(%0: tensor<4xf32>) -> tensor<4xf32> {", *lines, "  return %20000", "}", ""]
    )
    module = parse(text)
    assert len(module["main"]) == 20_000
    assert print_module(module) == text
    types = {id(op.results[0].type) for op in module["main"]}
    assert len(types) == 1, "the same text gives the same type object"


def test_many_errors_end_early() -> None:
    text = BODY + "\n".join(f"%y{i} = rleu(%z{i}) : tensor<f32>" for i in range(5_000)) + "\nreturn }"
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert len(caught.value.diagnostics) == 50
