"""Relay as one version of TVM had it, and what its calls are in the form of TVM 0.15, which all else here works on.

The facts: until 0.6 the scales and zero points of quantised operators were attributes; until 0.7 so was the value that
`nn.pad` writes, and `image.resize` stood for the later `image.resize2d`; until 0.10 the letters O and I of a transposed
convolution's `kernel_layout` had each other's meaning; before 0.9 `qnn.requantize` always computed in int64.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nir.errors import ParseError
from nir.relay import schema
from nir.relay.expr import Attributes, Call, Constant, Expr, Op, Tuple
from nir.source import Span

OLDEST, NEWEST = (0, 6), (0, 19)
DEFAULT = "0.15"
_VERSION = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:[.+-][\w.+-]*)?")
_RENAMED = {
    "_contrib_reverse_reshape": "contrib_reverse_reshape",
    "contrib.adaptive_avg_pool2d": "nn.adaptive_avg_pool2d",
    "contrib.adaptive_max_pool2d": "nn.adaptive_max_pool2d",
    "contrib.ndarray_size": "ndarray_size",
    "image.resize": "image.resize2d",
}
_TRANSPOSED = frozenset(("nn.conv1d_transpose", "nn.conv2d_transpose", "nn.conv3d_transpose", "qnn.conv2d_transpose"))
_SWAPPED = str.maketrans("OI", "IO")
_METHODS = {"bilinear": "linear", "bicubic": "cubic", "BILINEAR": "linear", "NEAREST_NEIGHBOR": "nearest_neighbor"}
# Quantised operators of 0.6: the attributes that became arguments, in the order of the arguments.
_ATTRIBUTES_OF_PRODUCTS = ("input_zero_point", "kernel_zero_point", "input_scale", "kernel_scale")
_QUANTISED_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "qnn.conv2d": _ATTRIBUTES_OF_PRODUCTS,
    "qnn.dense": _ATTRIBUTES_OF_PRODUCTS,
    "qnn.quantize": ("output_scale", "output_zero_point"),
    "qnn.dequantize": ("input_scale", "input_zero_point"),
    "qnn.requantize": ("input_scale", "input_zero_point", "output_scale", "output_zero_point"),
    "qnn.concatenate": ("input_scales", "input_zero_points", "output_scale", "output_zero_point"),
}


@dataclass(frozen=True)
class Dialect:
    """The version `number` of TVM (such as (0, 8)). `table` is the name of its schema, or None for that of 0.15."""

    number: tuple[int, int]
    table: str | None

    @property
    def version(self) -> str:
        """The version in words, such as "0.8"."""
        return f"{self.number[0]}.{self.number[1]}"

    @property
    def operators(self) -> dict[str, schema.OperatorSchema]:
        """The operators of this version."""
        return schema.operators(self.table)

    def call(self, op: Op, args: Sequence[Expr], written: Attributes, place: schema.Place, strict: bool) -> Call:
        """The call of a known operator of this version with these attributes, in the form of TVM 0.15.

        Raises ParseError for attributes that the operator does not take.
        """
        attrs = schema.complete(self.operators[op.name], written, place, strict)
        name, arguments = op.name, tuple(args)
        if self.number < (0, 7) or len(arguments) == 1:
            arguments = _with_attributes_as_arguments(name, arguments, attrs, op.span)
        if self.table is None and name not in _RENAMED:
            return Call(op, arguments, attrs)
        attrs = self._upgraded(name, attrs)
        if name == "reshape" and attrs.get("reverse"):
            name = "contrib_reverse_reshape"
        name = _RENAMED.get(name, name)
        now = schema.operators().get(name)
        if now is not None:
            known = {key: value for key, value in attrs.items() if key in now.attributes.kinds}
            attrs = {**now.attributes.defaults, **known}
        return Call(op if name == op.name else Op(name, op.span, op.origin), arguments, attrs)

    def _upgraded(self, name: str, attrs: Attributes) -> Attributes:
        """The attributes under the names and with the meanings of 0.15; what it does not know may still be there."""
        changed = dict(attrs)
        if name in _TRANSPOSED and self.number <= (0, 11):
            changed["kernel_layout"] = attrs["kernel_layout"].translate(_SWAPPED)
        if name == "qnn.requantize" and self.number < (0, 9):
            changed["compute_dtype"] = "int64"
        if name == "nn.batch_matmul" and self.number < (0, 8):
            changed |= {"transpose_a": False, "transpose_b": True}
        if name == "image.resize":
            changed |= _resizing(attrs)
        return changed


def _resizing(attrs: Attributes) -> Attributes:
    """What the attributes of `image.resize` are to `image.resize2d`; without a rounding method it chose by the mode."""
    if "align_corners" in attrs:
        mode = "align_corners" if attrs["align_corners"] else "asymmetric"
    else:
        mode = attrs.get("coordinate_transformation_mode", "half_pixel")
    method = attrs.get("method", "bilinear")
    return {
        "method": _METHODS.get(method, method),
        "coordinate_transformation_mode": mode,
        "rounding_method": "round" if mode == "align_corners" else "floor",
    }


def _with_attributes_as_arguments(
    name: str, args: tuple[Expr, ...], attrs: Attributes, span: Span | None
) -> tuple[Expr, ...]:
    """The arguments with those behind them that were attributes once; `attrs` loses them."""
    if name == "nn.pad" and len(args) == 1:
        return (*args, _scalar(float(attrs.pop("pad_value", 0.0)), span))
    names = _QUANTISED_ATTRIBUTES.get(name, ())
    if not names or any(key not in attrs for key in names):
        return args
    return (*args, *(_scalars(attrs.pop(key), key, span) for key in names))


def _scalars(value: Any, name: str, span: Span | None) -> Expr:
    if isinstance(value, tuple):
        return Tuple([_scalars(item, name, span) for item in value], span)
    return _scalar(float(value) if "scale" in name else int(value), span)


def _scalar(value: float | int, span: Span | None) -> Constant:
    """A scalar constant, float32 or int32 by the kind of `value`."""
    dtype = "float32" if isinstance(value, float) else "int32"
    try:
        with np.errstate(over="ignore"):
            return Constant(np.array(value, dtype), dtype, span=span)
    except OverflowError:
        raise ParseError(f"the number does not fit into {dtype}", span, found=str(value)[:40]) from None


@functools.cache
def dialect(version: str | None = None) -> Dialect:
    """The dialect of a version such as "0.8", "0.10.0" or "0.9.dev12"; of 0.15 without one. Raises ParseError."""
    match = _VERSION.fullmatch(version if version is not None else DEFAULT)
    if match is None:
        raise ParseError("this is no version of TVM", expected="such as 0.8", found=repr(version)[:40])
    number = (int(match[1]), int(match[2]))
    if not OLDEST <= number <= NEWEST:
        raise ParseError(
            "this version of TVM has no Relay that is known here", expected="0.6 to 0.19", found=repr(version)[:40]
        )
    tables = [name for name in schema.described_versions() if dialect_number(name) <= number]
    return Dialect(number, tables[-1] if tables and number <= (0, 11) else None)


def stated_dialect(stated: str | None) -> Dialect:
    """Like `dialect` for what a file states about itself: nonsense means nothing, and newer means the newest."""
    match = _VERSION.fullmatch(stated) if stated is not None else None
    if match is None:
        return dialect()
    number = min(max((int(match[1]), int(match[2])), OLDEST), NEWEST)
    return dialect(f"{number[0]}.{number[1]}")


def dialect_number(name: str) -> tuple[int, int]:
    """ "0.10" as (0, 10)."""
    major, _, minor = name.partition(".")
    return int(major), int(minor)
