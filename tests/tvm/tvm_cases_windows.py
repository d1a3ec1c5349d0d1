"""Operators that no recording covers, with windows, matrices and images. For what a case is see cases_elementwise."""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm_cases_elementwise import Case


def _conv1d(x: Any, w: Any) -> Any:
    """Stride 2, padding 1, kernel 3, with loops."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    steps = range(0, padded.shape[2] - 2, 2)
    return np.stack([np.einsum("nck,ock->no", padded[:, :, s : s + 3], w) for s in steps], -1)


def _transposed(x: Any, w: Any) -> Any:
    """NCHW, kernel IOHW 2x2, stride 2: no overlap."""
    n, _, h, width = x.shape
    blocks = np.einsum("nchw,cokl->nohkwl", x, w)
    return blocks.reshape(n, w.shape[1], 2 * h, 2 * width)


def _depthwise_nhwc(x: Any, w: Any) -> Any:
    """Kernel HWOI of 1x1: every channel gives as many outputs as I is long, side by side."""
    return (x[..., np.newaxis] * w[0, 0]).reshape(*x.shape[:3], -1)


def _pool(x: Any, size: int, how: Any) -> Any:
    n, c, h, w = x.shape
    return how(x.reshape(n, c, h // size, size, w // size, size), (3, 5))


IMAGE = "%x: Tensor[(1, 2, 4, 6), float32]"
INTEGERS = "%x: Tensor[(1, 2, 4, 6), int32]"

WINDOWS: dict[str, Case] = {
    "nn.conv1d": (
        "%x: Tensor[(2, 3, 8), float32], %w: Tensor[(4, 3, 3), float32]",
        "nn.conv1d(%x, %w, strides=[2], padding=[1, 1], channels=4, kernel_size=[3])",
        _conv1d,
    ),
    "nn.conv2d_transpose": (
        "%x: Tensor[(1, 2, 3, 3), float32], %w: Tensor[(2, 4, 2, 2), float32]",
        "nn.conv2d_transpose(%x, %w, channels=4, kernel_size=[2, 2], strides=[2, 2])",
        _transposed,
    ),
    "nn.conv2d_transpose, NHWC": (
        "%x: Tensor[(1, 3, 3, 2), float32], %w: Tensor[(2, 2, 4, 2), float32]",
        'nn.conv2d_transpose(%x, %w, channels=4, kernel_size=[2, 2], strides=[2, 2], data_layout="NHWC", kernel_layout="HWOI")',
        lambda x, w: _transposed(x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1)).transpose(0, 2, 3, 1),
    ),
    "nn.conv1d_transpose": (
        "%x: Tensor[(1, 2, 3), float32], %w: Tensor[(2, 4, 2), float32]",
        "nn.conv1d_transpose(%x, %w, channels=4, kernel_size=[2], strides=[2])",
        lambda x, w: np.einsum("ncw,cok->nowk", x, w).reshape(1, 4, 6),
    ),
    "nn.conv3d_transpose": (
        "%x: Tensor[(1, 2, 1, 2, 2), float32], %w: Tensor[(2, 3, 1, 1, 1), float32]",
        "nn.conv3d_transpose(%x, %w, channels=3, kernel_size=[1, 1, 1])",
        lambda x, w: np.einsum("ncdhw,co->nodhw", x, w[..., 0, 0, 0]),
    ),
    "depthwise with multiplier, NHWC": (
        "%x: Tensor[(1, 3, 3, 4), float32], %w: Tensor[(1, 1, 4, 2), float32]",
        'nn.conv2d(%x, %w, groups=4, channels=8, kernel_size=[1, 1], data_layout="NHWC", kernel_layout="HWOI")',
        _depthwise_nhwc,
    ),
    "convolution of int8": (
        "%x: Tensor[(1, 200, 2, 2), int8], %w: Tensor[(2, 200, 1, 1), int8]",
        'nn.conv2d(%x, %w, channels=2, kernel_size=[1, 1], out_dtype="int32")',
        lambda x, w: np.einsum("nchw,oc->nohw", x.astype(int), w[..., 0, 0].astype(int)),
    ),
    "nn.deformable_conv2d": (
        "%x: Tensor[(1, 2, 3, 3), float32], %w: Tensor[(2, 2, 1, 1), float32]",
        'nn.deformable_conv2d(%x, zeros(shape=[1, 2, 3, 3], dtype="float32"), %w, channels=2, kernel_size=[1, 1])',
        lambda x, w: np.einsum("nchw,oc->nohw", x, w[..., 0, 0]),
    ),
    "nn.avg_pool2d of integers": (
        INTEGERS,
        "nn.avg_pool2d(%x, pool_size=[2, 2], strides=[2, 2])",
        lambda x: np.trunc(_pool(x, 2, np.sum) / 4),
    ),
    "nn.max_pool1d": (
        "%x: Tensor[(1, 2, 6), float32]",
        "nn.max_pool1d(%x, pool_size=[2], strides=[2])",
        lambda x: x.reshape(1, 2, 3, 2).max(3),
    ),
    "nn.avg_pool1d": (
        "%x: Tensor[(1, 6, 2), float32]",
        'nn.avg_pool1d(%x, pool_size=[3], strides=[3], layout="NWC")',
        lambda x: x.reshape(1, 2, 3, 2).mean(2),
    ),
    "nn.avg_pool3d": (
        "%x: Tensor[(1, 2, 2, 2, 2), float32]",
        "nn.avg_pool3d(%x, pool_size=[2, 2, 2], strides=[2, 2, 2])",
        lambda x: x.mean((2, 3, 4), keepdims=True),
    ),
    "nn.max_pool3d": (
        "%x: Tensor[(1, 2, 2, 2, 2), float32]",
        "nn.max_pool3d(%x, pool_size=[1, 2, 2], strides=[1, 2, 2])",
        lambda x: x.max((3, 4), keepdims=True),
    ),
    "nn.adaptive_avg_pool2d": (IMAGE, "nn.adaptive_avg_pool2d(%x, output_size=[2, 3])", lambda x: _pool(x, 2, np.mean)),
    "nn.adaptive_avg_pool2d of integers": (
        INTEGERS,
        "nn.adaptive_avg_pool2d(%x, output_size=[2, 3])",
        lambda x: np.trunc(_pool(x, 2, np.sum) / 4),
    ),
    "nn.adaptive_max_pool1d": (
        "%x: Tensor[(1, 2, 6), float32]",
        "nn.adaptive_max_pool1d(%x, output_size=[3])",
        lambda x: x.reshape(1, 2, 3, 2).max(3),
    ),
    "nn.adaptive_avg_pool3d": (
        "%x: Tensor[(1, 2, 2, 4, 4), float32]",
        "nn.adaptive_avg_pool3d(%x, output_size=[1])",
        lambda x: x.mean((2, 3, 4), keepdims=True),
    ),
    "nn.global_avg_pool2d of integers": (
        INTEGERS,
        "nn.global_avg_pool2d(%x)",
        lambda x: np.trunc(x.sum((2, 3), keepdims=True) / 24),
    ),
}

MATRICES: dict[str, Case] = {
    "nn.batch_matmul": (
        "%x: Tensor[(2, 3, 4), float32], %y: Tensor[(2, 5, 4), float32]",
        "nn.batch_matmul(%x, %y, transpose_b=True)",
        lambda x, y: x @ y.transpose(0, 2, 1),
    ),
    "nn.batch_matmul, one for all": (
        "%x: Tensor[(2, 4, 3), float32], %y: Tensor[(1, 4, 5), float32]",
        "nn.batch_matmul(%x, %y, transpose_a=True)",
        lambda x, y: x.transpose(0, 2, 1) @ y,
    ),
    "nn.dense of int8": (
        "%x: Tensor[(2, 300), int8], %w: Tensor[(3, 300), int8]",
        'nn.dense(%x, %w, units=3, out_dtype="int32")',
        lambda x, w: x.astype(int) @ w.T.astype(int),
    ),
    "einsum": (
        "%x: Tensor[(2, 3), float32], %y: Tensor[(3, 4), float32]",
        'einsum((%x, %y), equation="ij,jk->ki")',
        lambda x, y: (x @ y).T,
    ),
    "nn.bias_add": (
        "%x: Tensor[(2, 3, 4), float32], %b: Tensor[(3), float32]",
        "nn.bias_add(%x, %b)",
        lambda x, b: x + b.reshape(3, 1),
    ),
}


def _doubled(x: Any) -> Any:
    return x.repeat(2, 2).repeat(2, 3)


IMAGES: dict[str, Case] = {
    "nn.upsampling": (IMAGE, "nn.upsampling(%x, scale_h=2f, scale_w=2f)", _doubled),
    "nn.upsampling3d": (
        "%x: Tensor[(1, 1, 2, 2, 2), float32]",
        "nn.upsampling3d(%x, scale_d=1f, scale_h=2f, scale_w=1f)",  # half pixels, and nothing said: rounds down
        lambda x: x[:, :, :, [0, 0, 0, 1]],
    ),
    "image.resize1d": (
        "%x: Tensor[(1, 2, 3), float32]",
        'image.resize1d(%x, size=[6], roi=[0f, 0f], method="nearest_neighbor",'
        ' coordinate_transformation_mode="half_pixel", rounding_method="round_prefer_ceil")',
        lambda x: x.repeat(2, 2),
    ),
    "image.resize3d": (
        "%x: Tensor[(1, 1, 2, 2, 2), float32]",
        "image.resize3d(%x, size=[2, 2, 1], roi=[0f, 0f, 0f, 0f, 0f, 0f])",
        lambda x: x.mean(4, keepdims=True),
    ),
    "halves are rounded away from zero": (
        "%x: Tensor[(1, 1, 1, 6), float32]",
        'image.resize2d(%x, size=[1, 4], roi=[0f, 0f, 0f, 0f], method="nearest_neighbor",'
        ' coordinate_transformation_mode="asymmetric", rounding_method="round")',
        lambda x: x[..., [0, 2, 3, 5]],  # at 0, 1.5, 3 and 4.5
    ),
    "halves are rounded down where asked": (
        "%x: Tensor[(1, 1, 1, 6), float32]",
        'image.resize2d(%x, size=[1, 4], roi=[0f, 0f, 0f, 0f], method="nearest_neighbor",'
        ' coordinate_transformation_mode="asymmetric", rounding_method="round_prefer_floor")',
        lambda x: x[..., [0, 1, 3, 4]],
    ),
    "image.resize": (
        "%x: Tensor[(1, 3, 3, 1), float32]",
        'image.resize(%x, size=[3, 5], layout="NHWC", coordinate_transformation_mode="align_corners")'
        " /* ty=Tensor[(1, 3, 5, 1), float32] */",
        lambda x: (x[:, :, [0, 0, 1, 1, 2]] + x[:, :, [0, 1, 1, 2, 2]]) / 2,
    ),
    "image.crop_and_resize": (
        "%x: Tensor[(1, 4, 4, 2), float32]",
        'image.crop_and_resize(%x, concatenate((zeros(shape=[1, 2], dtype="float32"), ones(shape=[1, 2], dtype="float32")),'
        ' axis=1), zeros(shape=[1], dtype="int32"), crop_size=[2, 2], layout="NHWC")',
        lambda x: x[:, ::3, ::3],
    ),
    "image.grid_sample": (
        "%x: Tensor[(1, 2, 3, 3), float32]",
        'image.grid_sample(%x, zeros(shape=[1, 2, 2, 2], dtype="float32"))',
        lambda x: np.broadcast_to(x[:, :, 1:2, 1:2], (1, 2, 2, 2)),
    ),
    "image.affine_grid": (
        "%x: Tensor[(1, 2, 3), float32]",
        "image.affine_grid(%x, target_shape=[2, 2])",
        lambda x: np.einsum("nij,jhw->nihw", x, np.array([[[-1, 1], [-1, 1]], [[-1, -1], [1, 1]], [[1, 1], [1, 1]]])),
    ),
    "vision.roi_align": (
        IMAGE,
        'vision.roi_align(%x, zeros(shape=[1, 5], dtype="float32"), pooled_size=[1, 1], spatial_scale=1f, sample_ratio=1)',
        lambda x: (x[:, :, :2, :2].sum((2, 3)) / 4).reshape(1, 2, 1, 1),
    ),
    "corners aligned": (
        "%x: Tensor[(1, 3, 3, 1), float32]",
        'image.resize2d(%x, size=[3, 5], roi=[0f, 0f, 0f, 0f], layout="NHWC",'
        ' coordinate_transformation_mode="align_corners")',
        lambda x: (x[:, :, [0, 0, 1, 1, 2]] + x[:, :, [0, 1, 1, 2, 2]]) / 2,
    ),
}
