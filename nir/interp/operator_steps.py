"""What single operators do before the profile rounds: the sum, average or product of which one element is made.

`steps_of` knows the operators that rescale or quantise; of others it says so by None. The table STEPS is explicit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nir.interp.rounding_steps import (
    Step,
    double_rounding_steps,
    element_type,
    parameters_at,
    quantise_steps,
    rescale_steps,
    store,
)
from nir.ir import ElementType, Operation, Quantisation, TensorType
from nir.ops.accumulating import AccumulatingOperation
from nir.ops.axes import normal_axes
from nir.ops.common import Activation
from nir.ops.convolution import Conv2d, DepthwiseConv2d, GroupedConv2d, TransposeConv2d
from nir.ops.elementwise import Add, Mul, Sub
from nir.ops.fixed_point import multiply_double_rounding, quantised_multiplier
from nir.ops.joining import Concatenation
from nir.ops.matmul import BatchMatmul, FullyConnected
from nir.ops.pooling import AveragePool2d, cell_counts, fold_windows
from nir.ops.profiles import (
    Profile,
    QdqProfile,
    RelayProfile,
    ScaleProduct,
    TfliteProfile,
    XnnpackProfile,
    activation_bounds,
)
from nir.ops.quantise import Quantize, Requantize
from nir.ops.quantised_arithmetic import requantise
from nir.ops.reduction import Mean
from nir.ops.windows import known_outputs, pad_image, to_nhwc, window_axes

Array = np.ndarray[Any, Any]
Index = Sequence[int]
Explain = Callable[[Any, Profile, list[Array], Index], "list[Step] | None"]


def steps_of(op: Operation, profile: Profile, operands: Sequence[Array | None], index: Index) -> list[Step] | None:
    """The steps to the element at `index` of the first result; None for operators whose steps are not known here."""
    explain = STEPS.get(type(op))
    arrays = [array for array in operands if array is not None]
    target = op.results[0].type
    if explain is None or not target.element.is_integer or target.quantisation is None:
        return None
    return explain(op, profile, arrays, index)


def _source(op: Operation, place: int = 0) -> TensorType:
    value = op.operands[place]
    assert value is not None
    return value.type


def _accumulator(op: Operation, profile: Profile, arrays: list[Array], index: Index) -> int:
    """The raw sum, which the operator gives itself where its result is i32."""
    attributes = {name: value for name, value in op.attributes.items() if name != "activation"}
    raw = type(op)(op.operands, attributes, (TensorType(ElementType.I32, op.results[0].shape),))
    return int(np.asarray(raw.reference(profile, *arrays))[tuple(index)])


def _sum_of_products(
    op: AccumulatingOperation, profile: Profile, arrays: list[Array], index: Index
) -> list[Step] | None:
    target, weights = op.output.type, op.filter.type.quantisation
    if target.element is ElementType.I32 or weights is None:
        return None
    channel = index[op.output_channel_dimension()]
    right = weights.scales[channel if weights.is_per_channel else 0]
    bias = op.bias.type.quantisation if op.bias is not None else None
    stated = None if bias is None else (bias.scales[channel if bias.is_per_channel else 0],)
    source = ScaleProduct(parameters_at(op.input.type, ())[0], (right,), None, stated)
    total = _accumulator(op, profile, arrays, index)
    steps = [Step("sum of products", total), Step("scale of the sum", source.left * right)]
    goal = element_type(target, index)
    return steps + rescale_steps(profile, total, source, goal, op.rounding, op.activation, op.single_rounding)


def _batch_matmul(op: BatchMatmul, profile: Profile, arrays: list[Array], index: Index) -> list[Step] | None:
    if op.output.element is ElementType.I32:
        return None
    left, right = (parameters_at(value.type, ())[0] for value in (op.left, op.right))
    total = _accumulator(op, profile, arrays, index)
    steps = [Step("sum of products", total), Step("scale of the sum", left * right)]
    source = ScaleProduct(left, (right,))
    return steps + rescale_steps(profile.fallback, total, source, element_type(op.output.type, index), op.rounding)


def _quantize(op: Quantize, profile: Profile, arrays: list[Array], index: Index) -> list[Step] | None:
    real = float(arrays[0][tuple(index)])
    if op.output.type.quantisation is not None and op.output.type.quantisation.is_per_channel:
        return None  # scales along an axis really divide under the relay profiles, which one element cannot show
    return [Step("real value", real), *quantise_steps(profile, real, element_type(op.output.type, index))]


def _requantize(op: Requantize, profile: Profile, arrays: list[Array], index: Index) -> list[Step] | None:
    scale, zero_point = parameters_at(op.input.type, index)
    target = element_type(op.output.type, index)
    value = int(arrays[0][tuple(index)]) - zero_point
    steps = [Step("integer without zero point", value)]
    ratio = np.float32(scale) / np.float32(parameters_at(target, ())[0])
    source = op.input.type.quantisation
    if isinstance(profile, XnnpackProfile) and arrays[0].itemsize == 1 and source and not source.is_per_channel:
        if 2**-8 <= ratio <= 2**7:
            factor = int(np.rint(ratio * np.float32(256)))
            whole = (value * factor + 128) >> 8
            steps += [Step("multiplier", factor / 256), Step("before rounding", value * factor / 256)]
            return [*steps, Step("rounded", whole), *store(whole, target)]
        profile = profile.fallback
    return steps + rescale_steps(profile, value, Quantisation.per_tensor(scale), target, op.rounding)


def _sides(op: Operation, arrays: list[Array], index: Index) -> list[int]:
    """Both operands' elements under `index`, without zero points."""
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    return [
        int(np.broadcast_to(array, shape)[tuple(index)]) - parameters_at(_source(op, place), ())[1]
        for place, array in enumerate(arrays)
    ]


