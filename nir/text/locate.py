"""Finding the parts of a statement again: the span of one operand, attribute or type, for a caret under it.

Operations remember the span of their whole statement only, since errors are rare; here its text is taken apart when
one is to be shown. Every function gives None where the operation did not come from `.nir` text, or its text has no
such part (a pass may have changed the operation since).
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nir.errors import ParseError
from nir.ir import Function, Operation
from nir.source import Source, Span
from nir.text.lexical import read_name, terminal, unquote

_TOKEN = re.compile(
    f"(?P<skip>{terminal('SPACE')}|{terminal('COMMENT')})|(?P<value>{terminal('VALUE')})|(?P<symbol>{terminal('SYMBOL')})"
    f"|(?P<string>{terminal('STRING')})|(?P<arrow>->)|(?P<word>[-+?A-Za-z0-9_.]+)|(?P<mark>.)",
    re.DOTALL,
)
_OPENING, _CLOSING = frozenset("([{<"), frozenset(")]}>")

_RECENT: weakref.WeakKeyDictionary[Source, dict[tuple[str, int, int], Any]] = weakref.WeakKeyDictionary()
"""What was taken apart last, for every source."""

Range = tuple[int, int]
Part = str | tuple[str, int | str]
"""`"name"`, `"subject"`, or a pair: `("operand", i)`, `("result", i)`, `("attribute", name)`,
`("attribute_value", name)`, `("type", i)`; of result type i also `("shape", i)` (with the element type), and where
written `("scale", i)`, `("zero_point", i)`, `("axis", i)`, `("scales", i)`, `("zero_points", i)` (the values).
"""


@dataclass
class TypeOutline:
    """Where a type stands, and in it the shape and the values of the quantisation's parameters."""

    range: Range
    parts: dict[str, Range] = field(default_factory=dict)


@dataclass
class Outline:
    """Where the parts of an operation stand."""

    name: Range | None = None
    subject: Range | None = None
    results: list[Range] = field(default_factory=list)
    operands: list[Range] = field(default_factory=list)
    attributes: dict[str, Range] = field(default_factory=dict)
    attribute_values: dict[str, Range] = field(default_factory=dict)
    types: list[TypeOutline] = field(default_factory=list)


class _Cursor:
    """Walks over the tokens of a text; spaces and comments are passed over."""

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.kind, self.text, self.range = "end", "", (end, end)
        self._last = (start, start)
        self._matches = _TOKEN.finditer(source.text, start, end)
        self._end = end
        self.advance()

    def advance(self) -> Range:
        """Steps to the next token; returns the range of the one left behind."""
        self._last = self.range
        self.kind, self.text, self.range = "end", "", (self._end, self._end)
        for match in self._matches:
            if match.lastgroup != "skip":
                self.kind, self.text, self.range = match.lastgroup or "mark", match[0], match.span()
                break
        return self._last

    def accept(self, text: str) -> bool:
        """Steps over the token `text` if it is next."""
        if self.text != text:
            return False
        self.advance()
        return True

    def until(self, *stops: str) -> Range:
        """Steps to the first of `stops` outside of brackets; returns the range passed over."""
        start, end, depth = self.range[0], self.range[0], 0
        while self.kind != "end" and (depth or self.text not in stops):
            if self.kind == "mark":
                depth += (self.text in _OPENING) - (self.text in _CLOSING)
            if depth < 0:
                break
            end = self.advance()[1]
        return start, end

    def items(self, close: str) -> list[Range]:
        """The ranges of what commas separate, up to and with the bracket `close`."""
        ranges = []
        while self.kind != "end" and self.text != close:
            ranges.append(self.until(",", close))
            if not self.accept(",") and self.text != close:
                break
        self.accept(close)
        return ranges

    def name(self) -> str:
        """The name that the present token spells."""
        try:
            if self.kind == "string":
                return unquote(self.text, self.source, self.range[0])
            return read_name(self.text, self.source, self.range[0]) if self.kind in ("value", "symbol") else self.text
        except ParseError:
            return self.text


def _outline(source: Source, start: int, end: int) -> Outline:
    """Takes the text of one operation apart."""
    cursor, outline = _Cursor(source, start, end), Outline()
    while cursor.kind == "value":
        outline.results.append(cursor.advance())
        cursor.accept(",")
    cursor.accept("=")
    outline.name = cursor.advance()
    if cursor.kind in ("symbol", "string"):
        outline.subject = cursor.advance()
    elif cursor.text == "dense":
        outline.subject = cursor.until("(", "{", ":")
    if cursor.accept("("):
        outline.operands = cursor.items(")")
    if cursor.accept("{"):
        _attributes(cursor, outline)
    if cursor.accept(":"):
        outline.types = _types(cursor)
    return outline


def _attributes(cursor: _Cursor, outline: Outline) -> None:
    while cursor.kind != "end" and cursor.text != "}":
        name = cursor.name()
        outline.attributes.setdefault(name, cursor.advance())
        cursor.accept("=")
        outline.attribute_values.setdefault(name, cursor.until(",", "}"))
        if not cursor.accept(","):
            break
    cursor.accept("}")


