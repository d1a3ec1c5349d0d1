"""Quantised operators in every numeric profile, over all stored values or pairs of them: the very same integers."""

from __future__ import annotations

import numpy as np
import pytest
from batches import Array, compiled_results, interpreted

import nir
from nir.errors import ConvertError
from nir.interp import random_inputs
from nir.ir import Module
from nir.ops.profiles import PROFILES
from nir.passes.nir_to_relax import nir_to_relax
from nir.verify import verify

X = "256x1xi8, scale=0.0471, zero_point=-3"
Y = "256xi8, scale=0.0213, zero_point=11"
PAIRS = "256x256xi8, scale=0.0389, zero_point=5"
U = "256x1xu8, scale=0.0471, zero_point=131"
V = "256xu8, scale=0.0213, zero_point=20"
UNSIGNED_PAIRS = "256x256xu8, scale=0.0389, zero_point=120"
WIDE = "1000xi16, scale=0.0003, zero_point=0"

OF_PAIRS = [
    *("add", "sub", "mul", "maximum", "minimum", "prelu", "div", "less", "greater_equal", "equal"),
    *("add {activation = relu6}", "mul {rounding = to_nearest}", "sub {rounding = to_nearest, activation = relu}"),
]
OF_ONE = [
    *("abs", "neg", "exp", "log", "sqrt", "rsqrt", "sin", "floor", "erf", "tanh", "logistic", "elu", "hard_swish"),
    *(
        "leaky_relu",
        "leaky_relu {alpha = -0.3, rounding = to_nearest}",
        "requantize",
        "requantize {rounding = to_nearest}",
    ),
]
"""Names, and attributes where there are any."""

IMAGES = [
    # name and attributes, filter, bias, result
    ("conv_2d", "{padding = same}", "5x3x3x4xi8, axis=0, scales=[0.01, 0.002, 0.0005, 0.1, 1e-06]", 5, "1x6x7x5xi8"),
    ("conv_2d", "{strides = [2, 1], activation = relu6}", "5x3x2x4xi8, scale=0.004, zero_point=9", 5, "1x2x6x5xu8"),
    (
        "grouped_conv_2d",
        "{groups = 2, rounding = to_nearest}",
        "6x3x3x2xi8, scale=0.004, zero_point=0",
        6,
        "1x4x5x6xi8",
    ),
    (
        "depthwise_conv_2d",
        "{padding = [1, 0, 2, 1]}",
        "1x3x3x8xi8, axis=3, scales=[0.1, 0.01, 0.2, 0.02, 1.0, 0.5, 0.7, 0.9]",
        8,
        "1x5x8x8xi8",
    ),
    ("transpose_conv_2d", "{strides = [2, 2]}", "3x3x2x4xu8, scale=0.003, zero_point=128", 3, "1x13x14x3xi8"),
]


def text(parameters: list[str], body: str, result: str) -> str:
    names = [f"%p{index}: tensor<{type}>" for index, type in enumerate(parameters)]
    return f"func @main({', '.join(names)}) -> tensor<{result}> {{\n  %0 = {body} : tensor<{result}>\n  return %0\n}}\n"


def operation(name: str, operands: int) -> str:
    """The call of an operator on the parameters; attributes stand behind the name."""
    name, _, attributes = name.partition(" ")
    return f"{name}({', '.join(f'%p{index}' for index in range(operands))}) {attributes}"


def everything(module: Module) -> dict[str, Array]:
    """All stored values of every 8-bit parameter of 256 elements; random elements of the others."""
    found = random_inputs(module.main, 7)
    for parameter in module.main.parameters:
        if parameter.type.size == 256 and parameter.element.bits == 8:
            stored = np.arange(256, dtype=np.uint8).view(parameter.element.numpy)
            found[str(parameter.name)] = stored.reshape([int(size or 0) for size in parameter.shape])
    return found


def of_pairs() -> list[str]:
    texts = []
    for name in OF_PAIRS:
        for left, right, result in ((X, Y, PAIRS), (U, V, UNSIGNED_PAIRS)):
            compared = name in ("less", "greater_equal", "equal")
            texts.append(text([left, right], operation(name, 2), "256x256xbool" if compared else result))
    return texts


def of_one() -> list[str]:
    texts = []
    for name in OF_ONE:
        for source, scale in ((X, "scale=0.0117, zero_point=-70"), (U, "scale=0.0117, zero_point=70")):
            texts.append(text([source], operation(name, 1), f"{source.split(',')[0]}, {scale}"))
        if not name.startswith("requantize"):
            texts.append(text([WIDE], operation(name, 1), "1000xi16, scale=0.0001, zero_point=0"))
    texts.append(text(["300xf32"], "quantize(%p0)", "300xi8, scale=0.013, zero_point=3"))
    texts.append(text(["4x5xf32"], "quantize(%p0)", "4x5xi8, axis=1, scales=[0.1, 0.2, 0.03, 0.7, 1.0]"))
    sums = "3x40xi32, axis=0, scales=[1e-05, 0.3, 2.5]"
    texts += [text([sums], operation(name, 1), "3x40xi8, scale=0.02, zero_point=4") for name in OF_ONE[-2:]]
    return texts