def _product(op: Mul, profile: Profile, arrays: list[Array], index: Index) -> list[Step]:
    left, right = _sides(op, arrays, index)
    factors = [np.float32(parameters_at(_source(op, place), ())[0]) for place in (0, 1)]
    source = Quantisation.per_tensor(float(factors[0] * factors[1]))
    if isinstance(profile, QdqProfile):
        return _of_reals(op, profile, arrays, (left, right), index)
    steps = [Step("left", left), Step("right", right), Step("product", left * right)]
    target = element_type(op.output.type, index)
    return steps + rescale_steps(profile, left * right, source, target, op.rounding, op.activation)


def _of_reals(
    op: Add | Sub | Mul, profile: Profile, arrays: list[Array], sides: Sequence[int], index: Index
) -> list[Step]:
    """The real values of both sides, and what float32 makes of them."""
    reals = [np.float32(side) * np.float32(parameters_at(_source(op, i), ())[0]) for i, side in enumerate(sides)]
    real = float(op.function(*(value.reshape(1) for value in reals))[0])
    target = element_type(op.output.type, index)
    steps = [Step("left", float(reals[0])), Step("right", float(reals[1])), Step("real value", real)]
    return [*steps, *quantise_steps(profile, real, target, op.activation)]


def _sum(op: Add | Sub, profile: Profile, arrays: list[Array], index: Index) -> list[Step]:
    sides = _sides(op, arrays, index)
    if isinstance(profile, QdqProfile):
        return _of_reals(op, profile, arrays, sides, index)
    scales = [parameters_at(_source(op, place), ())[0] for place in (0, 1)]
    target = element_type(op.output.type, index)
    scale, zero_point = parameters_at(target, ())
    sign = -1 if isinstance(op, Sub) else 1
    ratios = [float(np.float32(own) / np.float32(scale)) for own in scales]
    if isinstance(profile, XnnpackProfile) and target.element.bits == 8 and all(2**-10 <= r < 2**8 for r in ratios):
        shift = 20 - (math.frexp(max(ratios))[1] - 1)
        factors = [round(math.ldexp(ratio, shift)) for ratio in ratios]
        total = sides[0] * factors[0] + sign * sides[1] * factors[1]
        whole = (total + (1 << (shift - 1))) >> shift
        steps = [*_pair(sides), *_pair(factors, " multiplier"), Step("shift", shift), Step("sum", total)]
        before = Step("before rounding", total / 2**shift)
        return [*steps, before, Step("rounded", whole), *store(whole, target, op.activation)]
    if isinstance(profile, RelayProfile) or target.element.bits == 32:
        wide = target.with_element(ElementType.I32)
        parts = [_rescaled(op, place, profile, sides[place], wide) - zero_point for place in (0, 1)]
        total = parts[0] + sign * parts[1]
        return [*_pair(sides), *_pair(parts, " rescaled"), Step("rounded", total), *store(total, target, op.activation)]
    shift, twice = (20 if target.element.bits == 8 else 15), 2 * max(scales)
    parts = [
        int(multiply_double_rounding(np.asarray(side << shift), *quantised_multiplier(own / twice)))
        for side, own in zip(sides, scales, strict=True)
    ]
    total = parts[0] + sign * parts[1]
    mantissa, exponent = (int(part) for part in quantised_multiplier(twice / (scale * 2**shift)))
    steps = [*_pair(sides), *_pair(parts, " rescaled"), Step("sum", total)]
    return steps + double_rounding_steps(total, mantissa, exponent, target, op.activation)


