"""What edits of a module have in common: names for all values, new types after a change, what nothing reads any more."""

from __future__ import annotations

import numpy as np

from nir.ir import (
    ConstantData,
    Function,
    Module,
    Operation,
    Quantisation,
    TensorType,
    Trait,
    Value,
    callees,
    copy_module,
)
from nir.ir.traversal import replace_uses
from nir.ops.constant import Const
from nir.ops.control import Call, Foreign
from nir.ops.control_flow import If, While


class NotApplicable(Exception):
    """An edit makes no sense on this module, or nothing that has a type."""


def entry_of(module: Module) -> Function:
    """The function that a run of the module starts with: `@main`, else the first."""
    return module.functions.get("main") or next(iter(module))


def named_copy(module: Module) -> Module:
    """A copy in which every value has a name of its own in its function."""
    duplicate = copy_module(module)
    for function in duplicate:
        taken = {value.name for value in function.values()}
        number = 0
        for value in function.values():
            if value.name is None:
                while str(number) in taken:
                    number += 1
                value.name = str(number)
                taken.add(value.name)
    return duplicate


def plain_copy(module: Module, *, keep_signatures: bool = False) -> Module:
    """A copy to begin with: all values named, weights without names, so that small ones stand in the text, and result
    types that follow from what is returned, unless `keep_signatures` says that they may be wrong on purpose.
    """
    duplicate = named_copy(module)
    duplicate.weights_file = None
    for function in duplicate:
        if not keep_signatures:
            function.declared_result_types = None
        for op in function.operations:
            for name, value in op.attributes.items():
                if isinstance(value, ConstantData) and value.name is not None:
                    op.attributes[name] = ConstantData(value.array)
        for value in function.values():
            quantisation = value.type.quantisation
            if quantisation is not None and quantisation.scales_name is not None:
                unnamed = Quantisation(quantisation.scales, quantisation.zero_points, quantisation.axis)
                value.type = value.type.with_quantisation(unnamed)
    return duplicate


def free_name(function: Function, wanted: str) -> str:
    """A name that no value of the function has."""
    taken = {value.name for value in function.values()}
    name, number = wanted, 0
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name


def by_name(function: Function) -> dict[str, Value]:
    """The values of a function by name."""
    return {str(value.name): value for value in function.values()}


def function_of(module: Module, name: str) -> Function:
    """A function. Raises `NotApplicable` where it is gone."""
    if name not in module.functions:
        raise NotApplicable(name)
    return module.functions[name]


def value_of(module: Module, key: tuple[str, str]) -> tuple[Function, Value]:
    """A value by function and name. Raises `NotApplicable` where it is gone."""
    function = function_of(module, key[0])
    for value in function.values():
        if value.name == key[1]:
            return function, value
    raise NotApplicable(key[1])


def zeros(type: TensorType) -> ConstantData:
    """A constant of zeros: the real number, where the type is quantised per tensor."""
    if not type.is_static:
        raise NotApplicable("a constant has a known shape")
    quantisation = type.quantisation
    filler = 0 if quantisation is None or quantisation.is_per_channel else quantisation.zero_point
    shape = [size or 0 for size in type.shape]
    return ConstantData(np.broadcast_to(np.asarray(filler).astype(type.element.numpy), shape))


def add_constant(function: Function, value: Value) -> Value:
    """A new constant of zeros of the type of `value`, of its name, before all operations."""
    made = Const((), {"value": zeros(value.type)}, [value.type], [value.name])
    function.operations.insert(0, made)
    return made.results[0]


def add_parameter(function: Function, value: Value) -> Value:
    """A new parameter of the type and name of `value`."""
    parameter = Value(value.type, value.name, None, len(function.parameters))
    function.parameters.append(parameter)
    return parameter


def number_parameters(function: Function) -> None:
    """Lets parameters know their places again."""
    for index, parameter in enumerate(function.parameters):
        parameter.index = index


def used_values(function: Function) -> set[Value]:
    """What operations take and the function returns."""
    used = {value for op in function.operations for value in op.operands if value is not None}
    return used | set(function.results)


def live_operations(function: Function) -> set[Operation]:
    """The operations that what is returned depends on."""
    live: set[Operation] = set()
    needed = set(function.results)
    for op in reversed(function.operations):
        if any(value in needed for value in op.results):
            live.add(op)
            needed.update(value for value in op.operands if value is not None)
    return live


def drop_dead(function: Function, only: set[Operation] | None = None) -> None:
    """Takes out operations that nothing returned depends on; with `only`, those among them alone."""
    live = live_operations(function)
    function.operations = [op for op in function.operations if op in live or (only is not None and op not in only)]


def replace(function: Function, replacements: dict[Value, Value]) -> None:
    """Other values for operands and results, through chains of replacements."""
    resolved = {}
    for old in replacements:
        new = replacements[old]
        seen = {old}
        while new in replacements and new not in seen:
            seen.add(new)
            new = replacements[new]
        resolved[old] = new
    replace_uses(function, resolved)


# --- types ---


def callees_first(module: Module) -> list[Function]:
    """Every function after those that it refers to. Raises `NotApplicable` for recursion."""
    order: dict[str, Function] = {}
    for root in module.functions:
        stack = [root]
        open_names: dict[str, None] = {}
        while stack:
            name = stack[-1]
            if name in order:
                stack.pop()
                open_names.pop(name, None)
                continue
            open_names[name] = None
            waiting = [c for op in module[name] for c in callees(op) if c in module.functions and c not in order]
            if not waiting:
                order[name] = module[name]
                stack.pop()
                open_names.pop(name, None)
            elif waiting[0] in open_names:
                raise NotApplicable("recursion")
            else:
                stack.append(waiting[0])
    return list(order.values())


def retype(module: Module, changed: set[Value], touched: set[Operation] | None = None) -> None:
    """Infers types anew for whatever depends on `changed` values and `touched` operations. Raises `NotApplicable`.

    What operators leave open (element type, quantisation) stays as it is.
    """
    touched = touched or set()
    changed_functions: set[str] = set()
    for function in callees_first(module):
        for op in function.operations:
            calls = any(name in changed_functions for name in callees(op))
            if op in touched or calls or any(value in changed for value in op.operands if value is not None):
                _retype_operation(module, op, changed)
        if any(value in changed for value in (*function.parameters, *function.results)):
            changed_functions.add(function.name)


def _retype_operation(module: Module, op: Operation, changed: set[Value]) -> None:
    types: list[TensorType]
    try:
        if isinstance(op, (Const, Foreign)):
            return
        if isinstance(op, Call):
            types = [value.type for value in module[op.callee].results]
        elif isinstance(op, If):
            types = [value.type for value in module[op.then_branch].results]
        elif isinstance(op, While):
            types = [value.type for value in op.arguments[: len(op.results)]]
        else:
            types = list(op.infer())
    except Exception as error:  # whatever an operator makes of shapes that do not fit
        raise NotApplicable(str(error)) from error
    if len(types) != len(op.results):
        raise NotApplicable("another number of results")
    for value, type in zip(op.results, types, strict=True):
        if value.type != type:
            value.type = type
            changed.add(value)


def is_constant(op: Operation | None) -> bool:
    """True for an operation that is a constant."""
    return op is not None and Trait.CONSTANT in op.traits
