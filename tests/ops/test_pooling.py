"""Pooling: floats against ONNX Runtime, integer averages against TVM's qnn.avg_pool2d and plain fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_peer import explicit_padding, onnx_pads, run_onnx
from qnn_vectors import quantised, run, vectors

from nir.ir import InferenceError, Quantisation, Value, tensor
from nir.ops.pooling import AveragePool2d, L2Pool2d, MaxPool2d
from nir.ops.quantise import Requantize


@st.composite
def pools(draw: st.DrawFn) -> dict[str, Any]:
    window = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = draw(st.sampled_from(["same", "valid", "explicit"]))
    if padding == "explicit":
        padding = tuple(draw(st.integers(0, window[i // 2] - 1)) for i in range(4))
    return {
        "window": window,
        "strides": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": padding,
        "image": (draw(st.integers(1, 2)), *(draw(st.integers(k, k + 6)) for k in window), draw(st.integers(1, 4))),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


def onnx_pool(kind: str, g: dict[str, Any], image: np.ndarray) -> np.ndarray:
    padding = explicit_padding(g["padding"], image.shape[1:3], g["window"], g["strides"])
    arrays = {"x": image.transpose(0, 3, 1, 2)}
    result = run_onnx(kind, arrays, kernel_shape=g["window"], strides=g["strides"], pads=onnx_pads(padding))
    return result.transpose(0, 2, 3, 1)


@settings(max_examples=40)
@given(g=pools(), nchw=st.booleans())
def test_float_pools_against_onnx_runtime(g, nchw: bool):
    image = np.random.default_rng(g["seed"]).standard_normal(g["image"]).astype(np.float32)
    fields = {name: g[name] for name in ("window", "strides", "padding")} | {"layout": "nchw" if nchw else "nhwc"}
    given_image = np.ascontiguousarray(image.transpose(0, 3, 1, 2)) if nchw else image
    for operator, kind, data in (
        (MaxPool2d, "MaxPool", image),
        (AveragePool2d, "AveragePool", image),
        (L2Pool2d, "AveragePool", image * image),
    ):
        result = run(operator, "tflite", [(tensor(given_image.shape), given_image)], **fields)
        result = result.transpose(0, 2, 3, 1) if nchw else result
        expected = onnx_pool(kind, g, data)
        expected = np.sqrt(expected) if operator is L2Pool2d else expected
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=40)
@given(g=pools(), element=st.sampled_from(["i8", "u8", "i32"]))
def test_integer_averages_round_as_the_profile_says(g, element: str):
    rng = np.random.default_rng(g["seed"])
    image = rng.integers(-128 if element == "i8" else 0, 128, g["image"]).astype(tensor(1, element).element.numpy)
    if element == "i32":
        image -= 60
    fields = {name: g[name] for name in ("window", "strides", "padding")}
    type = tensor(image.shape, element, scale=0.5, zero_point=3)
    rounded = run(AveragePool2d, "tflite", [(type, image)], **fields)
    truncated = run(AveragePool2d, "relay", [(type, image)], **fields)
    mean = run(AveragePool2d, "tflite", [(tensor(image.shape), image.astype(np.float32))], **fields).astype(np.float64)
    for exact, up, down in zip(mean.flat, rounded.flat, truncated.flat, strict=True):
        fraction = Fraction(exact).limit_denominator(16)  # a window has at most 16 cells
        half_away = int(abs(fraction) + Fraction(1, 2)) * (1 if fraction >= 0 else -1)
        assert (int(up), int(down)) == (half_away, int(fraction))


def test_average_pool_recorded():
    """qnn.avg_pool2d: to the result's scale in 32 bits, an integer average, then saturated."""
    checked = 0
    for case in vectors("avg_pool2d"):
        p, x = case.parameters, case.inputs["x"]
        if p["ceil_mode"] or p["count_include_pad"] or p["dilation"] != [1, 1]:
            continue
        source = quantised(x.shape, x.dtype, p["input_scale"], p["input_zero_point"])
        target = Quantisation.per_tensor(p["output_scale"], p["output_zero_point"])
        top, left, bottom, right = p["padding"]
        fields = {"window": p["pool_size"], "strides": p["strides"], "padding": [top, bottom, left, right]}
        for profile, rounding, recorded in case.modes("o0"):
            wide = run(Requantize, profile, [(source, x)], quantisation=target, element="i32", rounding=rounding)
            wide_type = quantised(wide.shape, np.int32, target.scale, target.zero_point)
            means = run(AveragePool2d, profile, [(wide_type, wide)], layout=p["layout"].lower(), **fields)
            means_type = quantised(means.shape, np.int32, target.scale, target.zero_point)
            element = "i8" if p["dtype"] == "int8" else "u8"
            result = run(Requantize, profile, [(means_type, means)], quantisation=target, element=element)
            assert np.array_equal(result, recorded), (case.number, profile, rounding)
            checked += 1
    assert checked >= 9


def test_whole_image_average_equals_the_mean_of_its_cells():
    image = np.random.default_rng(1).integers(-128, 128, (2, 7, 7, 5)).astype(np.int8)
    type = tensor(image.shape, "i8", scale=0.1)
    result = run(AveragePool2d, "tflite", [(type, image)], window=(7, 7))
    sums = image.astype(int).sum(axis=(1, 2))
    assert result.reshape(2, 5).tolist() == (np.sign(sums) * ((np.abs(sums) + 24) // 49)).tolist()


def test_activation_bounds_stored_values():
    image = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    type = tensor(image.shape, "u8", scale=0.1, zero_point=100)
    for operator in (MaxPool2d, AveragePool2d):
        result = run(operator, "tflite", [(type, image)], window=(1, 1), activation="relu6")
        assert np.array_equal(result, np.clip(image, 100, 160))
    real = run(
        MaxPool2d,
        "tflite",
        [(tensor((1, 1, 2, 1)), np.array([-3, 9], np.float32).reshape(1, 1, 2, 1))],
        window=(1, 1),
        activation="relu1",
    )
    assert real.ravel().tolist() == [-1, 1]


def test_padding_takes_no_part_in_a_maximum():
    image = np.full((1, 2, 2, 1), -5, np.int8)
    result = run(MaxPool2d, "tflite", [(tensor(image.shape, "i8"), image)], window=(2, 2), padding=(1, 1, 1, 1))
    assert np.array_equal(result, np.full((1, 3, 3, 1), -5))


def test_shapes_and_constraints():
    x = Value(tensor((None, 5, None, 3), "i8", scale=0.5))
    op = MaxPool2d.create(x, window=(2, 2), strides=(2, 2))
    assert op.results[0].type == tensor((None, 2, None, 3), "i8", scale=0.5)
    with pytest.raises(InferenceError, match="a window of 6 does not fit into a padded height of 5"):
        MaxPool2d.create(x, window=(6, 1))
    op = MaxPool2d.create(x, window=(2, 2), padding=(2, 0, 0, 0))
    assert [c.label for c in op.constraints if not c.check(op)] == ["C1"]
    along = Value(tensor((1, 5, 5, 2), "i8", scales=[1, 2], axis=3))
    op = AveragePool2d.create(along, window=(2, 2))
    assert [c.label for c in op.constraints if not c.check(op)] == ["Q1"]
    assert op.macs() == 4 * 4 * 2 * 4
    empty = np.zeros((0, 4, 4, 1), np.float32)
    for operator in (MaxPool2d, AveragePool2d, L2Pool2d):
        assert run(operator, "tflite", [(tensor(empty.shape), empty)], window=(2, 2)).shape == (0, 3, 3, 1)
