"""Typing rules of matrix products."""

from __future__ import annotations

from nir.relay.infer.site import CallSite, Rule
from nir.relay.types import TensorType, Type


def dense(site: CallSite) -> Type:
    """`(..., K)` times `(units, K)` transposed."""
    data, weight = site.tensor(0), site.ranked(2, 1)
    if data.rank < 1:
        raise site.error("the data must have a dimension", found=data)
    site.same_extent(data.shape[-1], weight.shape[1], "the data's and the weight's last extents")
    units = site.same_extent(site.attrs["units"], weight.shape[0], "'units' and the weight's first extent")
    return TensorType((*data.shape[:-1], units), site.dtype("out_dtype", data.dtype))


def _matmul(site: CallSite) -> Type:
    left, right = site.tensor(0), site.ranked(2, 1)
    if left.rank < 1 or (site.attrs["transpose_a"] and left.rank < 2):
        raise site.error("the left side has too few dimensions", found=left)
    left_shape = left.shape
    if site.attrs["transpose_a"]:
        left_shape = (*left_shape[:-2], left_shape[-1], left_shape[-2])
    right_shape = right.shape[::-1] if site.attrs["transpose_b"] else right.shape
    site.same_extent(left_shape[-1], right_shape[0], "the extents that are summed over")
    units = site.same_extent(site.attrs["units"], right_shape[1], "'units' and the right side's shape")
    return TensorType((*left_shape[:-1], units), site.dtype("out_dtype", left.dtype))


def batch_matmul(site: CallSite) -> Type:
    """Matrix products of two stacks of matrices; a stack of one goes with all."""
    left, right = site.ranked(3, 0), site.ranked(3, 1)
    rows, left_inner = left.shape[1:][::-1] if site.attrs["transpose_a"] else left.shape[1:]
    right_inner, columns = right.shape[1:][::-1] if site.attrs["transpose_b"] else right.shape[1:]
    site.same_extent(left_inner, right_inner, "the extents that are summed over")
    (batch,) = site.broadcast(left.shape[:1], right.shape[:1])
    return TensorType((batch, rows, columns), site.dtype("out_dtype", left.dtype))


RULES: dict[str, Rule] = {
    "nn.batch_matmul": batch_matmul,
    "nn.dense": dense,
    "nn.matmul": _matmul,
}
