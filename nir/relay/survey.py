"""What is in a Relay module, counted: operators, inputs, constants, and what is not known. Nothing is converted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from nir.relay import schema
from nir.relay.expr import Call, Constant, ExternalConstant, Function, Let, Op
from nir.relay.module import Module
from nir.relay.visitor import post_order


@dataclass(frozen=True)
class Survey:
    """What a module consists of.

    `operators` counts the calls of each operator, most frequent first; `unknown_operators` are those among them that no
    version of TVM has; `compilers` counts the functions that were given to external code generators.
    """

    inputs: tuple[tuple[str, str], ...]
    result: str
    functions: int
    operators: dict[str, int]
    unknown_operators: dict[str, int]
    constants: int
    constant_bytes: int
    external_constants: int
    lets: int
    local_functions: int
    compilers: dict[str, int]


def survey(module: Module) -> Survey:
    """What `module` consists of. Its types need not have been inferred."""
    calls: Counter[str] = Counter()
    compilers: Counter[str] = Counter()
    seen: set[object] = set()
    arrays: list[Constant] = []
    external: set[int] = set()
    lets = local_functions = 0
    for function in module.functions.values():
        for expr in post_order(function):
            if expr in seen:
                continue
            seen.add(expr)
            if isinstance(expr, Call) and isinstance(expr.op, Op):
                calls[expr.op.name] += 1
            elif isinstance(expr, Constant):
                arrays.append(expr)
            elif isinstance(expr, ExternalConstant):
                external.add(expr.index)
            elif isinstance(expr, Let):
                lets += 1
            elif isinstance(expr, Function):
                local_functions += expr is not function
                if "Compiler" in expr.attrs:
                    compilers[str(expr.attrs["Compiler"])] += 1
    main = module.functions.get("main")
    known = schema.operators()
    return Survey(
        tuple((p.name_hint, str(p.checked_type or p.type_annotation or "?")) for p in main.params) if main else (),
        str(main.body.checked_type or main.ret_type or "?") if main else "?",
        len(module.functions),
        dict(sorted(calls.items(), key=lambda item: (-item[1], item[0]))),
        {name: count for name, count in sorted(calls.items()) if name not in known},
        len(arrays),
        sum(constant.data.nbytes for constant in arrays),
        len(external),
        lets,
        local_functions,
        dict(compilers),
    )


__all__ = ["Survey", "survey"]
