"""Networks in NIR: float32, NHWC."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from examples.networks.layers import Activation, Array, Layers, Padding
from nir.ir import Module, Value, tensor
from nir.ops.builder import Builder


class NirLayers(Layers[Value]):
    """Builds `@main` of a module; `module` has it when `outputs` was called."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._builder = Builder("main")

    @property
    def module(self) -> Module:
        """The network."""
        return self._builder.module

    def image(self, height: int, width: int, channels: int) -> Value:
        return self._builder.parameter("image", tensor((1, height, width, channels)))

    def outputs(self, *values: Value) -> None:
        self._builder.returns(*values)

    def shape(self, value: Value) -> tuple[int, ...]:
        return tuple(size or 0 for size in value.shape)

    def convolve(
        self, value: Value, weights: Array, bias: Array | None, stride: int, padding: Padding, activation: Activation
    ) -> Value:
        constants = [self._builder.const(array) for array in (weights, bias) if array is not None]
        made: Value = self._builder.conv_2d(
            value, *constants, strides=(stride, stride), padding=padding, activation=activation
        )
        return made

    def convolve_each(
        self, value: Value, weights: Array, bias: Array | None, stride: int, padding: Padding, activation: Activation
    ) -> Value:
        constants = [self._builder.const(array) for array in (weights, bias) if array is not None]
        made: Value = self._builder.depthwise_conv_2d(
            value, *constants, strides=(stride, stride), padding=padding, activation=activation
        )
        return made

    def multiply_matrix(self, value: Value, weights: Array, bias: Array, activation: Activation) -> Value:
        constants = [self._builder.const(array) for array in (weights, bias)]
        made: Value = self._builder.fully_connected(value, *constants, activation=activation)
        return made

    def max_pool(self, value: Value, window: int, stride: int, padding: Padding = "valid") -> Value:
        made: Value = self._builder.max_pool_2d(
            value, window=(window, window), strides=(stride, stride), padding=padding
        )
        return made

    def average_pool(self, value: Value, window: int, stride: int, padding: Padding = "valid") -> Value:
        made: Value = self._builder.average_pool_2d(
            value, window=(window, window), strides=(stride, stride), padding=padding
        )
        return made

    def global_pool(self, value: Value) -> Value:
        made: Value = self._builder.mean(value, axes=(1, 2))
        return made

    def concatenate(self, values: Sequence[Value], axis: int = -1) -> Value:
        made: Value = self._builder.concatenation(*values, axis=axis % len(values[0].shape))
        return made

    def add(self, left: Value, right: Value, activation: Activation = "none") -> Value:
        made: Value = self._builder.add(left, right, activation=activation)
        return made

    def scale(self, value: Value, factors: Array | np.float32) -> Value:
        made: Value = self._builder.mul(value, self._builder.const(np.atleast_1d(factors)))
        return made

    def shift(self, value: Value, offsets: Array, activation: Activation = "none") -> Value:
        made: Value = self._builder.add(value, self._builder.const(offsets), activation=activation)
        return made

    def relu(self, value: Value) -> Value:
        made: Value = self._builder.relu(value)
        return made

    def shift_up_left(self, value: Value) -> Value:
        padded = self._builder.pad(value, padding=((0, 0), (0, 1), (0, 1), (0, 0)))
        _, height, width, channels = self.shape(value)
        made: Value = self._builder.slice(padded, begin=(0, 1, 1, 0), size=(1, height, width, channels))
        return made

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        made: Value = self._builder.reshape(value, shape=tuple(shape))
        return made

    def sigmoid(self, value: Value) -> Value:
        made: Value = self._builder.logistic(value)
        return made

    def softmax(self, value: Value) -> Value:
        made: Value = self._builder.softmax(value)
        return made
