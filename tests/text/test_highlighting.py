"""The Pygments lexer: it loses nothing, it knows every word of the grammar, and it follows the grammar."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, Error, Keyword, Name, Number, String

import nir.text
from nir.text.highlighting import COLOURED, NirLexer, terminals

FILETESTS = Path(__file__).resolve().parent.parent / "filetests"

NOT_COLOURED = {"SHAPE", "ELEMENTS", "VERSION"}
"""Terminals with rules of their own, or whose parts are coloured."""


def tokens(text: str) -> list[tuple[object, str]]:
    return [(kind, value) for kind, value in NirLexer(stripnl=False, ensurenl=False).get_tokens(text) if value.strip()]


def test_every_terminal_of_the_grammar_is_coloured() -> None:
    named = {name for name in terminals() if name.isupper()}
    assert named == {name for name, _ in COLOURED} | NOT_COLOURED


@pytest.mark.parametrize("path", sorted(FILETESTS.rglob("*.nir")), ids=lambda path: path.stem)
def test_no_text_is_lost_and_what_parses_has_no_error_token(path: Path) -> None:
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    found = list(NirLexer(stripnl=False, ensurenl=False).get_tokens(text))
    assert "".join(value for _, value in found) == text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    try:
        nir.text.parse(text)
    except nir.NirError:
        return
    assert Error not in {kind for kind, _ in found}


@given(st.text(alphabet='nirfunc%@"{}()<>=-.0123456789x,: /\n\\$'))
def test_any_text_is_lexed(text: str) -> None:
    joined = "".join(value for _, value in NirLexer(stripnl=False, ensurenl=False).get_tokens(text))
    assert joined == text


def test_words_are_told_apart_by_where_they_stand() -> None:
    found = tokens('%y = conv_2d(%x) {mode = relu6} : tensor<1xi8, scale=0.5> // end\nreturn %y foreign "a b"')
    assert found[:4] == [(Name.Variable, "%y"), found[1], (Name.Builtin, "conv_2d"), found[3]]
    by_text = {text: kind for kind, text in found}
    assert by_text["mode"] is by_text["scale"] is Name.Attribute
    assert by_text["relu6"] is Name
    assert by_text["1xi8"] is by_text["tensor"] is Keyword.Type
    assert by_text["return"] is Keyword
    assert by_text["0.5"] is Number
    assert by_text["foreign"] is Name.Builtin
    assert by_text['"a b"'] is String.Double
    assert by_text["// end"] is Comment.Single


def test_pygments_finds_it_by_name() -> None:
    assert isinstance(get_lexer_by_name("nir"), NirLexer)
    assert isinstance(get_lexer_for_filename("model.nir"), NirLexer)
