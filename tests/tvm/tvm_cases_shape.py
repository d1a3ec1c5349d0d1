"""Operators that no recording covers, which move elements or make them. For what a case is see cases_elementwise."""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm_cases_elementwise import XY, Case, X

M = "%x: Tensor[(4, 4), float32]"


def _reverse_sequence(x: Any, lengths: Any) -> Any:
    result = x.copy()
    for batch, length in enumerate(lengths):
        result[:length, batch] = x[:length, batch][::-1]
    return result


def _scatter_add(x: Any, i: Any) -> Any:
    result = x.copy()
    np.add.at(result, (i, np.arange(4)[np.newaxis]), np.float32(1))
    return result


def _scatter_rows(x: Any, y: Any, p: Any) -> Any:
    result = x.copy()
    result[np.argsort(p)[:3]] = y
    return result


def _with_diagonals(x: Any, d: Any) -> Any:
    """Diagonals 2 and 1 above the main one; the shorter, first row is right-aligned."""
    result = x.copy()
    result[np.arange(2), np.arange(2) + 2] = d[0, 1:]
    result[np.arange(3), np.arange(3) + 1] = d[1]
    return result


def _space_to_batch(x: Any) -> Any:
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0)))
    n, h, w = padded.shape
    return padded.reshape(n, h // 1, 1, w // 2, 2).transpose(2, 4, 0, 1, 3).reshape(2 * n, h, w // 2)


INDICES = 'cast(abs(%i), dtype="int32")'

SHAPES: dict[str, Case] = {
    "transpose": (X, "transpose(%x, axes=None)", lambda x: x.T),
    "broadcast_to": (M, "broadcast_to(%x, shape=[2, 4, 4])", lambda x: np.broadcast_to(x, (2, 4, 4))),
    "reshape by codes": (X, "reshape(%x, newshape=[-4, 1, 2, -2])", lambda x: x.reshape(1, 2, 3, 4)),
    "contrib_reverse_reshape": (
        X,
        "contrib_reverse_reshape(%x, newshape=[-1, 0]) /* ty=Tensor[(6, 4), float32] */",
        lambda x: x.reshape(6, 4),
    ),
    "nn.batch_flatten": (X, "nn.batch_flatten(%x)", lambda x: x.reshape(2, 12)),
    "squeeze all": ("%x: Tensor[(1, 3, 1), float32]", "squeeze(%x)", lambda x: x.reshape(3)),
    "expand_dims twice": (M, "expand_dims(%x, axis=1, num_newaxis=2)", lambda x: x.reshape(4, 1, 1, 4)),
    "tile more axes": (M, "tile(%x, reps=[2, 1, 3])", lambda x: np.tile(x, (2, 1, 3))),
    "repeat flat": (M, "repeat(%x, repeats=3, axis=0)", lambda x: np.repeat(x, 3, 0)),
    "reverse": (X, "reverse(%x, axis=1)", lambda x: x[:, ::-1]),
    "reverse_sequence": (
        "%x: Tensor[(4, 3), float32], %i: Tensor[(3), int32]",
        f"reverse_sequence(%x, {INDICES}, seq_axis=0, batch_axis=1)",
        lambda x, i: _reverse_sequence(x, np.abs(i)),
    ),
    "nn.depth_to_space": (
        "%x: Tensor[(1, 8, 2, 3), float32]",
        'nn.depth_to_space(%x, block_size=2, mode="CRD")',
        lambda x: x.reshape(1, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(1, 2, 4, 6),
    ),
    "nn.space_to_batch_nd": (
        "%x: Tensor[(1, 4, 3), float32]",
        "nn.space_to_batch_nd(%x, block_shape=[1, 2], paddings=[[0, 0], [1, 0]], pad_value=0f)",
        _space_to_batch,
    ),
    "space to batch and back": (
        "%x: Tensor[(2, 4, 6, 3), int8]",
        "nn.batch_to_space_nd(nn.space_to_batch_nd(%x, block_shape=[2, 3], paddings=[[1, 1], [2, 1]]),"
        " block_shape=[2, 3], crops=[[1, 1], [2, 1]])",
        lambda x: x,
    ),
    "layout_transform": (
        "%x: Tensor[(1, 3, 2, 2), float32]",
        'layout_transform(%x, src_layout="NCHW", dst_layout="NHWC")',
        lambda x: x.transpose(0, 2, 3, 1),
    ),
    "collapse_sum_like": (
        X + ", %y: Tensor[(3, 1), float32]",
        "collapse_sum_like(%x, %y)",
        lambda x, y: x.sum((0, 2)).reshape(3, 1),
    ),
    "shape_of": (X, 'shape_of(%x, dtype="int64")', lambda x: np.array(x.shape)),
    "ndarray_size": (X, 'ndarray_size(%x, dtype="int32")', lambda x: np.array(x.size)),
    "slice_like": (X + ", %y: Tensor[(2, 2, 2), float32]", "slice_like(%x, %y, axes=[1])", lambda x, y: x[:, :2]),
    "slice_like all": (
        X + ", %y: Tensor[(1, 2, 2), float32]",
        "slice_like(%x, %y, axes=[])",
        lambda x, y: x[:1, :2, :2],
    ),
    "strided_slice from the end": (
        M,
        "strided_slice(%x, begin=[-3, 0], end=[4, -1], strides=[1, 1])",
        lambda x: x[-3:, :-1],
    ),
    "concatenate from the end": (X, "concatenate((%x, %x), axis=-2)", lambda x: np.concatenate([x, x], 1)),
    "nn.pad at the edge": (
        M,
        'nn.pad(%x, 0f, pad_width=[[1, 0], [0, 2]], pad_mode="edge")',
        lambda x: np.pad(x, ((1, 0), (0, 2)), "edge"),
    ),
    "nn.pad of int8": (
        "%x: Tensor[(2, 3), int8]",
        "nn.pad(%x, -7f, pad_width=[[1, 0], [0, 2]])",
        lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=-7),
    ),
    "nn.dilate": (
        "%x: Tensor[(2, 3), float32]",
        "nn.dilate(%x, strides=[2, 1], dilation_value=9f)",
        lambda x: np.stack([x[0], np.full(3, 9), x[1]]),
    ),
    "nn.mirror_pad": (
        M,
        'nn.mirror_pad(%x, mode="SYMMETRIC", pad_width=[[1, 2], [2, 1]])',
        lambda x: np.pad(x, ((1, 2), (2, 1)), "symmetric"),
    ),
}

INDEXING: dict[str, Case] = {
    "take wraps": (
        M + ", %i: Tensor[(2, 2), int32]",
        'take(%x, %i, axis=0, mode="wrap")',
        lambda x, i: x.take(i, 0, mode="wrap"),
    ),
    "take fast": (
        M + ", %i: Tensor[(5), int32]",
        'take(%x, add(abs(%i), -1), axis=0, mode="fast")',
        lambda x, i: x.take(np.abs(i) - 1, 0, mode="clip"),
    ),
    "take clips": (
        M + ", %i: Tensor[(5), int32]",
        "take(%x, multiply(%i, 100), axis=1)",
        lambda x, i: x.take(i * 100, 1, mode="clip"),
    ),
    "take per batch": (
        "%x: Tensor[(2, 5), float32], %i: Tensor[(2, 3), int32]",
        f"take(%x, {INDICES}, axis=1, batch_dims=1)",
        lambda x, i: np.take_along_axis(x, np.abs(i), 1),
    ),
    "gather": (
        "%x: Tensor[(5, 4), float32], %i: Tensor[(2, 4), int32]",
        f"gather(%x, {INDICES}, axis=0)",
        lambda x, i: np.take_along_axis(x, np.abs(i), 0),
    ),
    "scatter_add": (
        "%x: Tensor[(5, 4), float32], %i: Tensor[(2, 4), int32]",
        f'scatter_elements(%x, {INDICES}, ones(shape=[2, 4], dtype="float32"), axis=0, reduction="add")',
        lambda x, i: _scatter_add(x, np.abs(i)),
    ),
    "sequence_mask": (
        "%x: Tensor[(5, 3), float32], %i: Tensor[(3), int32]",
        f"sequence_mask(%x, {INDICES}, mask_value=-1f)",
        lambda x, i: np.where(np.arange(5)[:, np.newaxis] < np.abs(i), x, -1),
    ),
    "trilu": (M, "trilu(%x, 1, upper=False)", lambda x: np.tril(x, 1)),
    "unravel_index": (
        "%i: Tensor[(6), int32]",
        f'unravel_index({INDICES}, shape_of(zeros(shape=[2, 3], dtype="float32"), dtype="int32"))',
        lambda i: np.array(np.unravel_index(np.abs(i), (2, 3))),
    ),
    "invert_permutation": (
        "%x: Tensor[(6), float32]",
        'invert_permutation(argsort(%x, dtype="int32"))',
        lambda x: np.argsort(np.argsort(x)),
    ),
    "one_hot at an axis": (
        "%i: Tensor[(3), int32]",
        f'one_hot({INDICES}, 2f, -1f, depth=4, axis=0, dtype="float32")',
        lambda i: np.where(np.arange(4)[:, np.newaxis] == np.abs(i), 2, -1),
    ),
    "scatter_nd": (
        "%x: Tensor[(5, 2), float32], %y: Tensor[(3, 2), float32], %p: Tensor[(5), float32]",
        'scatter_nd(%x, expand_dims(strided_slice(argsort(%p, dtype="int32"), begin=[0], end=[3], strides=[1]), axis=0), %y)',
        _scatter_rows,
    ),
    "adv_index": (
        "%x: Tensor[(5, 6), float32], %i: Tensor[(3), int32], %j: Tensor[(3), int32]",
        f'adv_index((%x, {INDICES}, cast(abs(%j), dtype="int32")))',
        lambda x, i, j: x[np.abs(i), np.abs(j)],
    ),
    "searchsorted": (
        "%x: Tensor[(9), float32], %v: Tensor[(2, 3), float32]",
        "searchsorted(sort(%x), %v, right=True)",
        lambda x, v: np.searchsorted(np.sort(x), v, side="right"),
    ),
    "matrix_set_diag": (
        M + ", %d: Tensor[(2, 3), float32]",
        "matrix_set_diag(%x, %d, k1=1, k2=2)",
        _with_diagonals,
    ),
    "sparse_to_dense": (
        "%p: Tensor[(4), float32], %v: Tensor[(4), float32]",
        'sparse_to_dense(argsort(%p, dtype="int32"), %v, -1f, output_shape=[6])',
        lambda p, v: np.concatenate([v[np.argsort(np.argsort(p))], [-1, -1]]),
    ),
    "sliding_window": (
        "%x: Tensor[(6), float32]",
        "sliding_window(%x, axis=0, window_shape=[3], strides=[2])",
        lambda x: np.stack([x[0:3], x[2:5]]),
    ),
    "nn.fifo_buffer": (
        "%x: Tensor[(2, 1), float32], %y: Tensor[(2, 3), float32]",
        "nn.fifo_buffer(%x, %y, axis=1)",
        lambda x, y: np.concatenate([y[:, 1:], x], 1),
    ),
    "where broadcasts": (XY, "where(less(%x, %y), %x, 7)", lambda x, y: np.where(x < y, x, 7)),
    "stack of integers": (XY, "stack((%x, %y), axis=2)", lambda x, y: np.stack([x, y], 2)),
}

CREATION: dict[str, Case] = {
    "arange": (
        X,
        'arange(1f, 7f, 1.5f, start=1f, stop=7f, step=1.5f, dtype="float32")',
        lambda x: np.arange(1, 7, 1.5),
    ),
    "full": (X, 'full(3, shape=[2, 2], dtype="int32")', lambda x: np.full((2, 2), 3)),
    "ones": (X, 'ones(shape=[2], dtype="int8")', lambda x: np.ones(2)),
    "ones_like": (X, "ones_like(%x)", np.ones_like),
    "zeros_like": (X, "zeros_like(%x)", np.zeros_like),
    "meshgrid": (
        "%x: Tensor[(2), float32], %y: Tensor[(3), float32]",
        "add((meshgrid((%x, %y))).0, (meshgrid((%x, %y))).1)",
        lambda x, y: x[:, np.newaxis] + y,
    ),
    "bool": ("%x: Tensor[(2), bool]", "logical_not(zeros_like(%x))", np.ones_like),
}
