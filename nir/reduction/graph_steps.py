"""Steps that leave out operations, outputs and parameters."""

from __future__ import annotations

from collections.abc import Sequence

from nir.ir import Function, Module, Operation, Value, copy_operation, reachable, walk
from nir.ops.control import Call
from nir.ops.control_flow import If, While
from nir.reduction.editing import (
    NotApplicable,
    add_constant,
    add_parameter,
    drop_dead,
    entry_of,
    free_name,
    function_of,
    is_constant,
    live_operations,
    number_parameters,
    replace,
    retype,
    used_values,
    value_of,
)
from nir.reduction.steps import Edit, Step


def _operations(module: Module, *, constants: bool = False) -> list[tuple[str, str]]:
    """Operations by function and first result, the last first; constants, or all others."""
    return [
        (function.name, str(op.results[0].name))
        for function in module
        for op in reversed(function.operations)
        if op.results and is_constant(op) == constants
    ]


def _chosen(function: Function, edits: Sequence[Edit]) -> dict[Operation, None]:
    """The operations of a function that edits name, in order."""
    names = {edit[1] for edit in edits if edit[0] == function.name}
    return {op: None for op in function.operations if op.results and str(op.results[0].name) in names}


class CutGraph(Step):
    """Cut the graph.

    Operations are left out: what others take of them becomes a parameter (in functions that are called, a constant),
    and what only they took becomes an output.
    """

    constants = False

    def find(self, module: Module) -> Sequence[Edit]:
        return _operations(module, constants=self.constants)

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        for name in dict.fromkeys(edit[0] for edit in edits):
            function = function_of(module, name)
            self._cut(function, _chosen(function, edits), function is entry_of(module))

    def _cut(self, function: Function, gone: dict[Operation, None], is_entry: bool) -> None:
        live = live_operations(function)
        before = {value for op in gone if op in live for value in op.operands if value is not None}
        made = {value for op in gone for value in op.results}
        function.operations = [op for op in function.operations if op not in gone]
        returned = function.results
        if is_entry:
            kept = [value for value in function.results if value not in made]
            function.results = list(dict.fromkeys(kept)) if len(kept) < len(function.results) else kept
        taken = used_values(function)
        if is_entry:
            order = [value for value in function.values() if value in before and value not in taken]
            function.results += [value for value in order if value.producer is not None]
            if not function.results:
                function.results = order[:1] or returned[:1]
                taken |= set(function.results)
        if not function.results:
            raise NotApplicable("nothing is returned")
        add = add_parameter if is_entry else add_constant
        order = [value for op in gone for value in op.results if value in taken]
        replace(function, {value: add(function, value) for value in order})


class DropConstants(CutGraph):
    """Turn constants into parameters."""

    constants = True

    def find(self, module: Module) -> Sequence[Edit]:
        entry = entry_of(module).name
        return [edit for edit in _operations(module, constants=True) if edit[0] == entry]


class DropDead(Step):
    """Drop what nothing reads."""

    def find(self, module: Module) -> Sequence[Edit]:
        found = []
        for function in module:
            live = live_operations(function)
            found += [
                (function.name, str(op.results[0].name) if op.results else None)
                for op in function.operations
                if op not in live
            ]
        return found

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        chosen = set(edits)
        for function in module:
            drop_dead(
                function,
                {
                    op
                    for op in function.operations
                    if (function.name, str(op.results[0].name) if op.results else None) in chosen
                },
            )
            known = set(function.parameters) | {value for op in function.operations for value in op.results}
            if not used_values(function) <= known:
                raise NotApplicable("something dead reads what is dead")


class DropOutputs(Step):
    """Drop outputs."""

    def find(self, module: Module) -> Sequence[Edit]:
        keys = _output_keys(entry_of(module))
        return keys[::-1] if len(keys) > 1 else []

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        entry = entry_of(module)
        dead = set(entry.operations) - live_operations(entry)
        keyed = zip(entry.results, _output_keys(entry), strict=True)
        entry.results = [value for value, key in keyed if key not in edits]
        if not entry.results:
            raise NotApplicable("one output stays")
        drop_dead(entry, set(entry.operations) - dead)


