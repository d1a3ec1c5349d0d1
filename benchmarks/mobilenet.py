"""MobileNetV2 (1.0, 224) with drawn weights, in NIR and in ONNX: a network of realistic shapes for benchmarks.

Only times mean anything here; the outputs are those of an untrained network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nir.ir import Module, Value, tensor
from nir.ops.builder import Builder

BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, repetitions, stride of the first repetition."""

Layers = tuple[str, dict[str, Any]]


def walk(layer: Callable[..., Any], image: Any) -> Any:
    """Calls `layer(kind, input, ...)` for every layer; kinds are conv, depthwise, add, pool, dense."""
    value, channels = layer("conv", image, inputs=3, outputs=32, kernel=3, stride=2, activation="relu6"), 32
    for expansion, outputs, repetitions, first_stride in BLOCKS:
        for repetition in range(repetitions):
            stride = first_stride if repetition == 0 else 1
            start, wide = value, channels * expansion
            if expansion > 1:
                value = layer("conv", value, inputs=channels, outputs=wide, kernel=1, stride=1, activation="relu6")
            value = layer("depthwise", value, inputs=wide, outputs=wide, kernel=3, stride=stride, activation="relu6")
            value = layer("conv", value, inputs=wide, outputs=outputs, kernel=1, stride=1, activation="none")
            if stride == 1 and channels == outputs:
                value = layer("add", start, value)
            channels = outputs
    value = layer("conv", value, inputs=channels, outputs=1280, kernel=1, stride=1, activation="relu6")
    return layer("dense", layer("pool", value), inputs=1280, outputs=1000)


def float_module() -> Module:
    """MobileNetV2 in float32."""
    rng = np.random.default_rng(0)
    b = Builder("main")

    def constant(*shape: int) -> Value:
        fan_in = max(int(np.prod(shape[1:])), 1)
        return b.const((rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32))

    def layer(kind: str, *operands: Value, **p: Any) -> Value:
        x = operands[0]
        if kind == "add":
            return b.add(*operands)
        if kind == "pool":
            return b.average_pool_2d(x, window=(7, 7))
        if kind == "dense":
            return b.fully_connected(x, constant(p["outputs"], p["inputs"]), constant(p["outputs"]))
        operator = b.conv_2d
        shape = (p["outputs"], p["kernel"], p["kernel"], p["inputs"])
        if kind == "depthwise":
            operator, shape = b.depthwise_conv_2d, (1, p["kernel"], p["kernel"], p["outputs"])
        bias = constant(p["outputs"])
        fields = {"strides": (p["stride"],) * 2, "padding": "same", "activation": p["activation"]}
        return operator(x, constant(*shape), bias, **fields)

    b.returns(walk(layer, b.parameter("image", tensor((1, 224, 224, 3)))))
    return b.module


def quantised_module() -> Module:
    """MobileNetV2 in int8 with per-channel filters, as TFLite's converter makes it."""
    rng = np.random.default_rng(0)
    b = Builder("main")

    def layer(kind: str, *operands: Value, **p: Any) -> Value:
        x = operands[0]
        if kind == "add":
            return b.add(*operands, scale=0.11, zero_point=2)
        if kind == "pool":
            return b.average_pool_2d(x, window=(7, 7))
        depthwise, dense = kind == "depthwise", kind == "dense"
        shape = (p["outputs"], p["inputs"]) if dense else (p["outputs"], p["kernel"], p["kernel"], p["inputs"])
        shape = (1, p["kernel"], p["kernel"], p["outputs"]) if depthwise else shape
        weights = np.clip(rng.normal(0, 40, shape), -127, 127).astype(np.int8)
        terms = p["kernel"] ** 2 if depthwise else int(np.prod(shape[1:]))
        spread = 40 * np.sqrt(terms)  # of a sum, in steps of the weights, for inputs of spread 1
        scales = rng.uniform(0.7, 1.4, p["outputs"]) / spread
        filter_type = tensor(
            shape, "i8", scales=scales[:1].repeat(len(scales)) if dense else scales, axis=3 if depthwise else 0
        )
        filter_ = b.const(weights, filter_type)
        input_scale = x.type.quantisation.scale if x.type.quantisation is not None else 1.0
        bias = b.const((rng.normal(0, 0.2, p["outputs"]) / (input_scale * scales)).astype(np.int32))
        if dense:
            return b.fully_connected(x, filter_, bias, scale=0.2, zero_point=-10)
        relu6 = p["activation"] == "relu6"
        fields = {"strides": (p["stride"],) * 2, "padding": "same", "activation": p["activation"]}
        operator = b.depthwise_conv_2d if depthwise else b.conv_2d
        chosen = {"scale": 6 / 255, "zero_point": -128} if relu6 else {"scale": 0.09, "zero_point": 3}
        return operator(x, filter_, bias, **fields, **chosen)

    b.returns(walk(layer, b.parameter("image", tensor((1, 224, 224, 3), "i8", scale=1 / 128, zero_point=0))))
    return b.module


def onnx_model() -> bytes:
    """The float network in ONNX, NCHW, serialised. Needs the package onnx."""
    from onnx import helper, numpy_helper  # noqa: PLC0415 - an optional dependency

    rng = np.random.default_rng(0)
    nodes, constants = [], []

    def constant(*shape: int) -> str:
        fan_in = max(int(np.prod(shape[1:])), 1)
        array = (rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)
        constants.append(numpy_helper.from_array(array, f"c{len(constants)}"))
        return str(constants[-1].name)

    def node(kind: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [f"v{len(nodes)}"], **attributes))
        return f"v{len(nodes) - 1}"

    def bound(name: str, value: float) -> str:
        if not any(c.name == name for c in constants):
            constants.append(numpy_helper.from_array(np.float32(value), name))
        return name

    def layer(kind: str, *operands: str, **p: Any) -> str:
        x = operands[0]
        if kind == "add":
            return node("Add", *operands)
        if kind == "pool":
            return node("Flatten", node("GlobalAveragePool", x))
        if kind == "dense":
            return node("Gemm", x, constant(p["outputs"], p["inputs"]), constant(p["outputs"]), transB=1)
        depthwise = kind == "depthwise"
        weights = constant(p["outputs"], 1 if depthwise else p["inputs"], p["kernel"], p["kernel"])
        groups = p["outputs"] if depthwise else 1
        value = node(
            "Conv", x, weights, constant(p["outputs"]), strides=[p["stride"]] * 2, auto_pad="SAME_UPPER", group=groups
        )
        return node("Clip", value, bound("zero", 0), bound("six", 6)) if p["activation"] == "relu6" else value

    result = walk(layer, "image")
    inputs = [helper.make_tensor_value_info("image", 1, (1, 3, 224, 224))]
    outputs = [helper.make_tensor_value_info(result, 1, None)]
    graph = helper.make_graph(nodes, "mobilenet", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())
