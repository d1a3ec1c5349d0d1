"""Layer 1, between functions: calls name functions that exist, fit their signatures, and never lead back.

Signatures are compared for operators that pass their operands on and give back what the function returns (`call`);
for others with the trait CALLS only the names are checked here, their own constraints say how the functions fit.
"""

from __future__ import annotations

from collections.abc import Iterator

from nir.errors import suggestion
from nir.ir import Function, Module, Operation, Symbol, Trait, Value, callees
from nir.ops.control import Call
from nir.verify.findings import Finding, Part, count, function_name, is_subject, list_text, type_text, value_name
from nir.verify.structure import fits


def call_findings(op: Operation, module: Module) -> Iterator[Finding]:
    """What is wrong with the functions that an operation refers to."""
    for attribute, name in op.attributes.items():
        if not isinstance(name, Symbol):
            continue
        callee = module.functions.get(name)
        subject = is_subject(op, attribute)
        at: Part = "subject" if subject else ("attribute_value", attribute)
        if callee is None:
            hint = suggestion(function_name(name), map(function_name, module.functions))
            yield Finding(f"{op.name}: there is no function {function_name(name)}", at=at, hint=hint)
        elif isinstance(op, Call):
            yield from _signature_findings(op, callee)


def _signature_findings(op: Call, callee: Function) -> Iterator[Finding]:
    """Operands against parameters, and results against the function's results."""
    if not all(isinstance(value, Value) for value in (*callee.parameters, *callee.results)):
        return  # said where the function stands
    wanted, given = callee.parameters, op.operands
    if len(wanted) != len(given):
        yield Finding(
            f"call: {function_name(callee.name)} takes {count(len(wanted), 'argument')}",
            at=("operand", len(wanted)) if len(given) > len(wanted) else "name",
            expected=f"as many as it has parameters, {list_text(value_name(p) for p in wanted)}",
            found=count(len(given), "argument"),
        )
    else:
        for index, (parameter, value) in enumerate(zip(wanted, given, strict=True)):
            if value is not None and not fits(value.type, parameter.type):
                name = value_name(parameter) if parameter.name is not None else f"number {index}"
                yield Finding(
                    f"call: the argument is of another type than parameter {name} of {function_name(callee.name)}",
                    at=("operand", index),
                    expected=type_text(parameter.type),
                    found=type_text(value.type),
                )
    types = callee.result_types
    if len(types) != len(op.results):
        yield Finding(
            f"call: {function_name(callee.name)} returns {count(len(types), 'value')}",
            at="result",
            expected=count(len(types), "result"),
            found=count(len(op.results), "result"),
        )
        return
    for index, (type, value) in enumerate(zip(types, op.results, strict=True)):
        if not fits(value.type, type):
            yield Finding(
                f"call: the result is of another type than {function_name(callee.name)} returns",
                at=("type", index),
                expected=type_text(type),
                found=type_text(value.type),
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
                closing[op] = _circle(op, [*path[path.index(callee) :], callee])
            elif callee not in done:
                path.append(callee)
                on_path.add(callee)
                pending.append(iter(calls[callee]))
    return closing


def _circle(op: Operation, path: list[str]) -> Finding:
    if len(path) > 8:
        path = [*path[:4], f"... {len(path) - 7} more", *path[-3:]]
    circle = " calls ".join(name if name.startswith("...") else function_name(name) for name in path)
    return Finding(f"{op.name}: a function cannot call itself, not even through others", at="subject", found=circle)
