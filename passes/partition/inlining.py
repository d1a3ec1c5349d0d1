"""The way back: calls of functions that have a target are replaced with what these functions do."""

from __future__ import annotations

from nir.ir import Function, Module, Operation, Value, callees, copy_module, dependency_order, same
from nir.ops.control import Call
from nir.passes.partition.outlining import is_constant

TARGET = "target"
"""The function attribute that names who runs the function."""


def inline_regions(module: Module) -> Module:
    """A module without regions: the graph that partitioning was given. Functions that called regions have their
    operations in the order that `dependency_order` gives.

    Constants of a region are those of the function that calls it where name, type and elements agree. Functions with a
    target that nothing refers to any more are left out.
    """
    result = copy_module(module)
    regions = {function.name: function for function in result if TARGET in function.attributes}
    for function in result:
        inliner = _Inliner(function, regions)
        while any(isinstance(op, Call) and op.callee in regions for op in function.operations):
            inliner.run()
        if inliner.replaced:
            function.operations = dependency_order(function)
    used = {name for function in result if function.name not in regions for op in function for name in callees(op)}
    result.functions = {name: f for name, f in result.functions.items() if name not in regions or name in used}
    return result


class _Inliner:
    """Replaces the calls of regions in one function, once."""

    def __init__(self, function: Function, regions: dict[str, Function]) -> None:
        self.function = function
        self.regions = regions
        self.owners: dict[str | None, Value] = {value.name: value for value in function.values()}
        self.replaced: dict[Value, Value] = {}

    def run(self) -> None:
        operations: list[Operation] = []
        for op in self.function.operations:
            op.operands = tuple(value if value is None else self.replaced.get(value, value) for value in op.operands)
            if isinstance(op, Call) and op.callee in self.regions:
                operations += self._body(op, self.regions[op.callee])
            else:
                operations.append(op)
        self.function.operations = operations
        self.function.results = [self.replaced.get(value, value) for value in self.function.results]

    def _body(self, call: Operation, region: Function) -> list[Operation]:
        """The operations of a region, on the operands of the call."""
        here: dict[Value, Value] = {}
        for parameter, argument in zip(region.parameters, call.operands, strict=True):
            assert argument is not None, "calls omit nothing"
            here[parameter] = argument
        given_name = dict(zip(region.results, (value.name for value in call.results), strict=True))
        for value in call.results:
            self.owners.pop(value.name, None)
        made = []
        for op in region.operations:
            duplicate = type(op)(
                [value if value is None else here[value] for value in op.operands],
                op.attributes,
                [value.type for value in op.results],
                (),
                op.location,
            )
            known = self._same_constant(op, duplicate)
            if known is not None:
                here[op.results[0]] = known
                continue
            duplicate.comments = op.comments
            for old, new in zip(op.results, duplicate.results, strict=True):
                new.name = self._free_name(given_name.get(old, old.name))
                self.owners[new.name] = new
                here[old] = new
            made.append(duplicate)
        for value, inner in zip(call.results, region.results, strict=True):
            self.replaced[value] = here[inner]
        return made

    def _same_constant(self, op: Operation, duplicate: Operation) -> Value | None:
        """The constant of that name in the function, where it is the same."""
        owner = self.owners.get(op.results[0].name) if op.results else None
        if owner is None or owner.producer is None or not is_constant(owner) or not is_constant(duplicate.results[0]):
            return None
        one, other = (Function("", (), [each], each.results) for each in (owner.producer, duplicate))
        return owner if same(one, other) else None

    def _free_name(self, wanted: str | None) -> str | None:
        name, number = wanted, 1
        while name is not None and name in self.owners:
            name = f"{wanted}_{number}"
            number += 1
        return name
