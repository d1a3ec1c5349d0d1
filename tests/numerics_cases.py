"""Operations to hold against docs/numerics.md: small ones, with scales that make halves and saturation likely.

`MAKERS` has for each operator of the page's table a function that draws a `Case`: the operation, its operands, and the
exact integers that the rules of numerics_rules.py start from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numerics_arithmetic import Case, Term, scale, zero

from nir.ir import ElementType, Quantisation, TensorType, Value, tensor
from nir.ops import OPERATORS_BY_NAME

SCALES = st.one_of(
    st.sampled_from([2.0**k for k in range(-7, 2)]),
    st.floats(2.0**-8, 2.0, width=32),
)


class Draw:
    """Draws parts of a case."""

    def __init__(self, data: st.DataObject, elements: str = "i8 u8") -> None:
        self.data = data
        self.element = data.draw(st.sampled_from(elements.split()), label="element")
        self.random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
        self.rounding = data.draw(st.sampled_from(["upward", "to_nearest"]), label="rounding")
        self.activation = data.draw(st.sampled_from(["none", "relu", "relu1", "relu6"]), label="activation")
        self.small = data.draw(st.booleans(), label="operands near zero, results of few bits less")

    def quantisation(self, element: str | None = None) -> Quantisation:
        kind = ElementType(element or self.element)
        if kind is ElementType.I32:
            return Quantisation.per_tensor(self.data.draw(SCALES))
        low, high = max(kind.minimum, -300), min(kind.maximum, 300)
        return Quantisation.per_tensor(self.data.draw(SCALES), self.data.draw(st.integers(low, high)))

    def coarser(self, scale: float) -> Quantisation:
        """Parameters of a result: where operands are small, a few bits coarser than `scale`, which makes halves."""
        if not self.small:
            return self.quantisation()
        return Quantisation.per_tensor(scale * 2.0 ** self.data.draw(st.integers(1, 3)), self.quantisation().zero_point)

    def type(self, *shape: int, element: str | None = None) -> TensorType:
        return TensorType(ElementType(element or self.element), shape, self.quantisation(element))

    def stored(self, type: TensorType) -> np.ndarray:
        if not type.element.is_integer:
            return np.zeros([size or 0 for size in type.shape], type.element.numpy)
        low, high = max(type.element.minimum, -(2**20)), min(type.element.maximum, 2**20)
        if self.small:
            low, high = max(low, zero(type) - 4), min(high, zero(type) + 4)
        return self.random.integers(low, high, [size or 0 for size in type.shape], endpoint=True).astype(
            type.element.numpy
        )

    def case(
        self, profile: str, name: str, types: list[TensorType], target: Quantisation | None = None, **fields: Any
    ) -> Case:
        operator = OPERATORS_BY_NAME[name]
        if "rounding" in operator.attribute_fields:
            fields["rounding"] = self.rounding
        if "activation" in operator.attribute_fields:
            fields["activation"] = self.activation
        element = fields.pop("element", self.element)
        op = operator.create(*map(Value, types), element=element, quantisation=target, **fields)
        broken = [str(c.sentence) for c in op.constraints if not c.check(op)]
        assert not broken, broken
        return Case(op, [self.stored(type) for type in types], profile)


def centred(array: np.ndarray, type: TensorType) -> np.ndarray:
    return np.asarray(array.astype(np.int64) - zero(type))


# --- cases by operator ---


def sum_of_products(draw: Draw, profile: str, name: str) -> Case:
    """A window of 2x2 on a 3x3 image (stride 1, no padding), or rows times a matrix, with several scales per filter."""
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...], int]] = {
        "conv_2d": ((1, 3, 3, 2), (3, 2, 2, 2), 0),
        "depthwise_conv_2d": ((1, 3, 3, 2), (1, 2, 2, 4), 3),
        "grouped_conv_2d": ((1, 3, 3, 4), (4, 2, 2, 2), 0),
        "transpose_conv_2d": ((1, 2, 2, 2), (3, 2, 2, 2), 0),
        "fully_connected": ((3, 4), (5, 4), 0),
    }
    image, filter_shape, axis = shapes[name]
    outputs = filter_shape[axis]
    x = draw.type(*image)
    rights = [draw.data.draw(SCALES) for _ in range(outputs if draw.data.draw(st.booleans()) else 1)]
    along = Quantisation.per_channel(rights, axis) if len(rights) > 1 else Quantisation.per_tensor(rights[0])
    w = TensorType(ElementType.I8, filter_shape, along)
    factors = [(scale(x), rights[o % len(rights)]) for o in range(outputs)]
    stated = [float(np.float32(left * right * (1 + 1e-6))) for left, right in factors]
    has_scale = draw.data.draw(st.booleans())
    bias = tensor(outputs, "i32")
    if has_scale:
        bias = bias.with_quantisation(
            Quantisation.per_channel(stated, 0) if len(rights) > 1 else Quantisation.per_tensor(stated[0])
        )
    fields = {"groups": 2} if name == "grouped_conv_2d" else {}
    case = draw.case(profile, name, [x, w, bias], draw.coarser(factors[0][0] * factors[0][1]), **fields)
    limit = 8 if draw.small else 500
    case.arrays[2] = draw.random.integers(-limit, limit, outputs).astype(np.int32)
    sums = plain_sums(name, centred(case.arrays[0], x), case.arrays[1].astype(np.int64)) + case.arrays[2]
    case.terms = [
        Term(int(total), factors[o], stated[o] if has_scale else None)
        for index, total in np.ndenumerate(sums)
        for o in [index[-1]]
    ]
    return case


def plain_sums(name: str, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    if name == "fully_connected":
        return np.asarray(x @ w.T)
    if name == "transpose_conv_2d":
        sums = np.zeros((1, 3, 3, w.shape[0]), np.int64)
        for _, y, z, c in np.ndindex(*x.shape):
            sums[0, y : y + 2, z : z + 2] += x[0, y, z, c] * w[..., c].transpose(1, 2, 0)
        return sums
    outputs = w.shape[3] if name == "depthwise_conv_2d" else w.shape[0]
    sums = np.zeros((1, 2, 2, outputs), np.int64)
    for _, y, z, o in np.ndindex(*sums.shape):
        window = x[0, y : y + 2, z : z + 2]
        if name == "depthwise_conv_2d":
            window, weights = window[..., o // (outputs // x.shape[3])], w[0, :, :, o]
        else:
            size = w.shape[3]
            start = o // (outputs // (x.shape[3] // size)) * size
            window, weights = window[..., start : start + size], w[o]
        sums[0, y, z, o] = (window * weights).sum()
    return sums


def batch_matmul(draw: Draw, profile: str, name: str) -> Case:
    x, y = draw.type(2, 3, 4), draw.type(2, 4, 2)
    case = draw.case(profile, name, [x, y], draw.coarser(scale(x) * scale(y)))
    sums = centred(case.arrays[0], x) @ centred(case.arrays[1], y)
    case.terms = [Term(int(total), (scale(x), scale(y))) for total in sums.flat]
    return case


def product(draw: Draw, profile: str, name: str) -> Case:
    x, y = draw.type(5, 1), draw.type(7)
    case = draw.case(profile, name, [x, y], draw.coarser(scale(x) * scale(y)))
    values = centred(case.arrays[0], x) * centred(case.arrays[1], y)
    case.terms = [Term(int(v), (float(np.float32(scale(x) * scale(y))),)) for v in values.flat]
    case.detail["function"] = np.multiply
    return case


def one_operand(draw: Draw, profile: str, name: str) -> Case:
    """requantize, abs, reduce_sum: integers rescaled from the operand's scale."""
    x = draw.type(6, 7, element="i32" if name == "requantize" and draw.data.draw(st.booleans()) else None)
    fields = {"axes": (1,)} if name == "reduce_sum" else {}
    case = draw.case(profile, name, [x], draw.coarser(scale(x)), **fields)
    values = centred(case.arrays[0], x)
    values = np.abs(values) if name == "abs" else values.sum(axis=1) if name == "reduce_sum" else values
    case.terms = [Term(int(v), (scale(x),)) for v in values.flat]
    case.detail["function"] = np.abs
    return case


