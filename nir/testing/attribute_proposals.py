"""Values for attributes, from what an attribute is called and what kind of value it takes.

`propose_attributes` fills a proposal's attributes once the shapes of its operands stand. A name that several operators
share (`axis`, `axes`, `layout`) means the same everywhere; what only makes sense together is in `TOGETHER`. All else
follows from the kind, so that a new operator needs nothing here unless its attributes depend on shapes in a new way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from nir.ir import AttributeField, ElementType
from nir.ir.kinds import (
    BooleanKind,
    EnumKind,
    FloatKind,
    IntegerKind,
    Kind,
    SequenceKind,
    StringKind,
    UnionKind,
)
from nir.ops.common import Layout, PaddingScheme
from nir.testing.choices import Choices, divisors
from nir.testing.proposal import Proposal

OMIT: Any = object()
"""Stands for leaving an attribute at its default."""

FLOAT_VALUES = (1.0, 0.5, 2.0, 0.25, 0.1, 3.5)
"""Numbers that make sense for most attributes: factors, exponents, thresholds."""

EARLY = ("layout", "time_major", "transpose_left", "transpose_right")
"""Attributes on which shapes depend; those that shapes are divided by come early as well."""

Value = Callable[[Proposal], Any]


def propose_early(proposal: Proposal, chosen: list[str], divisors_of_shapes: frozenset[str]) -> None:
    """Values for the attributes that shapes depend on, of those that are `chosen` or required."""
    for name, field in proposal.operator.attribute_fields.items():
        if (name in EARLY or name in divisors_of_shapes) and (field.required or name in chosen):
            _put(proposal, field)


def propose_attributes(proposal: Proposal, chosen: list[str]) -> None:
    """Values for all attributes that are `chosen` or required and have none yet."""
    together = TOGETHER.get(proposal.operator.name)
    settled: tuple[str, ...] = ()
    if together is not None:
        settled, propose = together
        propose(proposal, [name for name in chosen if name in settled])
    for name, field in proposal.operator.attribute_fields.items():
        if name not in settled and name not in proposal.attributes and (field.required or name in chosen):
            _put(proposal, field)


def _put(proposal: Proposal, field: AttributeField) -> None:
    propose = BY_OPERATOR.get((proposal.operator.name, field.name)) or BY_NAME.get(field.name)
    value = propose(proposal) if propose is not None else of_kind(proposal.choices, field)
    if value is not OMIT:
        proposal.attributes[field.name] = value


def of_kind(choices: Choices, field: AttributeField, kind: Kind | None = None) -> Any:
    """A value of the attribute's kind, its default left out where there is another."""
    kind = field.kind if kind is None else kind
    if isinstance(kind, EnumKind):
        members = [member for member in kind.members if member is not field.default]
        return choices.pick(members or list(kind.members))
    if isinstance(kind, BooleanKind):
        return choices.flag() if field.required else not field.default
    if isinstance(kind, IntegerKind):
        least = 0 if kind.minimum is None else kind.minimum
        return choices.within(least, least + 3)
    if isinstance(kind, FloatKind):
        return choices.pick(FLOAT_VALUES)
    if isinstance(kind, SequenceKind):
        length = choices.within(1, 3) if kind.length is None else kind.length
        return tuple(of_kind(choices, field, kind.element) for _ in range(length))
    if isinstance(kind, UnionKind):
        return of_kind(choices, field, choices.pick(kind.choices))
    return choices.pick(("", "text", 'with "quotes"')) if isinstance(kind, StringKind) else OMIT


# --- dimensions of the first operand ---


def _axis(proposal: Proposal) -> Any:
    """A dimension, counted from the front or from the end."""
    rank = len(proposal.shape)
    return proposal.choices.below(2 * rank) - rank if rank else 0


def _new_axis(proposal: Proposal) -> int:
    rank = len(proposal.shape) + 1
    return proposal.choices.below(2 * rank) - rank


