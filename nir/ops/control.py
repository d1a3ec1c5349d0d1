"""Calls of functions, and operators that NIR does not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nir.errors import RunError
from nir.ir import Operation, QuantisationRule, Shape, Symbol, Trait, Value, attribute, operand, result
from nir.ir.types import ANY


class Call(Operation, name="call", traits={Trait.CALLS}):
    """Calls a function of the same module; the results are what it returns.

    func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = call @double(%x) : tensor<4xf32>
      return %0
    }

    func @double(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = add(%x, %x) : tensor<4xf32>
      return %0
    }
    """

    __slots__ = ()

    callee: Symbol = attribute("the function", subject=True)
    arguments: tuple[Value, ...] = operand("one value per parameter of the function", variadic=True)
    outputs: tuple[Value, ...] = result(
        "what the function returns", elements=ANY, quantisation=QuantisationRule.FREE, variadic=True
    )

    def infer_shapes(self) -> Sequence[Shape]:
        # The signature is another function's; the verifier compares it, where it knows the module.
        return [value.shape for value in self.results]

    def reference(self, profile: Any, *operands: Any) -> Any:
        raise RunError(f"call @{self.callee} runs only inside its module")


class Foreign(Operation, name="foreign"):
    """An operator that NIR does not have, kept by name so that the whole model can be drawn, partitioned and
    planned. It takes any attributes, and cannot be interpreted.

        func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
          %0 = foreign "relay.nn.mystery"(%x) {alpha = 0.5} : tensor<4xf32>
          return %0
        }
    """

    __slots__ = ()
    open_attributes = True

    operator: str = attribute("the operator's name where it came from", subject=True)
    inputs: tuple[Value, ...] = operand("any number of tensors", variadic=True)
    outputs: tuple[Value, ...] = result("as declared", elements=ANY, quantisation=QuantisationRule.FREE, variadic=True)

    def infer_shapes(self) -> Sequence[Shape]:
        return [value.shape for value in self.results]

    def reference(self, profile: Any, *operands: Any) -> Any:
        raise RunError(f"operator '{self.operator}' is foreign to NIR and cannot be interpreted")


OPERATORS: tuple[type[Operation], ...] = (Call, Foreign)