def dequantise(draw: Draw, profile: str, name: str) -> Case:
    return draw.case(profile, name, [draw.type(6, 7)], element="f32")


def pair(draw: Draw, profile: str, name: str) -> Case:
    x, y = draw.type(6, 1), draw.type(8)
    target = draw.quantisation()
    if draw.data.draw(st.integers(0, 3)) == 0:
        x = x.with_quantisation(target)
    case = draw.case(profile, name, [x, y], target)
    case.detail["function"] = FUNCTIONS.get(name)
    return case


def concatenation(draw: Draw, profile: str, name: str) -> Case:
    types = [draw.type(4, n) for n in (3, 2, 4)]
    target = types[0].quantisation if draw.data.draw(st.booleans()) else draw.quantisation()
    case = draw.case(profile, name, types, target, axis=1)
    case.detail["function"] = lambda *arrays: np.concatenate(arrays, axis=1)
    return case


def select(draw: Draw, profile: str, name: str) -> Case:
    x, y = draw.type(4, 6), draw.type(4, 6)
    op = OPERATORS_BY_NAME[name].create(
        Value(tensor((4, 6), "bool")), Value(x), Value(y), quantisation=draw.quantisation()
    )
    case = Case(op, [draw.random.integers(0, 2, (4, 6)) > 0, draw.stored(x), draw.stored(y)], profile)
    case.detail["function"] = np.where
    return case


