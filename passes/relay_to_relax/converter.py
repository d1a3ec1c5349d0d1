"""The walk: every Relay function becomes a Relax function, callees first, each node once, without recursion.

What operators mean is in the tables that `lowerings` joins. This file knows expressions: variables, tuples, lets, calls
of functions, conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tvm
from tvm import relax

from nir.errors import ConvertError, Diagnostic, NirError, require_type, suggestion
from nir.passes.relax_building.emitter import Emitter, Value, constant, dtype_of, shape_of, summary
from nir.passes.relay_to_relax.emitter import RequantizeConfig, Site
from nir.passes.relay_to_relax.lowerings import LOWERINGS
from nir.passes.relay_to_relax.lowerings.elementwise import MARKS
from nir.relay.ast import (
    Call,
    Constant,
    Expr,
    ExternalConstant,
    Function,
    GlobalVar,
    If,
    Let,
    Module,
    Op,
    Tuple,
    TupleGetItem,
    Var,
)
from nir.relay.infer import infer_types
from nir.relay.types import FuncType, TensorType, TupleType, Type
from nir.relay.visitor import post_order
from nir.source import Span

_ROUNDINGS = ("UPWARD", "TONEAREST")
_COMPUTE_DTYPES = ("int64", "float32", "float64")


def relay_to_relax(module: Module, *, rounding: str = "UPWARD", compute_dtype: str = "int64") -> tvm.IRModule:
    """The Relay `module` as a Relax module that computes the same.

    Its `main` has the parameters of the Relay `main`, in order and with their names; a tuple result stays a tuple.
    `rounding` ("UPWARD", "TONEAREST") and `compute_dtype` ("int64", "float32", "float64") say how `qnn` operators
    requantise that do not say it themselves, as TVM's requantize_config did; the defaults are what TVM 0.15 did for
    the target `llvm`. An `if` computes both branches and selects. Types that are not known yet are inferred, and
    filled in.

    Raises ConvertError for operators that have no lowering (all of them at once), constants whose values the module
    does not bring, extents known only at run time, recursive functions, and functions used as values.
    """
    require_type(module, Module, "a Relay module", "nir.relay.load reads a file")
    for value, known in ((rounding, _ROUNDINGS), (compute_dtype, _COMPUTE_DTYPES)):
        if value not in known:
            raise ConvertError(
                f"'{value}' is no way to requantise",
                expected="one of " + ", ".join(known),
                hint=suggestion(value, known),
            )
    if "main" not in module:
        raise ConvertError("the module has no function @main", found=repr(module))
    if module.main.body.checked_type is None:  # built by hand
        infer_types(module)
    return _Converter(module, RequantizeConfig(rounding, compute_dtype)).convert()


class _Converter:
    """One conversion. `values` maps the expressions of the function at hand to what they became.

    `lets` maps variables to what they are bound to, `arguments` parameters to what they get (None: not always the same).
    """

    def __init__(self, module: Module, config: RequantizeConfig) -> None:
        self.module = module
        self.config = config
        self.emitter = Emitter(relax.BlockBuilder())
        self.lets: dict[Expr, Expr] = {}
        self.arguments: dict[Expr, Expr | None] = {}
        self.names: dict[Function, str] = {}
        self.converted: dict[Function, tvm.ir.GlobalVar] = {}
        self.values: dict[Expr, Value] = {}

    def convert(self) -> tvm.IRModule:
        """Converts all that `main` reaches."""
        expressions = list(post_order(self.module.main, self._everything_below))
        _check(expressions)
        for name, function in self.module.functions.items():
            self.names[function] = name
        for expr in expressions:
            if isinstance(expr, Call) and not isinstance(expr.op, Op):
                self._note_arguments(expr)
        for expr in expressions:
            if isinstance(expr, Function):
                self._function(expr)
        # What nobody uses, such as the second result of a dropout, is dropped here, where all is known.
        return relax.transform.DeadCodeElimination(["main"])(self.emitter.builder.get())

    def _everything_below(self, expr: Expr) -> Sequence[Expr]:
        """Children, and for a global name its function: so that functions come after those that they call."""
        if isinstance(expr, GlobalVar):
            return (self.module[expr.name_hint],) if expr.name_hint in self.module else ()
        if isinstance(expr, Let):
            self.lets[expr.var] = expr.value
        return expr.children()

    def _below(self, expr: Expr) -> Sequence[Expr]:
        """Children as one function needs them: other functions stay out, and a bound variable leads to its value."""
        if isinstance(expr, (Function, GlobalVar, Op)):
            return ()
        if isinstance(expr, Call):
            return expr.args
        if isinstance(expr, Let):
            return (expr.value, expr.body)
        if isinstance(expr, Var):
            return (self.lets[expr],) if expr in self.lets else ()
        return expr.children()

    def _resolve(self, expr: Expr) -> Expr:
        """What `expr` stands for, looking through lets, marks, and parameters that always get the same argument."""
        while True:
            if isinstance(expr, Call) and expr.op_name in MARKS:
                expr = expr.args[0]
            elif isinstance(expr, Var) and expr in self.lets:
                expr = self.lets[expr]
            elif isinstance(expr, Var) and (argument := self.arguments.get(expr)) is not None:
                expr = argument
            else:
                return expr

    def _callee(self, call: Call) -> Expr:
        """The function that is called, where it is one."""
        callee = self._resolve(call.op)
        return self.module.functions.get(callee.name_hint, callee) if isinstance(callee, GlobalVar) else callee

    def _note_arguments(self, call: Call) -> None:
        """Partitioning may make parameters of constants; a scale among them has to be known all the same."""
        callee = self._callee(call)
        if isinstance(callee, Function):
            for param, argument in zip(callee.params, call.args, strict=False):
                if self.arguments.setdefault(param, argument) is not argument:
                    self.arguments[param] = None

    def _function(self, function: Function) -> None:
        name = self.names.setdefault(function, f"local_{len(self.converted)}")
        params = _parameters(function)
        self.values = {}
        builder = self.emitter.builder
        with builder.function(name, params, private=name != "main"):
            try:
                with builder.dataflow():
                    output = self._body(function, params)
            except Exception:
                builder._end_block()  # which TVM would complain about, on the terminal, when the builder goes
                raise
            self.converted[function] = builder.emit_func_output(output)

    def _body(self, function: Function, params: Sequence[relax.Var]) -> relax.Var:
        """Emits the body, and returns the variable that holds its value."""
        for var, param in zip(function.params, params, strict=True):
            self.values[var] = self._unpacked(param)
        for expr in post_order(function.body, self._below, seen=set(self.values)):
            self.values[expr] = _METHODS[type(expr)](self, expr)
        return self.emitter.builder.emit_output(_packed(self._value(function.body)))

    def _unpacked(self, value: relax.Expr) -> Value:
        """`value`, as a Python tuple of its fields where it is a tuple; emits the projections."""
        if not isinstance(value.ty, relax.TupleType):
            return value
        emitted = (self.emitter.emit(relax.TupleGetItem(value, index)) for index in range(len(value.ty.fields)))
        return tuple(self._unpacked(field) for field in emitted)

    def _value(self, expr: Expr) -> Value:
        value = self.values[expr]
        if isinstance(value, Function):
            raise ConvertError(
                "a function is used as a value", expr.span, hint="only calls of functions can be converted"
            )
        return value

    def _call(self, call: Call) -> Value:
        if isinstance(call.op, Op):
            return self._operator(call)
        callee = self._callee(call)
        if not isinstance(callee, Function):
            raise ConvertError("what is called is no function", call.span, found=repr(callee))
        if callee not in self.converted:
            name = self.names.get(callee)
            raise ConvertError(
                f"recursive call{f' of @{name}' if name else ''}", call.span, hint="recursion cannot be converted"
            )
        arguments = [_packed(self._value(argument)) for argument in call.args]
        return self._unpacked(self.emitter.emit(relax.Call(self.converted[callee], arguments)))

    def _operator(self, call: Call) -> Value:
        name = call.op_name or ""
        site = Site(
            call, tuple(self._value(argument) for argument in call.args), self.emitter, self._resolve, self.config
        )
        try:
            value = LOWERINGS[name](site)
        except NirError:
            raise
        except Exception as error:  # whatever TVM or numpy says about arguments that do not fit together
            raise ConvertError(
                f"'{name}' cannot be converted with these arguments and attributes",
                call.span,
                found=summary(error),
            ) from error
        _check_type(call, value)
        return value

    def _var(self, var: Var) -> Value:
        if var not in self.lets:
            raise ConvertError(
                f"%{var.name_hint} belongs to another function",
                var.span,
                hint="functions that use variables of the function around them cannot be converted",
            )
        return self._value(self.lets[var])

    def _constant(self, node: Constant) -> Value:
        return constant(node.data, node.dtype)

    def _tuple(self, node: Tuple) -> Value:
        return tuple(self._value(field) for field in node.fields)

    def _tuple_getitem(self, node: TupleGetItem) -> Value:
        fields = self._value(node.tuple_value)
        if not isinstance(fields, tuple) or not 0 <= node.index < len(fields):
            raise ConvertError(f"there is no field {node.index} here", node.span)
        return fields[node.index]

    def _let(self, node: Let) -> Value:
        return self._value(node.body)

    def _if(self, node: If) -> Value:
        cond = self._value(node.cond)
        return self._select(cond, self._value(node.true_branch), self._value(node.false_branch))

    def _select(self, cond: relax.Expr, when_true: Value, when_false: Value, depth: int = 0) -> Value:
        if isinstance(when_true, tuple):
            _check_depth(depth)
            pairs = zip(when_true, when_false, strict=True)
            return tuple(self._select(cond, left, right, depth + 1) for left, right in pairs)
        return self.emitter.emit(relax.op.where(cond, when_true, when_false))

    def _itself(self, node: Expr) -> Value:
        return node


_METHODS: dict[type[Expr], Callable[[_Converter, Any], Value]] = {
    Call: _Converter._call,
    Constant: _Converter._constant,
    Function: _Converter._itself,
    GlobalVar: _Converter._itself,
    If: _Converter._if,
    Let: _Converter._let,
    Op: _Converter._itself,
    Tuple: _Converter._tuple,
    TupleGetItem: _Converter._tuple_getitem,
    Var: _Converter._var,
}


_TUPLE_DEPTH = 32
"""How deep tuples may be nested: TVM walks them by recursion, without a check of its own."""


def _packed(value: Value, depth: int = 0) -> relax.Expr:
    """`value` as one Relax expression. Raises ConvertError where tuples are nested deeper than TVM can take."""
    if not isinstance(value, tuple):
        return value
    _check_depth(depth)
    return relax.Tuple([_packed(field, depth + 1) for field in value])


def _check_depth(depth: int, span: Span | None = None) -> None:
    if depth >= _TUPLE_DEPTH:
        raise ConvertError("tuples are nested too deeply", span, expected=f"at most {_TUPLE_DEPTH} levels")


def _parameters(function: Function) -> list[relax.Var]:
    """Relax variables for the parameters, under their names, which are made different where they are equal."""
    names: dict[str, int] = {}
    params = []
    for var in function.params:
        name = var.name_hint or "p"
        count = names[name] = names.get(name, -1) + 1
        while count and f"{name}_{count}" in names:
            count += 1
        unique = f"{name}_{count}" if count else name
        names.setdefault(unique, 0)
        stated = var.checked_type if var.checked_type is not None else var.type_annotation
        params.append(relax.Var(unique, _relax_type(var, stated)))
    return params


def _relax_type(var: Var, stated: Type | None, depth: int = 0) -> Any:
    if isinstance(stated, TupleType):
        _check_depth(depth, var.span)
        return relax.TupleType([_relax_type(var, field, depth + 1) for field in stated.fields])
    if stated is None or isinstance(stated, FuncType):
        raise ConvertError(
            f"parameter %{var.name_hint} is no tensor", var.span, expected="a tensor type", found=str(stated)
        )
    if any(extent is None for extent in stated.shape):
        raise ConvertError(
            f"the shape of parameter %{var.name_hint} is known only at run time",
            var.span,
            expected="a number for every extent",
            found=str(stated),
        )
    return relax.TensorType(stated.shape, stated.dtype)


def _check(expressions: Sequence[Expr]) -> None:
    """Reports everything at once that no lowering could do anything about."""
    places: dict[str, list[Call]] = {}
    missing: list[ExternalConstant] = []
    for expr in expressions:
        if isinstance(expr, Call) and isinstance(expr.op, Op) and expr.op.name not in LOWERINGS:
            places.setdefault(expr.op.name, []).append(expr)
        elif isinstance(expr, ExternalConstant):
            missing.append(expr)
    found = [
        Diagnostic(
            f"operator '{name}' has no counterpart in Relax",
            calls[0].op.span or calls[0].span,
            found=f"{len(calls)} call{'s' if len(calls) > 1 else ''}",
            hint=suggestion(name, LOWERINGS),
        )
        for name, calls in places.items()
    ]
    if missing:
        found.append(
            Diagnostic(
                "the values of constants are not in the text",
                missing[0].span,
                found=f"{len(missing)} constant{'s' if len(missing) > 1 else ''} without a value",
                hint="read the module from JSON, or from a text with its metadata section",
            )
        )
    if found:
        raise ConvertError(found)


def _check_type(call: Call, value: Value) -> None:
    """A lowering that gives another type than Relay does would compute something else: better said here."""
    stated = call.checked_type
    if stated is not None and not _agrees(stated, value):
        raise ConvertError(
            f"'{call.op_name}' with these attributes would have another type on Relax",
            call.span,
            expected=str(stated),
            found=_type_text(value),
        )


def _agrees(stated: Type, value: Value) -> bool:
    if isinstance(stated, TupleType):
        if not isinstance(value, tuple) or len(stated.fields) != len(value):
            return False
        return all(_agrees(field, part) for field, part in zip(stated.fields, value, strict=True))
    if not isinstance(stated, TensorType) or isinstance(value, tuple) or stated.dtype != dtype_of(value):
        return False
    shape = shape_of(value)
    return len(shape) == len(stated.shape) and all(
        expected is None or expected == extent for expected, extent in zip(stated.shape, shape, strict=True)
    )


def _type_text(value: Value) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_type_text(field) for field in value)})"
    return str(TensorType(shape_of(value), dtype_of(value)))
