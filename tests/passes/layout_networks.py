"""Random networks for tests of layouts: images in NCHW, and what networks do with them, float or quantised.

`networks` draws a module, `arrays` inputs for it. Every operator that `layout` rules know can occur; operands are
drawn from all values so far, so that there are residuals, values in several users' hands, and mixed ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from nir.ir import Module, Quantisation, TensorType, Value, tensor
from nir.ops.builder import Builder

Draw = Callable[[st.SearchStrategy[Any]], Any]


class Network:
    """A function under construction, with the values that there are to choose from."""

    def __init__(self, draw: Draw, quantised: bool) -> None:
        self.draw = draw
        self.quantised = quantised
        self.builder = Builder("main")
        self.values: list[Value] = []
        self.sums: list[Value] = []
        """Values that are only returned."""
        self.rng = np.random.default_rng(draw(st.integers(0, 9)))

    def integer(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    def chance(self) -> bool:
        return bool(self.draw(st.booleans()))

    def one_of(self, *choices: Any) -> Any:
        return choices[self.integer(0, len(choices) - 1)]

    def type(self, shape: tuple[int, ...]) -> TensorType:
        return tensor(shape, "u8", scale=0.5, zero_point=3) if self.quantised else tensor(shape, "f32")

    @property
    def options(self) -> dict[str, Any]:
        """For operators that choose the parameters of their result."""
        return {"scale": 0.5, "zero_point": 3} if self.quantised else {}

    def parameter(self, shape: tuple[int, ...]) -> Value:
        value = self.builder.parameter(f"x{len(self.values)}", self.type(shape))
        self.values.append(value)
        return value

    def constant(self, shape: tuple[int, ...]) -> Value:
        return self.builder.const(self.elements(shape), self.type(shape))

    def elements(self, shape: tuple[int, ...]) -> np.ndarray:
        if self.quantised:
            return self.rng.integers(0, 12, shape).astype(np.uint8)
        return (self.rng.integers(-8, 9, shape) / 4).astype(np.float32)

    def weights(self, shape: tuple[int, ...], axis: int) -> Value:
        if not self.quantised:
            return self.builder.const(self.elements(shape))
        scales = 0.125 * (1 + np.arange(shape[axis]) % 3)
        type = TensorType(tensor(1, "i8").element, shape, Quantisation.per_channel(scales, axis))
        return self.builder.const(self.rng.integers(-4, 5, shape).astype(np.int8), type)

    def any(self, *ranks: int) -> Value | None:
        found = [value for value in self.values if not ranks or len(value.shape) in ranks]
        return found[-1 - self.integer(0, len(found) - 1)] if found else None


Step = Callable[[Network], "Value | tuple[Value, ...] | None"]


def _image(network: Network) -> Value:
    """A value of rank 4; there is always the first parameter."""
    value = network.any(4)
    assert value is not None
    return value


def convolution(network: Network) -> Value | None:
    x = _image(network)
    made, size = network.integer(1, 4), network.integer(1, 2)
    if min(sizes(x)[2:]) < size:
        return None
    fields: dict[str, Any] = {"layout": network.one_of("nchw", "nchw", "nchw", "nhwc"), "padding": "same"}
    channels = sizes(x)[1 if fields["layout"] == "nchw" else 3]
    b = network.builder
    if network.chance():
        w = network.weights((1, size, size, channels), 3)
        y = b.depthwise_conv_2d(x, w, activation=network.one_of("none", "relu"), **fields, **network.options)
    else:
        y = b.conv_2d(x, network.weights((made, size, size, channels), 0), **fields, **network.options)
    return y


def raw_sums(network: Network) -> Value | None:
    """Accumulators with a scale per channel, which are rescaled by an operator of its own."""
    if not network.quantised:
        return None
    x = _image(network)
    w = network.weights((2, 1, 1, sizes(x)[1]), 0)
    scales = np.float32(x.type.quantisation.scale) * np.asarray(w.type.quantisation.scales, np.float32)
    sums = network.builder.conv_2d(x, w, layout="nchw", element="i32", quantisation=Quantisation.per_channel(scales, 1))
    if network.integer(0, 3) == 0:
        network.sums.append(sums)
    return network.builder.requantize(sums, element="u8", **network.options)


def pool(network: Network) -> Value:
    x = _image(network)
    operator = network.one_of("max_pool_2d", "average_pool_2d")
    fields = {"window": (1, 1), "strides": (network.integer(1, 2),) * 2}
    return getattr(network.builder, operator)(x, layout=network.one_of("nchw", "nchw", "nhwc"), **fields)


def blocks(network: Network) -> Value | None:
    x = _image(network)
    if sizes(x)[1] % 4 == 0 and network.chance():
        return network.builder.depth_to_space(x, block=2, layout="nchw")
    if sizes(x)[2] % 2 == 0 and sizes(x)[3] % 2 == 0:
        return network.builder.space_to_depth(x, block=2, layout="nchw")
    return network.builder.resize_nearest_neighbor(x, size=(network.integer(1, 4), 3), layout="nchw")


def normalised(network: Network) -> Value | None:
    return None if network.quantised else network.builder.instance_normalization(_image(network), layout="nchw")


def unary(network: Network) -> Value:
    x = network.any()
    return getattr(network.builder, network.one_of("relu", "relu6", "relu1"))(x)


def binary(network: Network) -> Value:
    """With another value, one that broadcasts, or a constant."""
    x = network.any()
    assert x is not None
    operator = network.one_of("add", "mul", "sub", "maximum", "prelu")
    others = [value for value in network.values if value.type == x.type]
    kind = network.integer(0, 3)
    if kind == 0:
        kept = network.integer(0, len(x.shape))
        other = network.constant(tuple(network.one_of(1, size) for size in x.shape[kept:]))
    elif kind == 1:
        other = network.builder.mean(x, axes=spatial(network, x), keep_dims=True)
    else:
        other = others[network.integer(0, len(others) - 1)]
    if operator == "maximum":
        return network.builder.maximum(x, other)
    return getattr(network.builder, operator)(x, other, **network.options)


def chosen(network: Network) -> Value:
    x = network.any()
    other = network.constant(x.shape)
    condition = network.builder.greater(x, network.constant(x.shape[-1:]))
    return network.builder.select(condition, x, other)


def sizes(value: Value) -> tuple[int, ...]:
    return tuple(size or 0 for size in value.shape)


def spatial(network: Network, x: Value) -> tuple[int, ...]:
    """Some dimensions, often the last two."""
    if len(x.shape) > 2 and network.chance():
        return (-2, -1)
    return tuple(d for d in range(len(x.shape)) if network.chance())


def reduction(network: Network) -> Value:
    x = network.any()
    operator = network.one_of("mean", "reduce_max", "reduce_min")
    return getattr(network.builder, operator)(x, axes=spatial(network, x), keep_dims=network.chance())


def along_axis(network: Network) -> Value | tuple[Value, ...] | None:
    x = network.any()
    rank = len(x.shape)
    axis = network.integer(-rank, rank - 1)
    b = network.builder
    kind = network.integer(0, 6)
    if kind == 0:
        others = [v for v in network.values if v.type == x.type] + [network.constant(x.shape)]
        return b.concatenation(x, others[network.integer(0, len(others) - 1)], axis=axis)
    if kind == 1 and sizes(x)[axis] % 2 == 0:
        return b.split(x, axis=axis, parts=2, types=[x.type.with_shape(halved(x, axis))] * 2)
    if kind == 2:
        softmax = {"scale": 1 / 256, "zero_point": 0} if network.quantised else {}
        return b.softmax(x, axis=axis, **softmax)
    if kind == 3:
        return b.reverse(x, axis=axis)
    if kind == 4 and sizes(x)[axis] % 2 == 0:
        return b.channel_shuffle(x, axis=axis, groups=2)
    if kind == 5:
        indices = network.rng.integers(0, sizes(x)[axis], (2,) * network.integer(0, 2 if rank < 4 else 1))
        return b.gather(x, b.const(np.asarray(indices, np.int32)), axis=axis)
    return None if network.quantised else b.l2_normalization(x, axis=axis)


def halved(x: Value, axis: int) -> tuple[int, ...]:
    return tuple(size // 2 if d == axis % len(x.shape) else size for d, size in enumerate(sizes(x)))


def entries(network: Network) -> Value | None:
    """Operators with an attribute entry for each dimension."""
    x = network.any()
    shape, b = sizes(x), network.builder
    kind = network.integer(0, 4)
    pairs = tuple((network.integer(0, 1), network.integer(0, 1)) for _ in shape)
    if kind == 0:
        return b.pad(x, padding=pairs)
    if kind == 1:
        return b.pad_v2(x, padding=pairs, value=7 if network.quantised else 0.5)
    if kind == 2:
        begin = tuple(network.integer(0, size - 1) for size in shape)
        return b.slice(x, begin=begin, size=tuple(-1 if network.chance() else 1 for _ in shape))
    if kind == 3:
        return b.tile(x, multiples=tuple(network.integer(1, 2) for _ in shape)) if x.type.size < 200 else None
    begin = tuple(network.integer(0, size - 1) for size in shape)
    masks = {name: network.integer(0, 15) for name in ("begin_mask", "end_mask", "shrink_mask")}
    return b.strided_slice(x, begin=begin, end=tuple(s + 1 for s in begin), strides=(1,) * len(shape), **masks)


def reshaped(network: Network) -> Value | None:
    """Dimensions of size 1 come and go, neighbours are joined or cut in two."""
    x = network.any()
    shape = list(sizes(x))
    kind = network.integer(0, 4)
    if kind == 0 and len(shape) < 5:
        return network.builder.expand_dims(x, axis=network.integer(0, len(shape)))
    if kind == 1 and 1 in shape[1:]:
        return network.builder.squeeze(x, axes=(shape.index(1, 1),))
    d = network.integer(0, len(shape) - 1)
    if kind == 2 and d + 1 < len(shape):
        shape[d : d + 2] = [shape[d] * shape[d + 1]]
    elif kind == 3 and shape[d] % 2 == 0 and len(shape) < 5:
        shape[d : d + 1] = [shape[d] // 2, 2]
    else:
        shape = [shape[0], -1]
    return network.builder.reshape(x, shape=tuple(shape))


def transposed(network: Network) -> Value:
    x = network.any()
    rank = len(x.shape)
    common = [(0, 2, 3, 1), (0, 3, 1, 2)] if rank == 4 else []
    permutation = network.one_of(*common, tuple(network.draw(st.permutations(range(rank)))))
    return network.builder.transpose(x, permutation=permutation)


def dense(network: Network) -> Value | None:
    """A fully connected layer behind an image: flattened, after something elementwise, or as it is."""
    x, b = _image(network), network.builder
    batch, *rest = sizes(x)
    columns = int(np.prod(rest))
    if columns > 200:
        return None
    flat = x if network.chance() else b.reshape(x, shape=(batch, columns))
    flat = b.relu(flat) if network.chance() else flat
    return b.fully_connected(flat, network.weights((3, columns), 0), **network.options)


def matrices(network: Network) -> Value | None:
    x = network.any(2, 3, 4)
    if x is None:
        return None
    flag = network.chance()
    depth = sizes(x)[-2 if flag else -1]
    rest = sizes(x)[:-2]
    return network.builder.batch_matmul(x, network.constant((*rest, depth, 2)), transpose_left=flag, **network.options)


def found(network: Network) -> Value:
    """Results in integers, which end a path."""
    x = network.any()
    return network.builder.argmax(x, axis=network.integer(0, len(x.shape) - 1))


def passed_through_float(network: Network) -> Value:
    x = network.any()
    if not network.quantised:
        return network.builder.cast(network.builder.cast(x, element="f16"), element="f32")
    real = network.builder.dequantize(x, element="f32")
    return network.builder.quantize(network.builder.tanh(real), element="u8", **network.options)


STEPS: tuple[Step, ...] = (
    convolution,
    convolution,
    raw_sums,
    pool,
    blocks,
    normalised,
    unary,
    binary,
    binary,
    chosen,
    reduction,
    along_axis,
    entries,
    reshaped,
    transposed,
    transposed,
    dense,
    matrices,
    passed_through_float,
)


@st.composite
def networks(draw: Draw, quantised: bool | None = None, steps: int = 9) -> Module:
    """A module of one function with one or two images in, and some of its values out."""
    network = Network(draw, draw(st.booleans()) if quantised is None else quantised)
    shape = tuple(draw(st.integers(low, high)) for low, high in ((1, 2), (1, 4), (1, 4), (2, 4)))
    for _ in range(draw(st.integers(1, 2))):
        network.parameter(shape)
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=steps)):
        made = step(network)
        for value in made if isinstance(made, tuple) else (made,):
            if value is not None and value.type.size <= 2000 and 0 not in value.shape:
                network.values.append(value)
    results = [network.values[-1]]
    if draw(st.booleans()):
        results.append(found(network))
    if draw(st.booleans()):
        results.append(network.values[draw(st.integers(0, len(network.values) - 1))])
    network.builder.returns(*results, *network.sums)
    return network.builder.module


def arrays(module: Module, seed: int = 0) -> dict[str, np.ndarray]:
    """Elements for each parameter."""
    rng = np.random.default_rng(seed)
    return {
        parameter.name or "": (
            rng.integers(0, 12, parameter.shape).astype(np.uint8)
            if parameter.element.is_integer
            else (rng.integers(-8, 9, parameter.shape) / 4).astype(np.float32)
        )
        for parameter in module.main.parameters
    }
