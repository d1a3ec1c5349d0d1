"""Layer 2, SSA: every value is defined once, before it is used, in the function that uses it.

Also checked: names are unique within a function, and values know the operation that makes them. A `Scope` walks
along with the verifier through one function.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

from nir.ir import Function, Module, Operation, Value
from nir.verify.findings import Finding, Part, function_name, operand_name, value_name


class Owners:
    """Which function defines a value; found on first use, for that is needed only once something is wrong."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def __getitem__(self, value: Value) -> Function | None:
        return self._functions.get(value)

    @functools.cached_property
    def _functions(self) -> dict[Value, Function]:
        return {
            value: function
            for function in self.module
            for value in itertools.chain(function.parameters, *[getattr(op, "results", ()) for op in function])
        }


class Scope:
    """The values and names defined so far in one function."""

    def __init__(self, function: Function, owners: Owners) -> None:
        self.function = function
        self.owners = owners
        self.defined: set[Value] = set()
        self.names: set[str | None] = set()

    def parameters(self) -> Iterator[Finding]:
        """Defines the parameters; gives what is wrong with them."""
        for index, value in enumerate(self.function.parameters):
            if isinstance(value, Value):
                yield from self._define(value, ("parameter", index))

    def operation(self, op: Operation) -> list[Finding]:
        """Checks the operands, then defines the results; gives what is wrong with them."""
        defined, names = self.defined, self.names
        found: list[Finding] = []
        for index, operand in enumerate(op.operands):
            if operand is not None and operand not in defined:
                what = f"{op.name}: operand '{operand_name(op, index)}', {value_name(operand)},"
                found.append(self._undefined(operand, what, ("operand", index)))
        for index, value in enumerate(op.results):
            name = value.name
            if value.producer is not op or value.index != index or value in defined or name in names:
                found.extend(self._wrong_result(op, index))
            else:
                defined.add(value)
                if name is not None:
                    names.add(name)
        return found

    def define_quietly(self, op: Operation) -> None:
        """Defines the results of an operation that failed an earlier layer, so that its users do not fail too."""
        for value in op.results:
            self.defined.add(value)
            self.names.add(value.name)
        self.names.discard(None)

    def returned(self) -> Iterator[Finding]:
        """Returned values that the function does not define."""
        for index, value in enumerate(self.function.results):
            if value not in self.defined:
                yield self._undefined(value, f"the returned value, {value_name(value)},", ("return", index))

    def _wrong_result(self, op: Operation, index: int) -> Iterator[Finding]:
        value, at = op.results[index], ("result", index)
        if value.producer is op and value.index == index:
            yield from self._define(value, at)
            return
        maker = "no operation" if value.producer is None else f"result {value.index} of another operation"
        if value.producer is op:
            maker = f"result {value.index}"
        yield Finding(
            f"{op.name}: {value_name(value)} does not know which operation makes it",
            at=at,
            expected=f"a value that says it is result {index} of this operation",
            found=f"one that says it is {maker}" + (f" ({value.producer.name})" if value.producer else ""),
        )
        self.defined.add(value)

    def _define(self, value: Value, at: Part) -> Iterator[Finding]:
        if value in self.defined:
            yield Finding(f"{value_name(value)} is defined twice", at=at, found="the same value in two places")
        elif value.name in self.names:
            yield Finding(
                f"the name {value_name(value)} is taken by an earlier value of {function_name(self.function.name)}",
                at=at,
            )
        self.defined.add(value)
        if value.name is not None:
            self.names.add(value.name)

    def _undefined(self, value: Value, what: str, at: Part) -> Finding:
        """Says where an undefined value is really from."""
        owner = self.owners[value]
        if owner is self.function:
            return Finding(f"{what} is used before it is defined", at=at, expected="a value of an earlier operation")
        if owner is not None:
            return Finding(
                f"{what} belongs to another function",
                at=at,
                expected=f"a value of {function_name(self.function.name)}",
                found=f"a value of {function_name(owner.name)}",
                hint="hand it over as a parameter",
            )
        maker = "" if value.producer is None else f", made by an operation ({value.producer.name})"
        return Finding(f"{what} is defined nowhere", at=at, found=f"a value of no function{maker}")
