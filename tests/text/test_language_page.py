"""docs/language.md: its grammar is the grammar, and its examples are in the language and in canonical form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nir.grammar import text as grammar_text
from nir.text import format_text

PAGE = Path(__file__).resolve().parents[2] / "docs" / "language.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def rules(file: str) -> list[str]:
    """The definitions in a grammar file, without comments and directives."""
    return [line for line in grammar_text(file).split("\n") if line and not line.startswith(("//", "%"))]


def test_the_summary_is_the_grammar() -> None:
    (summary,) = blocks("lark")
    files = ("nir.lark", "literals.lark", "elements.lark")
    assert [line for line in summary.split("\n") if line] == [line for file in files for line in rules(file)]


def test_there_are_examples() -> None:
    assert len(blocks("nir")) >= 5


@pytest.mark.parametrize("example", blocks("nir"))
def test_examples_are_canonical(example: str) -> None:
    expected = example if example.startswith("nir ") else f"nir 1.0\n\n{example}"
    assert format_text(example) == expected
