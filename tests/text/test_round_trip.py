"""Text and back: byte-exact for text in canonical form, structure-exact for any; the quick way and the exact way agree."""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st
from text.modules import modules, mutated, spaced, tokens

from nir.errors import ParseError
from nir.ir import Module, first_difference
from nir.source import Source
from nir.text import format_text, parse, print_function, print_module, weights_of
from nir.text.parser import parse_source


@given(modules())
def test_printing_and_reading_gives_the_same_module(module: Module) -> None:
    text = print_module(module)
    text.encode("utf-8")
    read = parse(text, weights=weights_of(module))
    assert first_difference(module, read, names=True) is None
    assert print_module(read) == text
    assert format_text(text) == text


@given(modules().map(print_module).flatmap(lambda text: st.tuples(st.just(text), spaced(text))))
def test_spaces_and_comments_mean_nothing(texts: tuple[str, str]) -> None:
    canonical, spread = texts
    assert first_difference(parse(canonical), parse(spread), names=True) is None
    formatted = format_text(spread)
    assert format_text(formatted) == formatted
    assert comments_in(formatted) == comments_in(spread)


def comments_in(text: str) -> Counter[str]:
    return Counter(token.strip() for token in tokens(text) if token.startswith("//"))


def outcome(text: str, *, shortcuts: bool) -> str:
    """What reading `text` gives: the module as text, or the error."""
    try:
        return print_module(parse_source(Source("x", text), {}, shortcuts=shortcuts))
    except ParseError as error:
        return str(error)


@given(modules().map(print_module).flatmap(lambda text: spaced(text) | mutated(text) | mutated(text)))
@example("func @f(%x: tensor<f32>) -> () {\n  %y = relu(%x) : tensor<f32>\n  }")
@settings(max_examples=200)
def test_shortcuts_change_nothing(text: str) -> None:
    assert outcome(text, shortcuts=True) == outcome(text, shortcuts=False)


@given(modules())
def test_functions_print_alone_as_in_their_module(module: Module) -> None:
    for function in module:
        assert print_function(function) in print_module(module)
