"""Arithmetic, comparison, logic, and functions of one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import relax, te, tirx, topi

from nir.passes.relax_building.arithmetic import round_half_away
from nir.passes.relax_building.emitter import Value, dtype_of
from nir.passes.relay_to_relax.emitter import Lowering, Site


def direct(function: Callable[..., Any]) -> Lowering:
    """The lowering to a Relax operator that takes the same arguments and no attributes."""
    return lambda site: site.emit(function(*site.args))


def program(function: Callable[..., Any]) -> Lowering:
    """The lowering to a tensor program that takes the same arguments and no attributes."""
    return lambda site: site.te(function, *site.args)


def _round(site: Site) -> Value:
    if "int" in dtype_of(site.args[0]):
        return site.args[0]

    def rounded(x: te.Tensor) -> te.Tensor:
        return te.compute(x.shape, lambda *index: round_half_away(x(*index)), name="round")

    return site.te(rounded, *site.args)


def _truncating(operation: Callable[..., Any]) -> Lowering:
    """Integer division or remainder that rounds towards zero, element by element with broadcasting."""

    def lower(site: Site) -> Value:
        shape = site.result_shape()

        def truncated(x: te.Tensor, y: te.Tensor) -> te.Tensor:
            left, right = topi.broadcast_to(x, shape), topi.broadcast_to(y, shape)
            return te.compute(shape, lambda *index: operation(left(*index), right(*index)), name="truncated")

        return site.te(truncated, *site.args)

    return lower


def _cast(site: Site) -> Value:
    return site.emitter.cast(site.args[0], site.attrs["dtype"])


def _cast_like(site: Site) -> Value:
    return site.emitter.cast(site.args[0], dtype_of(site.args[1]))


def _reinterpret(site: Site) -> Value:
    return site.te(topi.reinterpret, site.args[0], site.attrs["dtype"])


def _identity(site: Site) -> Value:
    return site.args[0]


def _fixed_point_multiply(site: Site) -> Value:
    multiplier, shift = site.attrs["multiplier"], site.attrs["shift"]
    return site.te(topi.fixed_point_multiply, site.args[0], multiplier, shift)


_SAME_NAME = (
    *("exp", "log", "sqrt", "rsqrt", "tanh", "sigmoid", "erf", "abs", "negative", "ceil", "floor", "trunc", "sign"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh"),
    *("isnan", "isfinite", "isinf", "logical_not", "bitwise_not"),
    *("add", "subtract", "multiply", "divide", "power", "maximum", "minimum"),
    *("floor_divide", "mod", "floor_mod"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    *("logical_and", "logical_or", "logical_xor"),
    *("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"),
)
"""Operators that Relax has under the same name and with the same meaning."""

MARKS = (
    *("annotation.bitpack_end", "annotation.bitpack_start", "annotation.cast_hint", "annotation.checkpoint"),
    *("annotation.compiler_begin", "annotation.compiler_end", "annotation.stop_fusion", "annotation.with_funcid"),
    *("device_copy", "on_device"),
)
"""Operators that say something to a pass or place a tensor, and compute nothing."""

LOWERINGS: dict[str, Lowering] = {
    **dict.fromkeys(MARKS, _identity),
    **{name: direct(getattr(relax.op, name)) for name in _SAME_NAME},
    "cast": _cast,
    "cast_like": _cast_like,
    "copy": _identity,
    "fast_erf": program(topi.fast_erf),
    "fast_exp": program(topi.fast_exp),
    "fast_tanh": program(topi.fast_tanh),
    "fixed_point_multiply": _fixed_point_multiply,
    "log10": program(topi.log10),
    "log2": program(topi.log2),
    "reinterpret": _reinterpret,
    "round": _round,
    "trunc_divide": _truncating(tirx.truncdiv),
    "trunc_mod": _truncating(tirx.truncmod),
    "where": direct(relax.op.where),
}
