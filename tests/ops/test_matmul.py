"""Matrix products: floats against numpy, integers against exact sums, shapes and constraints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qnn_vectors import run

from nir.ir import InferenceError, Value, tensor
from nir.ops.matmul import BatchMatmul, FullyConnected
from nir.ops.profiles import ScaleProduct, get_profile

SIZES = st.integers(1, 6)


@settings(max_examples=40)
@given(
    batch=st.lists(st.integers(0, 3), max_size=2),
    sizes=st.tuples(SIZES, SIZES, SIZES),
    left=st.booleans(),
    right=st.booleans(),
    element=st.sampled_from(["f32", "f16", "i8", "u8", "i32"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_batch_matmul_sums(batch, sizes, left: bool, right: bool, element: str, seed: int):
    rows, inner, columns = sizes
    rng = np.random.default_rng(seed)
    shapes = [
        (*batch, inner, rows) if left else (*batch, rows, inner),
        (*batch, columns, inner) if right else (*batch, inner, columns),
    ]
    dtype = tensor(1, element).element.numpy
    a, b = (rng.integers(0, 100, shape).astype(dtype) for shape in shapes)
    types = [tensor(a.shape, element), tensor(b.shape, element)]
    result_element = element if element[0] == "f" else "i32"
    fields = {"transpose_left": left, "transpose_right": right, "element": result_element}
    result = run(BatchMatmul, "tflite", list(zip(types, (a, b), strict=True)), **fields)
    a, b = (x.astype(np.int64) for x in (a, b))
    expected = np.matmul(np.swapaxes(a, -1, -2) if left else a, np.swapaxes(b, -1, -2) if right else b)
    assert np.array_equal(result, expected.astype(result.dtype))


def test_products_of_32_bit_integers_wrap_around():
    a = np.full((2, 2), 2**30, np.int32)
    result = run(BatchMatmul, "tflite", [(tensor((2, 2), "i32"), a), (tensor((2, 2), "i32"), a + 1)])
    assert result.tolist() == [[-(2**31)] * 2] * 2


@pytest.mark.parametrize("profile", ["tflite", "xnnpack", "relay", "relay-f32"])
def test_batch_matmul_rescales_exact_sums(profile: str):
    rng = np.random.default_rng(3)
    a, b = rng.integers(-128, 128, (2, 5, 64)).astype(np.int8), rng.integers(-128, 128, (2, 64, 7)).astype(np.int8)
    types = [tensor(a.shape, "i8", scale=0.03, zero_point=5), tensor(b.shape, "i8", scale=0.02, zero_point=-9)]
    operands = list(zip(types, (a, b), strict=True))
    result = run(BatchMatmul, profile, operands, element="i8", scale=0.7, zero_point=4)
    sums = np.matmul(a.astype(np.int64) - 5, b.astype(np.int64) + 9)
    target = tensor(sums.shape, "i8", scale=0.7, zero_point=4)
    source = ScaleProduct(types[0].quantisation.scale, types[1].quantisation.scales)
    assert np.array_equal(result, get_profile(profile).fallback.rescale(sums, source, target))


def test_fully_connected_flattens_and_rounds_once():
    rng = np.random.default_rng(4)
    x, w = rng.integers(-128, 128, (40, 2, 8)).astype(np.int8), rng.integers(-127, 128, (300, 16)).astype(np.int8)
    bias = rng.integers(-500, 500, 300).astype(np.int32)
    types = [tensor(x.shape, "i8", scale=0.031, zero_point=7), tensor(w.shape, "i8", scale=0.017), tensor(300, "i32")]
    operands = list(zip(types, (x, w, bias), strict=True))
    result = run(FullyConnected, "tflite", operands, element="i8", scale=0.23, zero_point=1)
    sums = (x.reshape(40, 16).astype(np.int64) - 7) @ w.T.astype(np.int64) + bias
    source = ScaleProduct(types[0].quantisation.scale, types[1].quantisation.scales)
    target = tensor(sums.shape, "i8", scale=0.23, zero_point=1)
    assert np.array_equal(result, get_profile("tflite").rescale(sums, source, target, single_rounding=True))


def test_fully_connected_floats():
    rng = np.random.default_rng(5)
    x, w = rng.standard_normal((3, 8)).astype(np.float32), rng.standard_normal((5, 8)).astype(np.float32)
    bias = rng.standard_normal(5).astype(np.float32)
    operands = [(tensor(a.shape), a) for a in (x, w, bias)]
    result = run(FullyConnected, "tflite", operands, activation="relu")
    np.testing.assert_allclose(result, np.maximum(x @ w.T + bias, 0), rtol=1e-5, atol=1e-6)
    empty = np.zeros((0, 8), np.float32)
    assert run(FullyConnected, "tflite", [(tensor((0, 8)), empty), operands[1]]).shape == (0, 5)


def test_shapes():
    weights = Value(tensor((5, 8)))
    assert FullyConnected.create(Value(tensor((2, 4, 4))), weights).results[0].shape == (4, 5)
    assert FullyConnected.create(Value(tensor((None, 8))), weights).results[0].shape == (None, 5)
    assert FullyConnected.create(Value(tensor((None, 4, 4))), weights).results[0].shape == (None, 5)
    with pytest.raises(InferenceError, match="12 input elements do not make rows of 8"):
        FullyConnected.create(Value(tensor((3, 4))), weights)
    a, b = Value(tensor((2, None, 4))), Value(tensor((None, 4, 3)))
    assert BatchMatmul.create(a, b).results[0].shape == (2, None, 3)
    with pytest.raises(InferenceError, match="sums over 4 elements, the right over 5"):
        BatchMatmul.create(a, Value(tensor((2, 5, 3))))
    with pytest.raises(InferenceError, match="batch dimensions differ: 2 and 3"):
        BatchMatmul.create(a, Value(tensor((3, 4, 3))))
    with pytest.raises(InferenceError, match="the same rank"):
        BatchMatmul.create(a, Value(tensor((4, 3))))
    assert FullyConnected.create(Value(tensor((2, 8))), weights).macs() == 2 * 5 * 8
    assert BatchMatmul.create(Value(tensor((2, 3, 4))), Value(tensor((2, 4, 5)))).macs() == 2 * 3 * 4 * 5


@pytest.mark.parametrize(
    ("left", "right", "fields", "labels"),
    [
        (tensor((2, 3), "i8", scale=0.5), tensor((3, 2), "i8", scale=0.5), {"element": "i8"}, ["Q2"]),
        (tensor((2, 3), "i8", scale=0.5), tensor((3, 2), "i8", scale=0.5), {"element": "i32", "scale": 0.25}, []),
        (tensor((2, 3), "i8", scale=0.5), tensor((3, 2), "i8", scale=0.5), {"element": "i32", "scale": 0.3}, ["Q3"]),
        (tensor((2, 3), "i8"), tensor((3, 2)), {"element": "i32"}, ["C2"]),
        (tensor((2, 3)), tensor((3, 2), "f16"), {}, ["C2"]),
        (tensor((2, 3), "i8"), tensor((3, 2), "i8", scales=[1, 2], axis=1), {"element": "i32"}, ["Q1"]),
    ],
)
def test_constraints(left, right, fields, labels):
    op = BatchMatmul.create(Value(left), Value(right), **fields)
    assert [c.label for c in op.constraints if not c.check(op)] == labels
