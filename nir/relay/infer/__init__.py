"""Type inference: fills `checked_type` of every expression, from the operators' rules and the annotations.

Where no rule knows an answer (an operator of somebody else, or a shape that depends on values), the type that the
producer stated in a comment or in JSON stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from nir.errors import ConvertError
from nir.relay import schema
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
from nir.relay.infer import convolution, elementwise, indexing, matmul, quantised, reduction, shape, special
from nir.relay.infer.external import deduce_externals
from nir.relay.infer.site import CallSite, CannotInfer, Rule
from nir.relay.types import FuncType, TensorType, TupleType, Type
from nir.relay.visitor import post_order

RULES: dict[str, Rule] = {
    **convolution.RULES,
    **elementwise.RULES,
    **indexing.RULES,
    **matmul.RULES,
    **quantised.RULES,
    **reduction.RULES,
    **shape.RULES,
    **special.RULES,
}
"""What the type of a call is, by the operator's name."""


_ASK_FOR_VALUES = "save the module with its values: tvm.ir.save_json(mod), or mod.astext(show_meta_data=True)"


def infer_types(module: Module) -> None:
    """Fills `checked_type` of all expressions in `module`.

    Raises ConvertError at the operator whose arguments do not fit, whose type no rule knows, and where a function's
    result is not what it is declared to be.
    """
    inference = _Inference(module)
    for name in module.functions:
        inference.function(name)


class _Inference:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.done: set[str] = set()

    def function(self, name: str) -> None:
        """Infers the global function `name`, after those that it needs the result types of."""
        pending = [name]
        while pending:
            current = pending[-1]
            if current in self.done:
                pending.pop()
                continue
            needed = [other for other in self._needed(current) if other not in self.done]
            if not needed:
                self._infer(self.module.functions[current])
                self.done.add(current)
                pending.pop()
                continue
            for other in needed:
                if other in pending:
                    span = self.module.functions[other].span
                    raise ConvertError(f"the function '@{other}' calls itself and declares no result type", span)
            pending.append(needed[0])

    def _needed(self, name: str) -> list[str]:
        """Functions that `name` mentions and whose result types are not declared."""
        if all(function.ret_type is not None for function in self.module.functions.values()):
            return []
        mentioned = {
            node.name_hint: node for node in post_order(self.module.functions[name]) if isinstance(node, GlobalVar)
        }
        for other, node in mentioned.items():
            self._defined(other, node)
        return [other for other in mentioned if self.module.functions[other].ret_type is None]

    def _infer(self, function: Function) -> None:
        order = list(post_order(function))
        let_values = {node.var: node.value for node in order if isinstance(node, Let)}
        for expr in order:
            if isinstance(expr, Var):
                expr.checked_type = expr.type_annotation or expr.checked_type
        for expr in post_order(function, lambda expr: _ordered(expr, let_values)) if let_values else order:
            found = self._type(expr, let_values)
            if found is None and isinstance(expr, ExternalConstant) and expr is not function.body:
                continue  # the operator that uses it may leave no choice
            if found is None and not isinstance(expr, Op):
                raise ConvertError(
                    f"the type of {_described(expr)} cannot be inferred",
                    expr.span,
                    hint=_ASK_FOR_VALUES if isinstance(expr, ExternalConstant) else None,
                )
            expr.checked_type = found

    def _type(self, expr: Expr, let_values: dict[Var, Expr]) -> Type | None:
        if isinstance(expr, Call):
            return self._call(expr)
        if isinstance(expr, Var):
            bound = let_values.get(expr)
            return expr.checked_type or (bound.checked_type if bound is not None else None)
        if isinstance(expr, Constant):
            return expr.type
        if isinstance(expr, ExternalConstant):
            return expr.type_annotation
        if isinstance(expr, Tuple):
            return TupleType(tuple(_known(field) for field in expr.fields))
        if isinstance(expr, TupleGetItem):
            return _field(expr)
        if isinstance(expr, Let):
            return expr.body.checked_type
        if isinstance(expr, If):
            return _branches(expr)
        if isinstance(expr, Function):
            return _function_type(expr)
        if isinstance(expr, GlobalVar):
            return self._global(expr)
        return None

    def _defined(self, name: str, mention: GlobalVar) -> Function:
        function = self.module.functions.get(name)
        if function is None:
            raise ConvertError(f"there is no function '@{name}'", mention.span)
        return function

    def _global(self, expr: GlobalVar) -> Type:
        function = self._defined(expr.name_hint, expr)
        arguments = []
        for parameter in function.params:
            annotation = parameter.type_annotation or parameter.checked_type
            if annotation is None:
                raise ConvertError(f"the parameter '%{parameter.name_hint}' has no type", parameter.span)
            arguments.append(annotation)
        result = function.ret_type or _known(function.body)
        return FuncType(tuple(arguments), result)

    def _call(self, call: Call) -> Type | None:
        deduce_externals(call)
        types = [_known(argument) for argument in call.args]
        if not isinstance(call.op, Op):
            return _function_call(call, types)
        name = call.op.name
        site = CallSite(call, types)
        operator = schema.operators().get(name)
        if operator is not None and operator.argument_count not in (None, len(types)):
            raise site.error("wrong number of arguments", expected=operator.argument_count, found=len(types))
        rule = RULES.get(name)
        try:
            if rule is None:
                raise CannotInfer
            return _sound(site, rule(site))
        except CannotInfer:
            if call.checked_type is None:
                raise site.error("no rule gives the type of this call, and the text does not state it") from None
            return call.checked_type
        except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:  # what no rule foresees
            raise site.error(f"its attributes are not what this operator takes ({error})") from error


