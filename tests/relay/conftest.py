"""What the tests of Relay share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nir.relay import Call, Function, Module, Op, TensorType, Tuple, TupleType, Type, Var, infer_types
from nir.relay.schema import complete, operators


def _argument(index: int, kind: Type) -> tuple[Any, list[Var]]:
    if isinstance(kind, TupleType):
        fields = [Var(f"x{index}_{position}", field) for position, field in enumerate(kind.fields)]
        return Tuple(fields), fields
    variable = Var(f"x{index}", kind)
    return variable, [variable]


@pytest.fixture(scope="session")
def result_type() -> Callable[..., Type]:
    """The type that inference gives a call of an operator on arguments of given types with given attributes."""

    def infer(operator: str, *kinds: Type, **attributes: Any) -> Type:
        arguments: list[Any] = []
        parameters: list[Var] = []
        for index, kind in enumerate(kinds):
            argument, variables = _argument(index, kind)
            arguments.append(argument)
            parameters += variables
        completed = complete(operators()[operator], attributes, lambda _name: None)
        call = Call(Op(operator), arguments, completed)
        infer_types(Module({"main": Function(parameters, call)}))
        assert call.checked_type is not None
        return call.checked_type

    return infer


@pytest.fixture(scope="session")
def f32() -> Callable[..., TensorType]:
    """Types of float32 tensors: f32(2, 3)."""
    return lambda *shape: TensorType(shape, "float32")