def slopes(draw: Draw, profile: str, name: str) -> Case:
    x, y = draw.type(6, 5), draw.type(5)
    if name == "leaky_relu":
        alpha = float(np.float32(draw.data.draw(st.sampled_from([0.01, 0.25, 0.5, 0.3, 2.0, -0.5]))))
        case = draw.case(profile, name, [x], draw.quantisation(), alpha=alpha)
        lower = (float(np.float32(scale(x)) * np.float32(alpha)),)
        values = centred(case.arrays[0], x).ravel().tolist()
        case.detail["function"] = lambda v: np.where(v >= 0, v, v * np.float32(alpha))
        case.detail["slopes"] = [(Term(v, (scale(x),)), Term(v, lower)) for v in values]
        return case
    case = draw.case(profile, name, [x, y], draw.quantisation())
    lower = (float(np.float32(scale(x) * scale(y))),)
    case.detail["function"] = lambda v, slope: np.where(v >= 0, v, v * slope)
    values = np.broadcast(centred(case.arrays[0], x), centred(case.arrays[1], y))
    case.detail["slopes"] = [(Term(int(v), (scale(x),)), Term(int(v) * int(w), lower)) for v, w in values]
    return case


def average_pool(draw: Draw, profile: str, name: str) -> Case:
    x = draw.type(1, 4, 4, 2)
    fields = {"truncate": draw.data.draw(st.booleans())} if profile == "qdq" else {}
    case = draw.case(profile, name, [x], window=(3, 3), padding="same", **fields)
    image, sums = case.arrays[0].astype(int), []
    for y, z, c in np.ndindex(4, 4, 2):
        window = image[0, max(y - 1, 0) : y + 2, max(z - 1, 0) : z + 2, c]
        sums.append((int(window.sum()), window.size))
    case.detail["sums"] = sums
    return case


def mean(draw: Draw, profile: str, name: str) -> Case:
    x = draw.type(3, 5, 4)
    target = x.quantisation if draw.data.draw(st.booleans()) else draw.quantisation()
    case = draw.case(profile, name, [x], target, axes=(0, 1))
    case.detail["sums"] = [(int(total), 15) for total in case.arrays[0].astype(int).sum(axis=(0, 1))]
    return case