def _sound(site: CallSite, found: Type) -> Type:
    """`found`, in which no extent may be negative."""
    for part in found.fields if isinstance(found, TupleType) else (found,):
        if isinstance(part, TensorType):
            for extent in part.shape:
                if extent is not None and extent < 0:
                    raise site.error("the result would have a negative extent", found=found)
    return found


def _ordered(expr: Expr, let_values: dict[Var, Expr]) -> Sequence[Expr]:
    """What must be typed before `expr`: a variable needs the value that it is bound to, unless its type is known."""
    if isinstance(expr, Let):
        return (expr.value, expr.var, expr.body)
    if isinstance(expr, Var) and expr.checked_type is None and expr in let_values:
        return (let_values[expr],)
    return expr.children()


def _known(expr: Expr) -> Type:
    if expr.checked_type is None:
        hint = _ASK_FOR_VALUES if isinstance(expr, ExternalConstant) else None
        raise ConvertError(f"the type of {_described(expr)} cannot be inferred", expr.span, hint=hint)
    return expr.checked_type


def _described(expr: Expr) -> str:
    if isinstance(expr, Var):
        return f"the variable '%{expr.name_hint}'"
    if isinstance(expr, ExternalConstant):
        return f"the constant {expr.index}, which the text does not bring,"
    return f"this {type(expr).__name__.lower()}"


def _field(expr: TupleGetItem) -> Type:
    found = _known(expr.tuple_value)
    if not isinstance(found, TupleType):
        raise ConvertError("only tuples have fields", expr.span, expected="a tuple", found=str(found))
    if not 0 <= expr.index < len(found.fields):
        raise ConvertError(
            "the tuple has no such field", expr.span, expected=f"0 to {len(found.fields) - 1}", found=str(expr.index)
        )
    return found.fields[expr.index]


def _branches(expr: If) -> Type:
    condition = _known(expr.cond)
    if condition != TensorType((), "bool"):
        raise ConvertError("the condition must be a scalar", expr.cond.span, expected="bool", found=str(condition))
    left, right = _known(expr.true_branch), _known(expr.false_branch)
    if not _fits(left, right):
        raise ConvertError("the branches have different types", expr.span, expected=str(left), found=str(right))
    return left


def _function_type(function: Function) -> Type:
    arguments = tuple(_known(parameter) for parameter in function.params)
    result = _known(function.body)
    if function.ret_type is not None and not _fits(function.ret_type, result):
        raise ConvertError(
            "the function's result is not what it declares",
            function.body.span or function.span,
            expected=str(function.ret_type),
            found=str(result),
        )
    return FuncType(arguments, function.ret_type or result)


def _function_call(call: Call, types: list[Type]) -> Type:
    callee = _known(call.op)
    if not isinstance(callee, FuncType):
        raise ConvertError("only functions can be called", call.span, expected="a function", found=str(callee))
    if len(callee.arg_types) != len(types):
        raise ConvertError(
            "wrong number of arguments", call.span, expected=str(len(callee.arg_types)), found=str(len(types))
        )
    for index, (expected, found) in enumerate(zip(callee.arg_types, types, strict=True)):
        if not _fits(expected, found):
            raise ConvertError(
                f"argument {index} has the wrong type",
                call.args[index].span or call.span,
                expected=str(expected),
                found=str(found),
            )
    return callee.ret_type


def _fits(declared: Type, found: Type) -> bool:
    """Whether `found` may stand where `declared` is; an extent that is not known fits every other."""
    if isinstance(declared, TensorType) and isinstance(found, TensorType):
        return (
            declared.dtype == found.dtype
            and declared.rank == found.rank
            and all(
                one is None or other is None or one == other
                for one, other in zip(declared.shape, found.shape, strict=True)
            )
        )
    if isinstance(declared, TupleType) and isinstance(found, TupleType):
        return len(declared.fields) == len(found.fields) and all(map(_fits, declared.fields, found.fields))
    if isinstance(declared, FuncType) and isinstance(found, FuncType):
        return len(declared.arg_types) == len(found.arg_types) and _fits(declared.ret_type, found.ret_type)
    return False
