"""Hints for text that the grammar does not allow: what somebody who writes this is likely to mean.

Every piece of advice is a function of the text, the place where reading stopped, and what was being read there. The
first that has something to say is shown. They change nothing about what is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from nir.text.lexical import quote

_NAME_BEFORE = re.compile(r"[%@][A-Za-z0-9_.$-]*$")
_REST_OF_NAME = re.compile(r"[^\s(){}<>,:=\"]+")
_WORD_BEFORE = re.compile(r"[A-Za-z0-9_.$-]+$")
_WORD = re.compile(r"[A-Za-z0-9_.$-]+")
_LONGEST_NAME = 100


class Mistake(NamedTuple):
    """Where reading stopped: the offset, what stands there, and what was being read ("the operands")."""

    text: str
    position: int
    found: str
    where: str

    def before(self) -> str:
        """The text before, as far as it matters."""
        return self.text[max(0, self.position - _LONGEST_NAME) : self.position]


def _name_to_be_quoted(mistake: Mistake) -> str | None:
    start = _NAME_BEFORE.search(mistake.before())
    rest = _REST_OF_NAME.match(mistake.text, mistake.position)
    if start is None or rest is None:
        return None
    name = start[0] + rest[0]
    return f"a name with such characters stands in quotes: {name[0]}{quote(name[1:_LONGEST_NAME])}"


def _whole_word(mistake: Mistake) -> str | None:
    """For a keyword that is only the beginning of the word that stands there: `function`."""
    start = _WORD_BEFORE.search(mistake.before())
    rest = _WORD.match(mistake.text, mistake.position)
    if start is None or rest is None or start[0] not in ("func", "return", "weights", "attributes", "nir"):
        return None
    return f"did you mean '{start[0]}'?"


def _other_language(mistake: Mistake) -> str | None:
    if mistake.text.startswith("#[version", mistake.position):
        return "this is Relay text, which `nir convert` reads"
    if mistake.found in ("#", "/") or mistake.text.startswith("/*", mistake.position):
        return "a comment begins with //"
    if mistake.found == ";":
        return "nothing stands between statements"
    return 'strings stand in plain quotes: "..."' if mistake.found in "\u201c\u201d\u201e'`" else None


def _number(mistake: Mistake) -> str | None:
    found = mistake.found
    if re.fullmatch(r"\.[0-9]+", found):
        return f"a digit stands before the point: 0{found}"
    if re.fullmatch(r"\+[0-9.]+", found):
        return f"a number has no plus sign: {found[1:]}"
    if re.match(r"0[xXbBoO]|[0-9]+_", found):
        return "numbers are decimal digits without marks between them"
    return None


def _operand(mistake: Mistake) -> str | None:
    if mistake.where != "the operands":
        return None
    if re.fullmatch(r"-?[0-9.]+", mistake.found):
        return "a number becomes an operand by an operation of its own: %c = const dense<...>"
    if re.match(r"[A-Za-z_][\w.]*[ (]", mistake.text[mistake.position : mistake.position + _LONGEST_NAME]):
        return "operations are not nested: give the inner one a name and a line of its own"
    if mistake.found == ":" and not mistake.before()[-1:].isspace():
        return "types of operands are not repeated"
    return None


def _operation(mistake: Mistake) -> str | None:
    if mistake.found == "," and mistake.before().endswith(">"):
        return "several types stand in parentheses: (tensor<...>, tensor<...>)"
    if mistake.found == ":" and mistake.where == "the return statement":
        return "types of returned values are not repeated"
    if mistake.found == ":" and mistake.where == "the attributes":
        return "an attribute is written name = value"
    if mistake.found[:1] == '"' and mistake.before().endswith("= "):
        return "the name of an operator stands without quotes"
    return None


_ADVICE: tuple[Callable[[Mistake], str | None], ...] = (
    _name_to_be_quoted,
    _whole_word,
    _other_language,
    _number,
    _operand,
    _operation,
)


def advice(mistake: Mistake) -> str | None:
    """A hint, or None where nothing comes to mind."""
    return next((hint for give in _ADVICE if (hint := give(mistake)) is not None), None)
