"""The walk: every NIR function that the entry reaches becomes a Relax function, callees first, without recursion.

What operators mean is in the tables that `lowerings` joins. This file knows functions, constants, calls and branches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tvm
from tvm import relax

from nir.errors import ConvertError, Diagnostic, NirError, require_type
from nir.garbage import collector_paused
from nir.interp.plan import find_function
from nir.ir import Function, Module, Operation, TensorType, callees, reachable
from nir.ir import Value as NirValue
from nir.ops.constant import Const
from nir.ops.control import Call
from nir.ops.control_flow import If
from nir.ops.profiles import DEFAULT_PROFILE, Profile, get_profile
from nir.passes.nir_to_relax.lowerings import LOWERINGS
from nir.passes.nir_to_relax.refusals import REFUSED
from nir.passes.nir_to_relax.site import Site, dtype_name, span_of, static_shape
from nir.passes.relax_building.emitter import Emitter, constant, dtype_of, shape_of, summary
from nir.source import Span


def nir_to_relax(
    module: Module, *, profile: str | Profile = DEFAULT_PROFILE, function: str | None = None
) -> tvm.IRModule:
    """The NIR `module` as a Relax module that computes the same, stored elements in and out.

    `main` of the result is `function` (`@main`, or the only one), with its parameters in order and under their names;
    several results are a tuple. Integers equal those of the interpreter under `profile`; floats differ where functions
    and sums of floats are rounded differently. A module that does not verify may convert to anything.

    Raises ConvertError for operators that have no lowering (all of them at once), for combinations of types, attributes
    and profile that cannot be exact, for sizes known only at run time, and for recursive calls; RunError for an unknown
    profile or function.
    """
    require_type(module, Module, "a nir.Module", "nir.load reads a file")
    with collector_paused():
        return _Converter(module, get_profile(profile)).convert(find_function(module, function))


class _Converter:
    """One conversion. `values` maps the values of the function at hand to Relax expressions."""

    def __init__(self, module: Module, profile: Profile) -> None:
        self.module = module
        self.profile = profile
        self.emitter = Emitter(relax.BlockBuilder())
        self.converted: dict[str, tvm.ir.GlobalVar] = {}
        self.values: dict[NirValue, Any] = {}

    def convert(self, entry: Function) -> tvm.IRModule:
        """Converts all that `entry` reaches."""
        functions = reachable(self.module, [entry.name])
        _check(functions)
        names = _global_names(functions)
        for function in _callees_first(self.module, entry):
            self._function(function, names[function.name])
        return relax.transform.DeadCodeElimination(["main"])(self.emitter.builder.get())

    def _function(self, function: Function, name: str) -> None:
        params = [
            relax.Var(unique, relax.TensorType(static_shape(value.type), dtype_name(value.type)))
            for unique, value in zip(_parameter_names(function), function.parameters, strict=True)
        ]
        self.values = dict(zip(function.parameters, params, strict=True))
        builder = self.emitter.builder
        branches = any(isinstance(op, If) for op in function.operations)
        with builder.function(name, params, private=name != "main"):
            try:
                if branches:  # which dataflow blocks must not hold
                    output = builder.emit(self._body(function))
                else:
                    with builder.dataflow():
                        output = builder.emit_output(self._body(function))
            except Exception:
                builder._end_block()  # which TVM would complain about, on the terminal, when the builder goes
                raise
            self.converted[function.name] = builder.emit_func_output(output)

    def _body(self, function: Function) -> relax.Expr:
        """Emits the operations, and gives the results as one expression."""
        for op in function.operations:
            results = self._operation(op)
            for value, result in zip(op.results, results, strict=True):
                _check_type(op, value, result)
                self.values[value] = result
        results = [self.values[value] for value in function.results]
        return results[0] if len(results) == 1 else relax.Tuple(results)

    def _operation(self, op: Operation) -> Sequence[relax.Expr]:
        method = STRUCTURE.get(type(op))
        if method is not None:
            return method(self, op)
        args = tuple(None if value is None else self.values[value] for value in op.operands)
        try:
            found = LOWERINGS[type(op)](Site(op, args, self.emitter, self.profile))
        except NirError:
            raise
        except Exception as error:  # whatever TVM or numpy says about arguments that do not fit together
            raise ConvertError(
                f"'{op.name}' cannot be converted with these operands and attributes",
                span_of(op),
                found=summary(error),
            ) from error
        return found if isinstance(found, tuple) else (found,)

    def _const(self, op: Const) -> Sequence[relax.Expr]:
        return (constant(op.value.array),)

    def _call(self, op: Call) -> Sequence[relax.Expr]:
        return self._results(op, relax.Call(self.converted[op.callee], [self.values[v] for v in op.arguments]))

    def _if(self, op: If) -> Sequence[relax.Expr]:
        arguments = [self.values[value] for value in op.arguments]
        condition = self.values[op.condition]
        if shape_of(condition):
            condition = self.emitter.emit(relax.op.reshape(condition, []))
        branches = [relax.Call(self.converted[name], arguments) for name in (op.then_branch, op.else_branch)]
        return self._results(op, relax.If(condition, *branches))

    def _results(self, op: Operation, expr: relax.Expr) -> Sequence[relax.Expr]:
        """The results of a call of a function."""
        value = self.emitter.emit(expr)
        if len(op.results) == 1:
            return (value,)
        return [self.emitter.emit(relax.TupleGetItem(value, index)) for index in range(len(op.results))]


STRUCTURE: dict[type[Operation], Callable[[_Converter, Any], Sequence[relax.Expr]]] = {
    Call: _Converter._call,
    Const: _Converter._const,
    If: _Converter._if,
}
"""What concerns functions and constants, not tensors."""


# --- names ---


def _global_names(functions: Sequence[Function]) -> dict[str, str]:
    """Names that symbols of a library can have: the entry, which comes first, is `main`."""
    taken = {"main"}
    names = {functions[0].name: "main"}
    for function in functions[1:]:
        stem = re.sub(r"\W", "_", function.name, flags=re.ASCII) or "function"
        stem = stem if not stem[0].isdigit() else f"_{stem}"
        name, count = stem, 0
        while name in taken:
            count += 1
            name = f"{stem}_{count}"
        taken.add(name)
        names[function.name] = name
    return names


def _parameter_names(function: Function) -> Iterator[str]:
    for index, value in enumerate(function.parameters):
        yield value.name if value.name else f"p{index}"


# --- order ---


def _callees_first(module: Module, entry: Function) -> Iterator[Function]:
    """`entry` and all that it reaches, each after the functions that it calls. Raises ConvertError for recursion."""
    done: set[str] = set()
    path: dict[str, Iterator[tuple[Operation, str]]] = {entry.name: _calls(entry)}
    while path:
        name = next(reversed(path))
        for op, callee in path[name]:
            if callee in path:
                raise ConvertError(f"recursive call of @{callee}", span_of(op), hint="recursion cannot be converted")
            if callee not in module.functions:
                raise ConvertError(f"there is no function @{callee}", span_of(op))
            if callee not in done:
                path[callee] = _calls(module.functions[callee])
                break
        else:
            del path[name]
            done.add(name)
            yield module.functions[name]


def _calls(function: Function) -> Iterator[tuple[Operation, str]]:
    return ((op, name) for op in function.operations for name in callees(op))


# --- checks ---


def _check(functions: Sequence[Function]) -> None:
    """Reports everything at once that no lowering could do anything about."""
    refused: dict[str, list[Operation]] = {}
    reasons: dict[str, str] = {}
    found: list[Diagnostic] = []
    for function in functions:
        for op in function.operations:
            if type(op) not in LOWERINGS and type(op) not in STRUCTURE:
                refused.setdefault(op.name, []).append(op)
                reasons[op.name] = REFUSED.get(type(op), "it is not known")
        found.extend(_unfit_values(function))
    for name, operations in refused.items():
        count = f"{len(operations)} operation{'s' if len(operations) > 1 else ''}"
        found.insert(
            0,
            Diagnostic(
                f"'{name}' does not compile through Relax: {reasons[name]}", span_of(operations[0]), found=count
            ),
        )
    if found:
        raise ConvertError(found[:_MOST_DIAGNOSTICS])


_MOST_DIAGNOSTICS = 50


def _unfit_values(function: Function) -> Iterator[Diagnostic]:
    """Sizes that are known only at run time, and tensors without elements, of which TVM makes no programs."""
    for value in function.values():
        at: Span | None = span_of(value.producer) if value.producer is not None else function.location
        if not value.type.is_static:
            yield Diagnostic(
                f"the shape of %{value.name} is known only at run time",
                at,
                expected="a number for every dimension",
                found=str(value.type),
            )
        elif value.type.size == 0:
            yield Diagnostic(f"%{value.name} has no elements: TVM compiles no such tensors", at, found=str(value.type))


def _check_type(op: Operation, value: NirValue, result: relax.Expr) -> None:
    """A lowering that gives another type than is declared would compute something else: better said here."""
    expected: TensorType = value.type
    if shape_of(result) != expected.shape or dtype_of(result) != dtype_name(expected):
        raise ConvertError(
            f"'{op.name}' gives another type than %{value.name} is declared with",
            span_of(op),
            expected=str(expected),
            found=f"{dtype_of(result)}[{', '.join(map(str, shape_of(result)))}]",
            hint="verify the module first",
        )