def of_many() -> list[str]:
    """Sums, means and searches."""
    image, small = "1x6x7x4xi8, scale=0.02, zero_point=-9", "3x50xu8, scale=0.1, zero_point=30"
    texts = [
        text(
            [image, filter, f"{channels}xi32"],
            operation(f"{name} {attributes}", 3),
            f"{result}, scale=0.03, zero_point=2",
        )
        for name, attributes, filter, channels, result in IMAGES
    ]
    weights = "9x50xi8, scale=0.007, zero_point=0"
    texts.append(
        text([small, weights], operation("fully_connected {activation = relu}", 2), "3x9xu8, scale=0.5, zero_point=99")
    )
    texts.append(
        text([small, weights], "batch_matmul(%p0, %p1) {transpose_right = true}", "3x9xi16, scale=0.002, zero_point=0")
    )
    texts += [
        text([image], operation(f"average_pool_2d {{window = [3, 2], padding = same{more}}}", 1), image)
        for more in ("", ", activation = relu6, truncate = true", ", activation = relu1")
    ]
    for name in ("mean", "reduce_sum"):
        texts.append(text([image], operation(name + " {axes = [1, 2]}", 1), "1x4xi8, scale=0.013, zero_point=7"))
        texts.append(text([image], operation(name + " {axes = [3]}", 1), "1x6x7xi8, scale=0.02, zero_point=-9"))
    other = "1x6x7x4xi8, scale=0.05, zero_point=3"
    texts.append(text([image, other], "concatenation(%p0, %p1) {axis = 1}", "1x12x7x4xi8, scale=0.03, zero_point=1"))
    texts.append(
        text([image], operation("resize_bilinear {size = [9, 4]}", 1), "1x9x4x4xi8, scale=0.02, zero_point=-9")
    )
    unsigned = "1x6x7x4xu8, scale=0.02, zero_point=9"
    attributes = "{size = [5, 13], half_pixel_centers = true}"
    texts.append(text([unsigned], operation(f"resize_bilinear {attributes}", 1), unsigned.replace("6x7", "5x13")))
    texts.append(text([small], operation("relu6", 1), small))
    return texts


@pytest.mark.parametrize("profile", PROFILES)
def test_integers_are_equal(profile: str) -> None:
    sources = of_many()
    if profile not in ("relay-f64", "tvm"):  # which share the code of relay-f32 and of relay
        sources += [*of_pairs(), *of_one()]
    modules = [nir.parse(source) for source in sources]
    for module in modules:
        verify(module)
    inputs = [everything(module) for module in modules]
    found = compiled_results(modules, inputs, profile)
    for module, given, (result,) in zip(modules, inputs, found, strict=True):
        (expected,) = interpreted(module, given, profile)
        assert np.array_equal(expected, result), (
            f"{profile}: {(expected != result).sum()} differ\n{nir.print_module(module)}"
        )


SOFTMAX = [
    (
        "tflite",
        text(["7x33xi8, scale=0.07, zero_point=5"], "softmax(%p0)", "7x33xi8, scale=0.00390625, zero_point=-128"),
    ),
    (
        "tflite",
        text(
            ["7x33xu8, scale=0.7, zero_point=5"],
            "softmax(%p0) {beta = 0.3, axis = 0}",
            "7x33xu8, scale=0.00390625, zero_point=0",
        ),
    ),
    ("relay", text(["7x33xi8, scale=0.07, zero_point=5"], "softmax(%p0)", "7x33xi8, scale=0.01, zero_point=-100")),
    ("relay-f32", text(["7x33xi8, scale=0.5, zero_point=5"], "softmax(%p0)", "7x33xi8, scale=0.01, zero_point=-100")),
    (
        "xnnpack",
        text(["50x6xi8, scale=0.3, zero_point=5"], "l2_normalization(%p0)", "50x6xi8, scale=0.0078125, zero_point=0"),
    ),
    (
        "tflite",
        text(
            ["50x6xu8, scale=0.3, zero_point=99"],
            "l2_normalization(%p0) {axis = 0}",
            "50x6xu8, scale=0.0078125, zero_point=128",
        ),
    ),
]


@pytest.mark.parametrize(("profile", "source"), SOFTMAX)
def test_kernels_in_fixed_point(profile: str, source: str) -> None:
    module = nir.parse(source)
    given = random_inputs(module.main, 3)
    [[found]] = compiled_results([module], [given], profile)
    assert np.array_equal(found, interpreted(module, given, profile)[0])


@pytest.mark.parametrize(
    ("profile", "source", "reason"),
    [
        ("tvm", SOFTMAX[0][1], "float32 exponentials"),
        ("qdq", SOFTMAX[0][1], "float32 exponentials"),
        ("qdq", SOFTMAX[4][1], "float32 squares"),
        ("xnnpack", SOFTMAX[0][1], "float32 exponentials"),
        ("relay", SOFTMAX[4][1], "float32 squares"),
        (
            "tflite",
            text(["4xi32, scale=0.5, zero_point=0"], "exp(%p0)", "4xi32, scale=0.5, zero_point=0"),
            "32-bit integers",
        ),
    ],
)
def test_what_cannot_be_exact_is_refused(profile: str, source: str, reason: str) -> None:
    with pytest.raises(ConvertError, match=reason):
        nir_to_relax(nir.parse(source), profile=profile)


@pytest.mark.parametrize("profile", PROFILES)
def test_channels_before_height_with_a_scale_each(profile: str) -> None:
    """Found by `nir fuzz --against tvm`: relay-f32 and relay-f64 took the multipliers along the last dimension."""
    result = "tensor<1x2x1x2xu8, scale=2.0, zero_point=128>"
    module = nir.parse(
        "func @main(%x: tensor<1x1x1x2xi8, scale=0.1, zero_point=0>, "
        "%w: tensor<2x1x1x1xi8, axis=0, scales=[0.25, 0.5]>) -> " + result + " {\n"
        "  %0 = conv_2d(%x, %w) {layout = nchw} : " + result + "\n  return %0\n}\n"
    )
    verify(module)
    inputs = {"x": np.array([[[[39, -100]]]], np.int8), "w": np.array([100, 60], np.int8).reshape(2, 1, 1, 1)}
    (found,) = compiled_results([module], [inputs], profile)
    np.testing.assert_array_equal(found[0], interpreted(module, inputs, profile)[0])
