"""Comparisons, logic and selection, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from nir.ir import (
    ElementType,
    Operation,
    QuantisationRule,
    Shape,
    TensorType,
    Trait,
    Value,
    constraint,
    operand,
    result,
)
from nir.ir.types import BOOLS
from nir.ops.broadcasting import broadcast_shapes
from nir.ops.families import PerTensorOperation, is_quantised
from nir.ops.profiles import Array, Profile
from nir.ops.quantised_arithmetic import requantise


class Comparison(PerTensorOperation):
    """Base of comparisons: quantised operands are compared as the real values they stand for, exactly."""

    __slots__ = ()

    function: ClassVar[Callable[..., Array]]

    left: Value = operand("first operand")
    right: Value = operand("second operand, of the same element type")
    output: Value = result("the truth for each element of the broadcast shape", elements=ElementType.BOOL)

    @constraint("C1: both operands have the same element type", at="right")
    def elements_agree(self) -> bool:
        return self.left.element is self.right.element

    @constraint("Q2: operands are both quantised or both raw", at="right")
    def operands_quantised_together(self) -> bool:
        return is_quantised(self.left.type) == is_quantised(self.right.type)

    def infer_shapes(self) -> Sequence[Shape]:
        return [broadcast_shapes(self.left.shape, self.right.shape)]

    def reference(self, profile: Profile, left: Array, right: Array) -> Array:
        if self.left.type.quantisation != self.right.type.quantisation:
            left, right = _exact_value(left, self.left.type), _exact_value(right, self.right.type)
        return np.asarray(self.function(left, right))


def _exact_value(array: Array, type: TensorType) -> Array:
    """Real values in float64, which holds the product of a float32 scale and a stored integer (nearly) exactly."""
    parameters = type.quantisation
    if parameters is None:
        return array
    return (array.astype(np.float64) - parameters.zero_point) * parameters.scale


class Equal(Comparison, name="equal", traits={Trait.ELEMENTWISE, Trait.COMMUTATIVE}, nnapi=48):
    """True where both elements are equal.

    func @example(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> tensor<2x3xbool> {
      %0 = equal(%x, %y) : tensor<2x3xbool>
      return %0
    }
    """

    __slots__ = ()
    function = np.equal


class NotEqual(Comparison, name="not_equal", traits={Trait.ELEMENTWISE, Trait.COMMUTATIVE}, nnapi=68):
    """True where the elements differ.

    func @example(%x: tensor<2x3xi32>, %y: tensor<3xi32>) -> tensor<2x3xbool> {
      %0 = not_equal(%x, %y) : tensor<2x3xbool>
      return %0
    }
    """

    __slots__ = ()
    function = np.not_equal


class Less(Comparison, name="less", traits={Trait.ELEMENTWISE}, nnapi=58):
    """True where the first element is smaller.

    func @example(%x: tensor<4xi8, scale=0.5, zero_point=0>, %y: tensor<4xi8, scale=0.25, zero_point=3>) -> tensor<4xbool> {
      %0 = less(%x, %y) : tensor<4xbool>
      return %0
    }
    """

    __slots__ = ()
    function = np.less


class LessEqual(Comparison, name="less_equal", traits={Trait.ELEMENTWISE}, nnapi=59):
    """True where the first element is not larger.

    func @example(%x: tensor<4xf16>, %y: tensor<4xf16>) -> tensor<4xbool> {
      %0 = less_equal(%x, %y) : tensor<4xbool>
      return %0
    }
    """

    __slots__ = ()
    function = np.less_equal


class Greater(Comparison, name="greater", traits={Trait.ELEMENTWISE}, nnapi=53):
    """True where the first element is larger.

    func @example(%x: tensor<4xf32>, %y: tensor<f32>) -> tensor<4xbool> {
      %0 = greater(%x, %y) : tensor<4xbool>
      return %0
    }
    """

    __slots__ = ()
    function = np.greater


class GreaterEqual(Comparison, name="greater_equal", traits={Trait.ELEMENTWISE}, nnapi=54):
    """True where the first element is not smaller.

    func @example(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xbool> {
      %0 = greater_equal(%x, %y) : tensor<4xbool>
      return %0
    }
    """

    __slots__ = ()
    function = np.greater_equal


class BinaryLogic(Operation):
    """Base of logic on two broadcast operands."""

    __slots__ = ()

    function: ClassVar[Callable[..., Array]]

    left: Value = operand("first operand", BOOLS)
    right: Value = operand("second operand", BOOLS)
    output: Value = result("the truth for each element of the broadcast shape", elements=ElementType.BOOL)

    def infer_shapes(self) -> Sequence[Shape]:
        return [broadcast_shapes(self.left.shape, self.right.shape)]

    def reference(self, profile: Profile, left: Array, right: Array) -> Array:
        return np.asarray(self.function(left, right))


class LogicalAnd(BinaryLogic, name="logical_and", traits={Trait.ELEMENTWISE, Trait.COMMUTATIVE}, nnapi=61):
    """True where both are true.

    func @example(%x: tensor<2x3xbool>, %y: tensor<3xbool>) -> tensor<2x3xbool> {
      %0 = logical_and(%x, %y) : tensor<2x3xbool>
      return %0
    }
    """

    __slots__ = ()
    function = np.logical_and


class LogicalOr(BinaryLogic, name="logical_or", traits={Trait.ELEMENTWISE, Trait.COMMUTATIVE}, nnapi=63):
    """True where at least one is true.

    func @example(%x: tensor<2x3xbool>, %y: tensor<3xbool>) -> tensor<2x3xbool> {
      %0 = logical_or(%x, %y) : tensor<2x3xbool>
      return %0
    }
    """

    __slots__ = ()
    function = np.logical_or


class LogicalNot(Operation, name="logical_not", traits={Trait.ELEMENTWISE}, nnapi=62):
    """True where the operand is false.

    func @example(%x: tensor<4xbool>) -> tensor<4xbool> {
      %0 = logical_not(%x) : tensor<4xbool>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape", BOOLS)
    output: Value = result("the opposite", elements=ElementType.BOOL)

    def infer_shapes(self) -> Sequence[Shape]:
        return [self.input.shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        return np.asarray(np.logical_not(input))


class Select(PerTensorOperation, name="select", traits={Trait.ELEMENTWISE}, nnapi=84):
    """Elements of one tensor where a condition holds, else of another; all three broadcast.

    func @example(%c: tensor<2x3xbool>, %x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = select(%c, %x, %y) : tensor<2x3xf32>
      return %0
    }
    """

    __slots__ = ()

    condition: Value = operand("which operand to take", BOOLS)
    left: Value = operand("taken where the condition is true")
    right: Value = operand("taken where it is false, of the same element type")
    output: Value = result("the chosen elements", like="left", quantisation=QuantisationRule.SAME_BY_DEFAULT)

    @constraint("C1: both choices have the same element type", at="right")
    def elements_agree(self) -> bool:
        return self.left.element is self.right.element

    @constraint("Q2: choices and result are all quantised or all raw", at="right")
    def quantised_together(self) -> bool:
        return len({is_quantised(value.type) for value in (self.left, self.right, self.output)}) == 1

    def infer_shapes(self) -> Sequence[Shape]:
        return [broadcast_shapes(self.condition.shape, self.left.shape, self.right.shape)]

    def reference(self, profile: Profile, condition: Array, left: Array, right: Array) -> Array:
        target = self.output.type
        left = requantise(profile, left, self.left.type, target)
        return np.where(condition, left, requantise(profile, right, self.right.type, target))


OPERATORS: tuple[type[Operation], ...] = (
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    LogicalAnd,
    LogicalOr,
    LogicalNot,
    Select,
)
