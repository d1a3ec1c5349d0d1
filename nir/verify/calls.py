"""Layer 1, between functions: calls name functions that exist, fit their signatures, and never lead back.

A signature fits where every operand (of `if`, every one behind the condition) is of its parameter's type, and every
result of the type returned. What the body of a `while` returns is of the types of its first parameters, for the next
round; the condition returns one bool.
"""

from __future__ import annotations

from collections.abc import Iterator

from nir.errors import suggestion
from nir.ir import ElementType, Function, Module, Operation, Symbol, TensorType, Trait, Value, callees
from nir.ops.control_flow import If, While
from nir.verify.findings import Finding, count, function_name, list_text, part_of_field, type_text, value_name
from nir.verify.structure import fits


def call_findings(op: Operation, module: Module) -> Iterator[Finding]:
    """What is wrong with the functions that an operation refers to."""
    for attribute, name in op.attributes.items():
        if not isinstance(name, Symbol):
            continue
        callee = module.functions.get(name)
        at = part_of_field(op, attribute)
        if callee is None:
            hint = suggestion(function_name(name), map(function_name, module.functions))
            yield Finding(f"{op.name}: there is no function {function_name(name)}", at=at, hint=hint)
        elif all(isinstance(value, Value) for value in (*callee.parameters, *callee.results)):  # else said there
            yield from _argument_findings(op, callee, first=1 if isinstance(op, If) else 0)
            if not isinstance(op, While):
                yield from _result_findings(op, callee)
            elif attribute == "condition":
                yield from _condition_findings(op, callee)
            else:
                yield from _body_findings(op, callee)


def _argument_findings(op: Operation, callee: Function, first: int) -> Iterator[Finding]:
    """Operands, from `first` on, against parameters."""
    wanted, given = callee.parameters, op.operands[first:]
    if len(wanted) != len(given):
        yield Finding(
            f"{op.name}: {function_name(callee.name)} takes {count(len(wanted), 'argument')}",
            at=("operand", first + len(wanted)) if len(given) > len(wanted) else "name",
            expected=f"as many as it has parameters, {list_text(value_name(p) for p in wanted)}",
            found=count(len(given), "argument"),
        )
        return
    for index, (parameter, value) in enumerate(zip(wanted, given, strict=True)):
        if value is not None and not fits(value.type, parameter.type):
            name = value_name(parameter) if parameter.name is not None else f"number {index}"
            yield Finding(
                f"{op.name}: the argument is of another type than parameter {name} of {function_name(callee.name)}",
                at=("operand", first + index),
                expected=type_text(parameter.type),
                found=type_text(value.type),
            )


def _result_findings(op: Operation, callee: Function) -> Iterator[Finding]:
    """Results of an operation that gives back all that the function returns."""
    types = callee.result_types
    if len(types) != len(op.results):
        yield Finding(
            f"{op.name}: {function_name(callee.name)} returns {count(len(types), 'value')}",
            at="result",
            expected=count(len(types), "result"),
            found=count(len(op.results), "result"),
        )
        return
    for index, (type, value) in enumerate(zip(types, op.results, strict=True)):
        if not fits(value.type, type):
            yield _wrong_result(op, callee, index, type, value.type)


def _wrong_result(op: Operation, callee: Function, index: int, type: TensorType, declared: TensorType) -> Finding:
    return Finding(
        f"{op.name}: the result is of another type than {function_name(callee.name)} returns",
        at=("type", index),
        expected=type_text(type),
        found=type_text(declared),
    )


def _condition_findings(op: While, callee: Function) -> Iterator[Finding]:
    """A loop's condition returns one bool, as a scalar or in one dimension."""
    types = callee.result_types
    one_bool = (TensorType(ElementType.BOOL, ()), TensorType(ElementType.BOOL, (1,)))
    if len(types) != 1 or not any(fits(types[0], wanted) for wanted in one_bool):
        yield Finding(
            f"{op.name}: the condition {function_name(callee.name)} does not return one bool",
            at=("attribute_value", "condition"),
            expected=type_text(one_bool[1]),
            found=list_text(map(type_text, types)),
        )


def _body_findings(op: While, callee: Function) -> Iterator[Finding]:
    """What a loop's body returns can be its own first arguments, and the first of it the operation's results."""
    types, parameters = callee.result_types, callee.parameters
    name = function_name(callee.name)
    fewest, most = len(op.results), len(parameters)
    if not fewest <= len(types) <= most:
        yield Finding(
            f"{op.name}: the body {name} returns {count(len(types), 'value')}",
            at=("attribute_value", "body"),
            expected=f"{fewest}, one for each result"
            + (f", to {most}, one for each parameter" if fewest < most else ""),
        )
        return
    for index, (type, parameter) in enumerate(zip(types, parameters, strict=False)):
        result = op.results[index].type if index < fewest else None
        operand = op.operands[index] if index < len(op.operands) else None
        if not fits(type, parameter.type):
            yield Finding(
                f"{op.name}: the body {name} returns another type than its parameter number {index} has",
                at=("attribute_value", "body"),
                expected=type_text(parameter.type),
                found=type_text(type),
            )
        elif result is not None and not fits(result, type):
            yield _wrong_result(op, callee, index, type, result)
        elif result is not None and operand is not None and not fits(result, operand.type):
            yield Finding(
                f"{op.name}: the result is of another type than operand {index}, which it is where the body never runs",
                at=("type", index),
                expected=type_text(operand.type),
                found=type_text(result),
            )


def recursive_calls(module: Module) -> dict[Operation, Finding]:
    """The operations whose call closes a circle, each with the circle it closes. Iterative: chains may be long."""
    calls = {
        name: [
            (op, callee)
            for op in function.operations
            if isinstance(op, Operation) and Trait.CALLS in op.traits
            for callee in callees(op)
            if callee in module.functions
        ]
        for name, function in module.functions.items()
    }
    closing: dict[Operation, Finding] = {}
    done: set[str] = set()
    for root in calls:
        if root in done:
            continue
        path, on_path, pending = [root], {root}, [iter(calls[root])]
        while pending:
            op, callee = next(pending[-1], (None, ""))
            if op is None:
                done.add(path[-1])
                on_path.discard(path.pop())
                pending.pop()
            elif callee in on_path:
                closing[op] = _circle(op, callee, [*path[path.index(callee) :], callee])
            elif callee not in done:
                path.append(callee)
                on_path.add(callee)
                pending.append(iter(calls[callee]))
    return closing


def _circle(op: Operation, callee: str, path: list[str]) -> Finding:
    attribute = next(name for name, value in op.attributes.items() if value == callee)
    if len(path) > 8:
        path = [*path[:4], f"... {len(path) - 7} more", *path[-3:]]
    circle = " calls ".join(name if name.startswith("...") else function_name(name) for name in path)
    return Finding(
        f"{op.name}: a function cannot call itself, not even through others",
        at=part_of_field(op, attribute),
        found=circle,
    )
