"""Rules of folding one by one: what a function becomes, and that it computes the same."""

from __future__ import annotations

import numpy as np
import pytest

import nir
from nir.ir import Function
from nir.passes import eliminate_dead_code, fold_constants, fold_qdq
from nir.verify import verify

Q = "scale=0.5, zero_point=3"
"""Parameters that most tensors here have."""

CASES = {
    # sinking
    "split": (
        f"%x: tensor<2x4xi8, {Q}>",
        "%0 = dequantize(%x) : tensor<2x4xf32>\n%1, %2 = split(%0) {axis = 1, parts = 2} : (tensor<2x2xf32>, tensor<2x2xf32>)\n"
        f"%3 = quantize(%1) : tensor<2x2xi8, {Q}>\n%4 = quantize(%2) : tensor<2x2xi8, {Q}>",
        f"%3: tensor<2x2xi8, {Q}>, %4: tensor<2x2xi8, {Q}>",
        ["split"],
    ),
    "argmax": (
        f"%x: tensor<2x4xi8, {Q}>",
        "%0 = dequantize(%x) : tensor<2x4xf32>\n%1 = argmax(%0) {axis = 1} : tensor<2xi32>",
        "%1: tensor<2xi32>",
        ["argmax"],
    ),
    "less": (
        f"%x: tensor<4xi8, {Q}>, %y: tensor<4xi8, scale=0.25, zero_point=0>",
        "%0 = dequantize(%x) : tensor<4xf32>\n%1 = dequantize(%y) : tensor<4xf32>\n%2 = less(%0, %1) : tensor<4xbool>",
        "%2: tensor<4xbool>",
        ["less"],
    ),
    "less_than_a_float": (
        f"%x: tensor<4xi8, {Q}>",
        "%0 = dequantize(%x) : tensor<4xf32>\n%1 = const dense<1.0> : tensor<f32>\n%2 = less(%0, %1) : tensor<4xbool>",
        "%2: tensor<4xbool>",
        ["dequantize", "less"],
    ),
    "padding_with_a_number": (
        f"%x: tensor<2x4xi8, {Q}>",
        "%0 = dequantize(%x) : tensor<2x4xf32>\n%1 = pad_v2(%0) {padding = [[0, 0], [1, 1]], value = 2.0} : tensor<2x6xf32>\n"
        f"%2 = quantize(%1) : tensor<2x6xi8, {Q}>",
        f"%2: tensor<2x6xi8, {Q}>",
        ["pad_v2"],
    ),
    "padding_half_way": (
        f"%x: tensor<2x4xi8, {Q}>",
        "%0 = dequantize(%x) : tensor<2x4xf32>\n%1 = pad_v2(%0) {padding = [[0, 0], [1, 1]], value = 0.25} : tensor<2x6xf32>\n"
        f"%2 = quantize(%1) : tensor<2x6xi8, {Q}>",
        f"%2: tensor<2x6xi8, {Q}>",
        ["dequantize", "pad_v2", "quantize"],
    ),
    "padding_without_end": (
        f"%x: tensor<1x4x4x1xi8, {Q}>",
        "%0 = dequantize(%x) : tensor<1x4x4x1xf32>\n"
        "%1 = pad_v2(%0) {padding = [[0, 0], [1, 1], [1, 1], [0, 0]], value = -inf} : tensor<1x6x6x1xf32>\n"
        "%2 = max_pool_2d(%1) {window = [2, 2], strides = [2, 2]} : tensor<1x3x3x1xf32>\n"
        f"%3 = quantize(%2) : tensor<1x3x3x1xi8, {Q}>",
        f"%3: tensor<1x3x3x1xi8, {Q}>",
        ["max_pool_2d"],
    ),
    "gather": (
        f"%x: tensor<4x2xi8, {Q}>, %i: tensor<3xi32>",
        "%0 = dequantize(%x) : tensor<4x2xf32>\n%c = const dense<[0, 3, 1]> : tensor<3xi32>\n%1 = gather(%0, %c) {axis = 0} : tensor<3x2xf32>\n"
        f"%2 = quantize(%1) : tensor<3x2xi8, {Q}>",
        f"%2: tensor<3x2xi8, {Q}>",
        ["gather"],
    ),
    "weights_move_with_their_scales": (
        f"%x: tensor<1x2xi8, {Q}>",
        "%w = const dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi8, axis=0, scales=[0.5, 0.25, 1.0]>\n"
        "%0 = dequantize(%w) : tensor<3x2xf32>\n%1 = transpose(%0) {permutation = [1, 0]} : tensor<2x3xf32>\n"
        "%2 = reshape(%1) {shape = [2, 1, 3]} : tensor<2x1x3xf32>\n%3 = squeeze(%2) {axes = [1]} : tensor<2x3xf32>\n"
        "%4 = transpose(%3) {permutation = [1, 0]} : tensor<3x2xf32>\n%5 = dequantize(%x) : tensor<1x2xf32>\n"
        "%6 = fully_connected(%5, %4) : tensor<1x3xf32>\n%7 = quantize(%6) : tensor<1x3xi8, scale=4.0, zero_point=0>",
        "%7: tensor<1x3xi8, scale=4.0, zero_point=0>",
        ["fully_connected"],
    ),
    "a_known_vector_becomes_a_scalar": (
        f"%x: tensor<i8, {Q}>",
        "%w = const dense<[2]> : tensor<1xi8, scale=0.25, zero_point=0>\n%0 = dequantize(%w) : tensor<1xf32>\n"
        "%1 = reshape(%0) {shape = []} : tensor<f32>\n%2 = dequantize(%x) : tensor<f32>\n"
        f"%3 = add(%2, %1) : tensor<f32>\n%4 = quantize(%3) : tensor<i8, {Q}>",
        f"%4: tensor<i8, {Q}>",
        ["add"],
    ),
    "a_sum_of_known_scalars": (
        "%x: tensor<4xi32>",
        "%0 = const dense<2> : tensor<i32>\n%1 = const dense<3> : tensor<i32>\n%2 = mul(%0, %1) : tensor<i32>\n"
        "%3 = add(%x, %2) : tensor<4xi32>",
        "%3: tensor<4xi32>",
        ["add"],
    ),
    "scales_cut_by_a_reshape": (
        "%x: tensor<6xf32>",
        "%w = const dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi8, axis=0, scales=[0.5, 0.25, 1.0]>\n"
        "%0 = dequantize(%w) : tensor<3x2xf32>\n%1 = reshape(%0) {shape = [6]} : tensor<6xf32>\n%2 = add(%x, %1) : tensor<6xf32>",
        "%2: tensor<6xf32>",
        ["dequantize", "reshape", "add"],
    ),
    "join_of_two_scales": (
        f"%x: tensor<2xi8, {Q}>, %y: tensor<2xi8, scale=0.3, zero_point=0>",
        "%0 = dequantize(%x) : tensor<2xf32>\n%1 = dequantize(%y) : tensor<2xf32>\n%2 = concatenation(%0, %1) {axis = 0} : tensor<4xf32>\n"
        f"%3 = quantize(%2) : tensor<4xi8, {Q}>",
        f"%3: tensor<4xi8, {Q}>",
        ["concatenation"],
    ),
    # hoisting
    "quantize_before_a_join": (
        "%x: tensor<2xf32>, %y: tensor<2xf32>",
        f"%0 = concatenation(%x, %y) {{axis = 0}} : tensor<4xf32>\n%1 = quantize(%0) : tensor<4xi8, {Q}>",
        f"%1: tensor<4xi8, {Q}>",
        ["quantize", "quantize", "concatenation"],
    ),
    "quantize_before_bounds": (
        "%x: tensor<2x4xf32>",
        "%0 = relu6(%x) : tensor<2x4xf32>\n%1 = reshape(%0) {shape = [8]} : tensor<8xf32>\n%c = const dense<2.0> : tensor<f32>\n"
        f"%2 = minimum(%1, %c) : tensor<8xf32>\n%3 = quantize(%2) : tensor<8xi8, {Q}>",
        f"%3: tensor<8xi8, {Q}>",
        ["quantize", "relu6", "reshape", "minimum"],
    ),
    "bounds_that_bound_nothing": (
        f"%x: tensor<4xi8, {Q}>",
        f"%c = const dense<-128> : tensor<i8, {Q}>\n%0 = maximum(%x, %c) : tensor<4xi8, {Q}>\n%1 = dequantize(%0) : tensor<4xf32>",
        "%1: tensor<4xf32>",
        ["dequantize"],
    ),
    "scales_per_channel_at_the_end": (
        "%x: tensor<2x2xf32>",
        "%0 = relu(%x) : tensor<2x2xf32>\n%1 = quantize(%0) : tensor<2x2xi8, axis=1, scales=[0.5, 0.25]>",
        "%1: tensor<2x2xi8, axis=1, scales=[0.5, 0.25]>",
        ["relu", "quantize"],
    ),
    # sums
    "difference_and_quotient": (
        "%x: tensor<1x2xf32>",
        "%w = const dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>\n%b = const dense<[0.5, 1.0]> : tensor<2xf32>\n"
        "%0 = fully_connected(%x, %w) : tensor<1x2xf32>\n%1 = sub(%0, %b) : tensor<1x2xf32>\n%2 = div(%1, %b) : tensor<1x2xf32>",
        "%2: tensor<1x2xf32>",
        ["fully_connected"],
    ),
    "division_by_zero": (
        "%x: tensor<1x2xf32>",
        "%w = const dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>\n%b = const dense<[0.0, 1.0]> : tensor<2xf32>\n"
        "%0 = fully_connected(%x, %w) : tensor<1x2xf32>\n%1 = div(%0, %b) : tensor<1x2xf32>",
        "%1: tensor<1x2xf32>",
        ["fully_connected", "div"],
    ),
    "not_along_the_channels": (
        "%x: tensor<2x2xf32>",
        "%w = const dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>\n%b = const dense<[[0.5], [1.0]]> : tensor<2x1xf32>\n"
        "%0 = fully_connected(%x, %w) : tensor<2x2xf32>\n%1 = add(%0, %b) : tensor<2x2xf32>",
        "%1: tensor<2x2xf32>",
        ["fully_connected", "add"],
    ),
    "a_sum_with_two_users": (
        "%x: tensor<1x2xf32>",
        "%w = const dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>\n%b = const dense<[0.5, 1.0]> : tensor<2xf32>\n"
        "%0 = fully_connected(%x, %w) : tensor<1x2xf32>\n%1 = add(%0, %b) : tensor<1x2xf32>\n%2 = add(%0, %1) : tensor<1x2xf32>",
        "%2: tensor<1x2xf32>",
        ["fully_connected", "add", "add"],
    ),
    # padding
    "zeros_before_a_convolution": (
        "%x: tensor<1x4x4x1xf32>",
        "%w = const dense<[[[[1.0], [2.0]], [[3.0], [4.0]]]]> : tensor<1x2x2x1xf32>\n"
        "%0 = pad(%x) {padding = [[0, 0], [1, 0], [0, 1], [0, 0]]} : tensor<1x5x5x1xf32>\n"
        "%1 = conv_2d(%0, %w) {padding = [1, 1, 1, 1]} : tensor<1x6x6x1xf32>",
        "%1: tensor<1x6x6x1xf32>",
        ["conv_2d"],
    ),
    "ones_before_a_convolution": (
        "%x: tensor<1x4x4x1xf32>",
        "%w = const dense<[[[[1.0], [2.0]], [[3.0], [4.0]]]]> : tensor<1x2x2x1xf32>\n"
        "%0 = pad_v2(%x) {padding = [[0, 0], [1, 0], [0, 1], [0, 0]], value = 1.0} : tensor<1x5x5x1xf32>\n"
        "%1 = conv_2d(%0, %w) : tensor<1x4x4x1xf32>",
        "%1: tensor<1x4x4x1xf32>",
        ["pad_v2", "conv_2d"],
    ),
    "padded_channels": (
        "%x: tensor<1x4x4x1xf32>",
        "%w = const dense<[[[[1.0, 2.0]]]]> : tensor<1x1x1x2xf32>\n"
        "%0 = pad(%x) {padding = [[0, 0], [0, 0], [0, 0], [1, 0]]} : tensor<1x4x4x2xf32>\n%1 = conv_2d(%0, %w) : tensor<1x4x4x1xf32>",
        "%1: tensor<1x4x4x1xf32>",
        ["pad", "conv_2d"],
    ),
    "padding_by_rule": (
        "%x: tensor<1x4x4x1xf32>",
        "%w = const dense<[[[[1.0], [2.0]], [[3.0], [4.0]]]]> : tensor<1x2x2x1xf32>\n"
        "%0 = pad(%x) {padding = [[0, 0], [1, 0], [0, 1], [0, 0]]} : tensor<1x5x5x1xf32>\n"
        "%1 = conv_2d(%0, %w) {padding = same} : tensor<1x5x5x1xf32>",
        "%1: tensor<1x5x5x1xf32>",
        ["pad", "conv_2d"],
    ),
    "zeros_before_a_maximum": (
        "%x: tensor<1x4x4x1xf32>",
        "%0 = pad(%x) {padding = [[0, 0], [1, 1], [1, 1], [0, 0]]} : tensor<1x6x6x1xf32>\n"
        "%1 = max_pool_2d(%0) {window = [2, 2], strides = [2, 2]} : tensor<1x3x3x1xf32>",
        "%1: tensor<1x3x3x1xf32>",
        ["pad", "max_pool_2d"],
    ),
    # constants and formulas
    "constants": (
        "%x: tensor<2xf32>",
        "%a = const dense<[1.0, 2.0]> : tensor<2xf32>\n%b = const dense<[0.5, 4.0]> : tensor<2xf32>\n"
        "%0 = mul(%a, %b) : tensor<2xf32>\n%1 = neg(%0) : tensor<2xf32>\n%2 = add(%x, %1) : tensor<2xf32>",
        "%2: tensor<2xf32>",
        ["add"],
    ),
    "hard_swish": (
        "%x: tensor<4xf32>",
        "%c = const dense<3.0> : tensor<f32>\n%s = const dense<0.16666667> : tensor<f32>\n%0 = add(%x, %c) : tensor<4xf32>\n"
        "%1 = relu6(%0) : tensor<4xf32>\n%2 = mul(%1, %s) : tensor<4xf32>\n%3 = mul(%x, %2) : tensor<4xf32>",
        "%3: tensor<4xf32>",
        ["hard_swish"],
    ),
    "no_hard_swish": (
        "%x: tensor<4xf32>, %y: tensor<4xf32>",
        "%c = const dense<3.0> : tensor<f32>\n%s = const dense<6.0> : tensor<f32>\n%0 = add(%x, %c) : tensor<4xf32>\n"
        "%1 = relu6(%0) : tensor<4xf32>\n%2 = mul(%y, %1) : tensor<4xf32>\n%3 = div(%2, %s) : tensor<4xf32>",
        "%3: tensor<4xf32>",
        ["add", "mul", "div"],
    ),
    "bounds_of_an_activation": (
        "%x: tensor<4xf32>",
        "%l = const dense<-1.0> : tensor<f32>\n%h = const dense<1.0> : tensor<f32>\n%0 = minimum(%h, %x) : tensor<4xf32>\n"
        "%1 = maximum(%0, %l) : tensor<4xf32>",
        "%1: tensor<4xf32>",
        ["relu1"],
    ),
}


