"""Functions of one operand. Stored integers of up to 16 bits go through a table where a float function is involved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax, te, tirx

from nir.ir import Operation, Quantisation
from nir.ops.activation import Elu, HardSwish, LeakyRelu, Logistic, Relu, Relu1, Relu6, Tanh
from nir.ops.families import is_quantised
from nir.ops.profiles import PROFILES, QdqProfile, RelayProfile
from nir.ops.quantised_arithmetic import parameters
from nir.ops.unary import Abs, Erf, Exp, Floor, Log, Neg, Rsqrt, Sin, Sqrt
from nir.passes.nir_to_relax.rounding import activated, clipped, dequantising, quantising, rescaling
from nir.passes.nir_to_relax.site import Lowering, Site
from nir.passes.relax_building.emitter import Value, constant

Function = Callable[[Any, Site], Any]
"""A float32 element to a float32 element."""


def literal(number: float) -> Any:
    """A float32 constant of a formula."""
    return tirx.const(float(np.float32(number)), "float32")


def external(name: str) -> Callable[[Any], Any]:
    """A function of C's mathematical library, which is more exact than what TVM puts in its place."""
    return lambda x: tirx.call_pure_extern("float32", name, x)


def through_real(site: Site, function: Function) -> relax.Expr:
    """Dequantised, `function` in float32, and stored by the profile's rule."""
    program = site.program()
    x = program.operand(site.args[0])
    real = dequantising(program, site.operand_type(0))
    store = quantising(program, site.profile, site.type)
    return program.emit(lambda: store(function(real(x.value), site)), site.op.name)


def by_table(site: Site) -> relax.Expr:
    """Looked up: there are as many results as stored integers. The table is what the operator's class says of each."""
    element = site.operand_type(0).element
    everything = np.arange(2**element.bits).astype(f"uint{element.bits}").view(element.numpy)
    entries = site.op.reference(site.profile, everything)
    table = constant(np.roll(entries, 2 ** (element.bits - 1)) if element.minimum < 0 else entries)

    def lookup(x: te.Tensor, values: te.Tensor) -> te.Tensor:
        return te.compute(x.shape, lambda *index: values(x(*index).astype("int32") - element.minimum))

    return site.te(lookup, site.args[0], table, name=site.op.name)


def _function(function: Function, *, exact: bool = False) -> Lowering:
    """`exact`: of IEEE's operations alone, so that real values are the interpreter's bit for bit."""

    def lower(site: Site) -> Value:
        type = site.operand_type(0)
        if exact or not is_quantised(type):
            return through_real(site, function)
        if type.element.bits > 16:
            site.refuse("a float function of 32-bit integers would be rounded otherwise", found=str(type))
        return by_table(site)

    return lower


def _absolute(value: Any) -> Any:
    zero = tirx.const(0, value.ty)
    return tirx.Select(value < zero, zero - value, value)


def _wrapping(function: Callable[[Any], Any], site: Site) -> Value:
    """`function` of raw integers in 64 bits, of which the lowest are kept."""
    program = site.program()
    x = program.operand(site.args[0])
    return program.emit(lambda: function(x.value.astype("int64")).astype(site.dtype), site.op.name)


def _abs(site: Site) -> Value:
    source = site.operand_type(0)
    if source.element.is_integer and not is_quantised(source):
        return _wrapping(_absolute, site)
    if source.element.is_float or isinstance(site.profile, (RelayProfile, QdqProfile)):
        return through_real(site, lambda x, _: _absolute(x))
    program = site.program()
    x = program.operand(site.args[0])
    scale = Quantisation.per_tensor(parameters(source).scale)
    rescale = rescaling(program, PROFILES["tflite"], scale, site.type)
    point = parameters(source).zero_point
    return program.emit(lambda: rescale(_absolute(x.value.astype("int64") - point)), "abs")


def _neg(site: Site) -> Value:
    source = site.operand_type(0)
    if source.element.is_integer and not is_quantised(source):
        return _wrapping(lambda x: tirx.const(0, "int64") - x, site)
    return through_real(site, lambda x, _: x * literal(-1))


def _hard_swish(site: Site) -> Value:
    """Eight-bit integers have a kernel of their own in LiteRT, by table; the rest is IEEE's arithmetic."""
    source = site.operand_type(0)
    if is_quantised(source) and source.element.bits == 8:
        return by_table(site)
    program = site.program()
    x, six = program.operand(site.args[0]), program.parameter(np.float32(6), "float32", opaque=True)
    real, store = dequantising(program, source), quantising(program, site.profile, site.type)

    def formula() -> Any:
        value = real(x.value)
        return store(clipped(value + literal(3), 0, 6) * value / six.value)

    return program.emit(formula, "hard_swish")


def _leaky(x: Any, site: Site) -> Any:
    return tirx.Select(x >= literal(0), x, x * literal(site.op.alpha))


def _leaky_relu(site: Site) -> Value:
    source = site.operand_type(0)
    if is_quantised(source) and source.element.bits == 8:
        return by_table(site)
    return through_real(site, _leaky)


def _clamp(site: Site) -> Value:
    program = site.program()
    x = program.operand(site.args[0])
    if site.type.element.is_float:
        wide = lambda: activated(x.value.astype("float32"), site.op.activation, site.type)  # noqa: E731
    else:
        wide = lambda: activated(x.value.astype("int64"), site.op.activation, site.type)  # noqa: E731
    return program.emit(lambda: wide().astype(site.dtype), site.op.name)


def _logistic(x: Any, site: Site) -> Any:
    return literal(1) / (literal(1) + tirx.exp(literal(0) - x))


def _elu(x: Any, site: Site) -> Any:
    return tirx.Select(x >= literal(0), x, literal(site.op.alpha) * external("expm1f")(x))


def _erf(x: Any, site: Site) -> Any:
    """In float64, rounded once."""
    return tirx.call_pure_extern("float64", "erf", x.astype("float64")).astype("float32")


def _log(x: Any, site: Site) -> Any:
    return tirx.log(x)


LOWERINGS: dict[type[Operation], Lowering] = {
    Abs: _abs,
    Elu: _function(_elu),
    Erf: _function(_erf),
    Exp: _function(lambda x, _: tirx.exp(x)),
    Floor: _function(lambda x, _: tirx.floor(x), exact=True),
    HardSwish: _hard_swish,
    LeakyRelu: _leaky_relu,
    Log: _function(_log),
    Logistic: _function(_logistic),
    Neg: _neg,
    Relu: _clamp,
    Relu1: _clamp,
    Relu6: _clamp,
    Rsqrt: _function(lambda x, _: literal(1) / tirx.sqrt(x), exact=True),
    Sin: _function(lambda x, _: external("sinf")(x)),
    Sqrt: _function(lambda x, _: tirx.sqrt(x), exact=True),
    Tanh: _function(lambda x, _: external("tanhf")(x)),
}
