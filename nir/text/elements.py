"""The elements of a constant, as they stand between `dense<` and `>`: reading and writing.

A constant may have millions of elements, so they are read in bulk; only where that fails are they gone through one by
one, to find what is wrong and where. No recursion over the nesting.
"""

from __future__ import annotations

import re

import numpy as np

from nir.errors import ParseError
from nir.ir import ElementType, TensorType
from nir.ir.quantisation import shortest_decimal
from nir.source import Source, Span
from nir.text.lexical import brief, terminal
from nir.text.literals import check_length, is_integer, narrow_all, read_float32, read_integer

_NUMBER = re.compile(terminal("NUMBER"))
_INTEGER = re.compile("-?[0-9]{1,19}")
_BOOLEAN = re.compile("true|false")
_COMMENT = re.compile(terminal("COMMENT"))
_TOKEN = re.compile(rf"[ \t\r\n]+|{terminal('COMMENT')}|[\[\],]|[^\[\], \t\r\n/]+|/")
_MISPLACED = re.compile(r"[^\[, \t\r\n][ \t\r\n]*\[|\][ \t\r\n]*[^\], \t\r\n]")
_STRUCTURE_ONLY = {code: None for code in range(128) if chr(code) not in "[],"}
_NO_BRACKETS = {ord("["): None, ord("]"): None}


def read_elements(source: Source, start: int, end: int, type: TensorType) -> np.ndarray:
    """The array that the text from `start` to `end` spells, of the shape and element type that `type` says.

    One number for all elements gives a view of a single stored one. Raises `ParseError`.
    """
    array = read_elements_quickly(source.text[start:end], type)
    if array is not None:
        return array
    if None in type.shape:
        raise ParseError("a constant has no unknown dimensions", Span(source, start, end), found=str(type))
    _explain(source, start, end, type)
    span = Span(source, start, end)
    if 0 in type.shape and re.sub(r"\s", "", span.text) != "[]":
        raise ParseError("the tensor has no elements", span, expected=f"[] for {type}", found=f"'{brief(span.text)}'")
    raise ParseError("the constant is too large", span, found=str(type))


def read_elements_quickly(text: str, type: TensorType) -> np.ndarray | None:
    """The array that `text` spells; None where anything is not as it should be."""
    if None in type.shape:
        return None
    if "//" in text:
        text = _COMMENT.sub("", text)
    shape: tuple[int, ...] = type.shape  # type: ignore[assignment]
    try:
        array = _in_bulk(text.strip(" \t\r\n"), shape, type.element)
        return None if array is None else np.broadcast_to(array, shape)
    except ValueError:  # numpy cannot count that many
        return None


def _in_bulk(text: str, shape: tuple[int, ...], element: ElementType) -> np.ndarray | None:
    """All elements at once; None where anything is not as it should be."""
    if 0 in shape:
        return np.empty(shape, element.numpy) if re.fullmatch(r"\[[ \t\r\n]*\]", text) else None
    structure = text.translate(_STRUCTURE_ONLY)
    if not structure:
        single = _convert([text], element)
        return None if single is None else single.reshape(())
    if len(structure) != _structure_length(shape) or structure != _structure(shape) or _MISPLACED.search(text):
        return None
    array = _convert([piece.strip(" \t\r\n") for piece in text.translate(_NO_BRACKETS).split(",")], element)
    return None if array is None else array.reshape(shape)


def _structure_length(shape: tuple[int, ...]) -> int:
    """Brackets and commas of a nested list of `shape`, which has no zero in it."""
    length = 0
    for size in reversed(shape):
        length = size * length + size + 1
    return length


def _structure(shape: tuple[int, ...]) -> str:
    text = ""
    for size in reversed(shape):
        text = f"[{(text + ',') * (size - 1)}{text}]"
    return text


def _convert(pieces: list[str], element: ElementType) -> np.ndarray | None:
    """The elements that `pieces` spell, in one dimension; None where one is wrong."""
    pattern = _NUMBER if element.is_float else _INTEGER if element.is_integer else _BOOLEAN
    if not all(map(pattern.fullmatch, pieces)) or len(max(pieces, key=len)) > 400:
        return None
    if element.is_float:
        array = narrow_all(pieces, element.numpy)
        if any("inf" not in pieces[i] for i in np.flatnonzero(np.isinf(array))):
            return None
        return array
    if element is ElementType.BOOL:
        return np.array([piece == "true" for piece in pieces])
    integers = [int(piece) for piece in pieces]
    if min(integers) < element.minimum or max(integers) > element.maximum:
        return None
    return np.array(integers, element.numpy)


