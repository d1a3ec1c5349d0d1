"""One operation of any operator, proposed from its class and held against its class.

The order is that in which things depend on each other: the element type of the main operand; which optional operands
there are; attributes that shapes depend on; shapes; quantisation; other attributes. What is proposed is then inferred
and checked exactly as the verifier does it. Which types an operator takes at all is found out in operator_learning.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from nir.ir import ElementType, InferenceError, OperandField, Operation, QuantisationRule, TensorType, Value
from nir.testing import operator_hints as hints
from nir.testing.attribute_proposals import propose_attributes, propose_early
from nir.testing.caching import remembered
from nir.testing.choices import Choices
from nir.testing.declared_shapes import Pattern, declared_pattern, names_in
from nir.testing.operand_quantisation import quantise, result_parameters
from nir.testing.proposal import KnownShape, Proposal
from nir.verify.quantisation import is_well_formed

Array: TypeAlias = "np.ndarray[Any, Any]"

MOST_RANK = 4
"""Greatest rank of a tensor of any shape."""


class Style(NamedTuple):
    """A way in which an operator can be typed: element type of the main operand, how operands are quantised, element
    type of the results where the class leaves it open, whether results have parameters where the class leaves that open.
    """

    element: ElementType
    operands: str
    result: ElementType | None
    parameters: bool

    @property
    def kind(self) -> str:
        """What the main operand is: raw, quantised per tensor, or per channel."""
        if self.operands == "raw" or not self.element.is_integer:
            return "raw"
        return "channel" if self.operands == "channel" else "tensor"


@dataclass(frozen=True)
class Signature:
    """Types and attributes of an operation that the verifier takes."""

    operator: type[Operation]
    types: tuple[TensorType | None, ...]
    attributes: dict[str, Any]
    results: tuple[TensorType, ...]
    contents: Mapping[int, Array] = field(default_factory=dict)
    """Elements of operands that take not all."""
    primary: int = 0


class Refusal(Exception):
    """A proposal that does not hold; `at` is the field to blame, where one is known."""

    def __init__(self, at: str | None) -> None:
        super().__init__(at)
        self.at = at


@dataclass(frozen=True)
class Frame:
    """What every proposal for an operator needs of its class."""

    operator: type[Operation]
    primary: int
    optional: list[str]
    optional_attributes: list[str]
    divisors: frozenset[str]

    def pattern(self, operand: OperandField, attributes: Mapping[str, Any]) -> Pattern | None:
        return declared_pattern(self.operator, operand, bool(attributes.get("time_major")))


@remembered()
def frame_of(operator: type[Operation]) -> Frame:
    """The main operand is the first of those that take the most element types and may have any elements."""
    fields = operator.operand_fields
    free = [f for f in fields if (operator.name, f.name) not in hints.CONTENTS and not f.optional] or list(fields)
    primary = max(free, key=lambda f: (len(f.elements), -f.index)).index if fields else 0
    patterns = [declared_pattern(operator, operand) for operand in fields]
    divisors = frozenset(e.divisor for pattern in patterns for e in pattern or () if e.divisor is not None)
    optional = [f.name for f in fields if f.optional]
    attributes = [f.name for f in operator.attribute_fields.values() if not f.required]
    return Frame(operator, primary, optional, attributes, divisors | {"projection"})


def propose(
    operator: type[Operation],
    style: Style,
    choices: Choices,
    main: TensorType | None = None,
    *,
    rank: int | None = None,
    side: int = 4,
    without: frozenset[str] = frozenset(),
) -> Signature:
    """A signature in a style. The main operand is of type `main`, or of a type that is chosen too, with `rank` where it
    may have any. Attributes in `without` are left at their defaults. Raises `Refusal`.
    """
    frame = frame_of(operator)
    proposal = Proposal(operator, choices, style.element, frame.primary, side)
    chosen = [name for name in choices.some(frame.optional_attributes) if name not in without]
    propose_early(proposal, chosen, frame.divisors)
    _name_operands(proposal, frame)
    _choose_shapes(proposal, frame, main, rank)
    propose_attributes(proposal, chosen)
    parameters = quantise(proposal, style.operands)
    if main is not None:
        parameters = _adapted(proposal, style, parameters, main)
    types = tuple(
        None if shape is None or element is None else TensorType(element, shape, quantisation)
        for shape, element, quantisation in zip(proposal.shapes, proposal.elements, parameters, strict=True)
    )
    contents = _contents(proposal, types)
    return _checked(proposal, style, types, contents)


def _adapted(proposal: Proposal, style: Style, parameters: list[Any], main: TensorType) -> list[Any]:
    """Parameters with those of the main operand as given; what depends on them follows."""
    before, now = parameters[proposal.primary], main.quantisation
    if style.operands.startswith("sum") and before is not None and now is not None:
        for index, name in enumerate(proposal.names):
            bias = parameters[index]
            if name == "bias" and bias is not None:
                factor = now.scale / before.scale
                parameters[index] = type(bias)(
                    tuple(float(np.float32(scale * factor)) for scale in bias.scales), bias.zero_points, bias.axis
                )
    same = style.operands == "shared"
    return [now if i == proposal.primary or (same and p is not None) else p for i, p in enumerate(parameters)]


# --- operands ---


def _name_operands(proposal: Proposal, frame: Frame) -> None:
    """Which operands there are, and their element types."""
    fields = proposal.operator.operand_fields
    chosen = hints.choose_optional(proposal, frame.optional, proposal.choices) if frame.optional else set()
    last = max((f.index for f in fields if not f.optional or f.name in chosen), default=-1)
    for operand in fields[: last + 1]:
        count = 1
        if operand.variadic:
            count = proposal.choices.pick((2, 1, 3))
        for _ in range(count):
            proposal.names.append(operand.name)
            left_out = operand.optional and operand.name not in chosen
            proposal.elements.append(None if left_out else _element(proposal, operand))


def _element(proposal: Proposal, operand: OperandField) -> ElementType:
    """The main operand's element type where the operand takes it; else another of its sort."""
    main = proposal.element
    if main in operand.elements:
        return main
    others = sorted(operand.elements, key=lambda e: e.value)
    alike = [e for e in others if e.is_float == main.is_float] or others
    return proposal.choices.pick(alike)