def _output_keys(function: Function) -> list[tuple[str, int]]:
    """What is returned: names, and how often each came before."""
    names = [str(value.name) for value in function.results]
    return [(name, names[:index].count(name)) for index, name in enumerate(names)]


class MoveOutput(Step):
    """Return an earlier value."""

    together = False

    def find(self, module: Module) -> Sequence[Edit]:
        entry = entry_of(module)
        if len(entry.results) != 1:
            return []
        made = [value for op in entry.operations if not is_constant(op) for value in op.results]
        return [str(value.name) for value in made if value is not entry.results[0]]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        entry = entry_of(module)
        (name,) = edits
        _, value = value_of(module, (entry.name, str(name)))
        entry.results = [value]
        drop_dead(entry)


class DropFunctions(Step):
    """Drop functions that nothing calls."""

    def find(self, module: Module) -> Sequence[Edit]:
        entry = entry_of(module).name
        return [name for name in module.functions if name != entry]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        for name in edits:
            module.functions.pop(str(name), None)


class ChooseFunction(Step):
    """Take another function for the main one."""

    together = False

    def find(self, module: Module) -> Sequence[Edit]:
        return [name for name in module.functions if name != entry_of(module).name]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        (name,) = edits
        kept = reachable(module, [str(name)])
        if entry_of(module) in kept:
            raise NotApplicable("it calls the main function")
        module.functions = {function.name: function for function in kept}


class DropParameters(Step):
    """Drop parameters that nothing reads."""

    def find(self, module: Module) -> Sequence[Edit]:
        entry = entry_of(module)
        used = used_values(entry)
        return [str(value.name) for value in entry.parameters if value not in used]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        entry = entry_of(module)
        entry.parameters = [value for value in entry.parameters if value.name not in edits]
        number_parameters(entry)


class MergeParameters(Step):
    """Let one parameter stand for several."""

    def find(self, module: Module) -> Sequence[Edit]:
        return [str(value.name) for value in entry_of(module).parameters]

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        entry = entry_of(module)
        first: dict[object, Value] = {}
        for value in entry.parameters:
            first.setdefault(value.type, value)
        merged = {v: first[v.type] for v in entry.parameters if v.name in edits and first[v.type] is not v}
        if not merged:
            raise NotApplicable("no other parameter has the type")
        replace(entry, merged)
        entry.parameters = [value for value in entry.parameters if value not in merged]
        number_parameters(entry)


class Bypass(Step):
    """Bypass operations: what takes a result takes an operand of the same type instead."""

    def find(self, module: Module) -> Sequence[Edit]:
        return _operations(module)

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        for function in module:
            gone = _chosen(function, edits)
            replacements = {}
            for op in gone:
                for value in op.results:
                    other = next((v for v in op.operands if v is not None and v.type == value.type), None)
                    if other is None:
                        raise NotApplicable("no operand has the type")
                    replacements[value] = other
            function.operations = [op for op in function.operations if op not in gone]
            replace(function, replacements)


class BypassBlocks(Step):
    """Bypass operations by earlier values of the same type."""

    together = False

    def find(self, module: Module) -> Sequence[Edit]:
        return _operations(module)

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        for key in edits:
            function, value = value_of(module, key)
            op = value.producer
            if op is None or len(op.results) != 1:
                raise NotApplicable("one result")
            earlier = next((v for v in function.values() if v.type == value.type), value)
            if earlier is value:
                raise NotApplicable("no earlier value has the type")
            function.operations = [other for other in function.operations if other is not op]
            replace(function, {value: earlier})
            drop_dead(function)


