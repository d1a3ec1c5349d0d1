"""What operators' declarations do not say, and drawing cannot guess: explicit tables, one entry per fact.

Sizes that depend on others, optional operands that go together, shapes of operands that are declared as any, elements
that an operator only takes in some range (indices, boxes). An operator that is in no table is drawn from its class alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from nir.ir import ElementType, Operation, TensorType
from nir.ops.common import Layout
from nir.ops.lookup import Projection
from nir.testing.choices import Choices
from nir.testing.proposal import KnownShape, Proposal

Array: TypeAlias = "np.ndarray[Any, Any]"

# --- sizes ---


def _window(side: str) -> Callable[[Proposal], int]:
    return lambda proposal: 1 + proposal.choices.below(min(3, proposal.size(f"image {side}")))


def _depthwise_outputs(proposal: Proposal) -> int:
    return proposal.size("input channels") * (1 + proposal.choices.below(2))


def _grouped_outputs(proposal: Proposal) -> int:
    return int(proposal.attributes.get("groups", 1)) * (1 + proposal.choices.below(3))


def _filters(proposal: Proposal) -> int:
    return int(proposal.attributes.get("rank", 1)) * (1 + proposal.choices.below(3))


def _outputs(proposal: Proposal) -> int:
    """A cell without a projection puts out its units."""
    projected = any("projection_weights" in name for name in proposal.names)
    return 1 + proposal.choices.below(proposal.side) if projected else proposal.size("units")


def _two_or_more(proposal: Proposal) -> int:
    return 2 + proposal.choices.below(3)


_CONVOLUTIONS = ("conv_2d", "depthwise_conv_2d", "grouped_conv_2d", "transpose_conv_2d")

SIZES: Mapping[tuple[str, str], Callable[[Proposal], int]] = {
    **{(name, side): _window(side) for name in _CONVOLUTIONS for side in ("height", "width")},
    ("depthwise_conv_2d", "output channels"): _depthwise_outputs,
    ("grouped_conv_2d", "output channels"): _grouped_outputs,
    ("svdf", "filters"): _filters,
    **{
        (name, "outputs"): _outputs
        for name in ("lstm", "unidirectional_sequence_lstm", "bidirectional_sequence_lstm", "quantized_lstm")
    },
    ("heatmap_max_keypoint", "size"): _two_or_more,
    ("box_with_nms_limit", "classes"): _two_or_more,
    ("detection_postprocessing", "classes"): _two_or_more,
}
"""Sizes, by the names of declared shapes, that are no free choice."""

LEADING: Mapping[str, str] = {"embedding_lookup": "rows", "hashtable_lookup": "rows", "lsh_projection": "slices"}
"""Operators whose main operand is of any shape, and the name under which others know its first dimension."""

# --- operands ---


def _lstm_operands(proposal: Proposal, optional: list[str]) -> set[str]:
    """Operands of a cell: peepholes, normalisation and so on are there for all its gates, in every direction."""
    choices, chosen = proposal.choices, set()
    auxiliary = choices.flag(3)
    for prefix in ("", "forward_", "backward_"):
        mine = [name for name in optional if name.startswith(prefix)]
        if not prefix and any(name.startswith("forward_") for name in optional):
            continue
        part = choices.some(("input gate", "peepholes", "layer_norm", "projection", "projection_bias"))
        gates = ("input", "forget", "cell", "output") if "input gate" in part else ("forget", "cell", "output")
        wanted = {f"{prefix}{source}_to_{gate}_weights" for gate in gates for source in ("input", "recurrent")}
        wanted |= {f"{prefix}{gate}_bias" for gate in gates}
        wanted |= {f"{prefix}auxiliary_to_{gate}_weights" for gate in gates if auxiliary}
        wanted |= {f"{prefix}cell_to_{gate}_weights" for gate in gates if "peepholes" in part and gate != "cell"}
        wanted |= {f"{prefix}{gate}_layer_norm_weights" for gate in gates if "layer_norm" in part}
        if "projection" in part:
            wanted.add(f"{prefix}projection_weights")
            wanted |= {f"{prefix}projection_bias"} if "projection_bias" in part else set()
        chosen |= {name for name in mine if name in wanted}
    return chosen | {"auxiliary_input"} if auxiliary and "auxiliary_input" in optional else chosen


def _rnn_operands(proposal: Proposal, optional: list[str]) -> set[str]:
    """An auxiliary input with weights for both cells, or without (then it is the second cell's input), or none."""
    return set(optional[: proposal.choices.pick((0, len(optional), 1))])


def _hash_weights(proposal: Proposal, optional: list[str]) -> set[str]:
    return set(optional) if proposal.attributes.get("projection") is Projection.DENSE else set()


OPTIONAL: Mapping[str, Callable[[Proposal, list[str]], set[str]]] = {
    "lstm": _lstm_operands,
    "unidirectional_sequence_lstm": _lstm_operands,
    "bidirectional_sequence_lstm": _lstm_operands,
    "quantized_lstm": _lstm_operands,
    "bidirectional_sequence_rnn": _rnn_operands,
    "lsh_projection": _hash_weights,
}
"""Which optional operands to put in, where that is not a choice of its own for each."""


def _joined(proposal: Proposal, shape: KnownShape) -> KnownShape:
    """A shape that differs along the axis of concatenation alone."""
    if not shape:
        return shape
    axis = proposal.attributes.get("axis", 0) % len(shape)
    return *shape[:axis], 1 + proposal.choices.below(proposal.side), *shape[axis + 1 :]


def _any_shape(proposal: Proposal, shape: KnownShape) -> KnownShape:
    return tuple(1 + proposal.choices.below(3) for _ in range(proposal.choices.below(3)))


def _matrix(proposal: Proposal, shape: KnownShape) -> KnownShape:
    """A right operand for a batch of matrices, with the flags as they are."""
    if len(shape) < 2:
        return shape
    inner = shape[-2] if proposal.attributes.get("transpose_left") else shape[-1]
    columns = 1 + proposal.choices.below(proposal.side)
    last = (columns, inner) if proposal.attributes.get("transpose_right") else (inner, columns)
    return *shape[:-2], *last


def _same(proposal: Proposal, shape: KnownShape) -> KnownShape:
    return shape


def _list_of_sizes(proposal: Proposal, shape: KnownShape) -> KnownShape:
    return (proposal.choices.within(0, 3),)


SHAPES: Mapping[tuple[str, str], Callable[[Proposal, KnownShape], KnownShape]] = {
    ("concatenation", "inputs"): _joined,
    ("pack", "inputs"): _same,
    ("gather", "indices"): _any_shape,
    ("batch_matmul", "right"): _matrix,
    ("fill", "shape"): _list_of_sizes,
}
"""Shapes of further operands that are declared as any, from the main operand's; others broadcast to it."""

# --- elements ---


def _extents(type: TensorType) -> list[int]:
    """The shape of what is made here: its dimensions are known."""
    return [size or 0 for size in type.shape]


Contents = Callable[[np.random.Generator, TensorType, Proposal], Array]


def _indices(limit: Callable[[Proposal], int]) -> Contents:
    def contents(random: np.random.Generator, type: TensorType, proposal: Proposal) -> Array:
        return random.integers(0, max(limit(proposal), 1), _extents(type))

    return contents


def _gathered(proposal: Proposal) -> int:
    shape = proposal.shape
    return shape[proposal.attributes.get("axis", 0) % len(shape)] if shape else 1


def _images(name: str) -> Callable[[Proposal], int]:
    return lambda proposal: proposal.operand_shape(name)[0]


def _keys(random: np.random.Generator, type: TensorType, proposal: Proposal) -> Array:
    return np.cumsum(random.integers(1, 3, _extents(type)))


def _ascending(random: np.random.Generator, type: TensorType, proposal: Proposal) -> Array:
    return np.sort(random.integers(0, 3, _extents(type)))


def _sizes(random: np.random.Generator, type: TensorType, proposal: Proposal) -> Array:
    return random.integers(0, 4, _extents(type))


def _boxes(random: np.random.Generator, type: TensorType, proposal: Proposal) -> Array:
    """Boxes x1, y1, x2, y2 with x1 < x2 and y1 < y2, in whole pixels; around the origin where integers are signed."""
    count = type.size // 4
    corners = random.integers(0, 3, (count, 2))
    boxes = np.concatenate([corners, corners + random.integers(1, 3, (count, 2))], axis=1)
    return _in_eighths(boxes.reshape(_extents(type)), type)


def _regions(random: np.random.Generator, type: TensorType, proposal: Proposal) -> Array:
    """Boxes inside the image, whose cells are `ratios` pixels each."""
    _, height, width, channels = proposal.operand_shape("input")
    if proposal.attributes.get("layout") is Layout.NCHW:
        height, width = width, channels
    ratios = proposal.attributes["ratios"]
    corners = np.sort(random.uniform(0, 1, (type.size // 4, 2, 2)), axis=1)
    boxes = np.floor(corners * (width * ratios[1], height * ratios[0]) * 8) / 8
    return _in_eighths(boxes.reshape(_extents(type)), type)


def _image_sizes(random: np.random.Generator, type: TensorType, proposal: Proposal) -> Array:
    return _in_eighths(random.integers(4, 16, _extents(type)), type)


def _in_eighths(array: Array, type: TensorType) -> Array:
    return array * 8 if type.element in (ElementType.U16, ElementType.I16) else array


def _centred(random: np.random.Generator, type: TensorType, proposal: Proposal) -> Array:
    """Anchors y, x, h, w: heights and widths are positive."""
    return random.integers(1, 4, _extents(type))


CONTENTS: Mapping[tuple[str, str], Contents] = {
    ("gather", "indices"): _indices(_gathered),
    ("embedding_lookup", "lookups"): _indices(lambda proposal: proposal.size("rows")),
    ("hashtable_lookup", "lookups"): _indices(lambda proposal: 2 * proposal.size("rows")),
    ("hashtable_lookup", "keys"): _keys,
    ("fill", "shape"): _sizes,
    ("roi_align", "regions"): _regions,
    ("roi_align", "batch"): _indices(_images("input")),
    ("roi_pooling", "regions"): _regions,
    ("roi_pooling", "batch"): _indices(_images("input")),
    ("axis_aligned_bbox_transform", "boxes"): _boxes,
    ("axis_aligned_bbox_transform", "batch"): _indices(_images("images")),
    ("axis_aligned_bbox_transform", "images"): _image_sizes,
    ("box_with_nms_limit", "boxes"): _boxes,
    ("box_with_nms_limit", "batch"): _ascending,
    ("generate_proposals", "anchors"): _boxes,
    ("generate_proposals", "images"): _image_sizes,
    ("detection_postprocessing", "anchors"): _centred,
    ("heatmap_max_keypoint", "boxes"): _boxes,
}
"""Elements of operands that are not all allowed. Such an operand is a constant."""

IMAGES: Mapping[str, tuple[int, ...]] = {"generate_proposals": (0, 1)}
"""Operands that have the layout, where it is not the first alone."""

# --- quantisation ---

_REGIONS = (
    "roi_align",
    "roi_pooling",
    "axis_aligned_bbox_transform",
    "box_with_nms_limit",
    "generate_proposals",
    "heatmap_max_keypoint",
)

STYLES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_REGIONS, ("raw", "coordinates")),
    "quantized_16bit_lstm": ("16-bit cell",),
    "quantized_lstm": ("8-bit cell",),
}
"""Ways to quantise operands (see operand_quantisation.py) that are worth trying, where the usual ones are not."""


def known_result(operator: type[Operation], contents: Mapping[str, Array]) -> KnownShape | None:
    """The shape of a result that follows from the elements of an operand, as `fill`'s does."""
    return tuple(contents["shape"].tolist()) if operator.name == "fill" else None


def choose_optional(proposal: Proposal, optional: list[str], choices: Choices) -> set[str]:
    """The optional operands to put in."""
    hint = OPTIONAL.get(proposal.operator.name)
    return set(choices.some(optional)) if hint is None else hint(proposal, optional)
