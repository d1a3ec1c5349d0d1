"""What the networks here are made of: layers, and their drawn weights. Knows neither NIR nor ONNX.

A network is a function that calls these layers on an image; nir_layers.py and onnx_layers.py build the same network in
either form, with the same weights, from the same calls. Images are NHWC where a number of a dimension is given.
"""

from __future__ import annotations

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

Tensor = TypeVar("Tensor")
Array = npt.NDArray[Any]
Padding = Literal["same", "valid"]
Activation = Literal["none", "relu", "relu6"]
Size = int | tuple[int, int]


def pair(size: Size) -> tuple[int, int]:
    """Height and width."""
    return (size, size) if isinstance(size, int) else size


class Layers(ABC, Generic[Tensor]):
    """Builds one network layer by layer. Weights are drawn from a generator that the network's name seeds.

    They keep the signal's size: normal with variance 2 / (inputs of one sum) before a rectifier, 1 / (...) otherwise
    (He and others 2015, "Delving deep into rectifiers"); biases are small.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._random = np.random.default_rng(zlib.crc32(name.encode()))

    # --- what a form of networks has to offer ---

    @abstractmethod
    def image(self, height: int, width: int, channels: int) -> Tensor:
        """The network's input [1, height, width, channels], about -1 to 1."""

    @abstractmethod
    def outputs(self, *values: Tensor) -> None:
        """Ends the network."""

    @abstractmethod
    def shape(self, value: Tensor) -> tuple[int, ...]:
        """The shape of a value; of an image batch, height, width, channels."""

    @abstractmethod
    def convolve(
        self, value: Tensor, weights: Array, bias: Array | None, stride: int, padding: Padding, activation: Activation
    ) -> Tensor:
        """A convolution with a filter [output channels, height, width, input channels]."""

    @abstractmethod
    def convolve_each(
        self, value: Tensor, weights: Array, bias: Array | None, stride: int, padding: Padding, activation: Activation
    ) -> Tensor:
        """A convolution of each channel by itself, with a filter [1, height, width, channels]."""

    @abstractmethod
    def multiply_matrix(self, value: Tensor, weights: Array, bias: Array, activation: Activation) -> Tensor:
        """[batch, inputs] times weights [units, inputs]."""

    @abstractmethod
    def max_pool(self, value: Tensor, window: int, stride: int, padding: Padding = "valid") -> Tensor:
        """The maximum over each window."""

    @abstractmethod
    def average_pool(self, value: Tensor, window: int, stride: int, padding: Padding = "valid") -> Tensor:
        """The mean over each window, padding not counted."""

    @abstractmethod
    def global_pool(self, value: Tensor) -> Tensor:
        """The mean over height and width: [batch, channels]."""

    @abstractmethod
    def concatenate(self, values: Sequence[Tensor], axis: int = -1) -> Tensor:
        """Joins along an axis; by default along the channels."""

    @abstractmethod
    def add(self, left: Tensor, right: Tensor, activation: Activation = "none") -> Tensor:
        """The sum of two tensors of one shape."""

    @abstractmethod
    def scale(self, value: Tensor, factors: Array | np.float32) -> Tensor:
        """Each channel, or the whole, times a number."""

    @abstractmethod
    def shift(self, value: Tensor, offsets: Array, activation: Activation = "none") -> Tensor:
        """Each channel plus a number."""

    @abstractmethod
    def relu(self, value: Tensor) -> Tensor:
        """The larger of the value and 0."""

    @abstractmethod
    def shift_up_left(self, value: Tensor) -> Tensor:
        """The image without its first row and column, with a row and a column of zeros at the end."""

    @abstractmethod
    def reshape(self, value: Tensor, shape: Sequence[int]) -> Tensor:
        """The elements, in the order of NHWC, under another shape."""

    @abstractmethod
    def sigmoid(self, value: Tensor) -> Tensor:
        """1 / (1 + exp(-value))."""

    @abstractmethod
    def softmax(self, value: Tensor) -> Tensor:
        """Along the last axis."""

    # --- layers with drawn weights ---

    def conv(
        self,
        value: Tensor,
        channels: int,
        kernel: Size = 1,
        stride: int = 1,
        padding: Padding = "same",
        activation: Activation = "relu",
        bias: bool = True,
    ) -> Tensor:
        """A convolution to so many channels, its batch normalisation folded in."""
        height, width = pair(kernel)
        weights = self._weights((channels, height, width, self.shape(value)[-1]), activation != "none")
        return self.convolve(value, weights, self._bias(channels) if bias else None, stride, padding, activation)

    def depthwise(
        self,
        value: Tensor,
        kernel: Size = 3,
        stride: int = 1,
        padding: Padding = "same",
        activation: Activation = "relu",
        bias: bool = True,
    ) -> Tensor:
        """A convolution of each channel by itself."""
        height, width = pair(kernel)
        channels = self.shape(value)[-1]
        weights = self._weights((channels, height, width, 1), activation != "none").transpose(3, 1, 2, 0)
        return self.convolve_each(value, weights, self._bias(channels) if bias else None, stride, padding, activation)

    def classify(self, value: Tensor, classes: int, gain: float) -> None:
        """Ends a network: mean over the image, a dense layer, probabilities.

        Without training all classes look alike, and in int8 all probabilities would be stored as 0: so the weights of
        the dense layer are `gain` times as large as elsewhere, which gives scores of a deviation of about 3.
        """
        self.outputs(self.softmax(self.dense(self.global_pool(value), classes, gain=gain)))

    def dense(self, value: Tensor, units: int, activation: Activation = "none", gain: float = 1) -> Tensor:
        """A layer in which every unit takes every input."""
        weights = np.float32(gain) * self._weights((units, self.shape(value)[-1]), activation != "none")
        return self.multiply_matrix(value, weights, self._bias(units), activation)

    def normalise(self, value: Tensor, activation: Activation = "relu") -> Tensor:
        """Batch normalisation that no convolution stands before: a factor and an offset per channel."""
        channels = self.shape(value)[-1]
        factors = self._random.uniform(0.8, 1.2, channels).astype(np.float32)
        return self.shift(self.scale(value, factors), self._bias(channels), activation)

    def _weights(self, shape: tuple[int, ...], rectified: bool) -> Array:
        deviation = math.sqrt((2 if rectified else 1) / math.prod(shape[1:]))
        drawn = self._random.standard_normal(shape, np.float32)
        drawn *= np.float32(deviation)
        return drawn

    def _bias(self, channels: int) -> Array:
        return (0.05 * self._random.standard_normal(channels)).astype(np.float32)