def _choose_shapes(proposal: Proposal, frame: Frame, main: TensorType | None, rank: int | None) -> None:
    fields = {operand.name: operand for operand in proposal.operator.operand_fields}
    patterns = [frame.pattern(fields[name], proposal.attributes) for name in proposal.names]
    proposal.shapes = [None] * len(patterns)
    first, given = proposal.primary, None if main is None else _known(main)
    if patterns and (pattern := patterns[first]) is None:
        if given is None:
            size = proposal.choices.below(MOST_RANK + 1) if rank is None else rank
            ranks = fields[proposal.names[first]].ranks
            size = size if ranks is None or size in ranks else ranks[0]
            given = tuple(1 + proposal.choices.below(proposal.side) for _ in range(size))
        proposal.shapes[first] = given
        leading = hints.LEADING.get(proposal.operator.name)
        if leading is not None:
            proposal.sizes[leading] = given[0] if given else 1
    elif patterns and pattern is not None and given is not None:
        _bind(proposal, pattern, _nhwc(proposal, first, given))
    sizes = hints.SIZES
    for name in names_in(patterns):
        hint = sizes.get((proposal.operator.name, name))
        if hint is not None and name not in proposal.sizes:
            proposal.sizes[name] = hint(proposal)
    for index, pattern in enumerate(patterns):
        if proposal.elements[index] is not None and (index != first or given is None or pattern is not None):
            proposal.shapes[index] = _shape(proposal, index, pattern)


def _known(type: TensorType) -> KnownShape:
    return tuple(size or 0 for size in type.shape)


def _bind(proposal: Proposal, pattern: Pattern, shape: KnownShape) -> None:
    if len(pattern) != len(shape):
        raise Refusal(None)
    for extent, size in zip(pattern, shape, strict=True):
        if not extent.solve(size, proposal.sizes):
            raise Refusal(None)


def _shape(proposal: Proposal, index: int, pattern: Pattern | None) -> KnownShape:
    if pattern is None:
        hint = hints.SHAPES.get((proposal.operator.name, proposal.names[index]))
        return _broadcast(proposal) if hint is None else hint(proposal, proposal.shape)
    for extent in pattern:
        for name in extent.names:
            proposal.size(name)
    return _ordered(proposal, index, tuple(extent.size(proposal.sizes, proposal.attributes) for extent in pattern))


