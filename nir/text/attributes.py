"""Attributes: reading them from a tree of the grammar or from plain text, with errors in the words of the operator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lark import Token, Tree

from nir.errors import Diagnostic, ParseError, suggestion
from nir.ir import AttributeField, Keyword, Operation, Symbol
from nir.ir.kinds import BooleanKind, EnumKind, Kind, SequenceKind, StringKind, SymbolKind, UnionKind
from nir.source import Span
from nir.text.lexical import brief, read_name, terminal, unquote
from nir.text.literals import check_length, is_integer, read_float32, read_integer
from nir.text.reader import Reader
from nir.text.types import extent

DEEPEST_LIST = 16
"""How deep lists in attributes may nest."""

_PLAIN_ATTRIBUTE = re.compile(
    rf"({terminal('WORD')}) = (?:({terminal('NUMBER')})|({terminal('WORD')})|\[([^\]]*)\])(?:, |}})"
)


def read_attributes(reader: Reader, tree: Tree[Token], operator: type[Operation]) -> dict[str, Any]:
    """The attributes of one operation in normal form, without those that equal their default.

    Raises `ParseError` for unknown, repeated and missing ones, and for values of the wrong kind.
    """
    given: dict[str, Any] = {}
    seen: set[str] = set()
    for name, span, value in named_values(reader, tree):
        if name in seen:
            raise ParseError(f"the attribute '{brief(name)}' is given twice", span)
        seen.add(name)
        attribute_field = operator.attribute_fields.get(name)
        if attribute_field is not None and attribute_field.subject:
            raise ParseError(f"'{name}' is written right after the operator's name, not among the attributes", span)
        if attribute_field is None and not operator.open_attributes:
            raise _unknown_attribute(name, span, operator)
        if attribute_field is None:
            given[name] = read_value(reader, value, single=False)
            continue
        normal = read_field(reader, value, attribute_field, operator)
        if attribute_field.required or normal != attribute_field.default:
            given[name] = normal
    return given


def named_values(reader: Reader, tree: Tree[Token]) -> list[tuple[str, Span, Token | Tree[Token]]]:
    """Name, span of the name, and value for each entry of an `attributes` tree."""
    entries = []
    for entry in tree.children[1:-1:2]:
        assert isinstance(entry, Tree)
        name, _, value = entry.children
        assert isinstance(name, Token)
        text = unquote(name, reader.source, name.start_pos or 0) if name.type == "STRING" else str(name)
        entries.append((text, reader.span(*extent(name)), value))
    return entries


def missing_attributes(operator: type[Operation], attributes: Mapping[str, Any], span: Span) -> list[Diagnostic]:
    """One error for each required attribute that is not there, pointing at `span`, the operator's name."""
    return [
        Diagnostic(f"{operator.name}: the attribute '{name}' is missing", span, expected=field.kind.describe())
        for name, field in operator.attribute_fields.items()
        if field.required and not field.subject and name not in attributes
    ]


def _unknown_attribute(name: str, span: Span, operator: type[Operation]) -> ParseError:
    known = [field.name for field in operator.attribute_fields.values() if not field.subject]
    return ParseError(
        f"{operator.name} has no attribute '{brief(name)}'",
        span,
        expected="one of " + ", ".join(known) if known else "no attributes",
        hint=suggestion(name, known),
    )


def read_field(
    reader: Reader, value: Token | Tree[Token], attribute_field: AttributeField, operator: type[Operation]
) -> Any:
    """The value of a declared attribute in normal form. Raises `ParseError` for one of the wrong kind."""
    raw = read_value(reader, value, single=True)
    try:
        return coerce(attribute_field.kind, raw)
    except ValueError:
        span = reader.span(*extent(value))
        names = _keywords(attribute_field.kind)
        hint = suggestion(str(raw), names) if isinstance(raw, str) and str(raw) not in names else None
        if type(raw) is str and raw in names:
            hint = f"without the quotes: {raw}"
        raise ParseError(
            f"{operator.name}: '{attribute_field.name}' cannot have this value",
            span,
            expected=attribute_field.kind.describe(),
            found=f"'{brief(span.text)}'",
            hint=hint,
        ) from None


def coerce(kind: Kind, raw: Any) -> Any:
    """`kind.coerce(raw)`, but with the text's distinction of bare words, strings and names. Raises `ValueError`."""
    if not _is_written_right(kind, raw):
        raise ValueError(raw)
    return kind.coerce(raw)