def function(parameters: str, body: str, results: str) -> nir.Module:
    names, types = zip(*(result.split(": ", 1) for result in results.split(", %")), strict=True)
    names = tuple(name if name.startswith("%") else f"%{name}" for name in names)
    signature = types[0] if len(types) == 1 else f"({', '.join(types)})"
    return nir.parse(f"nir 1.0\n\nfunc @main({parameters}) -> {signature} {{\n{body}\nreturn {', '.join(names)}\n}}\n")


def operators(main: Function) -> list[str]:
    return [op.name for op in main if op.name != "const"]


@pytest.mark.parametrize("name", CASES)
def test_rule(name: str) -> None:
    *text, expected = CASES[name]
    before, module = function(*text), function(*text)
    verify(before)
    fold_qdq(module)
    fold_constants(module)
    eliminate_dead_code(module)
    verify(module)
    assert operators(module.main) == expected
    inputs = nir.interp.random_inputs(before.main, 1)
    for old, new in zip(nir.run(before, inputs).values(), nir.run(module, inputs).values(), strict=True):
        assert old.dtype == new.dtype
        if old.dtype.kind == "f":
            np.testing.assert_allclose(new, old, rtol=1e-6, atol=1e-6)
        else:
            np.testing.assert_array_equal(new, old)
