"""Between real values and stored integers, between scales, and between storage types."""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm import tirx

from nir.ir import ElementType, Operation, Quantisation, TensorType
from nir.ops.profiles import Profile, XnnpackProfile
from nir.ops.quantise import Cast, Dequantize, Quantize, Requantize
from nir.passes.nir_to_relax.rounding import clipped, dequantising, quantising, rescaling, stored
from nir.passes.nir_to_relax.site import Lowering, Site
from nir.passes.relax_building.emitter import Value


def _quantize(site: Site) -> Value:
    program = site.program()
    x = program.operand(site.args[0])
    store = quantising(program, site.profile, site.type)
    return program.emit(lambda: store(x.value.astype("float32")), "quantize")


def _dequantize(site: Site) -> Value:
    program = site.program()
    x = program.operand(site.args[0])
    real = dequantising(program, site.operand_type(0))
    return program.emit(lambda: real(x.value).astype(site.dtype), "dequantize")


def _requantize(site: Site) -> Value:
    source, target = site.operand_type(0), site.type
    if source.quantisation is None or target.quantisation is None:
        site.refuse("operand or result is not quantised", hint="verify the module first")
    program = site.program()
    x = program.operand(site.args[0])
    profile = site.profile
    if isinstance(profile, XnnpackProfile):
        factor = _eight_fraction_bits(profile, source, source.quantisation, target)
        if isinstance(factor, int):
            from_point, to_point = source.quantisation.zero_point, target.quantisation.zero_point
            return program.emit(
                lambda: stored((((x.value.astype("int64") - from_point) * factor + 128) >> 8) + to_point, target),
                "requantize",
            )
        profile = factor
    rescale = rescaling(program, profile, source.quantisation, target, rounding=site.op.rounding)
    return program.emit(lambda: rescale(x.value), "requantize")


def _eight_fraction_bits(
    profile: XnnpackProfile, source: TensorType, parameters: Quantisation, target: TensorType
) -> int | Profile:
    """The factor of XNNPACK's vcvt kernels in units of 1/256, or the profile that stands in where they do not."""
    if source.element.bits > 8 or target.quantisation is None or parameters.is_per_channel:
        return profile
    ratio = np.float32(parameters.scale) / np.float32(target.quantisation.scale)
    return int(np.rint(ratio * np.float32(256))) if 2.0**-8 <= ratio <= 2.0**7 else profile.fallback


def _cast(site: Site) -> Value:
    """Fractions are cut off, what does not fit saturates, NaN becomes 0."""
    program = site.program()
    x = program.operand(site.args[0])
    source, target = site.operand_type(0).element, site.type.element

    def formula() -> Any:
        value = x.value
        if source is target:
            return value
        if target is ElementType.BOOL:
            wide = value.astype("float32" if source.is_float else "int64")
            return wide != tirx.const(0, wide.ty)
        if not target.is_integer or source is ElementType.BOOL:
            return (value.astype("float32") if target is ElementType.F16 else value).astype(site.dtype)
        if source.is_float:
            cut = tirx.trunc(value.astype("float32").astype("float64"))
            wide = tirx.Select(cut != cut, tirx.const(0.0, "float64"), cut)
        else:
            wide = value.astype("int64")
        return clipped(wide, target.minimum, target.maximum).astype("int64").astype(site.dtype)

    return program.emit(formula, "cast")


LOWERINGS: dict[type[Operation], Lowering] = {
    Cast: _cast,
    Dequantize: _dequantize,
    Quantize: _quantize,
    Requantize: _requantize,
}
