"""Reductions over dimensions, and searches for the largest. Sums are taken in 64 bits and rounded or cut once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tvm import relax, te, tirx

from nir.ir import Operation, Quantisation
from nir.ops.axes import normal_axes, normal_axis, without_axes
from nir.ops.fixed_point import quantised_multiplier
from nir.ops.profiles import QdqProfile, TfliteProfile
from nir.ops.quantised_arithmetic import parameters
from nir.ops.reduction import Mean, ReduceAll, ReduceAny, ReduceMax, ReduceMin, ReduceProd, ReduceSum
from nir.ops.search import Argmax, Argmin, TopkV2
from nir.passes.nir_to_relax.lowerings.binary import larger
from nir.passes.nir_to_relax.rounding import averaging, multiplying_twice, rescaling, stored
from nir.passes.nir_to_relax.site import Lowering, Site, static_shape
from nir.passes.relax_building.emitter import Value, shape_of

Reducer = Callable[..., Any]
"""As te.sum: (expression, axis) -> reduction."""


def folded(
    site: Site,
    reducer: Reducer,
    axes: Sequence[int],
    value: relax.Expr,
    element: Callable[[Any], Any],
    *,
    keep: bool = False,
) -> relax.Expr:
    """`reducer` of `element` of the elements along `axes`, which go, or stay with size 1."""
    sizes = shape_of(value)
    shape = [int(size or 0) for size in without_axes(sizes, axes, keep)]
    kept = [d for d in range(len(sizes)) if keep or d not in axes]

    def program(x: te.Tensor) -> te.Tensor:
        running = {d: te.reduce_axis((0, sizes[d]), name=f"r{d}") for d in axes}

        def result(*index: Any) -> Any:
            place: list[Any] = [0] * len(sizes)
            for d, i in zip(kept, index, strict=False):
                place[d] = i
            for d, i in running.items():
                place[d] = i
            return reducer(element(x(*place)), axis=list(running.values()))

        return te.compute(shape, result, name=site.op.name)

    return site.te(program, value, name=site.op.name)


def _axes(site: Site) -> tuple[int, ...]:
    return normal_axes(site.op.axes, site.operand_type(0).rank)


def _reduced(
    site: Site, reducer: Reducer, element: Callable[[Any], Any], value: relax.Expr | None = None
) -> relax.Expr:
    """Of the operation's axes, in the shape of its result; `element` of each where there is nothing to reduce."""
    value = site.args[0] if value is None else value
    axes = _axes(site)
    if axes:
        found = folded(site, reducer, axes, value, element, keep=site.op.keep_dims)
    else:
        program = site.program(shape_of(value))
        x = program.operand(value)
        found = program.emit(lambda: element(x.value), site.op.name)
    return found if shape_of(found) == site.shape else site.emit(relax.op.reshape(found, list(site.shape)))


def _total(site: Site) -> relax.Expr:
    """The sum in float64 or int64."""
    wide = "float64" if site.type.element.is_float else "int64"
    return _reduced(site, te.sum, lambda x: x.astype(wide))


def _count(site: Site) -> int:
    sizes = static_shape(site.operand_type(0))
    return int(np.prod([sizes[d] for d in _axes(site)], dtype=np.int64))


def _sum(site: Site) -> Value:
    total = _total(site)
    source = site.operand_type(0).quantisation
    program = site.program()
    x = program.operand(total)
    if site.type.element.is_float:
        return program.emit(lambda: rounded_float(x.value, site.dtype), "round")
    if source is None:
        return program.emit(lambda: x.value.astype(site.dtype), "wrap")
    rescale = rescaling(
        program, site.profile, Quantisation.per_tensor(source.scale), site.type, rounding=site.op.rounding
    )
    points = tirx.const(_count(site) * source.zero_point, "int64")
    return program.emit(lambda: rescale(x.value - points), "rescale")


def rounded_float(value: Any, dtype: str) -> Any:
    """float64 to float32 or float16."""
    return value.astype(dtype)


