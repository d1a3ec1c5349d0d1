"""Elements of constants: read in bulk as grammar/elements.lark says, written as short as can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Token, Tree
from lark.exceptions import UnexpectedInput

from nir.errors import ParseError
from nir.grammar import parser
from nir.ir import ElementType, TensorType, tensor
from nir.source import Source
from nir.text.elements import is_splat, read_elements, write_elements


def by_the_grammar(text: str) -> Any:
    """Nested lists of tokens, or None where the grammar does not allow the text."""
    try:
        tree = parser("elements.lark", start=("elements",)).parse(text)
    except UnexpectedInput:
        return None

    def value(node: Tree[Token] | Token) -> Any:
        return str(node) if isinstance(node, Token) else [value(child) for child in node.children[1:-1:2]]

    return value(tree.children[0])


def expected(nested: Any, type: TensorType) -> np.ndarray | None:
    """What nested lists of tokens mean for `type`: the definition, element by element."""
    if nested is None or (0 in type.shape) != (nested == []):
        return None
    if 0 in type.shape:
        return np.empty(type.shape, type.element.numpy)  # type: ignore[arg-type]
    if isinstance(nested, str):
        word = one(nested, type.element)
        return None if word is None else np.full(type.shape, word, type.element.numpy)  # type: ignore[arg-type]

    def gather(item: Any, shape: tuple[int | None, ...]) -> list[Any] | None:
        if not shape:
            return None if isinstance(item, list) else [one(item, type.element)]
        if isinstance(item, str) or len(item) != shape[0]:
            return None
        parts = [gather(inner, shape[1:]) for inner in item]
        return None if None in parts else [word for part in parts for word in part or []]

    words = gather(nested, type.shape)
    if words is None or None in words:
        return None
    return np.array(words, type.element.numpy).reshape(type.shape)  # type: ignore[arg-type]


def one(token: str, element: ElementType) -> Any:
    if element is ElementType.BOOL:
        return {"true": True, "false": False}.get(token)
    if token in ("true", "false"):
        return None
    if element.is_float:
        return float(token)
    try:
        return int(token) if element.minimum <= int(token) <= element.maximum else None
    except ValueError:
        return None


PIECES = st.sampled_from(
    ["[", "]", ",", "1", "-7", "2.5", "300", "inf", "true", " ", "\n", "// c\n", "x", "-", "[1, 2]", "[[1], [2]]"]
)
SHAPES = st.lists(st.integers(0, 3), max_size=3)
TYPES = st.builds(TensorType, st.sampled_from([ElementType.F32, ElementType.U8, ElementType.BOOL]), SHAPES)


@st.composite
def nested(draw: st.DrawFn, shape: tuple[int, ...]) -> str:
    """Lists of about the right shape."""
    if not shape:
        return draw(st.sampled_from(["1", "-7", "2.5", "0", "true", "300"]))
    count = draw(st.sampled_from([shape[0]] * 9 + [shape[0] + 1]))
    return f"[{','.join([draw(nested(shape[1:])) for _ in range(count)])}]"


@given(st.data(), TYPES)
@settings(max_examples=400)
def test_reading_agrees_with_the_grammar(data: st.DataObject, type: TensorType) -> None:
    text = data.draw(st.lists(PIECES, min_size=1, max_size=8).map("".join) | nested(type.shape))  # type: ignore[arg-type]
    wanted = expected(by_the_grammar(text), type)
    try:
        found = read_elements(Source("x", text), 0, len(text), type)
    except ParseError as error:
        assert wanted is None, str(error)
        return
    assert wanted is not None, "this is not in the grammar, or does not fit the type"
    assert found.dtype == wanted.dtype
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((2, 3), np.float32), "0.0"),
        (np.array(-0.0, np.float32), "-0.0"),
        (np.array([0.0, -0.0], np.float32), "[0.0, -0.0]"),
        (np.array([[1], [2]], np.int8), "[[1], [2]]"),
        (np.array([np.nan, -np.nan], np.float16), "nan"),
        (np.array([np.inf, -np.inf], np.float16), "[inf, -inf]"),
        (np.array([True, False]), "[true, false]"),
        (np.empty((3, 0), np.int32), "[]"),
        (np.array([0.1, 1e-7], np.float32), "[0.1, 1e-07]"),
        (np.arange(6, dtype=np.int32).reshape(2, 3).T, "[[0, 3], [1, 4], [2, 5]]"),
    ],
)
def test_writing(array: np.ndarray, text: str) -> None:
    assert write_elements(array) == text


def test_one_element_for_all_takes_no_memory() -> None:
    source = Source("x", "7")
    array = read_elements(source, 0, 1, tensor(10**12, "i8"))
    assert array.shape == (10**12,)
    assert is_splat(array)
    assert write_elements(array) == "7"
