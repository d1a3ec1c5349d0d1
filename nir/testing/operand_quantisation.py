"""Ways to quantise the operands and results of one operation. Which of them an operator takes is found out by trying.

raw: integers as they are; each: every integer operand has parameters of its own; shared: all have the first one's;
channel: a scale per slice of the first; sum, sum per channel: a filter beside the input, and a bias on the scale of
their products. The others are for single operators.
"""

from __future__ import annotations

from collections.abc import Sequence

from nir.ir import ElementType, Quantisation, TensorType, Trait
from nir.testing.caching import remembered
from nir.testing.choices import Choices
from nir.testing.operator_hints import STYLES
from nir.testing.proposal import Proposal

SCALES = (0.5, 0.25, 1.0, 0.0078125, 0.1, 0.023529412, 2.0, 0.003921569, 1.5, 1e-4)

Parameters = list[Quantisation | None]


@remembered()
def parameters_for(element: ElementType) -> tuple[Quantisation, ...]:
    """Parameters of an integer type, the simplest first: middle and ends of its range as zero points."""
    low, high = element.minimum, element.maximum
    middle = (low + high + 1) // 2
    points = (middle, low, high, min(max(3, low), high)) if element.bits < 32 else (0, 0, 0, low, high, 7)
    return tuple(
        Quantisation.per_tensor(SCALES[place % len(SCALES)], points[place % len(points)])
        for place in range(2 * len(SCALES))
    )


def styles_of(proposal: Proposal) -> tuple[str, ...]:
    """The styles that may suit an operator, for finding out which do."""
    operator = proposal.operator
    if operator.name in STYLES:
        return STYLES[operator.name]
    if Trait.ACCUMULATES in operator.traits:
        filtered = any(field.name == "filter" for field in operator.operand_fields)
        return ("raw", "sum", "sum per channel") if filtered else ("raw", "each")
    return ("raw", "each", "shared", "channel")


def quantise(proposal: Proposal, style: str) -> Parameters:
    """Parameters for each operand in a style; None for what is no integer or left out."""
    if style == "raw":
        return [None] * len(proposal.elements)
    if style.endswith("cell"):
        return [_of_cell(proposal, index, style) for index in range(len(proposal.elements))]
    own = [_own(proposal, element, index) for index, element in enumerate(proposal.elements)]
    if style == "shared":
        first = own[proposal.primary]
        return [first if element is proposal.element else None for element in proposal.elements]
    if style == "channel":
        if not proposal.shape:
            return [None] * len(proposal.elements)  # a scalar has no channels
        axis = proposal.choices.below(len(proposal.shape))
        own[proposal.primary] = per_channel(proposal.choices, proposal.shape, axis)
    elif style.startswith("sum"):
        _as_sum(proposal, own, style == "sum per channel")
    elif style == "coordinates":
        for index, element in enumerate(proposal.elements):
            if element is ElementType.I32:
                own[index] = None  # batch indices
            elif element is not None and element.is_integer and element.bits == 16:
                own[index] = Quantisation.per_tensor(1 / 8)
    return own


def _own(proposal: Proposal, element: ElementType | None, index: int) -> Quantisation | None:
    """Parameters of one operand; the simplest differ from operand to operand, or trying would show nothing."""
    if element is None or not element.is_integer:
        return None
    known = parameters_for(element)
    return known[(proposal.choices.below(len(known)) + index) % len(known)]


def per_channel(choices: Choices, shape: Sequence[int], axis: int) -> Quantisation:
    """A scale per slice of a dimension; zero points now and then."""
    start = choices.below(len(SCALES))
    points = [(place * 3) % 7 for place in range(shape[axis])] if choices.flag(4) else None
    return Quantisation.per_channel(
        [SCALES[(start + place) % len(SCALES)] for place in range(shape[axis])], axis, points
    )


def _as_sum(proposal: Proposal, own: Parameters, several: bool) -> None:
    """A filter with one scale or one per output channel, and a bias that is raw or on the scale of the products."""
    filter = proposal.names.index("filter")
    axis = getattr(proposal.operator, "channel_dimension", 0)
    if several:
        own[filter] = per_channel(proposal.choices, proposal.operand_shape("filter"), axis)
    if "bias" not in proposal.names:
        return
    bias, left, right = proposal.names.index("bias"), own[0], own[filter]
    own[bias] = None
    if left is not None and right is not None and proposal.choices.flag():
        products = [left.scale * scale for scale in right.scales]
        own[bias] = Quantisation.per_channel(products, 0) if several else Quantisation.per_tensor(products[0])


def _of_cell(proposal: Proposal, index: int, style: str) -> Quantisation | None:
    """Parameters of the integer LSTM cells, which leave little choice."""
    name, element = proposal.names[index], proposal.elements[index]
    if element is None:
        return None
    if name.endswith("bias"):
        return Quantisation.per_tensor(1 / 128 / 128) if style == "16-bit cell" else None
    if name == "cell_state":
        return Quantisation.per_tensor(2**-11 if style == "16-bit cell" else 2.0 ** -(11 + proposal.choices.below(3)))
    if style == "16-bit cell":
        return Quantisation.per_tensor(1 / 128, 128)
    if name in ("input", "hidden_state"):
        return proposal.choices.pick(parameters_for(element))
    return Quantisation.per_tensor(proposal.choices.pick((1 / 128, 1 / 256)))


def result_parameters(proposal: Proposal, types: Sequence[TensorType | None], element: ElementType) -> Quantisation:
    """Parameters for a result that may have any; a 32-bit sum is on the scale of its products."""
    if Trait.ACCUMULATES in proposal.operator.traits and element is ElementType.I32:
        left, right = (type.quantisation if type is not None else None for type in types[:2])
        if left is not None and right is not None:
            products = [left.scale * scale for scale in right.scales]
            if len(products) == 1:
                return Quantisation.per_tensor(products[0])
            nchw = str(getattr(proposal.attributes.get("layout"), "value", "")) == "nchw"
            return Quantisation.per_channel(products, 1 if nchw else _result_rank(proposal) - 1)
    known = parameters_for(element)
    return known[(proposal.choices.below(len(known)) + len(types)) % len(known)]


def _result_rank(proposal: Proposal) -> int:
    return 2 if proposal.operator.name == "fully_connected" else 4
