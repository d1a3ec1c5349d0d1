"""Random networks as importers write quantised ones: every operator on floats, between dequantize and quantize."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from nir.ir import ElementType, Module, Quantisation, TensorType, Value
from nir.ops.builder import Builder

CHANNELS = 4


class Network:
    """A network under construction: `values` are its quantised tensors, the last one is worked on."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.builder = Builder("main")
        self.element = draw(st.sampled_from([ElementType.I8, ElementType.U8]))
        self.values = [self.builder.parameter("x", self.type((1, 6, 5, CHANNELS)))]
        self.dequantised: dict[Value, Value] = {}

    @property
    def last(self) -> Value:
        return self.values[-1]

    def type(self, shape: tuple[int, ...], scale: float | None = None) -> TensorType:
        low, high = self.element.minimum, self.element.maximum
        point = self.draw(st.one_of(st.sampled_from([low, (low + high + 1) // 2]), st.integers(low, high)))
        chosen = self.rng.uniform(0.01, 0.1) if scale is None else scale * self.rng.uniform(0.5, 2)
        return TensorType(self.element, shape, Quantisation.per_tensor(chosen, point))

    def real(self, value: Value) -> Value:
        """A dequantize of `value`: its own, or one that it shares."""
        if value not in self.dequantised or self.draw(st.booleans()):
            self.dequantised[value] = self.builder.dequantize(value)
        return self.dequantised[value]

    def known(self, shape: tuple[int, ...], axis: int, scale: float) -> tuple[Value, Quantisation]:
        """Weights: integers of 8 bits with a scale for all or one per channel, behind a dequantize."""
        if self.draw(st.booleans()):
            parameters = Quantisation.per_channel(self.rng.uniform(scale, 2 * scale, shape[axis]), axis)
        else:
            parameters = Quantisation.per_tensor(scale)
        array = self.rng.integers(-127, 128, shape).astype(np.int8)
        stored = self.builder.const(array, quantisation=parameters)
        return self.builder.dequantize(stored), parameters

    def quantised(self, real: Value, scale: float | None = None, like: Value | None = None) -> None:
        """Ends an island, with an activation before or bounds behind it, or neither."""
        after = self.draw(st.sampled_from(["", "", "relu", "relu6", "clip", "bounds"]))
        if after in ("relu", "relu6"):
            real = getattr(self.builder, after)(real)
        elif after == "clip":
            low, high = sorted(self.rng.uniform(-1, 4, 2))
            real = self.builder.maximum(real, self.builder.const(float(low)))
            real = self.builder.minimum(real, self.builder.const(float(high)))
        type = self.type(real.shape, scale) if like is None else like.type.with_shape(real.shape)
        value = self.builder.quantize(real, element=type.element, quantisation=type.quantisation)
        if after == "bounds":
            point = type.quantisation.zero_point
            for name, bound in (("maximum", point), ("minimum", min(point + 60, type.element.maximum))):
                const = self.builder.const(np.asarray(bound, type.element.numpy), quantisation=type.quantisation)
                value = getattr(self.builder, name)(value, const)
        self.values.append(value)


# --- steps ---


def convolution(net: Network) -> None:
    """Dense or depthwise, bias inside, behind, of floats, or none."""
    b, depthwise = net.builder, net.draw(st.booleans())
    shape = (1, 3, 3, CHANNELS) if depthwise else (CHANNELS, 3, 3, CHANNELS)
    filter, parameters = net.known(shape, 3 if depthwise else 0, 0.01)
    data, step = net.real(net.last), net.last.type.quantisation.scale
    padding = {"padding": (1, 1, 1, 1)}
    if net.draw(st.booleans()):
        data, padding = b.pad(data, padding=((0, 0), (1, 1), (1, 1), (0, 0))), {}
    form = net.draw(st.sampled_from(["none", "inside", "behind", "float"]))
    operands = [data, filter]
    scales = step * np.asarray(parameters.scales, np.float32)
    integers = net.rng.integers(-2000, 2000, CHANNELS).astype(np.int32)
    if form in ("inside", "behind"):
        stated = (
            Quantisation.per_channel(scales, 0) if parameters.is_per_channel else Quantisation.per_tensor(scales[0])
        )
        bias = b.dequantize(b.const(integers, quantisation=stated))
    else:
        bias = b.const((integers * scales).astype(np.float32))
    if form == "inside":
        operands.append(bias)
    real = (b.depthwise_conv_2d if depthwise else b.conv_2d)(*operands, **padding)
    if form in ("behind", "float"):
        real = b.add(real, bias)
    spread = step * 0.015 * 74 * 74 * np.sqrt(9 if depthwise else 9 * CHANNELS)
    net.quantised(real, spread / 40)


def sum_of_two(net: Network) -> None:
    others = [value for value in net.values if value.shape == net.last.shape]
    other = net.draw(st.sampled_from(others))
    operator = net.draw(st.sampled_from(["add", "sub", "mul", "maximum"]))
    net.quantised(getattr(net.builder, operator)(net.real(net.last), net.real(other)))


def function(net: Network) -> None:
    operator, fields = net.draw(
        st.sampled_from(
            [("logistic", {}), ("tanh", {}), ("hard_swish", {}), ("leaky_relu", {"alpha": 0.1}), ("softmax", {})]
        )
    )
    net.quantised(getattr(net.builder, operator)(net.real(net.last), **fields))


def pooling(net: Network) -> None:
    operator = net.draw(st.sampled_from(["max_pool_2d", "average_pool_2d"]))
    real = getattr(net.builder, operator)(net.real(net.last), window=(2, 2), strides=(1, 1), padding=(0, 1, 1, 0))
    net.quantised(real, like=net.last)


def mean(net: Network) -> None:
    net.quantised(net.builder.mean(net.real(net.last), axes=(1,), keep_dims=True))


def movement(net: Network) -> None:
    """Elements only move: the quantize behind has the same parameters, or others."""
    b, real = net.builder, net.real(net.last)
    _, height, width, channels = net.last.shape
    choice = net.draw(st.sampled_from(["reshape", "transpose", "pad", "slice", "reverse", "relu", "join", "twice"]))
    moved = {
        "reshape": lambda: b.reshape(
            b.reshape(real, shape=(height * width, channels)), shape=(1, width, height, channels)
        ),
        "transpose": lambda: b.transpose(real, permutation=(0, 2, 1, 3)),
        "pad": lambda: b.pad(real, padding=((0, 0), (1, 0), (0, 1), (0, 0))),
        "slice": lambda: b.slice(real, begin=(0, 0, 0, 0), size=(1, max(height - 1, 1), width, channels)),
        "reverse": lambda: b.reverse(real, axis=1),
        "relu": lambda: b.relu(real),
        "join": lambda: b.concatenation(real, net.real(net.last), axis=1),
        "twice": lambda: b.transpose(b.transpose(real, permutation=(3, 1, 2, 0)), permutation=(3, 2, 1, 0)),
    }[choice]()
    net.quantised(moved, like=net.draw(st.sampled_from([net.last, None])))


STEPS: tuple[Callable[[Network], None], ...] = (convolution, sum_of_two, function, pooling, mean, movement)


@st.composite
def qdq_networks(draw: Any, steps: tuple[Callable[[Network], None], ...] = STEPS, most: int = 6) -> Module:
    """A network of one to `most` of `steps`."""
    net = Network(draw)
    for step in draw(st.lists(st.sampled_from(steps), min_size=1, max_size=most)):
        step(net)
    net.builder.returns(net.last)
    return net.builder.module