def _types(cursor: _Cursor) -> list[TypeOutline]:
    """One type, or a list of them in parentheses."""
    if not cursor.accept("("):
        return [_type(cursor)]
    types = []
    while cursor.kind != "end" and cursor.text != ")":
        types.append(_type(cursor))
        if not cursor.accept(","):
            break
    cursor.accept(")")
    return types


def _type(cursor: _Cursor) -> TypeOutline:
    start = cursor.advance()[0]
    outline = TypeOutline((start, start))
    cursor.accept("<")
    outline.parts["shape"] = cursor.until(",", ">")
    while cursor.accept(","):
        parameter = cursor.text
        cursor.advance()
        cursor.accept("=")
        outline.parts[parameter] = cursor.until(",", ">")
    outline.range = (start, cursor.advance()[1])
    return outline


def locate(op: Operation, part: Part) -> Span | None:
    """The span of `part` (see `Part`) in the statement that `op` was read from, or None."""
    if not isinstance(op.location, Span):
        return None
    source, start, end = op.location.source, op.location.start, op.location.end
    outline: Outline = _remembered(source, ("operation", start, end), lambda: _outline(source, start, end))
    found = _simple(outline, part) if isinstance(part, str) else _indexed(outline, *part)
    return None if found is None else Span(op.location.source, *found)


def _remembered(source: Source, place: tuple[str, int, int], make: Callable[[], Any]) -> Any:
    """What `make` finds at a place, kept for as long as questions are about the same few places: one statement may
    have very many parts, and an error in each.
    """
    memory = _RECENT.setdefault(source, {})
    if place not in memory:
        if len(memory) >= 4:
            memory.clear()
        memory[place] = make()
    return memory[place]


def _simple(outline: Outline, part: str) -> Range | None:
    return outline.name if part == "name" else outline.subject if part == "subject" else None


def _indexed(outline: Outline, what: str, index: int | str) -> Range | None:
    if isinstance(index, str):
        return (outline.attributes if what == "attribute" else outline.attribute_values).get(index)
    if what in ("operand", "result"):
        ranges = outline.operands if what == "operand" else outline.results
        return ranges[index] if index < len(ranges) else None
    return _part_of_type(outline.types, index, what)


def _part_of_type(types: list[TypeOutline], index: int, part: str) -> Range | None:
    if index >= len(types):
        return None
    return types[index].range if part == "type" else types[index].parts.get(part)


@dataclass
class _Signature:
    parameters: list[Range] = field(default_factory=list)
    parameter_types: list[TypeOutline] = field(default_factory=list)
    result_types: list[TypeOutline] = field(default_factory=list)
    body: int = 0
    """Offset behind the brace that opens the body."""


def _signature(function: Function) -> _Signature:
    """The parts of a function's signature."""
    assert function.location is not None
    source, start = function.location.source, function.location.end
    signature: _Signature = _remembered(source, ("signature", start, 0), lambda: _signature_at(source, start))
    return signature


def _signature_at(source: Source, start: int) -> _Signature:
    """Takes a signature apart, from behind the function's name on."""
    signature = _Signature()
    cursor = _Cursor(source, start, len(source.text))
    cursor.accept("(")
    while cursor.kind == "value":
        signature.parameters.append(cursor.advance())
        cursor.accept(":")
        signature.parameter_types.append(_type(cursor))
        cursor.accept(",")
    cursor.accept(")")
    cursor.accept("->")
    signature.result_types = _types(cursor)
    if cursor.accept("attributes"):
        cursor.accept("{")
        cursor.items("}")
    signature.body = cursor.range[1]
    return signature


def locate_parameter(function: Function, index: int, part: str = "name") -> Span | None:
    """The span of parameter `index`: of its `name`, its `type`, or a part of the type as in `Part`."""
    if function.location is None:
        return None
    signature = _signature(function)
    if part != "name":
        found = _part_of_type(signature.parameter_types, index, part)
    else:
        found = signature.parameters[index] if index < len(signature.parameters) else None
    return None if found is None else Span(function.location.source, *found)


def locate_result_type(function: Function, index: int, part: str = "type") -> Span | None:
    """The span of result type `index` in the signature, or of a part of it as in `Part`."""
    if function.location is None:
        return None
    found = _part_of_type(_signature(function).result_types, index, part)
    return None if found is None else Span(function.location.source, *found)


def locate_return(function: Function, index: int | None = None) -> Span | None:
    """The span of returned value `index`, or of the word `return` for None."""
    if function.location is None:
        return None
    source, place = function.location.source, ("return", function.location.end, len(function.operations))
    word, *values = _remembered(source, place, lambda: _returned(function)) or [None]
    found = word if index is None else values[index] if index < len(values) else None
    return None if found is None else Span(source, *found)


def _returned(function: Function) -> list[Range]:
    """Where the word `return` and the values behind it stand; empty where that is not found."""
    assert function.location is not None
    source = function.location.source
    spans = [
        op.location.end for op in function.operations if isinstance(op.location, Span) and op.location.source is source
    ]
    cursor = _Cursor(source, max(spans) if spans else _signature(function).body, len(source.text))
    if cursor.text != "return":
        return []
    ranges = [cursor.advance()]
    while cursor.kind == "value":
        ranges.append(cursor.advance())
        cursor.accept(",")
    return ranges