def _axes(proposal: Proposal) -> tuple[int, ...]:
    """Some dimensions, all counted from the front or all from the end."""
    rank = len(proposal.shape)
    shift = rank if proposal.choices.flag(3) else 0
    return tuple(axis - shift for axis in proposal.choices.some(range(rank)))


def _permutation(proposal: Proposal) -> tuple[int, ...]:
    return _permuted(proposal.choices, len(proposal.shape))


def _permuted(choices: Choices, rank: int) -> tuple[int, ...]:
    left, order = list(range(rank)), []
    number = choices.below(math.factorial(rank))
    for count in range(rank, 0, -1):
        number, place = divmod(number, count)
        order.append(left.pop(place))
    return tuple(order)


def _squeezed(proposal: Proposal) -> tuple[int, ...]:
    ones = [axis for axis, size in enumerate(proposal.shape) if size == 1]
    shift = len(proposal.shape) if proposal.choices.flag(3) else 0
    return tuple(axis - shift for axis in proposal.choices.some(ones))


def _new_shape(proposal: Proposal) -> tuple[int, ...]:
    """A shape with as many elements, one of its sizes maybe left open."""
    choices, left = proposal.choices, math.prod(proposal.shape)
    if left == 0:
        return proposal.shape
    sizes = []
    for _ in range(choices.within(1, 4) - 1):
        sizes.append(choices.pick(divisors(left)))
        left //= sizes[-1]
    sizes.append(left)
    if choices.flag(3):
        sizes[choices.below(len(sizes))] = -1
    return tuple(sizes)


def _multiples(proposal: Proposal) -> tuple[int, ...]:
    return tuple(1 + proposal.choices.below(3) for _ in proposal.shape)