def _mean(site: Site) -> Value:
    total, count = _total(site), _count(site)
    source = site.operand_type(0).quantisation
    program = site.program()
    x = program.operand(total)
    if site.type.element.is_float:
        divisor = program.parameter(count, "float64", opaque=True)
        return program.emit(lambda: rounded_float(x.value / divisor.value, site.dtype), "divide")
    if isinstance(site.profile, QdqProfile) and source is not None:
        average_of = averaging(program, site.profile, source, site.type)
        divisor, points = (
            program.parameter(count, "float32", opaque=True),
            tirx.const(count * source.zero_point, "int64"),
        )
        return program.emit(lambda: average_of(x.value - points, divisor.value), "mean")
    if not site.profile.truncates_averages and source is not None:
        return _mean_rescaled_once(site, total, count, source)
    average = program.emit(lambda: divided(x.value, count, truncate=site.profile.truncates_averages), "average")
    program = site.program()
    y = program.operand(average)
    if source is None or source == site.type.quantisation:
        return program.emit(lambda: y.value.astype(site.dtype), "store")
    rescale = rescaling(program, site.profile, source, site.type, rounding=site.op.rounding)
    return program.emit(lambda: rescale(y.value), "rescale")


def divided(total: Any, count: Any, *, truncate: bool) -> Any:
    """int64 total / count, towards zero or with halves away from zero."""
    if isinstance(count, int):
        count = tirx.const(count, "int64")
    if truncate:
        return tirx.truncdiv(total, count)
    half = tirx.floordiv(count, tirx.const(2, "int64"))
    return tirx.truncdiv(total + tirx.Select(total < tirx.const(0, "int64"), -half, half), count)