def _sketch(type: TensorType) -> str:
    """What elements of `type` look like, for "expected ..."."""
    if 0 in type.shape:
        return f"[] for {type}, which is empty"
    if not type.shape:
        return f"one element, as in {type}"
    counts = "".join(f"{size} lists of " for size in type.shape[:-1])
    return f"{counts}{type.shape[-1]} elements, or one element for all, as in {type}"


def _explain(source: Source, start: int, end: int, type: TensorType) -> None:
    """Raises `ParseError` at the first element, bracket or comma that is wrong."""
    rank, counts, opened, ready = type.rank, [0], [start], True
    for match in _TOKEN.finditer(source.text, start, end):
        token, span = match[0], Span(source, *match.span())
        if token[0] in " \t\r\n" or token.startswith("//"):
            continue
        if token in ",]":
            if len(counts) == 1:
                raise ParseError("several elements need brackets", span, expected=_sketch(type), found=f"'{token}'")
            if ready and not (token == "]" and counts[-1] == 0):
                raise ParseError("an element is missing", span, expected="a number or '['", found=f"'{token}'")
            if token == "]":
                _check_count(counts, Span(source, opened.pop(), match.end()), type)
                counts.pop()
            ready = token == ","
            continue
        if not ready:
            raise ParseError("a comma is missing", span, expected="',' or ']'", found=f"'{token[:40]}'")
        counts[-1] += 1
        ready = token == "["
        if token == "[":
            if len(counts) > rank:
                raise ParseError(
                    "lists are nested too deep", span, expected=_sketch(type), found=f"list {len(counts)} deep"
                )
            counts.append(0)
            opened.append(match.start())
            continue
        if len(counts) not in (1, rank + 1) or (len(counts) > 1 and 0 in type.shape):
            raise ParseError("the nesting does not fit the type", span, expected=_sketch(type), found=f"'{token[:40]}'")
        _check_element(token, span, type.element)
    if len(counts) > 1:
        raise ParseError("a list is not closed", Span(source, opened[-1], opened[-1] + 1), expected="']'")


def _check_count(counts: list[int], span: Span, type: TensorType) -> None:
    expected = type.shape[len(counts) - 2]
    if counts[-1] != expected and 0 not in type.shape:
        raise ParseError(
            "the list has the wrong length", span, expected=f"{expected} elements, as in {type}", found=f"{counts[-1]}"
        )


def _check_element(token: str, span: Span, element: ElementType) -> None:
    pattern = _NUMBER if element is not ElementType.BOOL else _BOOLEAN
    if not pattern.fullmatch(token) or (element.is_integer and not is_integer(token)):
        check_length(token, span)
        expected = "a number" if element.is_float else "an integer" if element.is_integer else "true or false"
        raise ParseError(f"this is not an element of {element.value}", span, expected=expected, found=f"'{token[:40]}'")
    if element.is_integer:
        read_integer(token, span, element.minimum, element.maximum)
    elif element.is_float:
        value = read_float32(token, span)
        if element is ElementType.F16 and abs(value) >= 65520 and "inf" not in token:
            raise ParseError("the number is too large for an f16", span, expected="at most 65504", found=f"'{token}'")


def write_elements(array: np.ndarray) -> str:
    """The elements as text: one for all where they are equal bit for bit, else nested lists."""
    if array.size == 0:
        return "[]"
    if is_splat(array):
        return _words(array[(0,) * array.ndim].reshape(1))[0]
    texts = _words(array.reshape(-1))
    for size in reversed(array.shape):
        texts = [f"[{', '.join(texts[i : i + size])}]" for i in range(0, len(texts), size)]
    return texts[0]


def is_splat(array: np.ndarray) -> bool:
    """True for an array whose elements are all equal bit for bit (or all NaN)."""
    if array.size == 0 or not any(array.strides[d] for d in range(array.ndim) if array.shape[d] > 1):
        return array.size > 0
    if array.dtype.kind == "f" and np.isnan(array[(0,) * array.ndim]):
        return bool(np.isnan(array).all())  # payloads of NaN are not written, so they must not matter here
    bits = array.view(np.dtype(f"u{array.itemsize}"))
    first = bits[(0,) * bits.ndim]
    return bool(bits[(-1,) * bits.ndim] == first and (bits == first).all())


def _words(array: np.ndarray) -> list[str]:
    """Each element of a one-dimensional array as text."""
    if array.dtype == np.bool_:
        return ["true" if value else "false" for value in array.tolist()]
    if array.dtype.kind == "f":
        return list(map(shortest_decimal, array))
    return list(map(str, array.tolist()))
