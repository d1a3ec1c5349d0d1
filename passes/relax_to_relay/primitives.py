"""Tensor programs that stand for one operator: a front end calls some of TVM's `topi` functions where Relax has the
operator as well. They are known by what they compute, not by their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import tirx

_STORED = {
    tirx.Max: "maximum",
    tirx.Min: "minimum",
    tirx.Add: "add",
    tirx.Sub: "subtract",
    tirx.Mul: "multiply",
}
"""The expression that a program of one statement stores, and the operator of Relax that does so."""

_DEEPEST = 64
"""Statements around the one that stores."""


def named_primitive(module: Any, function: Any, arguments: Any) -> tuple[str, list[Any]]:
    """The name of the operator that a `call_tir` stands for, and its arguments; `call_tir.<program>` where it is none
    of those known.
    """
    fields = list(getattr(arguments, "fields", arguments if isinstance(arguments, tuple) else [arguments]))
    if not isinstance(function, tvm.ir.GlobalVar):
        return "call_tir", fields
    name = str(function.name_hint)
    program = module[function] if name in {v.name_hint for v in module.get_global_vars()} else None
    operator = _operator(program) if isinstance(program, tirx.PrimFunc) else None
    return (operator, fields) if operator is not None and len(fields) == 2 else (f"call_tir.{name}", fields)


def named_function(arguments: list[Any]) -> tuple[str, list[Any]]:
    """The name `call_dps_packed.<function>` of a call of a function by name, and its arguments."""
    function, given = arguments[0], arguments[1] if len(arguments) > 1 else ()
    fields = list(getattr(given, "fields", given if isinstance(given, tuple) else [given]))
    return f"call_dps_packed.{function}" if isinstance(function, str) else "call_dps_packed", fields


def _operator(program: Any) -> str | None:
    """The operator whose operands are both inputs of the program in order, broadcast by numpy's rules."""
    store = _only_store(program.body)
    if store is None or len(program.params) != 3:
        return None
    value = store.value
    operator = next((name for kind, name in _STORED.items() if isinstance(value, kind)), None)
    if operator is None:
        return None
    left, right, output = program.params
    reads = ((left, value.a), (right, value.b))
    if not output.same_as(store.buffer) or not all(_reads(load, source, store.indices) for source, load in reads):
        return None
    return operator


def _only_store(statement: Any) -> Any:
    """The store inside loops and blocks, where nothing else is."""
    for _ in range(_DEEPEST):
        if isinstance(statement, tirx.BufferStore):
            return statement
        statement = getattr(statement, "block", None) or getattr(statement, "body", None)
        if statement is None:
            return None
    return None


def _reads(load: Any, source: Any, indices: Sequence[Any]) -> bool:
    """True where `load` reads `source` at the last of `indices`, or at 0 of dimensions that are broadcast."""
    if not isinstance(load, tvm.ir.TensorLoad) or not source.same_as(load.source) or len(load.indices) > len(indices):
        return False
    last = list(indices)[len(indices) - len(load.indices) :]
    pairs = zip(load.indices, last, strict=True)
    return all(mine.same_as(other) or (isinstance(mine, tirx.IntImm) and mine.value == 0) for mine, other in pairs)
