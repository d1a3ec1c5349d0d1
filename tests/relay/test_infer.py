"""Typing rules: shapes against what numpy and counting give, element types, and errors at the operator."""

from __future__ import annotations

from collections.abc import Callable

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
    assert module.main.checked_type == FuncType((tensor(dtype="int8"),), tensor(dtype="int16"))


def test_a_recursive_function_with_a_declared_result_is_typed() -> None:
    module = load("def @main(%x: int8) -> int8 { if (True) { %x } else { @main(%x) } }\n")
    assert module.main.body.checked_type == tensor(dtype="int8")


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
