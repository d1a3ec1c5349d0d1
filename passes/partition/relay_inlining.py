"""The way back for Relay: calls of partitioned functions, and of composites in them, are replaced with their bodies."""

from __future__ import annotations

from collections.abc import Sequence

from nir.relay.ast import Call, Expr, Function, GlobalVar, Let, Module, Tuple, TupleGetItem, Var
from nir.relay.types import TupleType
from nir.relay.visitor import ExprMutator


def inline_relay_regions(module: Module) -> Module:
    """The module without functions that a compiler was given, and without composites; see `tidied` for its form."""
    functions = {
        name: tidied(_Inliner(module).visit(function))
        for name, function in module.functions.items()
        if "Compiler" not in function.attrs
    }
    return Module(functions, module.source, module.attrs, module.provenance)


def tidied(function: Expr) -> Function:
    """A function without lets of values, in which a field of a tuple that is at hand is that field, and no tuple or
    field stands twice: what inlining gives, and comparable with it.
    """
    result = _Tidier(function).visit(function)
    assert isinstance(result, Function), "a function stays one"
    return result


class _Inliner(ExprMutator):
    """Copies a function; each call that is inlined copies the callee's body anew."""

    def __init__(self, module: Module, known: dict[Expr, Expr] | None = None) -> None:
        super().__init__()
        self.module = module
        self.memo.update(known or {})

    def children(self, expr: Expr) -> Sequence[Expr]:
        return expr.args if isinstance(expr, Call) and self._callee(expr) is not None else expr.children()

    def _callee(self, call: Call) -> Function | None:
        if isinstance(call.op, GlobalVar):
            found = self.module.functions.get(call.op.name_hint)
            return found if found is not None and "Compiler" in found.attrs else None
        return call.op if isinstance(call.op, Function) and "Composite" in call.op.attrs else None

    def visit_call(self, call: Call) -> Expr:
        callee = self._callee(call)
        if callee is None:
            return super().visit_call(call)
        arguments = [self.visit(argument) for argument in call.args]
        inner = _Inliner(self.module, dict(zip(callee.params, arguments, strict=True)))
        return inner.visit(callee.body)  # regions hold composites, and those hold calls of operators: two levels


class _Tidier(ExprMutator):
    """Makes equal tuples and fields one, and drops what only hands on."""

    def __init__(self, function: Expr) -> None:
        super().__init__()
        self.function = function
        self.tuples: dict[tuple[Expr, ...], Expr] = {}
        self.items: dict[tuple[Expr, int], Expr] = {}
        self.types: dict[Expr, int] = {}
        self.bound: dict[Var, Expr] = {}

    def children(self, expr: Expr) -> Sequence[Expr]:
        if isinstance(expr, Let) and not isinstance(expr.value, Function):
            self.bound[expr.var] = expr.value
            return (expr.value, expr.body)
        if isinstance(expr, Var):
            return (self.bound[expr],) if expr in self.bound else ()
        return expr.children()

    def visit_var(self, var: Var) -> Expr:
        return self.visit(self.bound[var]) if var in self.bound else var

    def visit_let(self, let: Let) -> Expr:
        return super().visit_let(let) if isinstance(let.value, Function) else self.visit(let.body)

    def visit_call(self, call: Call) -> Expr:
        made = super().visit_call(call)
        if isinstance(call.checked_type, TupleType):
            self.types[made] = len(call.checked_type.fields)
        return made

    def visit_tuple(self, tup: Tuple) -> Expr:
        fields = tuple(self.visit(each) for each in tup.fields)
        first = fields[0] if fields else None
        if isinstance(first, TupleGetItem) and self.types.get(first.tuple_value) == len(fields):
            whole = first.tuple_value
            if all(
                isinstance(each, TupleGetItem) and each.tuple_value is whole and each.index == index
                for index, each in enumerate(fields)
            ):
                return whole
        return self.tuples.setdefault(fields, Tuple(fields, tup.span, tup.origin))

    def visit_tuple_getitem(self, item: TupleGetItem) -> Expr:
        value = self.visit(item.tuple_value)
        if isinstance(value, Tuple) and 0 <= item.index < len(value.fields):
            return value.fields[item.index]
        return self.items.setdefault((value, item.index), TupleGetItem(value, item.index, item.span, item.origin))
