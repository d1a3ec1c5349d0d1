"""Casts. Between integers Relay drops upper bits where NIR saturates, so a cast that may overflow is composed.

Importers of quantised models rescale to 32 bits, clip and cast in three operators; that is one operation here.
"""

from __future__ import annotations

from typing import NamedTuple

from nir.ir import ElementType, Operation, Value
from nir.ops.common import Rounding
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall
from nir.passes.relay_to_nir.handlers_convolution import SUMS_OF_PRODUCTS
from nir.passes.relay_to_nir.handlers_qnn_products import requantised_sum


class Bounded(NamedTuple):
    """A value, and the bounds that clips behind it set (None where there is none)."""

    value: Value
    low: int | None
    high: int | None


def cast(call: RelayCall) -> Value:
    """To the same type nothing; back to the type that was widened before, what was widened."""
    value, element = call.value(0), call.types[0].element
    if value.element is element:
        return value
    if not (value.element.is_integer and element.is_integer):
        return call.emit("cast", value, element=element)
    op = value.producer
    if op is not None and op.name == "cast" and value.element is ElementType.I32 and element.bits < 32:
        source = op.operands[0]
        if source is not None and source.element is element:
            return source
    bounded = _bounds_of(value)
    narrowed = _narrowed(call, bounded, element)
    if narrowed is not None:
        return narrowed
    if _holds(element, value.element, bounded):
        return call.emit("cast", value, element=element)
    return call.emit("cast", _wrapped(call, value, element), element=element)


def _holds(element: ElementType, source: ElementType, bounded: Bounded) -> bool:
    """True where `element` stores every integer that a clipped value of type `source` can be."""
    low = source.minimum if bounded.low is None else bounded.low
    high = source.maximum if bounded.high is None else bounded.high
    return element.minimum <= low and high <= element.maximum


def _bounds_of(clipped: Value) -> Bounded:
    """What was clipped with constant bounds to give `clipped`, and the bounds."""
    value = clipped
    low: int | None = None
    high: int | None = None
    while value.producer is not None and value.producer.name in ("maximum", "minimum"):
        bound = _constant(value.producer.operands[1])
        operand = value.producer.operands[0]
        if bound is None or operand is None:
            break
        if value.producer.name == "maximum":
            low = bound if low is None else max(low, bound)
        else:
            high = bound if high is None else min(high, bound)
        value = operand
    if low is not None and high is not None and low > high:
        return Bounded(clipped, None, None)  # a constant in disguise
    return Bounded(value, low, high)


def _constant(value: Value | None) -> int | None:
    """The integer that a constant of one element holds."""
    if value is None or value.producer is None or value.producer.name != "const":
        return None
    array = value.producer.attributes["value"].array
    return int(array.item()) if array.size == 1 else None


def _narrowed(call: RelayCall, bounded: Bounded, element: ElementType) -> Value | None:
    """A rescaling to 32 bits, clipped to what `element` stores, as a rescaling to `element`, which saturates."""
    op = bounded.value.producer
    if op is None or op.name != "requantize" or element.bits > 16 or not _holds(element, ElementType.I32, bounded):
        return None
    target = op.results[0].type.quantisation
    if target is None or not element.minimum <= target.zero_point <= element.maximum:
        return None
    result = _rescaled(call, op, element)
    if bounded.low is not None and bounded.low > element.minimum:
        result = call.raw(call.emit("maximum", result, call.number(bounded.low, result)))
    if bounded.high is not None and bounded.high < element.maximum:
        result = call.raw(call.emit("minimum", result, call.number(bounded.high, result)))
    return result


def _rescaled(call: RelayCall, op: Operation, element: ElementType) -> Value:
    operand, target = op.operands[0], op.results[0].type.quantisation
    assert operand is not None
    assert target is not None
    source, rounding = operand.type.quantisation, op.attributes.get("rounding", Rounding.UPWARD)
    sums = operand.producer
    if sums is not None and source is not None and sums.name in SUMS_OF_PRODUCTS and operand.element is ElementType.I32:
        return requantised_sum(call, sums, source, target, rounding)
    return call.again(op, element=element, quantisation=target)


def _wrapped(call: RelayCall, value: Value, element: ElementType) -> Value:
    """The lower bits of `value` as `element` reads them, as a 32-bit integer: v - floor(v / 2^bits) * 2^bits."""
    if element.bits > 16:
        call.refuse(f"dropping the sign of {value.element.value} has no counterpart in NIR")
    wide = value if value.element is ElementType.I32 else call.emit("cast", value, element="i32")
    offset = call.number(-element.minimum, wide)
    modulus = call.number(2**element.bits, wide)
    shifted = call.plain(call.emit("add", wide, offset))
    multiple = call.emit("mul", call.emit("div", shifted, modulus), modulus)
    return call.emit("sub", call.emit("sub", shifted, multiple), offset)


HANDLERS: HandlerTable = {"cast": cast, "cast_like": cast}
