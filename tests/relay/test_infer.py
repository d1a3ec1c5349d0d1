"""Typing rules: shapes against what numpy and counting give, element types, and errors at the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.errors import ConvertError
from nir.relay import (
    Call,
    Function,
    FuncType,
    If,
    Let,
    Module,
    Op,
    TensorType,
    TupleType,
    Type,
    Var,
    infer_types,
    load,
)
from nir.relay.infer import RULES
from nir.relay.schema import operators

Infer = Callable[..., Type]

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


def tensor(*shape: int | None, dtype: str = "float32") -> TensorType:
    return TensorType(shape, dtype)


def shape_of(kind: Type) -> tuple[int | None, ...]:
    assert isinstance(kind, TensorType)
    return kind.shape


def test_every_rule_belongs_to_an_operator_of_relay() -> None:
    assert set(RULES) - set(operators()) == set()


@given(shapes, st.data())
def test_strided_slice_is_a_slice_of_numpy(result_type: Infer, shape: tuple[int, ...], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(shape)))
    bounds = st.lists(st.integers(-6, 6), min_size=count, max_size=count)
    begin, end = data.draw(bounds), data.draw(bounds)
    strides = data.draw(st.lists(st.sampled_from((-3, -1, 1, 2)), min_size=count, max_size=count))
    found = result_type(
        "strided_slice", tensor(*shape), begin=tuple(begin), end=tuple(end), strides=tuple(strides), axes=None
    )
    expected = np.empty(shape)[tuple(slice(*part) for part in zip(begin, end, strides, strict=True))].shape
    assert shape_of(found) == expected


@given(shapes, st.data())
def test_take_is_take_of_numpy(result_type: Infer, shape: tuple[int, ...], data: st.DataObject) -> None:
    indices = data.draw(shapes)
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    found = result_type("take", tensor(*shape), tensor(*indices, dtype="int32"), axis=axis)
    assert shape_of(found) == np.take(np.empty(shape), np.zeros(indices, int), axis=axis).shape


@given(shapes, st.data())
def test_reductions_are_those_of_numpy(result_type: Infer, shape: tuple[int, ...], data: st.DataObject) -> None:
    axes = tuple(data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1)))
    keepdims = data.draw(st.booleans())
    expected = np.empty(shape).sum(axis=axes, keepdims=keepdims).shape
    assert shape_of(result_type("sum", tensor(*shape), axis=axes, keepdims=keepdims)) == expected
    others = tuple(axis for axis in range(len(shape)) if axis not in axes)
    excluded = result_type("max", tensor(*shape), axis=axes, keepdims=keepdims, exclude=True)
    assert shape_of(excluded) == np.empty(shape).max(axis=others, keepdims=keepdims).shape
    assert result_type("argmax", tensor(*shape), axis=axes, keepdims=keepdims) == TensorType(expected, "int32")
    assert shape_of(result_type("mean", tensor(*shape))) == ()


@given(shapes, st.lists(st.integers(1, 3), min_size=1, max_size=5).map(tuple))
def test_tile_is_tile_of_numpy(result_type: Infer, shape: tuple[int, ...], reps: tuple[int, ...]) -> None:
    assert shape_of(result_type("tile", tensor(*shape), reps=reps)) == np.tile(np.empty(shape), reps).shape


@given(shapes, st.integers(1, 3), st.data())
def test_repeat_is_repeat_of_numpy(
    result_type: Infer, shape: tuple[int, ...], repeats: int, data: st.DataObject
) -> None:
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    found = result_type("repeat", tensor(*shape), repeats=repeats, axis=axis)
    assert shape_of(found) == np.repeat(np.empty(shape), repeats, axis).shape


@given(shapes, st.data())
def test_transpose_and_pad_and_expand_are_those_of_numpy(
    result_type: Infer, shape: tuple[int, ...], data: st.DataObject
) -> None:
    array = np.empty(shape)
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    assert shape_of(result_type("transpose", tensor(*shape), axes=axes)) == array.transpose(axes).shape
    assert shape_of(result_type("transpose", tensor(*shape), axes=None)) == array.T.shape
    widths = tuple((data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for _ in shape)
    padded = result_type("nn.pad", tensor(*shape), tensor(), pad_width=widths)
    assert shape_of(padded) == np.pad(array, widths).shape
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    assert shape_of(result_type("expand_dims", tensor(*shape), axis=axis)) == np.expand_dims(array, axis).shape


@given(shapes, shapes)
def test_broadcasting_is_that_of_numpy(result_type: Infer, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    try:
        expected = np.broadcast_shapes(left, right)
    except ValueError:
        with pytest.raises(ConvertError, match="cannot be broadcast"):
            result_type("add", tensor(*left), tensor(*right))
    else:
        assert shape_of(result_type("add", tensor(*left), tensor(*right))) == expected
        assert result_type("less", tensor(*left), tensor(*right)) == TensorType(expected, "bool")


@given(
    st.integers(1, 12), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3), st.integers(0, 3)
)
def test_windows_are_counted(
    result_type: Infer, extent: int, kernel: int, stride: int, dilation: int, before: int, after: int
) -> None:
    reach = (kernel - 1) * dilation
    starts = [start for start in range(0, before + extent + after, stride) if start + reach < before + extent + after]
    attributes = {"strides": (1, stride), "dilation": (1, dilation), "padding": (0, before, 0, after)}
    data, weight = tensor(1, 5, extent, 3), tensor(1, kernel, 3, 7)
    layouts = {"data_layout": "NHWC", "kernel_layout": "HWIO"}
    if not starts:
        with pytest.raises(ConvertError, match="larger than the padded input"):
            result_type("nn.conv2d", data, weight, **attributes, **layouts)
        return
    assert shape_of(result_type("nn.conv2d", data, weight, **attributes, **layouts)) == (1, 5, len(starts), 7)
    pooled = result_type("nn.max_pool2d", data, pool_size=(1, kernel), layout="NHWC", **attributes)
    assert shape_of(pooled) == (1, 5, len(starts), 3)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(0, 2))
def test_a_transposed_convolution_undoes_the_shape_of_a_convolution(
    result_type: Infer, extent: int, kernel: int, stride: int, before: int, after: int
) -> None:
    attributes = {"strides": (1, stride), "padding": (0, before, 0, after)}
    data = tensor(2, 3, 4, extent)
    forward = stride * (extent - 1) + kernel - before - after
    if forward < 1:
        return
    wide = result_type("nn.conv2d_transpose", data, tensor(3, 5, 1, kernel), kernel_layout="IOHW", **attributes)
    assert shape_of(wide) == (2, 5, 4, forward)
    back = result_type("nn.conv2d", wide, tensor(3, 5, 1, kernel), **attributes)
    assert shape_of(back) == data.shape


RESHAPES = [
    ((2, 3, 4), (4, 0, 2), (4, 3, 2)),
    ((2, 3, 4), (2, 0, 0), (2, 3, 4)),
    ((2, 3, 4), (6, 1, -1), (6, 1, 4)),
    ((2, 3, 4), (-1,), (24,)),
    ((2, 3, 4), (-2,), (2, 3, 4)),
    ((2, 3, 4), (2, -2), (2, 3, 4)),
    ((2, 3, 4), (-2, 1, 1), (2, 3, 4, 1, 1)),
    ((2, 3, 4), (-3, 4), (6, 4)),
    ((2, 3, 4, 5), (-3, -3), (6, 20)),
    ((2, 3, 4), (0, -3), (2, 12)),
    ((2, 3, 4), (-4, 1, 2, -2), (1, 2, 3, 4)),
    ((2, 3, 4), (2, -4, -1, 3, -2), (2, 1, 3, 4)),
    ((1,), (), ()),
]


@pytest.mark.parametrize(("shape", "newshape", "expected"), RESHAPES)
def test_special_numbers_of_reshape(
    result_type: Infer, shape: tuple[int, ...], newshape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert shape_of(result_type("reshape", tensor(*shape), newshape=newshape)) == expected


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


@pytest.mark.parametrize("equation", ["ij,jk->ik", "ij,jk", "ij,jk->", "ji,ik->ijk", "ij,ij->j"])
def test_einsum_is_einsum_of_numpy(result_type: Infer, equation: str) -> None:
    left, right = (3, 3), (3, 3)
    found = result_type("einsum", TupleType((tensor(*left), tensor(*right))), equation=equation)
    assert shape_of(found) == np.einsum(equation, np.empty(left), np.empty(right)).shape


@pytest.mark.parametrize(("start", "stop", "step"), [(0, 5, 1), (5, 0, -2), (0, 1, 0.3), (3, 3, 1), (4, 2, 1)])
def test_ranges_of_constants(start: float, stop: float, step: float) -> None:
    module = load(f'fn () {{ arange({start}f, {stop}f, {step}f, dtype="float32") }}\n')
    assert module.main.body.checked_type == tensor(len(np.arange(start, stop, step)))


def test_errors_stand_at_the_operator() -> None:
    with pytest.raises(ConvertError) as caught:
        load("def @main(%x: Tensor[(2), int8], %y: Tensor[(3), int8]) {\n  %0 = exp(%x);\n  add(%0, %y)\n}")
    span = caught.value.diagnostics[0].span
    assert span is not None
    assert (span.line, span.column, span.text) == (3, 3, "add")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fn (%x) { %x }", "variable '%x'"),
        ("fn (%x: int8) -> int16 { %x }", "not what it declares"),
        ("fn (%x: int8) { %x.0 }", "only tuples have fields"),
        ("fn (%x: int8) { (%x, %x).2 }", "no such field"),
        ("fn (%x: int8) { %x(%x) }", "only functions can be called"),
        ("fn (%x: int8) { fn (%y: int16) { %y }(%x) }", "argument 0 has the wrong type"),
        ("fn (%x: int8) { fn (%y: int8) { %y }(%x, %x) }", "wrong number of arguments"),
        ("fn (%x: int8) { if (%x) { 1 } else { 2 } }", "must be a scalar"),
        ("fn (%x: int8) { if (True) { %x } else { 2 } }", "different types"),
        ("fn (%x: int8) { add(%x, meta[relay.Constant][0]) }", "which the text does not bring"),
        ("def @main(%x: int8) { @f(%x) } def @f(%x: int8) { @main(%x) }", "calls itself"),
        ("def @main(%x: int8) { @f(%x) } def @f(%x) { %x }", "'%x'"),
    ],
)
def test_errors_of_the_core(text: str, message: str) -> None:
    with pytest.raises(ConvertError) as caught:
        load(text + "\n")
    assert message in str(caught.value)


def test_functions_are_typed_in_the_order_that_they_need() -> None:
    module = load(
        'def @main(%x: int8) { @g(@f(%x)) } def @f(%x: int8) { cast(%x, dtype="int16") } def @g(%x: int16) { %x }'
    )
    assert module.main.checked_type == FuncType((I8,), TensorType((), "int16"))


def test_a_recursive_function_with_a_declared_result_is_typed() -> None:
    module = load("def @main(%x: int8) -> int8 { if (True) { %x } else { @main(%x) } }\n")
    assert module.main.body.checked_type == I8


def test_types_of_expressions_built_in_python() -> None:
    variable, bound = Var("x", tensor(2)), Var("y")
    body = Let(bound, Call(Op("exp"), (variable,)), If(Var("c", TensorType((), "bool")), bound, variable))
    module = Module({"main": Function((variable,), body)})
    infer_types(module)
    assert bound.checked_type == tensor(2)
    assert body.checked_type == tensor(2)


def test_extents_that_are_not_known_run_through() -> None:
    module = load(
        "def @main(%x: Tensor[(?, 4), float32], %w: Tensor[(3, 4), float32]) -> Tensor[(?, 3), float32]"
        " { nn.softmax(nn.relu(nn.dense(%x, %w, units=3))) }\n"
    )
    assert module.main.body.checked_type == tensor(None, 3)
    assert str(module.main.checked_type) == (
        "fn (Tensor[(?, 4), float32], Tensor[(3, 4), float32]) -> Tensor[(?, 3), float32]"
    )
