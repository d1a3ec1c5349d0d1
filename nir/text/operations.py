"""Operations: from a tree of the grammar, with exact errors, or quickly from text as the printer writes it.

The quick way gives up wherever anything is unusual or wrong; then the text is parsed in full and read the exact way,
so that there is one place for errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from lark import Token, Tree

from nir.errors import Diagnostic, ParseError, suggestion
from nir.ir import ConstantData, Operation, Symbol, TensorType, Value
from nir.ir.kinds import ConstantKind, StringKind, SymbolKind
from nir.ops import OPERATORS_BY_NAME
from nir.source import Source, Span
from nir.text.attributes import missing_attributes, read_attributes, read_plain_attributes
from nir.text.elements import read_elements, read_elements_quickly
from nir.text.lexical import brief, read_name, terminal, unquote, write_name
from nir.text.reader import Reader
from nir.text.types import extent, read_plain_type, read_type

_VALUE, _SYMBOL = terminal("VALUE"), terminal("SYMBOL")
_PLAIN_OPERATION = re.compile(
    rf"({_VALUE}(?:, {_VALUE})*) = ({terminal('WORD')})"
    rf"(?: (?:({_SYMBOL})|dense<({terminal('ELEMENTS')})>))?"
    rf"(?:\(((?:{_VALUE}(?:, {_VALUE})*)?)\))?(?: (\{{[^}}]*\}}))?\s+: (.*)",
    re.DOTALL,
)
_NAME = re.compile(_VALUE)
_TYPE = re.compile(rf"tensor<(?:[^>@]|{_SYMBOL})*>")
_NO_ATTRIBUTES: dict[str, Any] = {}
_NOWHERE = Span(Source("", ""), 0, 0)
"""Where the quick way's errors point: nobody sees them."""


