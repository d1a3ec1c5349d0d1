"""Relay to NIR on floats: layouts of filters, and that what is fused is what was meant."""

from __future__ import annotations

import numpy as np
import pytest
from relay_cases import KEPT, converted, floats, main, names, only, outputs

from nir import relay
from nir.ops.common import Activation
from nir.passes import relay_to_nir


@pytest.mark.parametrize("kernel_layout", ["OIHW", "HWIO", "HWOI", "OHWI"])
@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize(("layout", "groups"), [("NCHW", 1), ("NHWC", 1), ("NHWC", 4), ("NCHW", 4), ("NHWC", 2)])
def test_kernel_layouts_mean_the_same_filter(kernel_layout: str, bound: bool, layout: str, groups: int) -> None:
    """Against a convolution worked out directly from the definition."""
    x, w = floats(1, 4, 5, 6), floats(4, 4 // groups, 3, 2)  # NCHW, OIHW
    arranged = np.ascontiguousarray(w.transpose(["OIHW".index(letter) for letter in kernel_layout]))
    data = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    source = main(
        f"%x: Tensor[{data.shape}, float32], %w: Tensor[{arranged.shape}, float32]",
        f"nn.conv2d(%x, %w, groups={groups}, channels=4, kernel_size=[3, 2], padding=[1, 0, 1, 1], strides=[1, 2],"
        f' data_layout="{layout}", kernel_layout="{kernel_layout}")',
    )
    if bound:
        source = relay.load(source.source.text, {"w": arranged}) if source.source else source
    module = relay_to_nir(source)
    (found,) = outputs(module, {"x": data} if bound else {"x": data, "w": arranged})
    expected = convolution(x, w, groups)
    np.testing.assert_allclose(found if layout == "NCHW" else found.transpose(0, 3, 1, 2), expected, atol=1e-5)


def convolution(x: np.ndarray, w: np.ndarray, groups: int) -> np.ndarray:
    """Padding top 1, left 0, bottom 1, right 1; strides 1, 2."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], (2, 3))[:, :, :, ::2]
    share, made = x.shape[1] // groups, w.shape[0] // groups
    parts = [
        np.einsum("ncyxij,ocij->noyx", windows[:, g * share : (g + 1) * share], w[g * made : (g + 1) * made])
        for g in range(groups)
    ]
    return np.concatenate(parts, axis=1)


CONVOLUTION = "nn.conv2d(%x, %w, channels=2, kernel_size=[3, 3])"
SIGNATURE = "%x: Tensor[(1, 3, 6, 6), float32], %w: Tensor[(2, 3, 3, 3), float32], %b: Tensor[(2), float32]"


def test_bias_and_activation_become_part_of_the_convolution() -> None:
    module = converted(
        SIGNATURE, f"%0 = {CONVOLUTION};", "%1 = nn.bias_add(%0, %b);", "clip(%1, a_min=0f, a_max=6f)", **KEPT
    )
    assert names(module) == ["transpose", "conv_2d"]
    conv = only(module, "conv_2d")
    assert conv.operands[2] is module.main.parameters[2]
    assert conv.attributes["activation"] is Activation.RELU6


def test_what_others_use_is_not_fused() -> None:
    module = converted(SIGNATURE, f"%0 = {CONVOLUTION};", "%1 = nn.bias_add(%0, %b);", "(nn.relu(%1), %0)", **KEPT)
    assert names(module) == ["transpose", "conv_2d", "reshape", "add"]
    assert only(module, "add").attributes["activation"] is Activation.RELU


def test_a_bias_along_another_dimension_is_an_addition() -> None:
    module = converted(
        "%x: Tensor[(1, 3, 4, 4), float32], %w: Tensor[(2, 3, 3, 3), float32], %b: Tensor[(2), float32]",
        f"%0 = {CONVOLUTION};",
        "nn.bias_add(%0, %b, axis=-1)",
        **KEPT,
    )
    assert names(module) == ["transpose", "conv_2d", "add"]


@pytest.mark.parametrize(
    ("low", "high", "operators"),
    [
        (0, 6, ["relu6"]),
        (-1, 1, ["relu1"]),
        (0, "inf", ["relu"]),
        (0, 7, ["maximum", "minimum"]),
        ("-inf", 3, ["minimum"]),
    ],
)
def test_bounds_of_floats(low: object, high: object, operators: list[str]) -> None:
    module = converted("%x: Tensor[(50), float32]", f"clip(%x, a_min={low}f, a_max={high}f)")
    assert names(module) == operators
    x = floats(50) * 8
    np.testing.assert_array_equal(outputs(module, {"x": x})[0], np.clip(x, float(str(low)), float(str(high))))


def batch_norm(axis: int, before: str = "%x") -> tuple[str, list[str]]:
    signature = f"{SIGNATURE}, %g: Tensor[(2), float32], %m: Tensor[(2), float32], %v: Tensor[(2), float32]"
    lines = [] if before == "%x" else [f"%0 = {before};"]
    operand = "%x" if before == "%x" else "%0"
    return signature, [*lines, f"%1 = nn.batch_norm({operand}, %g, %b, %m, %v, axis={axis});", "%1.0"]


@pytest.mark.parametrize("known", [True, False])
def test_batch_norm_behind_a_convolution(known: bool) -> None:
    signature, lines = batch_norm(1, CONVOLUTION)
    values = {"x": floats(1, 3, 6, 6), "w": floats(2, 3, 3, 3), **{name: floats(2) for name in "bgm"}}
    values["v"] = np.abs(floats(2)) + 1
    source = main(signature, *lines)
    assert source.source is not None
    if known:
        source = relay.load(source.source.text, {name: values[name] for name in values if name != "x"})
    module = relay_to_nir(source, **KEPT)
    assert "conv_2d" in names(module)
    assert (names(module) == ["conv_2d"]) == known
    if known:
        assert [op.attributes["value"].name for op in module.main if op.name == "const"] == ["w", "w_bias"]
    inputs = {parameter.name: values[parameter.name] for parameter in module.main.parameters}
    convolved = outputs(converted(SIGNATURE, CONVOLUTION), {name: values[name] for name in "xwb"})[0]
    g, b, m, v = (values[name].reshape(1, 2, 1, 1) for name in "gbmv")
    expected = (convolved - m) / np.sqrt(v + np.float32(1e-5)) * g + b
    np.testing.assert_allclose(outputs(module, inputs)[0], expected, atol=1e-5)


def test_dropout_and_copies_are_nothing() -> None:
    module = converted("%x: Tensor[(4), float32]", "%0 = nn.dropout(%x, rate=0.5f);", "copy(%0.0)")
    assert names(module) == []