def quantise(draw: Draw, profile: str, name: str) -> Case:
    case = draw.case(profile, name, [tensor(40)], draw.quantisation())
    steps = draw.random.integers(-600, 600, 40) / 2  # halves of a step, and others
    noise = draw.random.choice([0, 0, 1e-7, 0.1], 40)
    case.arrays = [(steps * scale(case.target) * (1 + noise)).astype(np.float32)]
    return case


def real(draw: Draw, profile: str, name: str) -> Case:
    """A function of one operand, or of two."""
    types = [draw.type(64)] if name != "div" else [draw.type(8, 1), draw.type(8)]
    fields = {"alpha": 0.75} if name == "elu" else {}
    case = draw.case(profile, name, types, draw.quantisation(), **fields)
    case.detail["function"] = FUNCTIONS[name]
    return case


def image(draw: Draw, profile: str, name: str) -> Case:
    x = draw.type(1, 3, 4, 2)
    fields: dict[str, Any] = {"window": (2, 2)} if name == "max_pool_2d" else {}
    if name.startswith("reduce"):
        fields = {"axes": (1,)}
    case = draw.case(profile, name, [x], **fields)
    if not hasattr(case.op, "rounding") and name.startswith("relu"):
        draw.activation = name
    case.detail["function"] = FUNCTIONS[name]
    return case


def comparison(draw: Draw, profile: str, name: str) -> Case:
    case = draw.case(profile, name, [draw.type(9, 1), draw.type(11)], element="bool")
    case.detail["function"] = FUNCTIONS[name]
    return case


def windows_of_two(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 2)).max(axis=(-2, -1)))


def erf(x: np.ndarray) -> np.ndarray:
    return np.array([math.erf(v) for v in x.tolist()], np.float32)


ONE = np.float32(1)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "logistic": lambda x: ONE / (ONE + np.exp(-x)),
    "tanh": np.tanh,
    "elu": lambda x: np.where(x >= 0, x, np.float32(0.75) * np.expm1(x)),
    "hard_swish": lambda x: np.clip(x + np.float32(3), np.float32(0), np.float32(6)) * x / np.float32(6),
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: ONE / np.sqrt(x),
    "sin": np.sin,
    "erf": erf,
    "floor": np.floor,
    "neg": np.negative,
    "div": np.divide,
    "max_pool_2d": windows_of_two,
    "relu": lambda x: x,
    "relu1": lambda x: x,
    "relu6": lambda x: x,
    "reduce_max": lambda x: x.max(axis=1),
    "reduce_min": lambda x: x.min(axis=1),
    "equal": lambda x, y: x == y,
    "not_equal": lambda x, y: x != y,
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
}

MAKERS: dict[str, Callable[[Draw, str, str], Case]] = {
    "quantize": quantise,
    "dequantize": dequantise,
    "requantize": one_operand,
    "conv_2d": sum_of_products,
    "depthwise_conv_2d": sum_of_products,
    "grouped_conv_2d": sum_of_products,
    "transpose_conv_2d": sum_of_products,
    "fully_connected": sum_of_products,
    "batch_matmul": batch_matmul,
    "add": pair,
    "sub": pair,
    "mul": product,
    "abs": one_operand,
    "reduce_sum": one_operand,
    "mean": mean,
    "average_pool_2d": average_pool,
    "concatenation": concatenation,
    "maximum": pair,
    "minimum": pair,
    "select": select,
    "prelu": slopes,
    "leaky_relu": slopes,
    **dict.fromkeys(("hard_swish", "logistic", "tanh", "elu", "exp", "log", "sqrt", "rsqrt", "sin", "erf"), real),
    **dict.fromkeys(("floor", "neg", "div"), real),
    **dict.fromkeys(("max_pool_2d", "relu", "relu1", "relu6", "reduce_max", "reduce_min"), image),
    **dict.fromkeys(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"), comparison),
}
