"""Relay to NIR on quantised tensors: several operators of Relay as one, with the same integers."""

from __future__ import annotations

import numpy as np
import pytest
from relay_cases import KEPT, bytes_, converted, floats, main, names, only, outputs

from nir import relay
from nir.errors import ConvertError
from nir.ir import Module, Quantisation, tensor
from nir.ops.common import Activation
from nir.passes import relay_to_nir

QUANTISED = "%x: Tensor[(1, 4, 4, 3), int8], %w: Tensor[(1, 1, 3, 2), int8], %b: Tensor[(2), int32]"
QNN_CONVOLUTION = (
    "qnn.conv2d(%x, %w, 5, 0, 0.5f, 0.25f, channels=2, kernel_size=[1, 1], "
    'data_layout="NHWC", kernel_layout="HWIO", out_dtype="int32")'
)


def sums(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.einsum("nyxc,co->nyxo", x.astype(np.int64) - 5, w[0, 0].astype(np.int64))


def test_a_quantised_convolution_is_one_operation() -> None:
    module = converted(
        QUANTISED,
        f"%0 = {QNN_CONVOLUTION};",
        "%1 = nn.bias_add(%0, %b, axis=3);",
        '%2 = qnn.requantize(%1, 0.125f, 0, 0.75f, -3, axis=3, rounding="TONEAREST", out_dtype="int8");',
        "clip(%2, a_min=-3f, a_max=127f)",
    )
    assert names(module) == ["transpose", "conv_2d"]
    conv = only(module, "conv_2d")
    assert [value.type.quantisation for value in (*conv.operands, *conv.results) if value] == [
        Quantisation.per_tensor(0.5, 5),
        Quantisation.per_tensor(0.25, 0),
        Quantisation.per_tensor(0.125, 0),
        Quantisation.per_tensor(0.75, -3),
    ]
    assert conv.attributes["activation"] is Activation.RELU
    assert conv.attributes["rounding"].value == "to_nearest"
    assert [p.type.quantisation for p in module.main.parameters] == [
        value.type.quantisation for value in conv.operands if value
    ]  # the filter's through the transpose


def test_a_sum_that_others_read_is_computed_again() -> None:
    module = converted(
        QUANTISED,
        f"%0 = {QNN_CONVOLUTION};",
        '(%0, qnn.requantize(%0, 0.125f, 0, 0.75f, -3, out_dtype="int8"))',
    )
    assert names(module) == ["transpose", "conv_2d", "conv_2d"]
    x, w = bytes_(1, 4, 4, 3), bytes_(1, 1, 3, 2)
    found = outputs(module, {"x": x, "w": w, "b": np.zeros(2, np.int32)})
    np.testing.assert_array_equal(found[0], sums(x, w))
    assert module.main.results[0].type.quantisation == Quantisation.per_tensor(0.125)


def test_a_scale_in_six_digits_is_carried_by_zeros() -> None:
    module = converted(
        QUANTISED, f"%0 = {QNN_CONVOLUTION};", 'qnn.requantize(%0, 0.125001f, 0, 0.75f, -3, out_dtype="int8")'
    )
    bias = only(module, "conv_2d").operands[2]
    assert bias is not None
    assert bias.producer is not None
    assert bias.type == tensor((2,), "i32", scale=0.125001)
    assert not bias.producer.attributes["value"].array.any()


def test_a_scale_that_is_not_the_product_is_refused() -> None:
    with pytest.raises(
        ConvertError, match=r"the sum is 0\.2, but those of data and weights, 0\.5 and 0\.25, make 0\.125"
    ):
        converted(QUANTISED, f"%0 = {QNN_CONVOLUTION};", 'qnn.requantize(%0, 0.2f, 0, 0.75f, 0, out_dtype="int8")')


def test_rescaling_to_32_bits_then_clip_and_cast_is_one_operation() -> None:
    """As importers of PyTorch models write it."""
    body = [
        f"%0 = {QNN_CONVOLUTION};",
        "%1 = nn.bias_add(%0, %b, axis=3);",
        '%2 = qnn.requantize(%1, 0.125f, 0, 0.75f, 7, axis=3, out_dtype="int32");',
    ]
    bounds = "clip(%2, a_min={}f, a_max={}f)"
    module = converted(QUANTISED, *body, f"%3 = {bounds.format(0, 255)};", 'cast(%3, dtype="uint8")')
    assert names(module) == ["transpose", "conv_2d"]
    assert module.main.results[0].type == tensor((1, 4, 4, 2), "u8", scale=0.75, zero_point=7)
    narrower = converted(QUANTISED, *body, f"%3 = {bounds.format(7, 200)};", 'cast(%3, dtype="uint8")')
    assert names(narrower) == ["transpose", "conv_2d", "maximum", "minimum"]
    wide = converted(QUANTISED, *body, bounds.format(7, 200))
    inputs = {"x": bytes_(1, 4, 4, 3), "w": bytes_(1, 1, 3, 2), "b": np.array([5, -700], np.int32)}
    (expected,) = outputs(wide, inputs)
    assert expected.dtype == np.int32
    np.testing.assert_array_equal(outputs(narrower, inputs)[0], expected)
    np.testing.assert_array_equal(np.clip(outputs(module, inputs)[0], 7, 200), expected)


@pytest.mark.parametrize(
    ("low", "high", "operators", "activation"),
    [
        (-128, 127, ["add"], Activation.NONE),
        (-3, 127, ["add"], Activation.RELU),
        (-3, 9, ["add"], Activation.RELU6),
        (-5, -1, ["add"], Activation.RELU1),
        (-4, 127, ["add", "maximum"], Activation.NONE),
        (-100, 100, ["add", "maximum", "minimum"], Activation.NONE),
    ],
)
def test_bounds_of_stored_integers(low: int, high: int, operators: list[str], activation: Activation) -> None:
    module = converted(
        "%x: Tensor[(200), int8], %y: Tensor[(200), int8]",
        "%0 = qnn.add(%x, %y, 0.25f, 3, 0.125f, 1, 0.5f, -3);",
        f"clip(%0, a_min={low}f, a_max={high}f)",
    )
    assert names(module) == operators
    assert only(module, "add").attributes.get("activation", Activation.NONE) is activation
    plain = converted(
        "%x: Tensor[(200), int8], %y: Tensor[(200), int8]", "qnn.add(%x, %y, 0.25f, 3, 0.125f, 1, 0.5f, -3)"
    )
    inputs = {"x": bytes_(200), "y": bytes_(200)}
    np.testing.assert_array_equal(outputs(module, inputs)[0], np.clip(outputs(plain, inputs)[0], low, high))
    assert {value.type.quantisation for value in module.main.results} == {Quantisation.per_tensor(0.5, -3)}


def widened(body: str, signature: str = "%x: Tensor[(1, 6, 6, 2), int8]") -> Module:
    return converted(signature, '%0 = cast(%x, dtype="int32");', *body.split("\n"))


def test_average_of_widened_integers_is_taken_before() -> None:
    module = widened('%1 = nn.avg_pool2d(%0, pool_size=[2, 3], strides=[2, 3], layout="NHWC");\ncast(%1, dtype="int8")')
    assert names(module) == ["average_pool_2d"]
    x = bytes_(1, 6, 6, 2)
    total = x.astype(np.int64).reshape(1, 3, 2, 2, 3, 2).sum((2, 4))
    np.testing.assert_array_equal(outputs(module, {"x": x})[0], np.sign(total) * (np.abs(total) // 6))


def test_mean_and_rescaling_are_one_operation() -> None:
    module = widened(
        '%1 = mean(%0, axis=[1, 2]);\nqnn.requantize(%1, 0.5f, 3, 0.25f, -9, out_dtype="int8")',
    )
    assert names(module) == ["mean"]
    assert [v.type.quantisation for v in module.main.values()] == [
        Quantisation.per_tensor(0.5, 3),
        Quantisation.per_tensor(0.25, -9),
    ]


def test_casts_of_integers_drop_upper_bits() -> None:
    module = converted("%x: Tensor[(300), int32]", '(cast(%x, dtype="int8"), cast(%x, dtype="uint8"))')
    x = np.random.default_rng(0).integers(-(2**31), 2**31, 300).astype(np.int32)
    for found, dtype in zip(outputs(module, {"x": x}), (np.int8, np.uint8), strict=True):
        np.testing.assert_array_equal(found, x.astype(dtype))


@pytest.mark.parametrize(("function", "operator"), [("sigmoid", "logistic"), ("tanh", "tanh"), ("exp", "exp")])
def test_a_function_between_dequantize_and_quantize_is_one_operation(function: str, operator: str) -> None:
    lines = ["%0 = qnn.dequantize(%x, 0.05f, 3);", f"%1 = {function}(%0);"]
    module = converted("%x: Tensor[(256), int8]", *lines, 'qnn.quantize(%1, 0.01f, -100, out_dtype="int8")')
    assert names(module) == [operator]
    steps = converted("%x: Tensor[(256), int8]", *lines, '(%1, qnn.quantize(%1, 0.01f, -100, out_dtype="int8"))')
    assert names(steps) == ["dequantize", operator, "quantize"]
    x = np.arange(-128, 128).astype(np.int8)
    for profile in ("relay", "tflite", "tvm", "xnnpack"):
        np.testing.assert_array_equal(outputs(module, {"x": x}, profile)[0], outputs(steps, {"x": x}, profile)[1])


def test_weights_that_are_quantised_in_the_graph_are_constants() -> None:
    """As importers of PyTorch models write them."""
    source = main(
        "%x: Tensor[(1, 3, 2, 2), uint8], %w: Tensor[(2, 3, 1, 1), float32], %s: Tensor[(2), float32]",
        '%0 = qnn.quantize(%w, multiply(%s, 0.5f), 0, axis=0, out_dtype="int8");',
        'qnn.conv2d(%x, %0, 7, 0, 0.5f, multiply(%s, 0.5f), channels=2, kernel_size=[1, 1], out_dtype="int32")',
    )
    assert source.source is not None
    weight, scale = floats(2, 3, 1, 1), np.array([0.02, 0.05], np.float32)
    module = relay_to_nir(relay.load(source.source.text, {"w": weight, "s": scale}), **KEPT)
    assert names(module) == ["conv_2d"]
    (constant,) = (op for op in module.main if op.name == "const")
    assert constant.attributes["value"].name == "w"
    stored = np.clip(np.round(weight / (scale.reshape(2, 1, 1, 1) / 2)), -128, 127).astype(np.int8)
    np.testing.assert_array_equal(constant.attributes["value"].array, stored.transpose(0, 2, 3, 1))
    assert constant.results[0].type.quantisation == Quantisation.per_channel(scale / 2, 0)


def test_large_results_of_small_constants_are_left_to_the_run() -> None:
    body = "broadcast_to(reshape(%w, newshape=[1, 4]), shape=[100000000, 4])"
    source = main("%w: Tensor[(4), float32]", body)
    assert source.source is not None
    assert names(relay_to_nir(relay.load(source.source.text, {"w": floats(4)}))) == ["tile"]


@pytest.mark.parametrize(("compute", "profile"), [("int64", None), ("float32", "relay-f32"), ("float64", "relay-f64")])
def test_the_numeric_profile_is_noted(compute: str, profile: str | None) -> None:
    module = converted(
        "%x: Tensor[(4), int8]", f'qnn.requantize(%x, 0.5f, 0, 0.3f, 0, compute_dtype="{compute}", out_dtype="int8")'
    )
    assert module.main.attributes.get("profile") == profile


def test_padding_with_the_zero_point_is_plain_padding() -> None:
    body = "%0 = nn.pad(%x, {}f, pad_width=[[1, 0]]);", "qnn.dequantize(%0, 0.5f, -7)"
    assert names(converted("%x: Tensor[(4), int8]", body[0].format(-7), body[1])) == ["pad", "dequantize"]
    assert names(converted("%x: Tensor[(4), int8]", body[0].format(0), body[1])) == ["pad_v2", "dequantize"]


def test_a_filter_per_channel_that_is_a_parameter_holds_plain_integers() -> None:
    source = main(
        "%x: Tensor[(1, 2, 2, 3), int8], %w: Tensor[(1, 1, 3, 2), int8], %s: Tensor[(2), float32]",
        "qnn.conv2d(%x, %w, 5, 0, 0.5f, %s, channels=2, kernel_size=[1, 1], "
        'data_layout="NHWC", kernel_layout="HWIO", out_dtype="int32")',
    )
    assert source.source is not None
    module = relay_to_nir(relay.load(source.source.text, {"s": np.array([0.25, 0.5], np.float32)}))
    assert names(module) == ["transpose", "cast", "conv_2d"]
    assert module.main.parameters[1].type.quantisation is None
    assert module.main.results[0].type.quantisation == Quantisation.per_channel([0.125, 0.25], 3)
    x, w = bytes_(1, 2, 2, 3), bytes_(1, 1, 3, 2)
    np.testing.assert_array_equal(outputs(module, {"x": x, "w": w})[0], sums(x, w))
