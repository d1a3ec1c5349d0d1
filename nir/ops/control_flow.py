"""Branches and loops: calls of functions that the data decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nir.errors import RunError
from nir.ir import Operation, QuantisationRule, Shape, Symbol, Trait, Value, attribute, operand, result
from nir.ir.types import ANY, BOOLS


class ControlFlow(Operation):
    """Base of operators that call functions and give back what those return.

    Signatures are other functions' affair: the verifier compares them where it knows the module, and result types
    are as declared. The interpreter does the calling.
    """

    __slots__ = ()

    def infer_shapes(self) -> Sequence[Shape]:
        return [value.shape for value in self.results]

    def reference(self, profile: Any, *operands: Any) -> Any:
        raise RunError(f"{self.name} runs only inside its module")


class If(ControlFlow, name="if", traits={Trait.CALLS}, nnapi=96):
    """Calls one of two functions, as a condition says. Both take the arguments and return the results.

    func @example(%condition: tensor<1xbool>, %x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = if(%condition, %x) {then_branch = @double, else_branch = @square} : tensor<4xf32>
      return %0
    }

    func @double(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = add(%x, %x) : tensor<4xf32>
      return %0
    }

    func @square(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = mul(%x, %x) : tensor<4xf32>
      return %0
    }
    """

    __slots__ = ()

    condition: Value = operand("one element", BOOLS, rank=(0, 1))
    then_branch: Symbol = attribute("the function that is called where the condition is true")
    else_branch: Symbol = attribute("the function that is called where it is false")
    arguments: tuple[Value, ...] = operand("one value per parameter of the functions", variadic=True)
    outputs: tuple[Value, ...] = result(
        "what the function returns", elements=ANY, quantisation=QuantisationRule.FREE, variadic=True
    )


class While(ControlFlow, name="while", traits={Trait.CALLS}, nnapi=97):
    """Calls a function again and again for as long as a condition holds; before the first time, too.

    Both functions take all operands. What the body returns replaces the first of them for the next round: there are
    as many results of the operation, or more values that live in the loop alone. The operands that are left keep
    their values. The results are the first operands after the last round. A loop that does not end is an error when
    run.

        func @example(%count: tensor<1xi32>, %end: tensor<1xi32>) -> tensor<1xi32> {
          %0 = while(%count, %end) {condition = @below, body = @next} : tensor<1xi32>
          return %0
        }

        func @below(%count: tensor<1xi32>, %end: tensor<1xi32>) -> tensor<1xbool> {
          %0 = less(%count, %end) : tensor<1xbool>
          return %0
        }

        func @next(%count: tensor<1xi32>, %end: tensor<1xi32>) -> tensor<1xi32> {
          %one = const dense<1> : tensor<1xi32>
          %0 = add(%count, %one) : tensor<1xi32>
          return %0
        }
    """

    __slots__ = ()

    condition: Symbol = attribute("the function that says whether to go on: it returns one bool")
    body: Symbol = attribute("the function of one round")
    arguments: tuple[Value, ...] = operand("initial values, then values that stay", variadic=True)
    outputs: tuple[Value, ...] = result(
        "the final values of the first arguments", elements=ANY, quantisation=QuantisationRule.FREE, variadic=True
    )


OPERATORS: tuple[type[Operation], ...] = (If, While)
