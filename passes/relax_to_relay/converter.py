"""The walk: every binding of a Relax function in order, each once, without recursion.

The result of a function becomes a Relay expression whose variables are the parameters; bindings are shared nodes, not
lets. What operators mean is in the table. This file knows expressions: variables, tuples, calls of functions, `if`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tvm
from tvm import relax, tirx

from nir.errors import ConvertError, suggestion
from nir.passes.relax_to_relay.known import folded
from nir.passes.relax_to_relay.primitives import named_function, named_primitive
from nir.passes.relax_to_relay.reading import (
    Unreadable,
    handle,
    read_attributes,
    read_constant,
    read_type,
    read_value,
)
from nir.passes.relax_to_relay.site import Refused, RelaxCall
from nir.passes.relax_to_relay.table import ROWS
from nir.relay import ast as relay
from nir.relay.types import FuncType, TensorType, TupleType, Type

_PREFIX = "relax."

_DEEPEST = 50
"""Conditions inside conditions."""

NO_ROW = "Relay has no such operator"
"""The reason of calls whose operator is not in the table."""


_FUNCTION_ATTRIBUTES = {"Composite": "Composite", "Codegen": "Compiler", "nir.target": "nir_target"}
"""What partitioning writes on a Relax function, and what that is called in Relay."""


class RelaxConverter:
    """Converts the functions of one Relax module; `reasons` says why a call of `relax.<name>` stayed."""

    def __init__(self, module: Any, *, narrow: bool = False) -> None:
        if not isinstance(module, tvm.IRModule):
            raise ConvertError(
                "this is no Relax module",
                expected="a tvm.IRModule, as TVM's front ends give",
                found=type(module).__name__,
            )
        self.source = module
        self.narrow = narrow
        self.reasons: dict[relay.Expr, str] = {}
        self.bindings: list[tuple[Any, relay.Expr]] = []
        """Every variable that an operator or function call is bound to in the functions converted, and what it became;
        in order, parameters first.
        """
        self._constants: dict[int, relay.Constant] = {}
        self._functions: dict[str, relay.Function] = {}
        self._queue: list[str] = []

    def convert(self, function: str = "main") -> relay.Module:
        """The Relay module of `function`, as `@main`, and of all that it calls."""
        self._queue.append(function)
        for name in self._queue:  # grows on the way
            source = self._function(name)
            self._functions["main" if name == function else name] = FunctionWalk(self).function(source)
        return relay.Module(self._functions)

    def _function(self, name: str) -> Any:
        known = {variable.name_hint: variable for variable in self.source.get_global_vars()}
        if name not in known:
            raise ConvertError(
                f"the module has no function '{name}'",
                found=", ".join(sorted(known)) or "no function",
                hint=suggestion(name, known),
            )
        function = self.source[known[name]]
        if not isinstance(function, relax.Function):
            raise ConvertError(f"'{name}' is no Relax function", found=type(function).__name__)
        return function

    def need(self, name: str) -> None:
        """Lets the function `name` be converted."""
        if name not in self._queue:
            self._queue.append(name)

    def constant(self, given: Any) -> relay.Constant:
        """The Relay constant of a Relax one; the same for the same."""
        key = handle(given)
        made = self._constants.get(key)
        if made is None:
            array = read_constant(given.value)
            if self.narrow and array.dtype.kind in "iu" and array.dtype.itemsize == 8:
                array = _narrowed(array)
            made = relay.Constant(array)
            made.checked_type = made.type
            self._constants[key] = made
        return made

    def type_of(self, given: Any) -> Type | None:
        """The Relay type of a Relax type; None for what is none."""
        try:
            return read_type(given, self.narrow)
        except Unreadable:
            return None


def _narrowed(array: Any) -> Any:
    """64-bit integers as 32-bit ones where they all fit; bounds beyond 32 bits that mean "no bound" stay and are
    refused later.
    """
    if array.size and (array.max() >= 2**31 or array.min() < -(2**31)):
        return array
    return array.astype("int32" if array.dtype.kind == "i" else "uint32")


class FunctionWalk:
    """Converts one function: an expression, or a Python value for shapes and numbers, per variable."""

    def __init__(self, module: RelaxConverter, outer: FunctionWalk | None = None) -> None:
        """`outer` is the function around a branch of an `if`, whose variables the branch may use."""
        self.module = module
        self.values: dict[int, Any] = {}
        self.outer = outer
        self.captured: list[tuple[relay.Var, relay.Expr]] = []
        self.depth: int = 0 if outer is None else outer.depth + 1

    def function(self, source: Any) -> relay.Function:
        """The Relay function of a Relax one."""
        params = []
        for variable in source.params:
            type = self.module.type_of(variable.ty)
            if type is None:
                raise ConvertError(f"parameter '{variable.name}' is no tensor of known rank", found=str(variable.ty))
            made = relay.Var(variable.name, type, origin=variable.name)
            made.checked_type = type
            params.append(made)
            self.values[handle(variable)] = made
            self.module.bindings.append((variable, made))
        body = self._sequence(source.body)
        given = source.attrs or {}
        attrs = {relay_name: str(given[name]) for name, relay_name in _FUNCTION_ATTRIBUTES.items() if name in given}
        function = relay.Function(params, body, None, attrs)
        types = tuple(param.checked_type for param in params if param.checked_type is not None)
        if body.checked_type is not None:
            function.checked_type = FuncType(types, body.checked_type)
        return function

    def _sequence(self, body: Any) -> relay.Expr:
        """What a sequence of bindings ends in."""
        if isinstance(body, relax.SeqExpr):
            for binding in _bindings(body):
                self._bind(binding)
            body = body.body
        result = self._value(body, "the result")
        if not isinstance(result, relay.Expr):
            raise ConvertError("the function's result is no tensor", found=repr(result))
        return result

    def _bind(self, binding: Any) -> None:
        """Takes down what one variable stands for."""
        variable = binding.var
        value = self._value(binding.value, str(variable.name), variable)
        self.values[handle(variable)] = value
        if isinstance(value, relay.Expr) and not isinstance(value, relay.Function):
            if isinstance(binding, relax.MatchCast) and value.checked_type is None:
                value.checked_type = self.module.type_of(binding.ty)
            self.module.bindings.append((variable, value))

    # --- expressions ---

    def _value(self, expr: Any, origin: str, variable: Any = None) -> Any:
        """A Relay expression, or numbers, of anything that stands to the right of a binding or in a call."""
        if isinstance(expr, tvm.ir.Call):
            return self._call(expr, origin, variable)
        if isinstance(expr, relax.Var):
            return None if self._is_open_number(expr) else self._variable(expr)
        if isinstance(expr, relax.If):
            return self._condition(expr, origin)
        if isinstance(expr, tvm.ir.GenericConst):
            return self.module.constant(expr)
        if isinstance(expr, relax.Tuple):
            return self._tuple([self._value(field, origin) for field in expr.fields], origin)
        if isinstance(expr, relax.TupleGetItem):
            return self._field(self._value(expr.tuple_value, origin), int(expr.index), origin)
        if isinstance(expr, relax.ShapeExpr):
            return tuple(int(d) if isinstance(d, tirx.IntImm) else None for d in expr.values)
        if isinstance(expr, (tirx.IntImm, tirx.FloatImm, tvm.ir.StringImm)):
            return read_value(expr) if not isinstance(expr, tvm.ir.StringImm) else str(expr.value)
        if isinstance(expr, relax.Function):
            return FunctionWalk(self.module).function(expr)
        if isinstance(expr, tvm.ir.GlobalVar):
            return expr
        if isinstance(expr, relax.ExternFunc):
            return str(expr.global_symbol)
        if tvm.ir.is_prim_expr(expr):
            return None  # a number that is known only at run time
        raise ConvertError(f"'{origin}' is a Relax {type(expr).__name__}, which has no counterpart in Relay")

    def _is_open_number(self, variable: Any) -> bool:
        """True for a number that is no binding: an extent of a shape that is known only at run time."""
        return handle(variable) not in self.values and isinstance(variable.ty, tvm.ir.PrimType)

    def _variable(self, variable: Any) -> Any:
        key = handle(variable)
        found = self.values.get(key)
        if found is None and self.outer is not None:
            found = self._captured(variable, self.outer._variable(variable))
            self.values[key] = found
        if found is None:
            raise ConvertError(f"the variable '{variable.name}' is used before it is bound, or bound elsewhere")
        return found

    def _captured(self, variable: Any, value: Any) -> Any:
        """What a branch sees of a value from outside: a variable, so that it is computed once, before the choice."""
        if not isinstance(value, relay.Expr) or isinstance(value, (relay.Constant, relay.Var, relay.Function)):
            return value
        made = relay.Var(str(variable.name), value.checked_type, origin=str(variable.name))
        made.checked_type = value.checked_type
        self.captured.append((made, value))
        return made

    def _condition(self, choice: Any, origin: str) -> relay.Expr:
        """An `if`, inside of lets of what its branches take from outside."""
        if self.depth >= _DEEPEST:
            raise ConvertError(f"conditions are nested too deeply at '{origin}'", expected=f"at most {_DEEPEST} levels")
        walks = [FunctionWalk(self.module, self) for _ in range(2)]
        branches = [
            walk._sequence(branch)
            for walk, branch in zip(walks, (choice.true_branch, choice.false_branch), strict=True)
        ]
        made: relay.Expr = relay.If(self._value(choice.cond, origin), branches[0], branches[1], origin=origin)
        made.checked_type = branches[0].checked_type
        for variable, value in (pair for walk in walks for pair in walk.captured):
            made = relay.Let(variable, value, made, origin=origin)
            made.checked_type = branches[0].checked_type
        return made

    def _tuple(self, fields: list[Any], origin: str) -> Any:
        if not all(isinstance(field, relay.Expr) for field in fields):
            return tuple(fields)
        made = relay.Tuple(fields, origin=origin)
        if all(field.checked_type is not None for field in fields):
            made.checked_type = TupleType(tuple(field.checked_type for field in fields))
        return made

    def _field(self, value: Any, index: int, origin: str) -> Any:
        if isinstance(value, tuple):
            return value[index]
        if isinstance(value, relay.Tuple):
            return value.fields[index]
        made = relay.TupleGetItem(value, index, origin=origin)
        if isinstance(value.checked_type, TupleType) and 0 <= index < len(value.checked_type.fields):
            made.checked_type = value.checked_type.fields[index]
        return made

    # --- calls ---

    def _call(self, call: Any, origin: str, variable: Any) -> Any:
        type = self.module.type_of(variable.ty if variable is not None else call.ty)
        if isinstance(call.op, tvm.ir.Op):
            return self._operator(call, origin, type)
        if isinstance(call.op, tvm.ir.GlobalVar):
            name = call.op.name_hint
            self.module.need(name)
            callee: relay.Expr = relay.GlobalVar(name, origin=origin)
        else:
            callee = self._value(call.op, origin)
            if not isinstance(callee, relay.Function):
                raise ConvertError(f"what '{origin}' calls is no function of this module")
        made = relay.Call(callee, [self._value(argument, origin) for argument in call.args], origin=origin)
        made.checked_type = type
        return made

    def _operator(self, call: Any, origin: str, type: Type | None) -> Any:
        name = str(call.op.name).removeprefix(_PREFIX)
        args = [self._value(argument, origin) for argument in call.args]
        if name == "call_tir":
            name, args = named_primitive(self.module.source, call.args[0], args[1])
        elif name == "call_dps_packed":
            name, args = named_function(args)
        site = RelaxCall(name, args, read_attributes(call.attrs), type, origin)
        known = folded(site)
        if known is not None:
            return known
        row = ROWS.get(name)
        try:
            if row is None:
                site.refuse(NO_ROW)
            made = row(site)
            return self._checked(site, made)
        except Refused as refusal:
            return self._kept(site, str(refusal))

    def _checked(self, site: RelaxCall, made: relay.Expr) -> relay.Expr:
        """`made`, which has the type that Relax says, or the row is wrong."""
        if site.type is None:
            return made
        if isinstance(site.type, TensorType) and isinstance(made.checked_type, TensorType):
            made = site.cast(made, site.type.dtype)
        if not _agree(site.type, made.checked_type):
            site.refuse(f"Relay gives {made.checked_type} where Relax gives {site.type}")
        return made

    def _kept(self, site: RelaxCall, reason: str) -> relay.Expr:
        """The call under its own name, for which no handler exists."""
        leaves = [leaf for argument in site.args for leaf in _leaves(argument)]
        stated = {f"argument_{i}": _plain(a) for i, a in enumerate(site.args) if not isinstance(a, relay.Expr)}
        attrs = {**site.attrs, **{name: value for name, value in stated.items() if value is not None}}
        made = relay.Call(relay.Op(_PREFIX + site.name), leaves, attrs, origin=site.origin)
        made.checked_type = site.type
        self.module.reasons[made] = reason
        return made


def _bindings(body: Any) -> Iterator[Any]:
    for block in body.blocks:
        yield from block.bindings


def _leaves(argument: Any) -> list[relay.Expr]:
    return [argument] if isinstance(argument, relay.Expr) else []


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str, tuple)) else None


def _agree(stated: Type | None, made: Type | None) -> bool:
    """True where both types are the same as far as they are known."""
    if isinstance(stated, TensorType) and isinstance(made, TensorType):
        if stated.dtype != made.dtype or stated.rank != made.rank:
            return False
        pairs = zip(stated.shape, made.shape, strict=True)
        return all(left is None or right is None or left == right for left, right in pairs)
    if isinstance(stated, TupleType) and isinstance(made, TupleType):
        return len(stated.fields) == len(made.fields) and all(map(_agree, stated.fields, made.fields))
    return False
