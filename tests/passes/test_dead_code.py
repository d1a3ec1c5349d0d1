"""Dead code goes, whichever result of an operation is used: against reachability, worked out forwards."""

from __future__ import annotations

import pytest
from hypothesis import given

from nir.ir import Module, Operation, Value, tensor, walk
from nir.ops.builder import Builder
from nir.passes import eliminate_dead_code
from nir.testing import modules


@pytest.mark.parametrize("used", range(3))
def test_any_result_keeps_its_operation(used: int) -> None:
    b = Builder("main")
    parts = b.split(b.parameter("x", tensor((3, 4))), axis=0, parts=3)
    b.returns(b.exp(parts[used]))
    assert eliminate_dead_code(b.module) == 0
    assert [op.name for op in b.function] == ["split", "exp"]


def needed_by(module: Module) -> set[Operation]:
    """Operations from which a path leads to a returned value."""
    found: set[Operation] = set()
    open_values: list[Value | None] = [value for function in module for value in function.results]
    while open_values:
        value = open_values.pop()
        if value is not None and value.producer is not None and value.producer not in found:
            found.add(value.producer)
            open_values += value.producer.operands
    return found


@given(module=modules())
def test_what_is_left_is_what_is_needed(module: Module) -> None:
    needed, before = needed_by(module), len(list(walk(module)))
    assert eliminate_dead_code(module) == before - len(needed)
    assert set(walk(module)) == needed
