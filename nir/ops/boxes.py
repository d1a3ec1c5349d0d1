"""Boxes around objects: moving them by deltas, overlap, and suppression of boxes that overlap better ones.

Boxes are float32 [..., 4], corners x1, y1, x2, y2 (the order of the axes does not matter to overlaps). Defines no
operator.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nir.errors import RunError
from nir.ir import Quantisation, TensorType
from nir.ops.profiles import Array

BOX_QUANTISATION = Quantisation.per_tensor(0.125)
"""Of u16 coordinates: eighths of a pixel, from 0 on."""


def is_coordinate_type(type: TensorType) -> bool:
    """True for floats, and for integers in eighths of a pixel."""
    return type.quantisation == (BOX_QUANTISATION if type.element.is_integer else None)


def check_corners(name: str, boxes: Array) -> None:
    """Raises `RunError` for a box whose second corner lies before its first, or is not a number."""
    flat = boxes.reshape(-1, 4)
    wrong = flat[~(flat[:, :2] <= flat[:, 2:]).all(axis=1)]
    if len(wrong):
        raise RunError(f"{name}: {wrong[0].tolist()} is no box", expected="x1 <= x2 and y1 <= y2")


def transform_boxes(boxes: Array, deltas: Array, sizes: Array) -> Array:
    """Boxes with their centres moved by (dx, dy) times width and height, and those multiplied by exp(dw), exp(dh).

    `boxes` and `deltas` broadcast against each other; `sizes` [..., 2] are height and width of the images that the
    result is cut to.
    """
    extents = boxes[..., 2:] - boxes[..., :2]
    centres = (boxes[..., :2] + boxes[..., 2:]) / np.float32(2) + deltas[..., :2] * extents
    halves = np.exp(deltas[..., 2:]) * extents / np.float32(2)
    limits = sizes[..., ::-1]
    moved = np.concatenate([centres - halves, centres + halves], axis=-1)
    return np.minimum(np.maximum(moved, np.float32(0)), np.concatenate([limits, limits], axis=-1)).astype(np.float32)


def overlaps(boxes: Array, box: Array) -> Array:
    """Intersection over union of each of `boxes` [n, 4] with one `box`; NaN where both are empty."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
    with np.errstate(all="ignore"):
        return shared / (areas + np.prod(box[2:] - box[:2]) - shared)


Rule = Callable[[Array, Array], tuple[Array, Array]]
"""What a pick does to the other candidates: from their scores and their overlaps with it, new scores and whether they
stay.
"""


def suppress(boxes: Array, scores: Array, candidates: Array, most: int, rule: Rule) -> tuple[Array, Array]:
    """Picks the candidate with the best score, applies `rule` to the others, and so on.

    `candidates` are indices into `boxes` [n, 4] and `scores` [n]. Returns the indices picked (at most `most`; all
    where negative) in order, and their scores when they were picked.
    """
    left, values = candidates.copy(), scores[candidates].astype(np.float32)
    picked: list[int] = []
    picked_scores: list[float] = []
    while left.size and (most < 0 or len(picked) < most):
        best = int(np.argmax(values))
        picked.append(int(left[best]))
        picked_scores.append(float(values[best]))
        values, kept = rule(values, overlaps(boxes[left], boxes[left[best]]))
        kept[best] = False
        left, values = left[kept], values[kept]
    return np.array(picked, np.int64), np.array(picked_scores, np.float32)


def drop(threshold: float) -> Rule:
    """Candidates that overlap the pick by `threshold` or more go."""
    return lambda values, shared: (values, ~(shared >= np.float32(threshold)))


def damp(kernel: Callable[[Array], Array], least: float) -> Rule:
    """Scores are multiplied by what the kernel makes of the overlap; those that come below `least` go."""

    def rule(values: Array, shared: Array) -> tuple[Array, Array]:
        damped = values * kernel(shared)
        return damped, ~(damped < np.float32(least))

    return rule


def hard(threshold: float) -> Callable[[Array], Array]:
    """The kernel 1 below `threshold`, 0 from there on."""
    return lambda shared: np.where(shared < np.float32(threshold), np.float32(1), np.float32(0))


def linear(threshold: float) -> Callable[[Array], Array]:
    """The kernel 1 below `threshold`, 1 - overlap from there on."""
    return lambda shared: np.where(shared < np.float32(threshold), np.float32(1), np.float32(1) - shared)


def gaussian(sigma: float) -> Callable[[Array], Array]:
    """The kernel exp(-overlap^2 / sigma)."""
    return lambda shared: np.exp(-shared * shared / np.float32(sigma))


def best_first(scores: Array, most: int = -1) -> Array:
    """Indices of `scores` in descending order, the first of equal ones first; `most` of them unless negative."""
    order = np.argsort(-scores, kind="stable")
    return order if most < 0 else order[:most]
