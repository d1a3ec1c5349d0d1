"""How large a module is, for the purpose of making it smaller: what is accepted is always less than what was there.

Sizes are compared part by part, so that every reduction ends, and its result is never larger than what it began with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from nir.ir import ConstantData, Function, Module, Trait, Value, callees, walk
from nir.text.files import text_and_weights


class Size(NamedTuple):
    """From what matters most to a reader to what only breaks ties."""

    operations: int
    """Without constants; those of a called function count once for every call."""
    functions: int
    constants: int
    edges: int
    """Parameters and results of all functions, and operands."""
    written: int
    """Elements that stand one by one: of constants whose elements are not all equal."""
    elements: int
    """Of all values."""
    names: int
    """Values with other names than the shortest."""
    length: int
    """Characters of the text."""
    text: str


def size_of(module: Module) -> Size:
    """The size of a module. Raises what the printer raises where it cannot be written."""
    text, _ = text_and_weights(module)
    constants = [op for op in walk(module) if Trait.CONSTANT in op.traits]
    edges = sum(len(function.parameters) + len(function.results) for function in module)
    edges += sum(1 for op in walk(module) for value in op.operands if value is not None)
    written = sum(_written(value) for op in constants for value in op.attributes.values())
    elements = sum(value.type.size for function in module for value in function.values())
    return Size(
        flattened_operations(module),
        len(module.functions),
        len(constants),
        edges,
        written,
        elements,
        _long_names(module),
        len(text),
        text,
    )


def short_names(function: Function) -> Iterator[tuple[Value, str]]:
    """Every value with the name that is the shortest for it: x, y, z, numbers."""
    few = len(function.parameters) <= 3
    for index, value in enumerate(function.parameters):
        yield value, "xyz"[index] if few else f"x{index}"
    for number, value in enumerate(value for op in function.operations for value in op.results):
        yield value, str(number)


def _long_names(module: Module) -> int:
    return sum(value.name != name for function in module for value, name in short_names(function))


def _written(value: object) -> int:
    """Elements that stand one by one."""
    if not isinstance(value, ConstantData) or not value.array.size:
        return 0
    array = value.array
    equal = (array == array.flat[0]) | ((array != array) & (array.flat[0] != array.flat[0]))
    return 0 if equal.all() else array.size


def flattened_operations(module: Module) -> int:
    """Operations that are no constants, as if every call had been replaced by what it calls. A recursive call is one."""
    totals: dict[str, int] = {}
    called = {name for op in walk(module) for name in callees(op)}
    for root in [name for name in module.functions if name not in called] or list(module.functions):
        stack = [root]
        entered: set[str] = set()
        while stack:
            name = stack[-1]
            function = module.functions[name]
            missing = [c for op in function for c in callees(op) if c in module.functions and c not in totals]
            missing = [c for c in missing if c not in entered]
            if missing and name not in totals:
                entered.add(name)
                stack.append(missing[0])
                continue
            stack.pop()
            totals[name] = sum(
                1 + sum(totals.get(c, 0) for c in callees(op)) for op in function if Trait.CONSTANT not in op.traits
            )
    roots = [name for name in module.functions if name not in called] or list(module.functions)
    return sum(totals[name] for name in roots)


def fingerprint(module: Module) -> bytes:
    """Equal for modules that are the same to a program that reads them."""
    text, weights = text_and_weights(module)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name, array in weights.items():
        digest.update(f"{name}{array.dtype}{array.shape}".encode("utf-8", "surrogatepass"))
        digest.update(array.tobytes())
    return digest.digest()
