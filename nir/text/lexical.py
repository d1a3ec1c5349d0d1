"""Tokens of the language: their patterns, taken from the grammar, and how names and strings are quoted."""

from __future__ import annotations

import functools
import re

from lark import Lark

from nir.errors import ParseError
from nir.grammar import parser
from nir.source import Source, Span

ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
"""What a character behind a backslash stands for; besides these there is `\\u{hexadecimal digits}`."""

_ESCAPED = {text: "\\" + letter for letter, text in ESCAPES.items()}
_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|(.))", re.DOTALL)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.$-]+")


def language(*, shortcuts: bool = True) -> Lark:
    """The parser of the language, for the rules `module` and `operation`; without `shortcuts` slow, but the same."""
    files = ("nir.lark", "plain.lark") if shortcuts else ("nir.lark",)
    return parser(*files, start=("module", "operation"))


@functools.cache
def terminal(name: str) -> str:
    """The regular expression of a terminal of nir.lark, without groups that capture."""
    return next(t.pattern.to_regexp() for t in language().terminals if t.name == name)


def quote(text: str) -> str:
    """`text` in double quotes. What cannot be seen, or not be stored as UTF-8, is written as an escape."""
    return '"' + "".join([c if c.isprintable() and c not in '"\\' else _escaped(c) for c in text]) + '"'


def _escaped(character: str) -> str:
    return _ESCAPED.get(character) or f"\\u{{{ord(character):x}}}"


def unquote(token: str, source: Source, start: int) -> str:
    """The text that a quoted `token` at offset `start` stands for. Raises `ParseError` for an unknown escape."""
    body = token[1:-1]
    if "\\" not in body:
        return body

    def character(match: re.Match[str]) -> str:
        digits, letter = match.groups()
        code = int(digits, 16) if digits else None
        if (code is not None and code > 0x10FFFF) or (code is None and letter not in ESCAPES):
            raise ParseError(
                "there is no such escape",
                Span(source, start + 1 + match.start(), start + 1 + match.end()),
                expected='\\", \\\\, \\n, \\t or \\u{...} with at most six hexadecimal digits, up to 10ffff',
                found=f"'{match[0]}'",
            )
        return ESCAPES[letter] if code is None else chr(code)

    return _ESCAPE.sub(character, body)


def write_name(sigil: str, name: str) -> str:
    """A value's or function's name as text: quoted where it is not a plain name."""
    return sigil + (name if _PLAIN_NAME.fullmatch(name) else quote(name))


def read_name(token: str, source: Source, start: int) -> str:
    """The name in a token that begins with its sigil (`%` or `@`) at offset `start`."""
    return unquote(token[1:], source, start + 1) if token[1] == '"' else token[1:]


def is_word(text: str) -> bool:
    """True for text that can stand without quotes as an attribute's name or a keyword."""
    return _WORD.fullmatch(text) is not None


_WORD = re.compile(terminal("WORD"))


def brief(text: str) -> str:
    """`text` on one line and cut to 60 characters, for messages."""
    text = " ".join(text[:200].split())
    return text if len(text) <= 60 else f"{text[:57]}..."
