"""Typing rules by example: the type of one call each, and what is wrong with calls that have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nir.errors import ConvertError
from nir.relay import TensorType, TupleType, Type

Infer = Callable[..., Type]


def tensor(*shape: int | None, dtype: str = "float32") -> TensorType:
    return TensorType(shape, dtype)


I8, I32, F32 = (TensorType((), dtype) for dtype in ("int8", "int32", "float32"))
PAIR = TupleType((tensor(2, 3), tensor(2, 3)))

RESULTS: list[tuple[str, tuple[Type, ...], dict[str, Any], Type]] = [
    (
        "nn.batch_norm",
        (tensor(1, 3, 2, 2), *(tensor(3),) * 4),
        {},
        TupleType((tensor(1, 3, 2, 2), tensor(3), tensor(3))),
    ),
    ("nn.dense", (tensor(2, 5), tensor(7, 5)), {"units": None}, tensor(2, 7)),
    ("nn.dense", (tensor(4, 2, 5), tensor(7, 5)), {"units": 7, "out_dtype": "int32"}, tensor(4, 2, 7, dtype="int32")),
    ("nn.batch_matmul", (tensor(1, 2, 3), tensor(4, 5, 3)), {"transpose_b": True}, tensor(4, 2, 5)),
    ("nn.batch_matmul", (tensor(4, 3, 2), tensor(4, 3, 5)), {"transpose_a": True}, tensor(4, 2, 5)),
    ("nn.conv2d", (tensor(1, 8, 4, 4), tensor(8, 1, 3, 3)), {"groups": 8, "padding": (1, 1)}, tensor(1, 8, 4, 4)),
    (
        "nn.conv2d",
        (tensor(1, 4, 4, 8), tensor(3, 3, 8, 2)),
        {"groups": 8, "channels": 16, "kernel_layout": "HWOI", "data_layout": "NHWC"},
        tensor(1, 2, 2, 16),
    ),
    ("nn.conv1d", (tensor(1, 2, 9), tensor(3, 2, 3)), {"padding": (1,)}, tensor(1, 3, 9)),
    ("nn.conv2d", (tensor(1, 2, 9, None), tensor(3, 2, 3, 3)), {}, tensor(1, 3, 7, None)),
    (
        "nn.avg_pool2d",
        (tensor(1, 2, 6, 6),),
        {"pool_size": (3, 3), "strides": (2, 2), "ceil_mode": True},
        tensor(1, 2, 3, 3),
    ),
    ("nn.adaptive_avg_pool2d", (tensor(1, 2, 6, 6),), {"output_size": (3, 2)}, tensor(1, 2, 3, 2)),
    ("nn.adaptive_max_pool2d", (tensor(1, 2, 6, 6),), {"output_size": (3,)}, tensor(1, 2, 3, 3)),
    ("nn.upsampling", (tensor(1, 2, 3, 3),), {"scale_h": 2, "scale_w": 1.5}, tensor(1, 2, 6, 4)),
    (
        "image.resize2d",
        (tensor(1, 3, 3, 2),),
        {"size": (5, 6), "layout": "NHWC", "out_dtype": "int8"},
        tensor(1, 5, 6, 2, dtype="int8"),
    ),
    ("nn.depth_to_space", (tensor(1, 8, 2, 3),), {"block_size": 2}, tensor(1, 2, 4, 6)),
    ("nn.space_to_depth", (tensor(1, 4, 6, 2),), {"block_size": 2, "layout": "NHWC"}, tensor(1, 2, 3, 8)),
    (
        "nn.space_to_batch_nd",
        (tensor(1, 3, 4, 2),),
        {"block_shape": (2, 2), "paddings": ((0, 1), (0, 0))},
        tensor(4, 2, 2, 2),
    ),
    (
        "nn.batch_to_space_nd",
        (tensor(4, 2, 2, 2),),
        {"block_shape": (2, 2), "crops": ((0, 1), (0, 0))},
        tensor(1, 3, 4, 2),
    ),
    ("concatenate", (PAIR,), {"axis": -1}, tensor(2, 6)),
    ("stack", (PAIR,), {"axis": 1}, tensor(2, 2, 3)),
    ("split", (tensor(2, 6),), {"indices_or_sections": 2, "axis": 1}, PAIR),
    (
        "split",
        (tensor(2, 6),),
        {"indices_or_sections": (1, 4), "axis": 1},
        TupleType((tensor(2, 1), tensor(2, 3), tensor(2, 2))),
    ),
    ("squeeze", (tensor(1, 3, 1),), {}, tensor(3)),
    ("squeeze", (tensor(1, 3, 1),), {"axis": (-1,)}, tensor(1, 3)),
    (
        "strided_slice",
        (tensor(5, 6),),
        {"begin": (1, 2), "end": (3, -1), "strides": None, "slice_mode": "size"},
        tensor(3, 4),
    ),
    ("strided_slice", (tensor(5, 6),), {"begin": (1,), "end": (9,), "strides": (2,), "axes": (1,)}, tensor(5, 3)),
    ("slice_like", (tensor(5, 6), tensor(3, 4)), {"axes": (-1,)}, tensor(5, 4)),
    ("gather", (tensor(3, 4), tensor(3, 2, dtype="int64")), {"axis": 1}, tensor(3, 2)),
    ("gather_nd", (tensor(3, 4, 5), tensor(2, 7, dtype="int32")), {}, tensor(7, 5)),
    ("one_hot", (tensor(3, dtype="int32"), F32, F32), {"depth": 4, "dtype": "float32"}, tensor(3, 4)),
    ("topk", (tensor(2, 7),), {"k": 3, "ret_type": "indices"}, tensor(2, 3, dtype="int32")),
    ("argsort", (tensor(2, 7),), {"dtype": "int64"}, tensor(2, 7, dtype="int64")),
    ("cumsum", (tensor(2, 7),), {"axis": None}, tensor(14)),
    ("cast", (tensor(2),), {"dtype": "int8"}, tensor(2, dtype="int8")),
    ("where", (tensor(3, dtype="bool"), tensor(2, 3), F32), {}, tensor(2, 3)),
    ("full", (I32,), {"shape": (2, 3), "dtype": ""}, tensor(2, 3, dtype="int32")),
    ("zeros", (), {"shape": (2, 3), "dtype": "int8"}, tensor(2, 3, dtype="int8")),
    ("reshape_like", (tensor(6), tensor(2, 3)), {}, tensor(2, 3)),
    ("layout_transform", (tensor(1, 8, 4, 4),), {"src_layout": "NCHW", "dst_layout": "NCHW4c"}, tensor(1, 2, 4, 4, 4)),
    ("layout_transform", (tensor(1, 2, 4, 4, 4),), {"src_layout": "NCHW4c", "dst_layout": "NHWC"}, tensor(1, 4, 4, 8)),
    ("shape_of", (tensor(1, 8, 4),), {}, tensor(3, dtype="int32")),
    ("qnn.quantize", (tensor(2, 3), F32, I32), {"out_dtype": "uint8"}, tensor(2, 3, dtype="uint8")),
    ("qnn.dequantize", (tensor(2, 3, dtype="int8"), tensor(3), tensor(3, dtype="int32")), {"axis": 1}, tensor(2, 3)),
    (
        "qnn.requantize",
        (tensor(2, 3, dtype="int32"), F32, I32, F32, I32),
        {"out_dtype": "int8"},
        tensor(2, 3, dtype="int8"),
    ),
    (
        "qnn.dense",
        (tensor(2, 3, dtype="int8"), tensor(4, 3, dtype="int8"), I32, I32, F32, tensor(4)),
        {"units": 4},
        tensor(2, 4, dtype="int32"),
    ),
]


RESULTS += [
    ("argwhere", (tensor(2, 3, dtype="bool"),), {}, tensor(None, 2, dtype="int32")),
    ("unravel_index", (tensor(5, dtype="int32"), tensor(3, dtype="int32")), {}, tensor(3, 5, dtype="int32")),
    ("searchsorted", (tensor(9), tensor(4)), {"dtype": "int64"}, tensor(4, dtype="int64")),
    ("nn.cross_entropy", (tensor(2, 3), tensor(2, 3)), {}, F32),
    (
        "nn.nll_loss",
        (tensor(2, 3), tensor(2, dtype="int32"), tensor(3)),
        {"reduction": "none", "ignore_index": 0},
        tensor(2),
    ),
    ("image.affine_grid", (tensor(2, 2, 3),), {"target_shape": (4, 5)}, tensor(2, 2, 4, 5)),
    ("image.grid_sample", (tensor(2, 3, 9, 9), tensor(2, 2, 4, 5)), {}, tensor(2, 3, 4, 5)),
    (
        "image.crop_and_resize",
        (tensor(1, 8, 8, 3), tensor(6, 4), tensor(6, dtype="int32")),
        {"crop_size": (2, 3), "layout": "NHWC"},
        tensor(6, 2, 3, 3),
    ),
    ("image.dilation2d", (tensor(1, 3, 8, 8), tensor(3, 3, 3)), {"padding": (1, 1)}, tensor(1, 3, 8, 8)),
    ("nn.deformable_conv2d", (tensor(1, 3, 8, 8), tensor(1, 18, 6, 6), tensor(4, 3, 3, 3)), {}, tensor(1, 4, 6, 6)),
    ("nn.dilate", (tensor(3, 4),), {"strides": (2, 1)}, tensor(5, 4)),
    (
        "sliding_window",
        (tensor(2, 5, 6),),
        {"axis": 1, "window_shape": (3, 2), "strides": (1, 2)},
        tensor(2, 3, 3, 3, 2),
    ),
    (
        "adv_index",
        (TupleType((tensor(4, 5, 6), tensor(2, 1, dtype="int32"), tensor(3, dtype="int32"))),),
        {},
        tensor(2, 3, 6),
    ),
    ("sparse_to_dense", (tensor(3, 2, dtype="int32"), tensor(3), F32), {"output_shape": (4, 5)}, tensor(4, 5)),
    (
        "vision.roi_align",
        (tensor(1, 3, 8, 8), tensor(7, 5)),
        {"pooled_size": (2, 2), "spatial_scale": 1.0},
        tensor(7, 3, 2, 2),
    ),
    (
        "vision.get_valid_counts",
        (tensor(1, 20, 6), F32),
        {"score_threshold": 0.5},
        TupleType((tensor(1, dtype="int32"), tensor(1, 20, 6), tensor(1, 20, dtype="int32"))),
    ),
    ("layout_transform", (tensor(None, 8, 4, 4),), {"src_layout": "NCHW", "dst_layout": "NHWC"}, tensor(None, 4, 4, 8)),
    ("meshgrid", (TupleType((tensor(2), tensor(3))),), {"indexing": "xy"}, TupleType((tensor(3, 2), tensor(3, 2)))),
    ("nn.mirror_pad", (tensor(2, 3),), {"pad_width": ((1, 1), (0, 2))}, tensor(4, 5)),
    (
        "nn.matmul",
        (tensor(3, 2), tensor(4, 3)),
        {"units": None, "transpose_a": True, "transpose_b": True},
        tensor(2, 4),
    ),
    ("nn.global_avg_pool2d", (tensor(1, 5, 6, 3),), {"layout": "NHWC"}, tensor(1, 1, 1, 3)),
    ("vision.yolo_reorg", (tensor(1, 4, 6, 6),), {"stride": 2}, tensor(1, 16, 3, 3)),
    ("variance", (tensor(2, 3), tensor(1, 1)), {"axis": (1,)}, tensor(2)),
    ("sort", (tensor(2, 3),), {"axis": 0}, tensor(2, 3)),
    ("broadcast_to", (tensor(3),), {"shape": (2, 3)}, tensor(2, 3)),
    ("collapse_sum_like", (tensor(2, 3), tensor(3)), {}, tensor(3)),
    ("scatter_elements", (tensor(3, 5), tensor(3, 2, dtype="int64"), tensor(3, 2)), {"axis": 1}, tensor(3, 5)),
    (
        "qnn.concatenate",
        (TupleType((tensor(2, 3, dtype="int8"),) * 2), TupleType((F32, F32)), TupleType((I32, I32)), F32, I32),
        {"axis": 1},
        tensor(2, 6, dtype="int8"),
    ),
    (
        "qnn.batch_matmul",
        (tensor(1, 2, 3, dtype="int8"), tensor(1, 4, 3, dtype="int8"), I32, I32, F32, F32),
        {"transpose_b": True, "out_dtype": "int32"},
        tensor(1, 2, 4, dtype="int32"),
    ),
]


@pytest.mark.parametrize(("operator", "kinds", "attributes", "expected"), RESULTS)
def test_results(
    result_type: Infer, operator: str, kinds: tuple[Type, ...], attributes: dict[str, Any], expected: Type
) -> None:
    assert result_type(operator, *kinds, **attributes) == expected


ERRORS: list[tuple[str, tuple[Type, ...], dict[str, Any], str]] = [
    ("add", (tensor(2), tensor(2, dtype="int8")), {}, "different element types"),
    ("add", (tensor(2),), {}, "wrong number of arguments"),
    ("add", (PAIR, PAIR), {}, "must be a tensor"),
    ("concatenate", (tensor(2),), {}, "must be a tuple"),
    ("concatenate", (PAIR,), {"axis": 2}, "no axis of its input"),
    ("nn.conv2d", (tensor(1, 3, 8, 8), tensor(4, 2, 3, 3)), {}, "does not fit the data's channels"),
    ("nn.conv2d", (tensor(1, 3, 8, 8), tensor(4, 3, 3, 3)), {"kernel_size": (5, 5)}, "'kernel_size'"),
    ("nn.conv2d", (tensor(1, 3, 8, 8), tensor(4, 3, 3, 3)), {"groups": 2}, "does not divide"),
    ("nn.conv2d", (tensor(1, 3, 8, 8), tensor(4, 3, 3, 3)), {"padding": (1, 1, 1)}, "'padding'"),
    ("nn.conv2d", (tensor(1, 3, 8, 8), tensor(4, 3, 3, 3)), {"strides": (0, 1)}, "must be positive"),
    ("nn.conv2d", (tensor(1, 3, 8), tensor(4, 3, 3, 3)), {}, "wrong rank"),
    ("nn.dense", (tensor(2, 3), tensor(4, 5)), {"units": None}, "last extents"),
    ("nn.bias_add", (tensor(2, 3), tensor(4)), {}, "along the axis"),
    ("reshape", (tensor(2, 3),), {"newshape": (4, -1)}, "evenly"),
    ("reshape", (tensor(2, 3),), {"newshape": (-1, -1)}, "more than one -1"),
    ("reshape", (tensor(2, 3),), {"newshape": (7,)}, "number of elements"),
    ("reshape", (tensor(2, 3),), {"newshape": (0, 0, 0)}, "more dimensions"),
    ("reshape", (tensor(2, 3),), {"newshape": (-9,)}, "without meaning"),
    ("transpose", (tensor(2, 3),), {"axes": (0, 0)}, "each dimension once"),
    ("squeeze", (tensor(2, 3),), {"axis": (0,)}, "do not agree"),
    ("split", (tensor(2, 3),), {"indices_or_sections": 2, "axis": 1}, "evenly"),
    ("split", (tensor(2, 3),), {"indices_or_sections": (2, 1), "axis": 1}, "increase"),
    ("strided_slice", (tensor(2),), {"begin": (0,), "end": (1,), "strides": (0,)}, "stride is 0"),
    ("one_hot", (tensor(3, dtype="int32"), F32, F32), {"depth": -4, "dtype": "float32"}, "negative extent"),
    ("qnn.quantize", (tensor(2, 3), I32, I32), {"out_dtype": "uint8"}, "wrong element type"),
    ("qnn.quantize", (tensor(2, 3), tensor(2), tensor(2, dtype="int32")), {"out_dtype": "uint8"}, "channels"),
    ("qnn.requantize", (tensor(2, 3, dtype="int32"), F32, I32, tensor(3), I32), {}, "must be a scalar"),
    ("vision.non_max_suppression", (tensor(1),) * 5, {}, "no rule gives the type"),
    ("arange", (F32, F32, F32), {"dtype": "float32"}, "no rule gives the type"),
    ("topk", (tensor(2, 7),), {"k": 3, "ret_type": "all"}, "unknown 'ret_type'"),
    ("nn.space_to_depth", (tensor(1, 4, 5, 5),), {"block_size": 2}, "does not divide"),
    ("nn.depth_to_space", (tensor(1, 4, 5, 5),), {"block_size": 0}, "must be positive"),
    (
        "nn.batch_to_space_nd",
        (tensor(4, 1, 2, 2),),
        {"block_shape": (2, 2), "crops": ((3, 0), (0, 0))},
        "more than there is",
    ),
    ("nn.pad", (tensor(2), F32), {"pad_width": ((-3, 0),)}, "more than there is"),
    ("nn.pad", (tensor(2), F32), {"pad_width": ((0, 0), (0, 0))}, "one pair for each dimension"),
    ("layout_transform", (tensor(1, 6, 4, 4),), {"src_layout": "NCHW", "dst_layout": "NCHW4c"}, "no multiple"),
    ("layout_transform", (tensor(1, 6, 4, 4),), {"src_layout": "NCHW", "dst_layout": "4"}, "is no layout"),
    ("layout_transform", (tensor(1, 6, 4, 4),), {"src_layout": "NCHW", "dst_layout": "NCH"}, "different letters"),
    ("take", (tensor(2, 3), tensor(4, dtype="int32")), {"axis": 1, "batch_dims": 2}, "'batch_dims'"),
    ("gather_nd", (tensor(2), tensor(2, 7, dtype="int32")), {}, "longer than the data"),
    ("slice_like", (tensor(2), tensor(3)), {"axes": ()}, "longer in the example"),
    ("strided_slice", (tensor(2),), {"begin": (0, 0), "end": (1, 1), "strides": None}, "longer than the data"),
    ("strided_slice", (tensor(2),), {"begin": (0,), "end": (1,), "strides": None, "slice_mode": "x"}, "'slice_mode'"),
    ("reshape_like", (tensor(5), tensor(2, 3)), {}, "different numbers of elements"),
    ("reshape_like", (tensor(6), tensor(2, 3)), {"lhs_begin": 4}, "lies outside"),
    ("nn.conv2d", (tensor(1, 3, 8, 8), tensor(4, 3, 3, 3)), {"data_layout": "NCWX"}, "no layout for this operator"),
    ("stack", (TupleType((tensor(2), tensor(3))),), {"axis": 0}, "different types"),
    ("concatenate", (TupleType((tensor(2), tensor(2, 3))),), {"axis": 0}, "differ in rank"),
    ("zeros", (), {"shape": (2, -3), "dtype": "int8"}, "negative extent"),
    ("where", (tensor(2, dtype="bool"), tensor(2), I32), {}, "different element types"),
    ("qnn.add", (tensor(2, dtype="int8"), tensor(2, dtype="uint8"), F32, I32, F32, I32, F32, I32), {}, "element types"),
    (
        "qnn.conv2d",
        (tensor(1, 3, 8, 8, dtype="int8"), tensor(4, 3, 3, 3, dtype="int8"), I32, I32, F32, F32),
        {"out_dtype": "int32"},
        "'kernel_size' must be given",
    ),
    ("einsum", (PAIR,), {"equation": "ij->ij"}, "does not fit the arguments"),
    ("tile", (tensor(2),), {"reps": (1.5,)}, "must be a list of integers"),
]


@pytest.mark.parametrize(("operator", "kinds", "attributes", "message"), ERRORS)
def test_errors(
    result_type: Infer, operator: str, kinds: tuple[Type, ...], attributes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConvertError) as caught:
        result_type(operator, *kinds, **attributes)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"error: {operator}: ")
