"""Types as Relay writes them: `Tensor[(1, ?, 3), float32]`, `float32`, tuples, functions."""

from __future__ import annotations

import functools
import re

from nir.errors import ParseError
from nir.relay.text.scanner import Scanner
from nir.relay.types import FuncType, TensorType, TupleType, Type, is_dtype
from nir.source import Source

MAX_EXTENT_DIGITS = 18
"""Decimal digits of an extent; anything longer is no size of a tensor (and slow to convert)."""

_MAX_DEPTH = 64
_PLAIN_TENSOR = re.compile(r"Tensor\[\(([0-9, ]*)\), ?([a-z0-9]+)\]")
_WORD = re.compile(r"[A-Za-z_]\w*")
_EXTENT = re.compile(r"\d+|\?|meta\[[\w.]*\]\[\d*\]")


def parse_type(scanner: Scanner, depth: int = 0) -> Type | None:
    """The type that comes next; None for `_`, the type to be inferred. Raises ParseError."""
    start = scanner.skip()
    if depth > _MAX_DEPTH:
        raise scanner.error(f"types are nested more than {_MAX_DEPTH} deep", start)
    plain = _PLAIN_TENSOR.match(scanner.text, start)
    if plain is not None and is_dtype(plain[2]):
        scanner.position = plain.end()
        return TensorType(_plain_shape(scanner, plain), plain[2])
    if scanner.accept("("):
        return TupleType(_type_list(scanner, depth + 1))
    word = scanner.match(_WORD)
    if word is None:
        raise scanner.error_here("no type here", expected="a type")
    if word[0] == "_":
        return None
    if word[0] == "Tensor":
        return _tensor(scanner)
    if word[0] == "fn":
        return _function(scanner, depth + 1)
    if is_dtype(word[0]):
        return TensorType((), word[0])
    raise scanner.error(
        f"types like '{word[0][:40]}' are not supported",
        start,
        expected="Tensor[(...), dtype], an element type, a tuple or a function type",
        hint="algebraic data types have no counterpart in NIR",
    )


def parse_concrete_type(scanner: Scanner, depth: int = 0) -> Type:
    """The type that comes next, which must not be `_`."""
    start = scanner.skip()
    found = parse_type(scanner, depth)
    if found is None:
        raise scanner.error("a type is needed here", start, expected="a type", found="'_'")
    return found


@functools.lru_cache(maxsize=4096)
def parse_commented_type(text: str) -> Type | None:
    """The type that a comment of TVM's printer states, or None where that is not a type that we have."""
    scanner = Scanner(Source("comment", text))
    try:
        found = parse_type(scanner)
        return found if scanner.peek() == "" else None
    except ParseError:
        return None


def _plain_shape(scanner: Scanner, match: re.Match[str]) -> tuple[int, ...]:
    extents = [extent.strip() for extent in match[1].split(",")]
    if extents[-1] == "":
        extents.pop()
    for extent in extents:
        if not extent.isdigit() or len(extent) > MAX_EXTENT_DIGITS:
            raise scanner.error("this is no shape", match.start(1), match.end(1), expected="extents such as (1, 3)")
    return tuple(int(extent) for extent in extents)


def _tensor(scanner: Scanner) -> TensorType:
    scanner.expect("[")
    scanner.expect("(")
    shape: list[int | None] = []
    while not scanner.accept(")"):
        extent = scanner.match(_EXTENT)
        if extent is None or (len(extent[0]) > MAX_EXTENT_DIGITS and extent[0].isdigit()):
            raise scanner.error_here("this is no shape", expected="an extent")
        shape.append(int(extent[0]) if extent[0].isdigit() else None)
        if scanner.peek() != ")":
            scanner.expect(",")
    scanner.expect(",")
    start = scanner.skip()
    word = scanner.match(_WORD)
    if word is None or not is_dtype(word[0]):
        scanner.position = start
        raise scanner.error_here("no element type here", expected="an element type such as float32")
    scanner.expect("]")
    return TensorType(tuple(shape), word[0])


def _type_list(scanner: Scanner, depth: int) -> tuple[Type, ...]:
    """Types up to the closing parenthesis; a comma may stand behind the last."""
    found: list[Type] = []
    while not scanner.accept(")"):
        found.append(parse_concrete_type(scanner, depth))
        if scanner.peek() != ")":
            scanner.expect(",")
    return tuple(found)


def _function(scanner: Scanner, depth: int) -> FuncType:
    if scanner.accept("["):  # type parameters, which the printer writes and TVM's own reader rejects
        while not scanner.accept("]"):
            if scanner.match(_WORD) is None:
                raise scanner.error_here("no type parameters here", expected="a name")
            scanner.accept(",")
    scanner.expect("(")
    arguments = _type_list(scanner, depth)
    scanner.expect("->")
    return FuncType(arguments, parse_concrete_type(scanner, depth))