def _broadcast(proposal: Proposal) -> KnownShape:
    """The main operand's shape, or one that broadcasts to it: leading dimensions left out, others of size 1."""
    shape, choices = proposal.shape, proposal.choices
    form = choices.below(4)
    if form == 1 and shape:
        return shape[1 + choices.below(len(shape)) :]
    if form == 2:
        return tuple(1 if choices.flag() else size for size in shape)
    return (1, *shape) if form == 3 and 0 < len(shape) < MOST_RANK else shape


def _is_image(proposal: Proposal, index: int) -> bool:
    return "layout" in proposal.attributes and index in hints.IMAGES.get(proposal.operator.name, (0,))


def _nhwc(proposal: Proposal, index: int, shape: KnownShape) -> KnownShape:
    return (shape[0], *shape[2:], shape[1]) if _is_image(proposal, index) and len(shape) == 4 else shape


def _ordered(proposal: Proposal, index: int, shape: KnownShape) -> KnownShape:
    return (shape[0], shape[3], *shape[1:3]) if _is_image(proposal, index) and len(shape) == 4 else shape


def _contents(proposal: Proposal, types: tuple[TensorType | None, ...]) -> dict[int, Array]:
    contents: dict[int, Array] = {}
    for index, (name, type) in enumerate(zip(proposal.names, types, strict=True)):
        make = hints.CONTENTS.get((proposal.operator.name, name))
        if make is not None and type is not None:
            random = np.random.default_rng(proposal.choices.below(8))
            contents[index] = np.asarray(make(random, type, proposal)).astype(type.element.numpy)
    return contents


# --- checking ---


def _checked(
    proposal: Proposal, style: Style, types: tuple[TensorType | None, ...], contents: dict[int, Array]
) -> Signature:
    """The signature, if the verifier takes it."""
    operator = proposal.operator
    try:
        attributes = operator.normalise_attributes(proposal.attributes)
    except (TypeError, ValueError):
        raise Refusal(None) from None
    fields, last = operator.operand_fields, len(operator.operand_fields) - 1
    for index, type in enumerate(types):
        operand = fields[min(index, last)]
        if type is not None and (
            type.element not in operand.elements
            or (operand.ranks is not None and type.rank not in operand.ranks)
            or not is_well_formed(type)
        ):
            raise Refusal(operand.name)
    op = operator([None if type is None else Value(type) for type in types], attributes, ())
    try:
        results = _results(op, proposal, style, types)
    except InferenceError as error:
        raise Refusal(error.at) from None
    except (LookupError, TypeError, ValueError, ArithmeticError):
        raise Refusal(None) from None
    named = {proposal.names[index]: array for index, array in contents.items()}
    known = hints.known_result(operator, named) if named else None
    if known is not None:
        results = (results[0].with_shape(known), *results[1:])
    op.results = tuple(Value(type, None, op, index) for index, type in enumerate(results))
    _check_rules(op)
    return Signature(operator, types, attributes, results, contents, proposal.primary)


def _results(
    op: Operation, proposal: Proposal, style: Style, types: tuple[TensorType | None, ...]
) -> tuple[TensorType, ...]:
    """Inferred result types, with parameters where the style has them and the class leaves them open."""
    results = op.infer(element=style.result)
    if not style.parameters or not any(_is_open(op, index) for index in range(len(results))):
        return results
    return tuple(
        type.with_quantisation(result_parameters(proposal, types, type.element))
        if type.element.is_integer and _is_open(op, index)
        else type
        for index, type in enumerate(results)
    )


def _is_open(op: Operation, index: int) -> bool:
    rule = op.result_fields[min(index, len(op.result_fields) - 1)].quantisation
    return rule is QuantisationRule.FREE or rule.name.endswith("_BY_DEFAULT")


def _check_rules(op: Operation) -> None:
    for type in (value.type for value in op.results):
        if not is_well_formed(type):
            raise Refusal(None)
    for constraint in op.constraints:
        try:
            holds = constraint.check(op)
        except (InferenceError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
            holds = False
        if not holds:
            raise Refusal(constraint.at)
