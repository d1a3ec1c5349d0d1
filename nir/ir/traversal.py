"""Walking and copying: operations of a module, users of values, reachable functions, copies."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nir.ir.function import Function, Module
from nir.ir.operation import Operation, Trait
from nir.ir.types import TensorType
from nir.ir.values import Symbol, Value


def walk(module: Module | Function) -> Iterator[Operation]:
    """Every operation, function by function, in order."""
    functions = [module] if isinstance(module, Function) else list(module)
    for function in functions:
        yield from function.operations


def users(function: Function) -> dict[Value, list[tuple[Operation, int]]]:
    """For each used value the operations that take it, with the operand's place; returning is not a use here."""
    found: dict[Value, list[tuple[Operation, int]]] = defaultdict(list)
    for op in function.operations:
        for index, value in enumerate(op.operands):
            if value is not None:
                found[value].append((op, index))
    return found


def dependency_order(function: Function) -> list[Operation]:
    """The operations in an order that follows from the graph and not from how they stand: operands before what takes
    them, from the first returned value to the last. What nothing returned depends on comes behind, by name.
    """
    order: list[Operation] = []
    seen: set[Operation] = set()
    dead = sorted(function.operations, key=lambda op: (op.results[0].name if op.results else None) or "")
    roots = [value.producer for value in function.results]
    for root in (*roots, *dead):
        stack = [(root, False)] if root is not None else []
        while stack:
            op, expanded = stack.pop()
            if expanded:
                order.append(op)
            elif op not in seen:
                seen.add(op)
                stack.append((op, True))
                makers = [value.producer for value in reversed(op.operands) if value is not None]
                stack.extend((maker, False) for maker in makers if maker is not None and maker not in seen)
    return order


def callees(op: Operation) -> list[str]:
    """Names of the functions that an operation refers to."""
    if Trait.CALLS not in op.traits:
        return []
    return [str(value) for value in op.attributes.values() if isinstance(value, Symbol)]


def reachable(module: Module, roots: Sequence[str]) -> list[Function]:
    """The functions that `roots` lead to by calls, roots first, each once; unknown names are skipped."""
    names, position = list(dict.fromkeys(roots)), 0
    seen = set(names)
    while position < len(names):
        function = module.functions.get(names[position])
        position += 1
        for op in function.operations if function else ():
            for name in callees(op):
                if name not in seen:
                    seen.add(name)
                    names.append(name)
    return [module.functions[name] for name in names if name in module.functions]


def copy_operation(
    op: Operation,
    operands: Sequence[Value | None] | None = None,
    attributes: Mapping[str, Any] | None = None,
    result_types: Sequence[TensorType] | None = None,
) -> Operation:
    """A new operation of the same class with new results of the same names; parts given replace the original's."""
    duplicate = type(op)(
        op.operands if operands is None else operands,
        op.attributes if attributes is None else attributes,
        [value.type for value in op.results] if result_types is None else result_types,
        [value.name for value in op.results],
        op.location,
    )
    duplicate.comments = op.comments
    return duplicate


def copy_function(function: Function, name: str | None = None) -> Function:
    """A deep copy that shares only what is immutable: types, locations, constant data."""
    fresh: dict[Value | None, Value | None] = {None: None}
    parameters = [Value(p.type, p.name, None, p.index) for p in function.parameters]
    fresh.update(zip(function.parameters, parameters, strict=True))
    operations = []
    for op in function.operations:
        duplicate = copy_operation(op, [fresh.get(value, value) for value in op.operands])
        fresh.update(zip(op.results, duplicate.results, strict=True))
        operations.append(duplicate)
    duplicate_function = copy.copy(function)
    duplicate_function.name = function.name if name is None else name
    duplicate_function.parameters = parameters
    duplicate_function.operations = operations
    duplicate_function.results = [fresh.get(value, value) for value in function.results]  # type: ignore[misc]
    duplicate_function.attributes = dict(function.attributes)
    return duplicate_function


def copy_module(module: Module) -> Module:
    """A deep copy of a module; see `copy_function`."""
    duplicate = copy.copy(module)
    duplicate.functions = {name: copy_function(function) for name, function in module.functions.items()}
    return duplicate


def replace_uses(function: Function, replacements: Mapping[Value, Value]) -> None:
    """Lets every operand and returned value that is a key of `replacements` refer to its replacement instead."""
    for op in function.operations:
        if any(value in replacements for value in op.operands if value is not None):
            op.operands = tuple(v if v is None else replacements.get(v, v) for v in op.operands)
    function.results = [replacements.get(value, value) for value in function.results]
