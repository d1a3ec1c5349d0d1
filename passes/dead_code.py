"""Dead code: removes operations that no returned value depends on.

Linear in the size of the function. It removes whole operations only, no parameters and no functions.
"""

from __future__ import annotations

from nir.ir import Function, Module, Operation, Value


def eliminate_dead_code(module: Module | Function) -> int:
    """Removes, in place, every operation whose results nothing returned depends on. Returns how many were removed."""
    functions = [module] if isinstance(module, Function) else list(module)
    removed = 0
    for function in functions:
        kept = live_operations(function.operations, function.results)
        removed += len(function.operations) - len(kept)
        function.operations = kept
    return removed


def live_operations(operations: list[Operation], results: list[Value]) -> list[Operation]:
    """Those of `operations`, in their order, that `results` depend on."""
    needed = set(results)
    kept = []
    for op in reversed(operations):
        if any(value in needed for value in op.results):
            kept.append(op)
            needed.update(value for value in op.operands if value is not None)
    kept.reverse()
    return kept
