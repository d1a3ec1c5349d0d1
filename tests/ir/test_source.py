"""Spans, excerpts and errors as a person sees them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

import nir
from nir.errors import Diagnostic, NirError, ParseError, missing_extra, suggestion
from nir.source import Source


def test_positions_count_lines_and_code_points_from_one() -> None:
    source = Source("f.nir", "ab\ncdé\n\nx")
    assert [source.position(i) for i in (0, 2, 3, 5, 7, 8)] == [(1, 1), (1, 3), (2, 1), (2, 3), (3, 1), (4, 1)]
    assert source.span(5).location() == "f.nir:2:3"
    assert source.end().location() == "f.nir:4:2"


def test_the_caret_stands_under_the_span() -> None:
    source = Source("f.nir", "first\n\tsecond line\r\n")
    assert source.span(7, 13).excerpt() == "2 |  second line\n  |  ^^^^^^"
    assert Source("f", "").end().excerpt() == "1 | \n  | ^"


def test_wide_and_combining_characters_keep_the_caret_in_place() -> None:
    assert Source("f", "漢字 x").span(3).excerpt().split("\n")[1] == "  | " + " " * 5 + "^"
    assert Source("f", "e\u0301 x").span(3).excerpt().split("\n")[1] == "  | " + " " * 2 + "^"


def test_long_lines_are_cut_around_the_span() -> None:
    source = Source("f", "a" * 100_000 + "HERE" + "b" * 100_000)
    line, carets = source.span(100_000, 100_004).excerpt().split("\n")
    assert len(line) < 140
    assert line[carets.index("^") :].startswith("HERE")


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in Source("f", "a\x1b[31mb").span(0).excerpt()


def test_a_span_over_several_lines_shows_the_first() -> None:
    assert Source("f", "abc\ndef").span(1, 6).excerpt() == "1 | abc\n  |  ^^"


def test_an_error_says_where_what_expected_and_found() -> None:
    source = Source("m.nir", "%0 = conv2d(%x)")
    error = ParseError(
        "unknown operator 'conv2d'",
        source.span(5, 11),
        expected="the name of an operator",
        found="conv2d",
        hint=suggestion("conv2d", ["conv_2d", "add"]),
        notes=["something else"],
    )
    assert str(error) == (
        "m.nir:1:6: error: unknown operator 'conv2d'\n"
        "  1 | %0 = conv2d(%x)\n"
        "    |      ^^^^^^\n"
        "  expected: the name of an operator\n"
        "  found: conv2d\n"
        "  note: something else\n"
        "  hint: did you mean 'conv_2d'?"
    )
    assert isinstance(error, NirError)


def test_an_error_carries_all_diagnostics() -> None:
    error = NirError([Diagnostic("one"), Diagnostic("two")])
    assert str(error) == "error: one\nerror: two"
    assert len(error.diagnostics) == 2


def test_no_suggestion_where_nothing_is_near() -> None:
    assert suggestion("zzz", ["conv_2d"]) is None
    assert suggestion("x" * 10_000_000, ["conv_2d"]) is None


def test_a_missing_extra_is_named() -> None:
    assert "pip install 'neuron-ir[tvm]'" in str(missing_extra("apache-tvm", "tvm", "running on TVM"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nir.parse(3), "the text of a module, found a value of type int (nir.load reads a file)"),
        (lambda: nir.save("x", "y.nir"), "a nir.Module, found a value of type str"),
        (lambda: nir.run("model.nir"), "a nir.Module, found a value of type str (nir.load reads a file)"),
        (lambda: nir.check("model.nir"), "a nir.Module"),
        (lambda: nir.passes.relay_to_nir("model.relay"), "a Relay module, found a value of type str"),
        (lambda: nir.relay.print_module(None), "a Relay module, found a value of type NoneType"),
        (lambda: nir.passes.partition(nir.Module(), None), "names of targets, found a value of type NoneType"),
        (lambda: nir.run(nir.Module(), profile=3), "a numeric profile or the name of one, found a value of type int"),
    ],
)
def test_what_a_function_does_not_take_is_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(TypeError, match=re.escape(words)):
        call()