def _is_written_right(kind: Kind, raw: Any) -> bool:
    """Whether words, strings and names are where the kind wants them; nests as deep as the kind does."""
    if isinstance(kind, UnionKind):
        return any(_is_written_right(choice, raw) and _accepts(choice, raw) for choice in kind.choices)
    if isinstance(kind, SequenceKind):
        return isinstance(raw, tuple) and all(_is_written_right(kind.element, item) for item in raw)
    if isinstance(kind, EnumKind):
        return isinstance(raw, Keyword)
    if isinstance(kind, SymbolKind):
        return isinstance(raw, Symbol)
    return not isinstance(raw, str) or isinstance(kind, StringKind)


def _accepts(kind: Kind, raw: Any) -> bool:
    try:
        kind.coerce(raw)
    except ValueError:
        return False
    return True


def _keywords(kind: Kind) -> list[str]:
    """The bare words that a kind accepts."""
    if isinstance(kind, UnionKind):
        return [name for choice in kind.choices for name in _keywords(choice)]
    if isinstance(kind, SequenceKind):
        return _keywords(kind.element)
    if isinstance(kind, BooleanKind):
        return ["true", "false"]
    return kind.names() if isinstance(kind, EnumKind) else []


def read_value(reader: Reader, node: Token | Tree[Token], *, single: bool) -> Any:
    """A value as written: int, float, bool, str, `Keyword`, `Symbol`, or a tuple of such.

    Floats are float32 where `single`, else float64. Raises `ParseError`, also for lists nested too deep.
    """
    if isinstance(node, Token):
        return _read_token(reader, node, single)
    finished: list[Any] = []
    stack: list[tuple[list[Any], int]] = [(node.children, 1)]
    results: list[list[Any]] = [finished]
    while stack:  # no recursion: the text may nest as deep as it likes
        children, position = stack.pop()
        if position == 1:
            results.append([])
            if len(stack) >= DEEPEST_LIST:
                raise ParseError(
                    "lists are nested too deep", reader.span(*extent(node)), expected=f"at most {DEEPEST_LIST}"
                )
        if position >= len(children) - 1:
            done = tuple(results.pop())
            results[-1].append(done)
            continue
        stack.append((children, position + 2))
        child = children[position]
        if isinstance(child, Token):
            results[-1].append(_read_token(reader, child, single))
        else:
            stack.append((child.children, 1))
    return finished[0]


def _read_token(reader: Reader, token: Token, single: bool) -> Any:
    start = token.start_pos or 0
    if token.type == "NUMBER":
        return _read_number(token, reader.span(start, start + len(token)), single)
    if token.type == "WORD":
        return Keyword(token)
    if token.type == "BOOLEAN":
        return token == "true"
    if token.type == "SYMBOL":
        return Symbol(read_name(token, reader.source, start))
    return unquote(token, reader.source, start)


def _read_number(token: str, span: Span, single: bool) -> int | float:
    if is_integer(token):
        return read_integer(token, span)
    if single:
        return read_float32(token, span)
    check_length(token, span)
    return float(token)


def read_plain_attributes(reader: Reader, text: str, operator: type[Operation]) -> dict[str, Any] | None:
    """The attributes that `text` spells as the printer writes them; None where they are written otherwise or wrong."""
    known = reader.attributes.get((operator, text))
    if known is not None:
        return known
    given: dict[str, Any] = {}
    span, position, fields = reader.span(0, 0), 1, operator.attribute_fields
    while position < len(text):
        match = _PLAIN_ATTRIBUTE.match(text, position)
        attribute_field = fields.get(match[1]) if match else None
        if match is None or attribute_field is None or attribute_field.subject or match[1] in given:
            return None
        name, number, word, numbers = match.groups()
        try:
            if number is not None:
                raw: Any = _read_number(number, span, True)
            elif word is not None:
                raw = word == "true" if word in ("true", "false") else Keyword(word)
            else:
                raw = tuple([_read_number(item, span, True) for item in numbers.split(", ")]) if numbers else ()
            given[name] = coerce(attribute_field.kind, raw)
        except (ParseError, ValueError):
            return None  # the same text in the form of a tree gives the error
        position = match.end()
    normal = {name: value for name, value in given.items() if fields[name].required or value != fields[name].default}
    if any(field.required and not field.subject and field.name not in normal for field in fields.values()):
        return None
    reader.attributes[operator, text] = normal
    return normal
