"""The pieces of forward error analysis that the rules of operators are made of.

An error is an array of float64 beside a value: how far the computed value may be from the value in exact arithmetic, in
real units; None where there is none. The model is fl(x op y) = (x op y)(1 + d), |d| <= u, with the unit roundoff u; sums
of n terms in any order, fused or not, are off by at most gamma(n) times the sum of magnitudes. Source: N. J. Higham,
Accuracy and Stability of Numerical Algorithms, second edition: the model (2.4), gamma (3.1), inner products (3.5), and
running error analysis (section 3.3), which is what is done here: bounds are computed beside the values of a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from nir.ir import ElementType, Operation, TensorType, Value

Array: TypeAlias = "np.ndarray[Any, Any]"
Error: TypeAlias = "Array | None"

UNIT = 2.0**-24
"""Unit roundoff of float32, in which operators compute; float16 results are rounded once more, at the end."""

SMALLEST = {ElementType.F32: 2.0**-149, ElementType.F16: 2.0**-24}
ROUNDOFF = {ElementType.F32: UNIT, ElementType.F16: 2.0**-11}


def gamma(count: int) -> float:
    """Bound of the relative error of `count` roundings one on the other: n u / (1 - n u)."""
    return count * UNIT / (1 - count * UNIT)


@dataclass
class Step:
    """One operation of a run: its operands and results in real units (float64), and the operands' errors.

    Errors of operands are arrays here, zeros where there is none; `exact` says that all of them are none.
    """

    op: Operation
    stored: list[Array | None]
    """The operands as they are stored."""
    operands: list[Array | None]
    errors: list[Array]
    results: list[Array]
    exact: bool
    ulps: float | None = None
    """How far, in ulps, the operator's own function may be off, where the caller has said so."""

    @property
    def is_float(self) -> bool:
        """Whether the operator computes in floats; integers follow a numeric profile exactly."""
        return self.op.results[0].element.is_float

    @property
    def x(self) -> Array:
        """The first operand."""
        first = self.operands[0]
        return np.zeros(()) if first is None else first

    def local(self, relative: float | Array, magnitude: Array) -> Array:
        """An error of the operator's own: for floats alone."""
        return np.asarray(relative * np.abs(magnitude)) if self.is_float else np.zeros_like(magnitude)


Rule = Callable[[Step], list[Array]]
"""Errors of the results, before they are rounded to the type of the result."""


def real_values(array: Array, type: TensorType) -> Array:
    """The real values that stored elements stand for, as float64."""
    values = np.asarray(array, np.float64)
    parameters = type.quantisation
    if parameters is None or not type.element.is_integer:
        return values
    rank = values.ndim
    return (values - parameters.broadcast_zero_points(rank)) * parameters.broadcast_scales(rank).astype(np.float64)


def scale_of(type: TensorType, rank: int) -> Array:
    """Real units per stored step."""
    parameters = type.quantisation
    if parameters is None or not type.element.is_integer:
        return np.ones(())
    return parameters.broadcast_scales(rank).astype(np.float64)


def stored_error(error: Array, value: Array, type: TensorType) -> Error:
    """The error of a result once it is stored.

    Floats: one rounding to float16 where that is the type (float32 is part of the rules), and underflow. Integers: a
    real value that is off by e gives a stored one that is off by at most floor(e / scale + 1) steps.
    """
    if not error.any():
        return None
    if type.element.is_float:
        with np.errstate(all="ignore"):
            more = ROUNDOFF[type.element] * (np.abs(value) + error) if type.element is ElementType.F16 else 0.0
        return np.asarray(error + np.where(error > 0, more + SMALLEST[type.element], 0))
    scale = scale_of(type, error.ndim)
    with np.errstate(all="ignore"):
        return np.where(error > 0, np.floor(error / scale * (1 + 1e-9) + 1), 0) * scale


def interval(function: Callable[[Array], Array]) -> Callable[[Array, Array], Array]:
    """By how much a monotone function differs, at most, within x - e and x + e."""

    def change(x: Array, error: Array) -> Array:
        middle = function(x)
        return np.maximum(np.abs(function(x + error) - middle), np.abs(function(x - error) - middle))

    return change


def as_float(op: Operation, **attributes: Any) -> Operation:
    """The operation on float32 operands of the same shapes: linear operators do to errors what they do to values."""
    values = [
        None
        if value is None
        else Value(TensorType(ElementType.F32, value.shape) if value.element is not ElementType.BOOL else value.type)
        for value in op.operands
    ]
    results = [TensorType(ElementType.F32, value.shape) for value in op.results]
    return type(op)(values, {**op.attributes, **attributes}, results)


def reduced(function: Callable[..., Array], array: Array, axes: tuple[int, ...], keep: bool, like: Array) -> Array:
    """A reduction of `array`, shaped as the result `like`."""
    return np.asarray(function(array, axis=axes, keepdims=keep)).reshape(like.shape)
