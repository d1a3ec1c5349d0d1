"""Tensor types: reading them from a tree of the grammar or from plain text, and writing them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from lark import Token, Tree

from nir.errors import ParseError, suggestion
from nir.ir import ElementType, Quantisation, TensorType
from nir.ir.types import HIGHEST_RANK, LARGEST_DIMENSION
from nir.source import Span
from nir.text.lexical import brief, read_name, terminal, write_name
from nir.text.literals import check_length, read_float32, read_integer
from nir.text.reader import Reader

_ELEMENTS = {element.value: element for element in ElementType}
_NUMBER, _SYMBOL = terminal("NUMBER"), terminal("SYMBOL")
_NUMBERS = r"\[[^\]]*\]"
_PLAIN_TYPE = re.compile(
    rf"tensor<({terminal('SHAPE')})(?:, scale=({_NUMBER}), zero_point=({_NUMBER})"
    rf"|, axis=({_NUMBER}), scales=(?:({_SYMBOL})|\[([^\]]*)\])(?:, zero_points=\[([^\]]*)\])?)?>"
)
Number = TypeVar("Number", int, float)

_SMALLEST_POINT, _LARGEST_POINT = -(2**31), 2**32 - 1
"""What some element type can store: i32's least and u32's greatest integer."""


def read_type(reader: Reader, tree: Tree[Token]) -> TensorType:
    """The type that a `type` tree spells. Raises `ParseError`."""
    shape = tree.children[2]
    assert isinstance(shape, Token)
    element, dimensions = _read_shape(reader, shape, shape.start_pos or 0)
    parameters: dict[str, tuple[Token, Token | Tree[Token]]] = {}
    for child in tree.children[4:-1:2]:
        assert isinstance(child, Tree)
        name, _, value = child.children
        assert isinstance(name, Token)
        if name in parameters:
            raise ParseError(f"the parameter '{brief(name)}' is given twice", _span(reader, name))
        if name not in _PARAMETERS:
            raise ParseError(
                f"a type has no parameter '{brief(name)}'",
                _span(reader, name),
                expected="scale and zero_point, or axis, scales and zero_points",
                hint=suggestion(name, _PARAMETERS),
            )
        parameters[name] = (name, value)
    if not parameters:
        return TensorType(element, dimensions)
    return TensorType(element, dimensions, _read_quantisation(reader, parameters))


_PARAMETERS = ("scale", "zero_point", "axis", "scales", "zero_points")
_Parameters = dict[str, "tuple[Token, Token | Tree[Token]]"]


def _read_quantisation(reader: Reader, parameters: _Parameters) -> Quantisation:
    per_channel = not parameters.keys().isdisjoint(("axis", "scales", "zero_points"))
    wanted = ("axis", "scales", "zero_points") if per_channel else ("scale", "zero_point")
    first = next(iter(parameters.values()))[0]
    for given, (token, _) in parameters.items():
        if given not in wanted:
            raise ParseError(
                f"'{given}' does not go with '{first}'",
                _span(reader, token),
                expected="scale and zero_point, or axis, scales and zero_points",
            )
    for needed in wanted[:-1]:
        if needed not in parameters:
            raise ParseError(
                f"'{first}' needs '{needed}' too", _span(reader, first), expected=" and ".join(wanted[:-1])
            )
    if not per_channel:
        (scale,) = _numbers(reader, parameters["scale"], read_float32, listed=False)
        points = _points(reader, parameters["zero_point"], listed=False) if "zero_point" in parameters else [0]
        return Quantisation((scale,), tuple(points))
    (axis,) = _points(reader, parameters["axis"], listed=False)
    scales, name = _scales(reader, parameters["scales"])
    if "zero_points" not in parameters:
        return Quantisation(scales, (0,) * len(scales), axis, name)
    points = _points(reader, parameters["zero_points"], listed=True)
    if len(points) != len(scales) and not (reader.placeholders and name):
        raise ParseError(
            "there are not as many zero points as scales",
            _span(reader, parameters["zero_points"][1]),
            expected=f"{len(scales)}",
            found=f"{len(points)}",
        )
    return Quantisation(scales, tuple(points), axis, name)


def _scales(reader: Reader, parameter: tuple[Token, Token | Tree[Token]]) -> tuple[tuple[float, ...], str | None]:
    """The scales, and the name of the weight that holds them if there is one."""
    value = parameter[1]
    if isinstance(value, Token) and value.type == "SYMBOL":
        name = read_name(value, reader.source, value.start_pos or 0)
        return tuple(reader.scales(name, _span(reader, value)).tolist()), name
    scales = tuple(_numbers(reader, parameter, read_float32, listed=True))
    if not scales:
        raise ParseError(
            "there are no scales", _span(reader, value), expected="one scale for each slice along the axis"
        )
    return scales, None


def _points(reader: Reader, parameter: tuple[Token, Token | Tree[Token]], *, listed: bool) -> list[int]:
    return _numbers(reader, parameter, _read_point, listed=listed)


def _read_point(token: str, span: Span) -> int:
    return read_integer(token, span, _SMALLEST_POINT, _LARGEST_POINT)


def _numbers(
    reader: Reader, parameter: tuple[Token, Token | Tree[Token]], read: Callable[[str, Span], Number], *, listed: bool
) -> list[Number]:
    """The numbers of a parameter: one, or a list of them where `listed`."""
    name, value = parameter
    tokens: Sequence[Token | Tree[Token]] = value.children[1:-1:2] if isinstance(value, Tree) else [value]
    wrong = value if isinstance(value, Tree) != listed else None
    wrong = wrong or next((t for t in tokens if isinstance(t, Tree) or t.type != "NUMBER"), None)
    if wrong is not None:
        span = _span(reader, wrong)
        expected = "a list of numbers such as [0.5, 0.25]" if listed else "a number"
        raise ParseError(f"'{name}' takes something else", span, expected=expected, found=f"'{brief(span.text)}'")
    return [read(token, _span(reader, token)) for token in tokens if isinstance(token, Token)]


def _read_shape(reader: Reader, token: str, start: int) -> tuple[ElementType, tuple[int | None, ...]]:
    """Element type and dimensions of a SHAPE token at offset `start`."""
    *sizes, last = token.split("x")
    element = _ELEMENTS.get(last)
    if element is None:
        span = reader.span(start + len(token) - len(last), start + len(token))
        raise ParseError(
            f"there is no element type '{brief(last)}'",
            span,
            expected="one of " + ", ".join(_ELEMENTS),
            hint=_element_hint(last),
        )
    if len(sizes) > HIGHEST_RANK:
        raise ParseError(
            "the tensor has too many dimensions",
            reader.span(start, start + len(token)),
            expected=f"at most {HIGHEST_RANK}",
            found=f"{len(sizes)}",
        )
    if max(map(len, sizes), default=0) > 18:
        _check_sizes(reader, sizes, start)
    return element, tuple([None if size == "?" else int(size) for size in sizes])


def _check_sizes(reader: Reader, sizes: list[str], start: int) -> None:
    for size in sizes:
        span = reader.span(start, start + len(size))
        check_length(size, span)
        if size != "?" and int(size) > LARGEST_DIMENSION:
            raise ParseError("the dimension is too large", span, expected="less than 2^63", found=size)
        start += len(size) + 1


def _element_hint(name: str) -> str | None:
    """A near name, or NIR's name for one of numpy's such as int8."""
    try:
        return f"did you mean '{ElementType.from_numpy(np.dtype(name)).value}'?"
    except (TypeError, KeyError, ValueError):
        return suggestion(name, _ELEMENTS)


def _span(reader: Reader, node: Token | Tree[Token]) -> Span:
    return reader.span(*extent(node))


def extent(node: Token | Tree[Token]) -> tuple[int, int]:
    """Offsets at which a token or a tree begins and ends; a tree keeps its outermost tokens."""
    first, last = node, node
    while isinstance(first, Tree):
        first = first.children[0]
    while isinstance(last, Tree):
        last = last.children[-1]
    return first.start_pos or 0, last.end_pos or 0


def read_plain_type(reader: Reader, text: str) -> TensorType | None:
    """The type that `text` spells as the printer writes it; None where it is written otherwise or wrong."""
    known = reader.types.get(text)
    if known is not None:
        return known
    match = _PLAIN_TYPE.fullmatch(text)
    if match is None or "[]" in text:
        return None
    shape, scale, point, axis, symbol, scales, points = match.groups()
    span = reader.span(0, 0)
    try:
        element, dimensions = _read_shape(reader, shape, 0)
        quantisation = None
        if scale is not None:
            quantisation = Quantisation((read_float32(scale, span),), (_read_point(point, span),))
        elif axis is not None:
            name = None
            if symbol is not None:
                name = read_name(symbol, reader.source, 0)
                factors = tuple(reader.scales(name, span).tolist())
            else:
                factors = tuple([read_float32(s, span) for s in scales.split(", ")])
            offsets = tuple([_read_point(z, span) for z in points.split(", ")]) if points else (0,) * len(factors)
            if len(offsets) != len(factors) and not reader.placeholders:
                return None
            quantisation = Quantisation(factors, offsets, _read_point(axis, span), name)
    except ParseError:
        return None  # the same text in the form of a tree gives the same error, with the right span
    reader.types[text] = TensorType(element, dimensions, quantisation)
    return reader.types[text]


def write_type(type: TensorType, scales_name: Callable[[Quantisation], str | None] | None = None) -> str:
    """The type as text, with `@name` for scales that a weights file holds: those that `scales_name` gives a name."""
    quantisation = type.quantisation
    if quantisation is None or quantisation.axis is None:
        return str(type)
    name = quantisation.scales_name if scales_name is None else scales_name(quantisation)
    if name is None:
        return str(type)
    text = f"{str(type.with_quantisation(None))[:-1]}, axis={quantisation.axis}, scales={write_name('@', name)}"
    if any(quantisation.zero_points):
        text += f", zero_points=[{', '.join(map(str, quantisation.zero_points))}]"
    return text + ">"
