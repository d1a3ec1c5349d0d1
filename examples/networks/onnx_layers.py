"""Networks in ONNX: float32, NCHW. Needs the package onnx."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from examples.networks.layers import Activation, Array, Layers, Padding

OPERATOR_SET, FILE_VERSION = 13, 8
"""Old enough for every reader of ONNX that is in use."""

AUTO_PAD = {"same": "SAME_UPPER", "valid": "VALID"}


class OnnxLayers(Layers[str]):
    """Builds one graph; `model` has it when `outputs` was called. Shapes are kept in the order of NHWC."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._inputs: list[Any] = []
        self.model = ModelProto()

    def image(self, height: int, width: int, channels: int) -> str:
        self._shapes["image"] = (1, height, width, channels)
        self._inputs.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, channels, height, width)))
        return "image"

    def outputs(self, *values: str) -> None:
        results = [
            helper.make_tensor_value_info(value, TensorProto.FLOAT, self._stored_shape(value)) for value in values
        ]
        graph = helper.make_graph(self._nodes, self.name, self._inputs, results, list(self._constants.values()))
        versions = [helper.make_opsetid("", OPERATOR_SET)]
        self.model = helper.make_model(graph, opset_imports=versions, ir_version=FILE_VERSION)

    def shape(self, value: str) -> tuple[int, ...]:
        return self._shapes[value]

    def convolve(
        self, value: str, weights: Array, bias: Array | None, stride: int, padding: Padding, activation: Activation
    ) -> str:
        return self._convolve(value, weights.transpose(0, 3, 1, 2), bias, stride, padding, activation, groups=1)

    def convolve_each(
        self, value: str, weights: Array, bias: Array | None, stride: int, padding: Padding, activation: Activation
    ) -> str:
        channels = weights.shape[-1]
        return self._convolve(value, weights.transpose(3, 0, 1, 2), bias, stride, padding, activation, groups=channels)

    def _convolve(
        self,
        value: str,
        weights: Array,
        bias: Array | None,
        stride: int,
        padding: Padding,
        activation: Activation,
        groups: int,
    ) -> str:
        constants = [self._constant(array) for array in (weights, bias) if array is not None]
        window = weights.shape[2:]
        shape = (*self._windows(value, window, stride, padding), weights.shape[0])
        made = self._node(
            "Conv", value, *constants, shape=shape, strides=[stride, stride], auto_pad=AUTO_PAD[padding], group=groups
        )
        return self._activated(made, activation)

    def multiply_matrix(self, value: str, weights: Array, bias: Array, activation: Activation) -> str:
        shape = (self.shape(value)[0], len(weights))
        constants = [self._constant(array) for array in (weights, bias)]
        return self._activated(self._node("Gemm", value, *constants, shape=shape, transB=1), activation)

    def max_pool(self, value: str, window: int, stride: int, padding: Padding = "valid") -> str:
        return self._pool("MaxPool", value, window, stride, padding)

    def average_pool(self, value: str, window: int, stride: int, padding: Padding = "valid") -> str:
        return self._pool("AveragePool", value, window, stride, padding)

    def _pool(self, kind: str, value: str, window: int, stride: int, padding: Padding) -> str:
        shape = (*self._windows(value, (window, window), stride, padding), self.shape(value)[-1])
        fields = {"kernel_shape": [window, window], "strides": [stride, stride], "auto_pad": AUTO_PAD[padding]}
        return self._node(kind, value, shape=shape, **fields)

    def global_pool(self, value: str) -> str:
        batch, _, _, channels = self.shape(value)
        pooled = self._node("GlobalAveragePool", value, shape=(batch, 1, 1, channels))
        return self._node("Flatten", pooled, shape=(batch, channels), axis=1)

    def concatenate(self, values: Sequence[str], axis: int = -1) -> str:
        shapes = [self.shape(value) for value in values]
        rank = len(shapes[0])
        axis %= rank
        shape = tuple(sum(s[i] for s in shapes) if i == axis else shapes[0][i] for i in range(rank))
        return self._node("Concat", *values, shape=shape, axis=(0, 2, 3, 1)[axis] if rank == 4 else axis)

    def add(self, left: str, right: str, activation: Activation = "none") -> str:
        return self._activated(self._node("Add", left, right, shape=self.shape(left)), activation)

    def scale(self, value: str, factors: Array | np.float32) -> str:
        return self._node("Mul", value, self._constant(_per_channel(factors)), shape=self.shape(value))

    def shift(self, value: str, offsets: Array, activation: Activation = "none") -> str:
        made = self._node("Add", value, self._constant(_per_channel(offsets)), shape=self.shape(value))
        return self._activated(made, activation)

    def relu(self, value: str) -> str:
        return self._node("Relu", value, shape=self.shape(value))

    def shift_up_left(self, value: str) -> str:
        batch, height, width, channels = self.shape(value)
        padding = self._constant(np.array([0, 0, 0, 0, 0, 0, 1, 1], np.int64), "one_at_the_end")
        padded = self._node("Pad", value, padding, shape=(batch, height + 1, width + 1, channels))
        starts = self._constant(np.array([1, 1], np.int64), "from_one")
        ends = self._constant(np.array([height + 1, width + 1], np.int64))
        axes = self._constant(np.array([2, 3], np.int64), "height_and_width")
        return self._node("Slice", padded, starts, ends, axes, shape=(batch, height, width, channels))

    def reshape(self, value: str, shape: Sequence[int]) -> str:
        if len(self.shape(value)) == 4:
            value = self._node("Transpose", value, shape=(), perm=[0, 2, 3, 1])
        return self._node("Reshape", value, self._constant(np.array(shape, np.int64)), shape=tuple(shape))

    def sigmoid(self, value: str) -> str:
        return self._node("Sigmoid", value, shape=self.shape(value))

    def softmax(self, value: str) -> str:
        return self._node("Softmax", value, shape=self.shape(value), axis=-1)

    # --- nodes ---

    def _node(self, kind: str, *inputs: str, shape: tuple[int, ...], **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        self._shapes[name] = shape
        return name

    def _constant(self, array: Array, name: str | None = None) -> str:
        name = name or f"constant_{len(self._constants)}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def _activated(self, value: str, activation: Activation) -> str:
        if activation == "relu":
            return self.relu(value)
        if activation == "relu6":
            bounds = (self._constant(np.float32(bound), f"bound_{bound}") for bound in (0, 6))
            return self._node("Clip", value, *bounds, shape=self.shape(value))
        return value

    def _windows(self, value: str, window: Sequence[int], stride: int, padding: Padding) -> tuple[int, int, int]:
        """Batch, height and width of what a window gives."""
        batch, height, width, _ = self.shape(value)
        cut = (0, 0) if padding == "same" else (window[0] - 1, window[1] - 1)
        return batch, math.ceil((height - cut[0]) / stride), math.ceil((width - cut[1]) / stride)

    def _stored_shape(self, value: str) -> tuple[int, ...]:
        shape = self.shape(value)
        return (shape[0], shape[3], shape[1], shape[2]) if len(shape) == 4 else shape


def _per_channel(array: Array | np.float32) -> Array:
    return np.asarray(array).reshape(-1, 1, 1) if array.ndim else np.asarray(array)
