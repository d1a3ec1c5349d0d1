"""What the strategies draw of each operator: every element type, enum member, flag, optional operand, quantisation.

What there is to draw follows from the operator's class; a run with a fixed seed is held against it. What cannot be drawn,
or is not, stands in EXCEPTIONS with the reason.
"""

from __future__ import annotations

import enum
import fnmatch
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from nir.ir import Operation, TensorType, walk
from nir.ir.kinds import BooleanKind, EnumKind, IntegerKind, SequenceKind, UnionKind
from nir.ops import OPERATORS
from nir.testing import DrawnModule, operations
from nir.verify import check

DRAWS, MOST_RUNS = 50, 20
"""Draws of a run, and runs with one seed after the other until everything has been drawn."""

PER_CHANNEL = (
    "conv_2d filter",
    "conv_2d bias",
    "depthwise_conv_2d filter",
    "depthwise_conv_2d bias",
    "grouped_conv_2d filter",
    "grouped_conv_2d bias",
    "transpose_conv_2d filter",
    "transpose_conv_2d bias",
    "fully_connected filter",
    "fully_connected bias",
    "dequantize input",
    "requantize input",
    "cast input",
    "lsh_projection input",
    "rank input",
    "call arguments",
    "if arguments",
    "while arguments",
    "foreign inputs",
)
"""The operands that may have a scale per channel; all others have one scale or none."""

EXCEPTIONS = {
    "* bias: zero point *": "biases have zero point 0",
    "quantized_16bit_lstm *: zero point *": "its parameters are fixed",
    "quantized_16bit_lstm *: raw": "its operands are quantised",
    "quantized_lstm *: zero point *": "weights and the cell state have zero point 0",
    "quantized_lstm *: raw": "operands but biases are quantised",
    "quantized_lstm *bias: quantised": "the scale of a bias follows, and is not stated",
    "quantized_lstm input: *": "the parameters are those of activations, see above",
    "quantized_lstm hidden_state: *": "the parameters are those of activations, see above",
    "dequantize input: raw": "the operand is quantised",
    "requantize input: raw": "operand and result are quantised",
    "reduce_prod input: quantised": "integers are raw",
    "reduce_prod input: zero point *": "integers are raw",
    "* batch: quantised": "indices of images are raw",
    "* batch: zero point *": "indices of images are raw",
    "* boxes: zero point *": "coordinates have scale 1/8 and zero point 0",
    "* regions: zero point *": "coordinates have scale 1/8 and zero point 0",
    "* images: zero point *": "coordinates have scale 1/8 and zero point 0",
    "* anchors: zero point *": "coordinates have scale 1/8 and zero point 0",
    "fill *: quantised": "i32 alone of the integers is allowed, and the class has no rule for its parameters",
    "fill *: zero point *": "as above",
}
"""What is not drawn, as `operator field: what`, with the reason."""


def of_type(type: TensorType) -> Iterator[str]:
    """What a type shows."""
    yield type.element.value
    parameters = type.quantisation
    if parameters is None:
        if type.element.is_integer:
            yield "raw"
        return
    yield "per channel" if parameters.is_per_channel else "quantised"
    if parameters.zero_point == type.element.minimum:
        yield "zero point least"
    if parameters.zero_point == type.element.maximum:
        yield "zero point greatest"