class Flatten(Step):
    """Replace operations by constants."""

    def find(self, module: Module) -> Sequence[Edit]:
        return _operations(module)

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        for function in module:
            gone = _chosen(function, edits)
            taken = used_values(function)
            function.operations = [op for op in function.operations if op not in gone]
            made = [value for op in gone for value in op.results if value in taken]
            replace(function, {value: add_constant(function, value) for value in made})


class InlineCalls(Step):
    """Inline calls, and branches as if decided."""

    def find(self, module: Module) -> Sequence[Edit]:
        found: list[Edit] = []
        for function in module:
            for op in function.operations:
                if isinstance(op, (Call, If, While)) and op.results:
                    key = (function.name, str(op.results[0].name))
                    branches = (op.then_branch, op.else_branch) if isinstance(op, If) else ()
                    found += [(*key, name) for name in branches]
                    if not isinstance(op, If):
                        found.append((*key, str(op.body if isinstance(op, While) else op.callee)))
        return found

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        budget = 2 * sum(1 for _ in walk(module)) + 100
        done: set[object] = set()
        for edit in edits:
            name, result, callee = edit
            if (name, result) in done:
                continue
            done.add((name, result))
            function, value = value_of(module, (name, result))
            body = function_of(module, str(callee))
            budget -= len(body.operations)
            if budget < 0 or value.producer is None:
                raise NotApplicable("too large, or gone")
            _inline(function, value.producer, body)


def _inline(function: Function, call: Operation, body: Function) -> None:
    """Puts the operations of `body` in place of a call, or of one round of a loop."""
    given = list(call.operands[1:] if isinstance(call, If) else call.operands)
    here: dict[Value | None, Value | None] = {None: None}
    here.update(zip(body.parameters, given, strict=False))
    made: list[Operation] = []
    for op in body.operations:
        duplicate = copy_operation(op, [here.get(value) for value in op.operands])
        here.update(zip(op.results, duplicate.results, strict=True))
        made.append(duplicate)
    place = function.operations.index(call)
    function.operations[place : place + 1] = []
    for duplicate in made:
        for value in duplicate.results:
            value.name = free_name(function, str(value.name))
        function.operations.insert(place, duplicate)
        place += 1
    replacements = {}
    for value, returned in zip(call.results, body.results, strict=False):
        new = here.get(returned)
        if new is None:
            raise NotApplicable("the call does not fit")
        replacements[value] = new
    replace(function, replacements)


class DropOperands(Step):
    """Drop optional operands, and all but one of many."""

    def find(self, module: Module) -> Sequence[Edit]:
        found: list[Edit] = []
        for function in module:
            for op in function.operations:
                fields = op.operand_fields
                for index, value in reversed(list(enumerate(op.operands))):
                    field = fields[min(index, len(fields) - 1)]
                    variadic = (
                        field.variadic and len(op.operands) > len(fields) and not isinstance(op, (Call, If, While))
                    )
                    if value is not None and op.results and (field.optional or variadic):
                        found.append((function.name, str(op.results[0].name), index))
        return found

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        touched = set()
        places: dict[tuple[str, str], set[int]] = {}
        for name, result, index in edits:
            places.setdefault((name, result), set()).add(index)
        for key, indices in places.items():
            op = value_of(module, key)[1].producer
            if op is None:
                raise NotApplicable("gone")
            fields = op.operand_fields
            operands: list[Value | None] = []
            for index, value in enumerate(op.operands):
                if index not in indices:
                    operands.append(value)
                elif not fields[min(index, len(fields) - 1)].variadic:
                    operands.append(None)
            while operands and operands[-1] is None:
                operands.pop()
            op.operands = tuple(operands)
            touched.add(op)
        retype(module, set(), touched)


STEPS: tuple[Step, ...] = (
    DropOutputs(),
    CutGraph(),
    DropDead(),
    DropFunctions(),
    ChooseFunction(),
    InlineCalls(),
    Bypass(),
    MoveOutput(),
    BypassBlocks(),
    Flatten(),
    DropOperands(),
    DropConstants(),
    DropParameters(),
    MergeParameters(),
)
"""In the order in which they are tried."""
