"""Regions of a NIR function become functions of their own, which it calls.

Constants go along with what takes them, into every region that does. Names stay: what a region calls `%x` was `%x` in the
whole, so that names alone tell which constants are the same when regions are inlined again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nir.ir import Function, Operation, Symbol, TensorType, Trait, Value, copy_operation
from nir.ops.control import Call

KEPT_ATTRIBUTES = ("profile",)
"""Attributes of the whole that its regions have, too."""


class Outliner:
    """Takes a function apart, which then has calls where the regions were. The function is changed in place."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.place = {op: index for index, op in enumerate(function.operations)}
        taken = {value for op in function.operations for value in op.operands} | set(function.results)
        self.unused = {op for op in function.operations if not taken.intersection(op.results)}
        self._name_values()

    def _name_values(self) -> None:
        """Gives every value a name, since parts of one value in several functions are told apart by it."""
        taken = {value.name for value in self.function.values()}
        number = 0
        for value in self.function.values():
            if value.name is None:
                while str(number) in taken:
                    number += 1
                value.name = str(number)
                taken.add(value.name)

    def split(self, blocks: Sequence[Sequence[Operation]], names: Mapping[int, tuple[str, str]]) -> list[Function]:
        """Regions as functions. `blocks` are all operations but constants, in an order in which they can run; `names`
        has the name and the target of those blocks that are regions.
        """
        block_of = {op: index for index, block in enumerate(blocks) for op in block}
        home = {value: block_of.get(op, -1) for op in self.function.operations for value in op.results}
        leaving = set(self.function.results)
        for op in self.function.operations:
            for value in op.operands:
                if value is not None and home.get(value, -1) != block_of.get(op, -1):
                    leaving.add(value)
        replaced: dict[Value, Value] = {}
        functions = []
        operations: list[Operation] = []
        for index, block in enumerate(blocks):
            if index in names:
                function, call = self._outlined(block, *names[index], leaving)
                functions.append(function)
                replaced.update(zip(function.results, call.results, strict=True))
                operations.append(call)
            else:
                operations.extend(block)
        self._rejoin(operations, replaced)
        return functions

    def _outlined(
        self, block: Sequence[Operation], name: str, target: str, leaving: set[Value]
    ) -> tuple[Function, Operation]:
        """A region's function, and the call of it, which still takes values as they were."""
        inside = {value for op in block for value in op.results}
        local: dict[Value, Value] = {}
        inputs: list[Value] = []
        constants: list[Operation] = []
        for op in block:
            for value in op.operands:
                if value is None or value in inside or value in local:
                    continue
                if is_constant(value):
                    duplicate = copy_operation(value.producer)  # type: ignore[arg-type]
                    self.place[duplicate] = self.place[value.producer]  # type: ignore[index]
                    constants.append(duplicate)
                    local[value] = duplicate.results[0]
                else:
                    local[value] = Value(value.type, value.name, None, len(inputs))
                    inputs.append(value)
        for op in block:
            op.operands = tuple(value if value is None else local.get(value, value) for value in op.operands)
        operations = sorted([*constants, *block], key=self.place.__getitem__)
        results = [value for op in block for value in op.results if value in leaving]
        attributes = {"target": target}
        attributes |= {key: value for key, value in self.function.attributes.items() if key in KEPT_ATTRIBUTES}
        function = Function(name, [local[value] for value in inputs], operations, results, attributes)
        types: list[TensorType] = [value.type for value in results]
        call = Call(inputs, {"callee": Symbol(name)}, types, [value.name for value in results])
        return function, call

    def _rejoin(self, operations: list[Operation], replaced: Mapping[Value, Value]) -> None:
        """Makes `operations` the body: calls give what regions gave; of the constants those stand before that are
        taken here, and those that nothing ever took.
        """
        function = self.function
        for op in operations:
            op.operands = tuple(value if value is None else replaced.get(value, value) for value in op.operands)
        function.results = [replaced.get(value, value) for value in function.results]
        taken = {value for op in operations for value in op.operands} | set(function.results)
        constants = [op for op in function.operations if Trait.CONSTANT in op.traits]
        kept = [op for op in constants if op.results[0] in taken or op in self.unused]
        function.operations = [*kept, *operations]


def is_constant(value: Value) -> bool:
    """Whether a value is made by an operation without operands that always gives the same."""
    return value.producer is not None and Trait.CONSTANT in value.producer.traits