class Undefined(Exception):
    """An operand that is not defined before its use; carries the tokens."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__(tokens)
        self.tokens = tokens


def read_plain_operation(reader: Reader, text: str, start: int) -> Operation | None:
    """The operation that `text` at offset `start` spells as the printer writes it; None where it is not so easy."""
    match = _PLAIN_OPERATION.fullmatch(text)
    if match is None:
        return None
    results, word, symbol, elements, operands, attributes, types = match.groups()
    operator = OPERATORS_BY_NAME.get(word)
    if operator is None:
        return None
    scope = reader.scope
    try:
        values = [scope[name] for name in _plain_names(operands)] if operands else []
        names = _plain_names(results)
    except (KeyError, ParseError):
        return None
    given: dict[str, Any] | None = _NO_ATTRIBUTES
    if attributes is not None or operator.attribute_fields:
        given = read_plain_attributes(reader, attributes or "", operator)
    if types[0] == "(":
        found = [read_plain_type(reader, text) for text in _TYPE.findall(types)]
    else:
        found = [read_plain_type(reader, types)]
    if given is None or None in found or not _count_fits(operator, len(names), len(found)):
        return None
    subject = operator.subject
    if subject is not None:
        value = _plain_subject(reader, subject.kind, symbol, elements, found[0])
        if value is None:
            return None
        given = {subject.name: value, **given}
    elif symbol is not None or elements is not None:
        return None
    if any(name in scope for name in names) or (len(names) > 1 and len(set(names)) != len(names)):
        return None
    op = operator(values, given, found, names, Span(reader.source, start, start + len(text)))  # type: ignore[arg-type]
    for name, result in zip(names, op.results, strict=True):
        scope[name] = result
    return op


def _plain_names(text: str) -> list[str]:
    """The names in a list of values as the printer writes it. Raises `ParseError` for a wrong escape."""
    if '"' not in text:
        return text[1:].split(", %")
    return [read_name(name, _NOWHERE.source, 0) for name in _NAME.findall(text)]


def _plain_subject(
    reader: Reader, kind: object, symbol: str | None, elements: str | None, type: TensorType | None
) -> Any:
    """The subject of an operation; None where it is not of the right kind or wrong."""
    try:
        if symbol is not None:
            name = read_name(symbol, reader.source, 0)
            if isinstance(kind, SymbolKind):
                return Symbol(name)
            if isinstance(kind, ConstantKind) and type is not None:
                return reader.constant(name, type, _NOWHERE)
        elif elements is not None and isinstance(kind, ConstantKind) and type is not None:
            array = read_elements_quickly(elements, type)
            return None if array is None else ConstantData(_frozen(array))
    except ParseError:
        pass
    return None


def read_operation(reader: Reader, tree: Tree[Token]) -> Operation:
    """The operation that an `operation` tree spells; its results are in scope afterwards.

    Raises `ParseError`, and `Undefined` where all is well but for operands that are not in scope.
    """
    results, word, parts = _take_apart(tree)
    operator = OPERATORS_BY_NAME.get(word)
    if operator is None:
        raise ParseError(
            f"there is no operator '{brief(word)}'",
            _span(reader, word),
            hint=suggestion(word, [*OPERATORS_BY_NAME, "return"]),
        )
    attributes = read_attributes(reader, parts["attributes"], operator) if "attributes" in parts else {}
    missing = missing_attributes(operator, attributes, _span(reader, word))
    if missing:
        raise ParseError(missing)
    types = [read_type(reader, child) for child in _listed(parts["types"])]
    names = [read_name(token, reader.source, token.start_pos or 0) for token in results]
    _check_counts(reader, operator, word, results, parts["types"], len(types))
    subject = _read_subject(reader, operator, word, parts.get("subject"), types)
    operands = _read_operands(reader, parts["operands"]) if "operands" in parts else []
    _check_new(reader, names, results)
    while operands and operands[-1] is None:
        operands.pop()
    return operator(operands, {**subject, **attributes}, types, names, reader.span(*extent(tree)))


def _take_apart(tree: Tree[Token]) -> tuple[list[Token], Token, dict[str, Tree[Token]]]:
    """Result names, operator name, and the parts that are trees, by rule."""
    results = [child for child in tree.children if isinstance(child, Token) and child.type == "VALUE"]
    word = next(child for child in tree.children if isinstance(child, Token) and child.type == "WORD")
    return results, word, {str(child.data): child for child in tree.children if isinstance(child, Tree)}


def _listed(types: Tree[Token]) -> list[Tree[Token]]:
    return [child for child in types.children if isinstance(child, Tree)]


def result_names(reader: Reader, tree: Tree[Token]) -> list[str]:
    """The names that an `operation` tree defines, as far as they can be read; for going on after an error."""
    names = []
    for token in _take_apart(tree)[0]:
        try:
            names.append(read_name(token, reader.source, token.start_pos or 0))
        except ParseError:
            continue
    return names


def _count_fits(operator: type[Operation], names: int, types: int) -> bool:
    fields = operator.result_fields
    fits = types >= len(fields) - 1 if fields and fields[-1].variadic else types == len(fields)
    return fits and names == types


def _check_counts(
    reader: Reader, operator: type[Operation], word: Token, results: list[Token], types: Tree[Token], count: int
) -> None:
    """As many names as types, and as many as the operator gives."""
    if _count_fits(operator, len(results), count):
        return
    if len(results) != count:
        span = reader.span(extent(results[0])[0], extent(results[-1])[1]) if results else _span(reader, word)
        raise ParseError(
            "there are not as many result names as result types", span, expected=f"{count}", found=f"{len(results)}"
        )
    fields = operator.result_fields
    least = len(fields) - 1 if fields and fields[-1].variadic else len(fields)
    raise ParseError(
        f"{operator.name} does not give that many results",
        _span(reader, types),
        expected=f"at least {least}" if least < len(fields) else f"{least}",
        found=f"{count}",
    )


def _read_subject(
    reader: Reader, operator: type[Operation], word: Token, tree: Tree[Token] | None, types: list[TensorType]
) -> dict[str, Any]:
    field = operator.subject
    if field is None:
        if tree is not None:
            raise ParseError(
                f"nothing stands between '{operator.name}' and its operands", _span(reader, tree), expected="'('"
            )
        return {}
    expected = field.kind.describe()
    if tree is None:
        raise ParseError(f"{operator.name}: the {field.name} is missing", _span(reader, word), expected=expected)
    token, span = tree.children[0], _span(reader, tree)
    if isinstance(field.kind, ConstantKind):
        if isinstance(token, Tree) or token.type == "SYMBOL":
            return {field.name: _read_constant(reader, token, types[0])}
    elif isinstance(token, Token):
        if token.type == "SYMBOL" and isinstance(field.kind, SymbolKind):
            return {field.name: Symbol(read_name(token, reader.source, span.start))}
        if token.type == "STRING" and isinstance(field.kind, StringKind):
            return {field.name: unquote(token, reader.source, span.start)}
    raise ParseError(
        f"{operator.name}: the {field.name} is written otherwise",
        span,
        expected=expected,
        found=f"'{brief(span.text)}'",
    )


def _read_constant(reader: Reader, node: Token | Tree[Token], type: TensorType) -> ConstantData:
    if isinstance(node, Token):
        return reader.constant(read_name(node, reader.source, node.start_pos or 0), type, _span(reader, node))
    return ConstantData(_frozen(read_elements(reader.source, *extent(node.children[2]), type)))


def _frozen(array: np.ndarray) -> np.ndarray:
    """The array, read-only: constants are shared between copies of a module."""
    array.flags.writeable = False
    return array


def _read_operands(reader: Reader, tree: Tree[Token]) -> list[Value | None]:
    values: list[Value | None] = []
    undefined = []
    for token in tree.children[1:-1:2]:
        assert isinstance(token, Token)
        if token.type != "VALUE":
            values.append(None)
            continue
        value = reader.scope.get(read_name(token, reader.source, token.start_pos or 0))
        if value is None:
            undefined.append(token)
        values.append(value)
    if undefined:
        raise Undefined(undefined)
    return values


def _check_new(reader: Reader, names: list[str], tokens: list[Token]) -> None:
    """Raises `ParseError` for a name that is defined already, here or before."""
    seen: set[str] = set()
    for name, token in zip(names, tokens, strict=True):
        if name in seen or name in reader.scope:
            raise redefinition(reader, name, _span(reader, token))
        seen.add(name)


def redefinition(reader: Reader, name: str, span: Span) -> ParseError:
    """The error for a name that is defined a second time, at `span`."""
    known = reader.scope.get(name)
    where = known.producer.location if known is not None and known.producer is not None else None
    notes = [f"it is defined at {where.location()}"] if isinstance(where, Span) else []
    return ParseError(f"the value {brief(write_name('%', name))} is defined already", span, notes=notes)


def undefined(reader: Reader, token: Token) -> Diagnostic:
    """The error for an operand that was not in scope, made when the whole function has been read."""
    name = read_name(token, reader.source, token.start_pos or 0)
    span, shown = _span(reader, token), brief(write_name("%", name))
    if name in reader.scope:
        producer = reader.scope[name].producer
        place = producer.location if producer is not None else None
        notes = (f"it is defined at {place.location()}",) if isinstance(place, Span) else ()
        return Diagnostic(f"the value {shown} is used before it is defined", span, notes=notes)
    recent = list(reader.scope)[-1000:]
    hint = suggestion(name, recent)
    return Diagnostic(f"there is no value {shown}", span, hint=hint.replace("'", "'%", 1) if hint else None)


def _span(reader: Reader, node: Token | Tree[Token]) -> Span:
    return reader.span(*extent(node))