def _mean_rescaled_once(site: Site, total: relax.Expr, count: int, source: Quantisation) -> relax.Expr:
    """Sums of distances from the zero point, brought to the result's scale with 1 / count in the multiplier."""
    program = site.program()
    x = program.operand(total)
    target = parameters(site.type)
    points = tirx.const(count * source.zero_point, "int64")
    if not isinstance(site.profile, TfliteProfile):
        scale = np.float32(source.scale) / np.float32(target.scale) / np.float32(max(count, 1))
        factor, point = (tirx.const(float(number), "float32") for number in (scale, np.float32(target.zero_point)))
        return program.emit(
            lambda: stored(tirx.nearbyint((x.value - points).astype("float32") * factor + point), site.type), "mean"
        )
    mantissa, exponent = quantised_multiplier(source.scale / target.scale)
    shift = min(max(count, 1).bit_length() - 1, 32, 31 + int(exponent))
    multiply = multiplying_twice(program, np.asarray((int(mantissa) << shift) // max(count, 1)), exponent - shift)
    return program.emit(lambda: stored(multiply(x.value - points) + target.zero_point, site.type), "mean")


def _product(site: Site) -> Value:
    """Of floats in float64; a factor 0 gives 0 even next to inf."""
    if not site.type.element.is_float:
        found = _reduced(site, _multiply_all, lambda x: x.astype("int64"))
        return site.emitter.cast(found, site.dtype)
    zero, one = (tirx.const(number, "float64") for number in (0.0, 1.0))

    def factor(x: Any) -> Any:
        return tirx.Select(x.astype("float64") == zero, one, x.astype("float64"))

    zeros = _reduced(site, te.max, lambda x: tirx.Select(x.astype("float64") == zero, one, zero))
    program = site.program()
    x, is_zero = program.operand(_reduced(site, _multiply_all, factor)), program.operand(zeros)
    return program.emit(
        lambda: rounded_float(tirx.Select(is_zero.value > zero, zero, x.value), site.dtype), "reduce_prod"
    )


_multiply_all = te.comm_reducer(lambda x, y: x * y, lambda dtype: tirx.const(1, dtype), name="product")


def _extreme(largest: bool) -> Lowering:
    def lower(site: Site) -> Value:
        is_float = site.type.element.is_float
        wide = "float32" if is_float else "int64"
        start: float = -np.inf if largest else np.inf
        if not is_float:
            start = site.type.element.minimum if largest else site.type.element.maximum
        reducer = te.comm_reducer(
            lambda x, y: larger(x, y, largest, is_float=is_float),
            lambda dtype: tirx.const(start, dtype),
            name="largest" if largest else "smallest",
        )
        return site.emitter.cast(_reduced(site, reducer, lambda x: x.astype(wide)), site.dtype)

    return lower


def _truth(largest: bool) -> Lowering:
    """All and any, as the smallest and the largest of 0 and 1."""

    def lower(site: Site) -> Value:
        found = _reduced(site, te.max if largest else te.min, lambda x: x.astype("int8"))
        program = site.program()
        x = program.operand(found)
        return program.emit(lambda: x.value != tirx.const(0, "int8"), site.op.name)

    return lower


# --- searches ---


def _search(largest: bool) -> Lowering:
    """The first index on ties; the first NaN is what numpy finds, the largest and the smallest at once."""

    def lower(site: Site) -> Value:
        sizes = shape_of(site.args[0])
        axis = normal_axis(site.op.axis, len(sizes))
        is_float = site.operand_type(0).element.is_float
        wide = "float32" if is_float else "int64"
        reducer = _index_reducer(largest, is_float)

        def program(x: te.Tensor) -> te.Tensor:
            running = te.reduce_axis((0, sizes[axis]), name="r")
            shape = [size for d, size in enumerate(sizes) if d != axis]

            def result(*index: Any) -> Any:
                place = [*index[:axis], running, *index[axis:]]
                return reducer((running.var.astype("int32"), x(*place).astype(wide)), axis=running)

            indices, _ = te.compute(shape, result, name=site.op.name)
            return indices

        found = site.te(program, site.args[0], name=site.op.name)
        return found if shape_of(found) == site.shape else site.emit(relax.op.reshape(found, list(site.shape)))

    return lower


def _index_reducer(largest: bool, is_float: bool) -> Reducer:
    def better(value: Any, other: Any) -> Any:
        ahead = value > other if largest else value < other
        return tirx.any(ahead, tirx.all(value != value, other == other)) if is_float else ahead

    def choose(left: Any, right: Any) -> Any:
        same = tirx.Not(tirx.any(better(left[1], right[1]), better(right[1], left[1])))
        first = tirx.any(better(left[1], right[1]), tirx.all(same, left[0] < right[0]))
        return tirx.Select(first, left[0], right[0]), tirx.Select(first, left[1], right[1])

    def start(index_dtype: str, dtype: str) -> Any:
        worst = tirx.min_value(dtype) if largest else tirx.max_value(dtype)
        if is_float:
            worst = tirx.const(-np.inf if largest else np.inf, dtype)
        return tirx.const(2**31 - 1, index_dtype), worst

    reducer: Reducer = te.comm_reducer(choose, start, name="search")
    return reducer


_MOST_RANKED = 4096
"""Elements that are ranked by comparing each with each."""


def _topk(site: Site) -> Value:
    """An element's rank is the number of those before it: larger ones, and equal ones of larger index."""
    data = site.args[0]
    sizes = shape_of(data)
    if sizes[-1] > _MOST_RANKED:
        site.refuse(f"more than {_MOST_RANKED} elements would be compared each with each", found=str(sizes[-1]))
    is_float = site.operand_type(0).element.is_float
    wide = "float32" if is_float else "int64"

    def before(x: Any, i: Any, y: Any, j: Any) -> Any:
        """Whether x at i stands before y at j; NaN counts as the largest."""
        if not is_float:
            return tirx.any(x > y, tirx.all(x == y, i > j))
        equal = tirx.any(x == y, tirx.all(x != x, y != y))
        return tirx.any(x > y, tirx.all(x != x, y == y), tirx.all(equal, i > j))

    def ranks(x: te.Tensor) -> te.Tensor:
        other = te.reduce_axis((0, sizes[-1]), name="other")

        def rank(*index: Any) -> Any:
            own, another = x(*index).astype(wide), x(*index[:-1], other).astype(wide)
            return te.sum(before(another, other.var, own, index[-1]).astype("int32"), axis=other)

        return te.compute(sizes, rank, name="ranks")

    ranked = site.te(ranks, data, name="ranks")

    def chosen(rank: te.Tensor) -> te.Tensor:
        place = te.reduce_axis((0, sizes[-1]), name="place")
        shape = (*sizes[:-1], site.op.k)

        def at(*index: Any) -> Any:
            hit = rank(*index[:-1], place) == index[-1].astype("int32")
            return te.max(tirx.Select(hit, place.var.astype("int32"), tirx.const(-1, "int32")), axis=place)

        return te.compute(shape, at, name="chosen")

    indices = site.te(chosen, ranked, name="chosen")

    def values(x: te.Tensor, found: te.Tensor) -> te.Tensor:
        return te.compute(site.shape, lambda *index: x(*index[:-1], found(*index)), name="values")

    return site.te(values, data, indices, name="values"), indices


LOWERINGS: dict[type[Operation], Lowering] = {
    Argmax: _search(True),
    Argmin: _search(False),
    Mean: _mean,
    ReduceAll: _truth(False),
    ReduceAny: _truth(True),
    ReduceMax: _extreme(True),
    ReduceMin: _extreme(False),
    ReduceProd: _product,
    ReduceSum: _sum,
    TopkV2: _topk,
}
