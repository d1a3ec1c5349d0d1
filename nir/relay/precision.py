"""Scales that were read from a text in which TVM's printer had cut them to six digits."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from nir.relay.expr import Call, Constant, Tuple
from nir.relay.module import Module
from nir.relay.text.literals import NUMBER
from nir.relay.visitor import post_order

SIX_DIGITS = 6


def rounded_scales_note(module: Module) -> str | None:
    """What is lost in the scales of `qnn` operators that are literals of six digits, or None where nothing is.

    A number that float32 has exactly, such as 0.0390625, is taken for what it says, and so is one with more or fewer
    digits: of scales that are not round, nine in ten are printed with just six.
    """
    if module.source is None:
        return None
    lossy = {constant: digits for constant in _scales(module) if (digits := _written(constant)) is not None}
    if not lossy:
        return None
    first = min(lossy, key=lambda constant: constant.span.start if constant.span is not None else 0)
    loss = max(
        0.5 * float(Decimal(digits).scaleb(-Decimal(digits).adjusted())) ** -1 * 1e-5 for digits in lossy.values()
    )
    where = f" (the first at {first.span.location()}: {lossy[first]})" if first.span is not None else ""
    noun = "scales" if len(lossy) > 1 else "scale"
    return (
        f"{len(lossy)} {noun} of qnn operators read from text with six digits{where}: each may differ from the "
        f"model's own by up to {loss:.0e} of itself, which can change a rescaled integer by 1. "
        "JSON (tvm.ir.save_json) has them exactly"
    )


def _scales(module: Module) -> Iterator[Constant]:
    """The scalar floating-point constants among the arguments of `qnn` operators, each once."""
    seen: set[Constant] = set()
    for function in module.functions.values():
        for expr in post_order(function):
            if not isinstance(expr, Call) or not (expr.op_name or "").startswith("qnn."):
                continue
            for argument in expr.args:
                for scale in argument.fields if isinstance(argument, Tuple) else (argument,):
                    if isinstance(scale, Constant) and _is_real_scalar(scale) and scale not in seen:
                        seen.add(scale)
                        yield scale


def _is_real_scalar(constant: Constant) -> bool:
    return constant.data.ndim == 0 and constant.dtype == "float32" and bool(np.isfinite(constant.data))


def _written(constant: Constant) -> str | None:
    """The decimal digits as they stand in the text, if six digits were all that the printer left of a number."""
    match = NUMBER.fullmatch(constant.span.text) if constant.span is not None else None
    if match is not None:
        digits = (match["digits"] or "") + (match["rest"] or "")
        written = digits + (match["exponent"] or "")
    elif constant.span is not None and not constant.span.text.startswith("meta"):
        written = np.format_float_scientific(constant.data.reshape(1)[0])  # an attribute of an operator of TVM 0.6
        digits = written.partition("e")[0]
    else:
        return None
    if len(digits.replace(".", "").lstrip("0")) != SIX_DIGITS or Decimal(written) == Decimal(float(constant.data)):
        return None
    return written