def _pairs(proposal: Proposal) -> tuple[tuple[int, int], ...]:
    code = proposal.choices.below(9 ** len(proposal.shape))
    pairs = []
    for _ in proposal.shape:
        code, digit = divmod(code, 9)
        pairs.append((digit // 3, digit % 3))
    return tuple(pairs)


def _stored_value(proposal: Proposal) -> int | float:
    """What an element of the operand may be stored as."""
    element = proposal.element
    if element.is_float:
        return proposal.choices.pick((0.0, 1.0, -1.5, 1e-30, float("inf"), float("nan")))
    if element is ElementType.BOOL:
        return proposal.choices.below(2)
    return proposal.choices.pick((0, 1, element.maximum, element.minimum))


def _top(proposal: Proposal) -> int:
    return proposal.choices.below((proposal.shape[-1] if proposal.shape else 0) + 1)


def _negative_too(proposal: Proposal) -> int:
    """A count, where a negative one stands for no limit."""
    return proposal.choices.within(-1, 3)


# --- images ---


def _image_sizes(proposal: Proposal) -> tuple[int, int, int]:
    """Height, width and channels of the first operand."""
    _, a, b, c = proposal.shape
    return (b, c, a) if proposal.attributes.get("layout") is Layout.NCHW else (a, b, c)


def _groups(proposal: Proposal) -> int:
    return proposal.choices.pick(divisors(proposal.size("input channels")))


def _block(proposal: Proposal) -> int:
    return 1 + proposal.choices.below(3)


def _depth_block(proposal: Proposal) -> int:
    channels = _image_sizes(proposal)[2]
    return proposal.choices.pick([n for n in range(1, 4) if channels % (n * n) == 0])


def _space_block(proposal: Proposal) -> int:
    height, width, _ = _image_sizes(proposal)
    return proposal.choices.pick([n for n in range(1, 4) if height % n == 0 and width % n == 0])


def _batch_block(proposal: Proposal) -> tuple[int, int]:
    first = proposal.choices.pick([n for n in divisors(proposal.shape[0]) if n < 4])
    return first, proposal.choices.pick([n for n in divisors(proposal.shape[0] // first) if n < 4])


def _space_to_batch(proposal: Proposal, chosen: list[str]) -> None:
    choices, sizes = proposal.choices, _image_sizes(proposal)
    blocks, padding = [], []
    for size in sizes[:2]:
        before, after = (choices.below(3), choices.below(3)) if "padding" in chosen else (0, 0)
        blocks.append(choices.pick([n for n in divisors(size + before + after) if n < 4]))
        padding += [before, after]
    proposal.attributes |= {"block": tuple(blocks), "padding": tuple(padding)}


def _pool(proposal: Proposal, chosen: list[str]) -> None:
    """Windows that fit, with padding that leaves every window a cell of the image."""
    choices = proposal.choices
    window = tuple(1 + choices.below(min(3, size)) if size else 1 for size in _image_sizes(proposal)[:2])
    proposal.attributes["window"] = window
    if "padding" in chosen:
        if choices.flag():
            proposal.attributes["padding"] = PaddingScheme.SAME
        else:
            proposal.attributes["padding"] = tuple(choices.below(window[i // 2]) for i in range(4))
    if "strides" in chosen:
        proposal.attributes["strides"] = (1 + choices.below(3), 1 + choices.below(3))


def _transposed(proposal: Proposal, chosen: list[str]) -> None:
    """Paddings that go with the size that is stated, or is not."""
    choices, attributes = proposal.choices, proposal.attributes
    if "strides" in chosen:
        attributes["strides"] = (1 + choices.below(3), 1 + choices.below(3))
    if "padding" in chosen and choices.flag():
        attributes["padding"] = tuple(choices.below(2) if i % 2 == 0 else choices.within(-1, 1) for i in range(4))
        return
    if "padding" in chosen:
        attributes["padding"] = PaddingScheme.SAME
    if "padding" in chosen or "output_size" in chosen:
        attributes["output_size"] = (1 + choices.below(6), 1 + choices.below(6))


def _window_padding(proposal: Proposal) -> Any:
    if proposal.choices.flag():
        return PaddingScheme.SAME
    return tuple(proposal.choices.below(3) for _ in range(4))


def _resized(proposal: Proposal, chosen: list[str]) -> None:
    choices, attributes = proposal.choices, proposal.attributes
    if "factors" in chosen:
        attributes["factors"] = (choices.pick((1.0, 2.0, 1.5)), choices.pick((1.0, 2.0, 1.5)))
    else:
        attributes["size"] = (1 + choices.below(6), 1 + choices.below(6))
    corners, centres = "align_corners" in chosen, "half_pixel_centers" in chosen
    attributes |= {"align_corners": corners, "half_pixel_centers": centres and not corners}


# --- parts ---


def _slice(proposal: Proposal, chosen: list[str]) -> None:
    begins, sizes = [], []
    for size in proposal.shape:
        begins.append(proposal.choices.below(size + 1))
        left = size - begins[-1]
        sizes.append(left - proposal.choices.below(left + 2))
    proposal.attributes |= {"begin": tuple(begins), "size": tuple(sizes)}


def _strided(proposal: Proposal, chosen: list[str]) -> None:
    """Bounds that may lie outside, and strides of both signs; a dimension that is dropped has its index inside."""
    choices, rank = proposal.choices, len(proposal.shape)
    shrink = choices.below(1 << rank) if "shrink_mask" in chosen else 0
    parts = []
    for axis, size in enumerate(proposal.shape):
        if shrink >> axis & 1 and size:
            parts.append((choices.below(2 * size) - size, 0, 1))
        else:
            shrink &= ~(1 << axis)
            parts.append((choices.within(0, size), size - choices.within(0, size + 2), choices.pick((1, 2, -1, -2))))
    begins, ends, strides = (tuple(column) for column in zip(*parts, strict=True)) if parts else ((), (), ())
    proposal.attributes |= {"begin": begins, "end": ends, "strides": strides, "shrink_mask": shrink}
    for name in ("begin_mask", "end_mask"):
        if name in chosen:
            proposal.attributes[name] = choices.below(1 << rank)


def _split(proposal: Proposal, chosen: list[str]) -> None:
    axis = _axis(proposal)
    size = proposal.shape[axis] if proposal.shape else 1
    proposal.attributes |= {"axis": axis, "parts": proposal.choices.pick([n for n in divisors(size) if n <= 4])}


def _shuffle(proposal: Proposal, chosen: list[str]) -> None:
    axis = _axis(proposal) if "axis" in chosen else -1
    size = proposal.shape[axis] if proposal.shape else 1
    proposal.attributes |= {"axis": axis, "groups": proposal.choices.pick(divisors(size))}


def _mirror(proposal: Proposal, chosen: list[str]) -> None:
    field = proposal.operator.attribute_fields["mode"]
    mode = of_kind(proposal.choices, field)
    edge = 1 if mode.value == "reflect" else 0
    pairs = []
    for size in proposal.shape:
        room = max(min(size - edge, 2), 0) + 1
        pairs.append((proposal.choices.below(room), proposal.choices.below(room)))
    proposal.attributes |= {"mode": mode, "padding": tuple(pairs)}


def _svdf_rank(proposal: Proposal) -> int:
    return 1 + proposal.choices.below(2)


def _seed(proposal: Proposal) -> tuple[int, int]:
    return 1 + proposal.choices.below(2**16), proposal.choices.below(4)


BY_NAME: Mapping[str, Value] = {
    "axis": _axis,
    "axes": _axes,
    "permutation": _permutation,
    "multiples": _multiples,
    "seed": _seed,
}
"""Attributes that mean the same wherever they are."""

BY_OPERATOR: Mapping[tuple[str, str], Value] = {
    ("expand_dims", "axis"): _new_axis,
    ("pack", "axis"): _new_axis,
    ("squeeze", "axes"): _squeezed,
    ("reshape", "shape"): _new_shape,
    ("pad", "padding"): _pairs,
    ("pad_v2", "padding"): _pairs,
    ("pad_v2", "value"): _stored_value,
    ("topk_v2", "k"): _top,
    ("grouped_conv_2d", "groups"): _groups,
    ("svdf", "rank"): _svdf_rank,
    ("depth_to_space", "block"): _depth_block,
    ("space_to_depth", "block"): _space_block,
    ("batch_to_space_nd", "block"): _batch_block,
    ("box_with_nms_limit", "maximum"): _negative_too,
    ("generate_proposals", "before"): _negative_too,
    ("generate_proposals", "after"): _negative_too,
    **{(name, "padding"): _window_padding for name in ("conv_2d", "depthwise_conv_2d", "grouped_conv_2d")},
}
"""Attributes that depend on shapes or other attributes in a way of one operator's own."""

TOGETHER: Mapping[str, tuple[tuple[str, ...], Callable[[Proposal, list[str]], None]]] = {
    "average_pool_2d": (("window", "padding", "strides"), _pool),
    "l2_pool_2d": (("window", "padding", "strides"), _pool),
    "max_pool_2d": (("window", "padding", "strides"), _pool),
    "transpose_conv_2d": (("padding", "output_size", "strides"), _transposed),
    "resize_bilinear": (("size", "factors", "align_corners", "half_pixel_centers"), _resized),
    "resize_nearest_neighbor": (("size", "factors", "align_corners", "half_pixel_centers"), _resized),
    "space_to_batch_nd": (("block", "padding"), _space_to_batch),
    "slice": (("begin", "size"), _slice),
    "strided_slice": (("begin", "end", "strides", "begin_mask", "end_mask", "shrink_mask"), _strided),
    "split": (("axis", "parts"), _split),
    "channel_shuffle": (("axis", "groups"), _shuffle),
    "mirror_pad": (("mode", "padding"), _mirror),
}
"""Attributes that only make sense together, by operator: their names, and what proposes those that are chosen."""