def _pair(values: Sequence[int], what: str = "") -> list[Step]:
    return [Step(f"{side}{what}", value) for side, value in zip(("left", "right"), values, strict=True)]


def _rescaled(op: Operation, place: int, profile: Profile, value: int, wide: TensorType) -> int:
    """An operand in steps of the result, as a 32-bit integer; untouched where its parameters are the result's."""
    source = _source(op, place)
    if source.quantisation == op.results[0].type.quantisation:
        return value + parameters_at(source, ())[1]
    scale = Quantisation.per_tensor(parameters_at(source, ())[0])
    rounding = op.rounding  # type: ignore[attr-defined]
    return int(profile.rescale(np.asarray(value, np.int64), scale, wide, rounding=rounding))


def _average(total: int, count: int, truncate: bool) -> int:
    whole = (abs(total) + (0 if truncate else count // 2)) // max(count, 1)
    return -whole if total < 0 else whole


def _average_pool(op: AveragePool2d, profile: Profile, arrays: list[Array], index: Index) -> list[Step]:
    image = to_nhwc(arrays[0], op.layout)
    geometry = image.shape[1:3], op.window, op.strides, (1, 1), op.padding
    axes, outputs = window_axes(*geometry), known_outputs(*geometry)
    channel, row, column = (
        (index[1], index[2], index[3]) if op.layout.value == "nchw" else (index[3], index[1], index[2])
    )
    sums = fold_windows(np.add, pad_image(image, axes, 0, np.int64), axes, outputs)
    total, count = int(sums[index[0], row, column, channel]), int(cell_counts(image, axes, outputs)[row, column, 0])
    source = op.input.type.quantisation
    if isinstance(profile, QdqProfile) and source is not None and not op.truncate:
        steps = [Step("sum", total), Step("cells", count)]
        return steps + _mean_of_reals(profile, total, count, op.input.type, op.output.type, op.activation)
    whole = _average(total, count, profile.truncates_averages)
    steps = [Step("sum", total), Step("cells", count), Step("before rounding", total / count), Step("rounded", whole)]
    low, high = activation_bounds(op.output.type, op.activation)
    return [*steps, Step("clamped to", f"[{low}, {high}]"), Step("result", min(max(whole, low), high))]


def _mean_of_reals(
    profile: Profile, total: int, count: int, source: TensorType, target: TensorType, activation: Activation
) -> list[Step]:
    scale, zero_point = parameters_at(source, ())
    total -= count * zero_point
    real = float(np.float32(total) * np.float32(scale) / np.float32(count))
    steps = [Step("sum without zero points", total), Step("real value", real)]
    return [*steps, *quantise_steps(profile, real, element_type(target, ()), activation)]


def _mean(op: Mean, profile: Profile, arrays: list[Array], index: Index) -> list[Step] | None:
    axes = normal_axes(op.axes, arrays[0].ndim)
    count = math.prod(arrays[0].shape[axis] for axis in axes)
    total = int(
        np.add.reduce(arrays[0], axis=axes, dtype=np.int64).reshape(op.reference(profile, *arrays).shape)[tuple(index)]
    )
    scale, zero_point = parameters_at(op.input.type, ())
    target = element_type(op.output.type, index)
    steps = [Step("sum", total), Step("elements", count)]
    if isinstance(profile, QdqProfile):
        return steps + _mean_of_reals(profile, total, count, op.input.type, target, Activation.NONE)
    if profile.truncates_averages:
        average = _average(total, count, True)
        steps.append(Step("truncated mean", average))
        if op.input.type.quantisation == op.output.type.quantisation:
            return [*steps, Step("result", average)]
        source = Quantisation.per_tensor(scale)
        return steps + rescale_steps(profile, average - zero_point, source, target, op.rounding)
    total -= count * zero_point
    steps.append(Step("sum without zero points", total))
    if isinstance(profile, TfliteProfile):
        mantissa, exponent = (int(part) for part in quantised_multiplier(scale / parameters_at(target, ())[0]))
        shift = min(max(count, 1).bit_length() - 1, 32, 31 + exponent)
        folded = (mantissa << shift) // max(count, 1)
        return steps + double_rounding_steps(total, folded, exponent - shift, target, Activation.NONE)
    out, out_point = parameters_at(target, ())
    multiplier = np.float32(scale) / np.float32(out) / np.float32(max(count, 1))
    shifted = np.float32(total) * multiplier + np.float32(out_point)
    whole = int(np.rint(shifted)) - out_point
    steps += [Step("multiplier", float(multiplier)), Step("before rounding", float(shifted) - out_point)]
    return [*steps, Step("rounded", whole), *store(whole, target)]


def _concatenation(op: Concatenation, profile: Profile, arrays: list[Array], index: Index) -> list[Step]:
    axis = op.axis % len(index)
    place, offset = 0, index[axis]
    while offset >= arrays[place].shape[axis]:
        offset -= arrays[place].shape[axis]
        place += 1
    there: tuple[int, ...] = (*index[:axis], offset, *index[axis + 1 :])
    stored = arrays[place][there]
    source, target = element_type(_source(op, place), ()), element_type(op.output.type, index)
    scale, zero_point = parameters_at(source, ())
    steps = [Step("operand", f"%{op.operands[place].name}"), Step("stored there", int(stored))]  # type: ignore[union-attr]
    if source.quantisation == target.quantisation:
        return [*steps, Step("result", int(stored))]
    steps.append(Step("integer without zero point", int(stored) - zero_point))
    if isinstance(profile, (RelayProfile, QdqProfile)):
        return steps + rescale_steps(
            profile, int(stored) - zero_point, Quantisation.per_tensor(scale), target, op.rounding
        )
    ratio = np.float32(scale) / np.float32(parameters_at(target, ())[0])
    result = int(requantise(profile, np.asarray(stored), source, target, op.rounding))
    before = float(np.float32(int(stored) - zero_point) * ratio)
    return [
        *steps,
        Step("multiplier", float(ratio)),
        Step("before rounding", before),
        *store(result - parameters_at(target, ())[1], target),
    ]


STEPS: dict[type[Operation], Explain] = {
    Conv2d: _sum_of_products,
    DepthwiseConv2d: _sum_of_products,
    GroupedConv2d: _sum_of_products,
    TransposeConv2d: _sum_of_products,
    FullyConnected: _sum_of_products,
    BatchMatmul: _batch_matmul,
    Quantize: _quantize,
    Requantize: _requantize,
    Add: _sum,
    Sub: _sum,
    Mul: _product,
    AveragePool2d: _average_pool,
    Mean: _mean,
    Concatenation: _concatenation,
}
"""The operators whose steps can be shown."""
