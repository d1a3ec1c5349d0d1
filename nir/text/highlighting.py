"""Colours for `.nir` text: a Pygments lexer made from the grammar's own terminals, and what a terminal is coloured as.

Registered as an entry point, so that whatever uses Pygments (notebooks, Sphinx, rich, `pygmentize`) knows the alias
`nir` and the file name `*.nir`. The lexer takes any text: what is not in the language is an error token.
"""

from __future__ import annotations

import functools
from typing import Any

from pygments.lexer import RegexLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace, _TokenType

import nir.grammar

COLOURED: tuple[tuple[str, _TokenType], ...] = (
    ("SPACE", Whitespace),
    ("COMMENT", Comment.Single),
    ("VALUE", Name.Variable),
    ("SYMBOL", Name.Function),
    ("STRING", String.Double),
    ("BOOLEAN", Keyword.Constant),
    ("NUMBER", Number),
    ("WORD", Name),
)
"""The grammar's terminals in the order in which they are tried, and what they are in Pygments' terms."""

KEYWORDS = {"tensor": Keyword.Type, "none": Keyword.Constant, "dense": Keyword}
"""Words of the grammar that are no plain keyword."""

_OPERATOR_FOLLOWS = r'(?=\s*(?:[(@"{]|dense\s*<|:\s*(?:tensor|\()))'
"""An operator's name stands before its subject, operands, attributes or types; the name of an enumeration's member
stands before a comma or a closing bracket."""


@functools.cache
def terminals() -> dict[str, str]:
    """The grammar's terminals as regular expressions, by name; of anonymous ones the text itself is the name."""
    found = {}
    for terminal in nir.grammar.parser("nir.lark").terminals:
        anonymous = terminal.pattern.type == "str"
        found[terminal.pattern.value if anonymous else terminal.name] = terminal.pattern.to_regexp()
    return found


def _rules() -> dict[str, list[Any]]:
    """Pygments' table: one state for everything but what stands between `tensor<` and `>`."""
    patterns = terminals()
    words = [name for name in patterns if name.isidentifier() and name.islower()]
    marks = [name for name in patterns if not name.isidentifier()]
    word = patterns["WORD"]
    end = r"(?![A-Za-z0-9_.$-])"
    plain = [(patterns[name], token) for name, token in COLOURED]
    spaces, others = plain[:2], plain[2:]
    return {
        "root": [
            *spaces,
            (rf"(nir)(\s+)({patterns['VERSION']})", _groups(Keyword.Namespace, Whitespace, Number)),
            (r"(tensor)(\s*)(<)", _groups(Keyword.Type, Whitespace, Punctuation), "tensor"),
            (rf"{word}{_OPERATOR_FOLLOWS}", _operator_or_keyword(words)),
            (rf"{word}(?=\s*=)", Name.Attribute),
            *((rf"{name}{end}", KEYWORDS.get(name, Keyword)) for name in words),
            *others,
            *_marks(marks),
        ],
        "tensor": [
            *spaces,
            (rf"{word}(?=\s*=)", Name.Attribute),
            (patterns["SHAPE"], Keyword.Type),
            (r">", Punctuation, "#pop"),
            *others,
            *_marks([mark for mark in marks if mark != ">"]),
        ],
    }


def _marks(marks: list[str]) -> list[Any]:
    """Rules for punctuation, the longest first."""
    patterns = terminals()
    return [(patterns[m], Operator if m in ("=", "->") else Punctuation) for m in sorted(marks, key=len, reverse=True)]


def _groups(*tokens: _TokenType) -> Any:
    """Pygments' `bygroups`, for groups that may have groups in them."""

    def callback(lexer: Any, match: Any, context: Any = None) -> Any:
        for index, token in enumerate(tokens, start=1):
            if match.group(index):
                yield match.start(index), token, match.group(index)

    return callback


def _operator_or_keyword(words: list[str]) -> Any:
    """`func @main` and `return %x` look like operators; they are keywords."""

    def callback(lexer: Any, match: Any, context: Any = None) -> Any:
        text = match.group()
        yield match.start(), KEYWORDS.get(text, Keyword) if text in words else Name.Builtin, text

    return callback


class NirLexer(RegexLexer):
    """Pygments' lexer of the `.nir` language."""

    name = "Neuron IR"
    aliases = ["nir"]
    filenames = ["*.nir"]
    mimetypes = ["text/x-nir"]
    url = "docs/language.md"
    tokens = _rules()