def shown(op: Operation) -> Iterator[str]:
    """What one operation shows of its operator."""
    last = len(op.operand_fields) - 1
    for index, value in enumerate(op.operands):
        if value is not None:
            yield from (f"{op.operand_fields[min(index, last)].name}: {what}" for what in of_type(value.type))
    for field in op.operand_fields:
        if field.optional and getattr(op, field.name) is None:
            yield f"{field.name}: left out"
    for field in op.attribute_fields.values():
        value = getattr(op, field.name)
        yield f"{field.name}: {'given' if field.name in op.attributes else 'default'}"
        if isinstance(value, enum.Enum):
            yield f"{field.name}: {value.value}"
        elif isinstance(value, bool):
            yield f"{field.name}: {value}"
        elif isinstance(value, int):
            yield f"{field.name}: {'negative' if value < 0 else 'not negative'}"
        elif isinstance(value, tuple):
            yield f"{field.name}: list"
            yield from (f"{field.name}: negative" for item in value if isinstance(item, int) and item < 0)
    last = len(op.result_fields) - 1
    for index, value in enumerate(op.results):
        yield f"{op.result_fields[min(index, last)].name}: {value.element.value}"


def possible(operator: type[Operation]) -> Iterator[str]:
    """What operations of an operator can show, by its class."""
    for operand in operator.operand_fields:
        yield from (f"{operand.name}: {element.value}" for element in operand.elements)
        if operand.optional:
            yield f"{operand.name}: left out"
        if any(element.is_integer for element in operand.elements):
            kinds = ["raw", "quantised", "zero point least", "zero point greatest"]
            kinds += ["per channel"] * (f"{operator.name} {operand.name}" in PER_CHANNEL)
            yield from (f"{operand.name}: {kind}" for kind in kinds)
    for attribute in operator.attribute_fields.values():
        yield from (f"{attribute.name}: {what}" for what in ("given", "default")[: 2 - attribute.required])
        kinds_of = attribute.kind.choices if isinstance(attribute.kind, UnionKind) else (attribute.kind,)
        for kind in kinds_of:
            if isinstance(kind, EnumKind):
                yield from (f"{attribute.name}: {member.value}" for member in kind.members)
            elif isinstance(kind, BooleanKind):
                yield from (f"{attribute.name}: {flag}" for flag in (True, False))
            elif isinstance(kind, SequenceKind):
                yield f"{attribute.name}: list"
            if attribute.name in ("axis", "axes") and isinstance(kind, (IntegerKind, SequenceKind)):
                yield f"{attribute.name}: negative"
    for result in operator.result_fields:
        yield from (f"{result.name}: {element.value}" for element in result.elements or ())


def is_exception(operator: type[Operation], what: str) -> bool:
    if what.endswith(": raw") and any(
        rule.sentence.startswith("integers are quantised") for rule in operator.constraints
    ):
        return True  # the class says so itself
    return any(fnmatch.fnmatch(f"{operator.name} {what}", pattern) for pattern in EXCEPTIONS)


def drawn(operator: type[Operation], number: int) -> set[str]:
    """What a run with a fixed seed shows of an operator; every module passes the verifier."""
    found: set[str] = set()

    @seed(number)
    @settings(
        max_examples=DRAWS,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(module=operations(name=operator.name))
    def run(module: DrawnModule) -> None:
        assert check(module) == []
        found.update(what for op in walk(module) if type(op) is operator for what in shown(op))

    run()
    return found


@pytest.mark.parametrize("operator", OPERATORS, ids=[operator.name for operator in OPERATORS])
def test_everything_that_a_class_allows_is_drawn(operator: type[Operation]) -> None:
    wanted = {what for what in possible(operator) if not is_exception(operator, what)}
    found: set[str] = set()
    for number in range(MOST_RUNS):
        found |= drawn(operator, number)
        if wanted <= found:
            break
    assert wanted - found == set()
    channels = {what for what in found if what.endswith("per channel")}
    allowed = {f"{field.name}: per channel" for field in operator.operand_fields}
    assert channels <= {what for what in allowed if f"{operator.name} {what.split(':')[0]}" in PER_CHANNEL}


def test_exceptions_are_of_something() -> None:
    """Every exception concerns something that a class would allow."""
    everything = [f"{operator.name} {what}" for operator in OPERATORS for what in possible(operator)]
    unused = [pattern for pattern in EXCEPTIONS if not fnmatch.filter(everything, pattern)]
    assert unused == []
