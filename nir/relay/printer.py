"""Relay modules as text, version 0.0.5, in the form that TVM 0.7 to 0.19 read.

    text = nir.relay.print_module(module)

What is read back is structurally equal (nir.relay.equality): constants and attributes are exact, which they are not
where TVM itself prints. Only attributes that are not at their defaults are written, those of TVM 0.12 to 0.19. Nothing
recurses over the depth of the graph.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from nir.errors import ConvertError, require_type
from nir.relay import schema
from nir.relay.expr import (
    Attributes,
    Call,
    Constant,
    Expr,
    ExternalConstant,
    Function,
    GlobalVar,
    If,
    Let,
    Op,
    Tuple,
    TupleGetItem,
    Var,
)
from nir.relay.module import Module
from nir.relay.printed_values import Metadata, Names, global_, local, quoted_local
from nir.relay.scopes import Scope, ScopePlan
from nir.relay.types import Type
from nir.relay.visitor import post_order

HEADER = '#[version = "0.0.5"]'

_DEEPEST_INDENT = 20
"""Nested blocks are indented up to here; any deeper, the text would grow with the square of the depth."""


def print_module(module: Module, *, exact_names: bool = False, types: bool = True) -> str:
    """`module` as text with header and metadata section.

    Names are made acceptable to TVM's reader: `conv1.weight:0` becomes `conv1_weight_0`, with a number where two would
    be the same. With `exact_names` they stay as they are, in quotes where need be, which only `nir.relay` reads.
    `types` adds the inferred types of calls as comments. Raises ConvertError for a variable that nothing binds.
    """
    require_type(module, Module, "a Relay module", "nir.relay.load reads a file")
    externals = [
        expr
        for function in module.functions.values()
        for expr in post_order(function)
        if isinstance(expr, ExternalConstant)
    ]
    metadata = Metadata(externals)
    names = Names(exact_names)
    functions = {name: names.take(name) for name in module.functions}
    parts = [HEADER, "\n"]
    for name, function in module.functions.items():
        printer = _FunctionPrinter(function, functions, metadata, exact_names, types)
        parts += [*printer.definition(functions[name]), "\n"]
    section = metadata.section()
    return "".join(parts) + section if section else "".join(parts).rstrip("\n") + "\n"


class _Sequence:
    """The statements of a scope that are still to be written: the next one of them, and the value at the end."""

    __slots__ = ("indent", "position", "result", "scope")

    def __init__(self, scope: Scope, result: Expr, indent: int) -> None:
        self.scope = scope
        self.result = result
        self.indent = indent
        self.position = 0


class _FunctionPrinter:
    """Writes one function of a module. Pieces of text and unfinished sequences wait on a stack."""

    def __init__(
        self, function: Function, functions: dict[str, str], metadata: Metadata, exact: bool, types: bool
    ) -> None:
        self.function = function
        self.functions = functions
        self.metadata = metadata
        self.exact = exact
        self.types = types
        self.names = Names(exact)
        self.written: dict[Expr, str] = {}
        self.plan = ScopePlan(function)
        self.inline = self._let_values()
        self._operators = schema.operators()
        self._count = 0
        for expr in reversed(list(post_order(function))):  # the outermost names stay as they are
            for parameter in expr.params if isinstance(expr, Function) else [expr.var] if isinstance(expr, Let) else ():
                self.written.setdefault(parameter, local(self.names.take(parameter.name_hint)))

    def definition(self, name: str) -> Iterator[str]:
        """The pieces of `def @name(...) { ... }`."""
        yield f"def {global_(name)}"
        stack: list[str | _Sequence] = self._function(self.function, 0)
        stack.reverse()
        while stack:
            piece = stack.pop()
            if isinstance(piece, str):
                yield piece
            else:
                stack.extend(reversed(self._statement(piece)))
        yield "\n"

    # Statements

    def _statement(self, sequence: _Sequence) -> list[str | _Sequence]:
        """The next statement of a sequence, and the sequence again; or the value at its end."""
        members = sequence.scope.members
        tail = self._tail(sequence)
        space = "  " * min(sequence.indent, _DEEPEST_INDENT)
        while sequence.position < len(members):
            expr = members[sequence.position]
            sequence.position += 1
            if expr is tail or expr in self.inline:
                continue
            name = self._graph_name()
            pieces = [f"{space}{name} = ", *self._operation(expr, sequence.indent), ";\n", sequence]
            self.written[expr] = name
            return pieces
        if isinstance(tail, Let):
            return self._let(tail, sequence.indent)
        if tail is None:
            return [space, self._reference(sequence.result), "\n"]
        return [space, *self._operation(tail, sequence.indent), "\n"]

    def _tail(self, sequence: _Sequence) -> Expr | None:
        """The value at the end if it is written there, and not just referred to."""
        result = sequence.result
        alone = self.plan.uses.get(result, 0) <= 1
        return result if alone and self.plan.scope.get(result) is sequence.scope and not _is_leaf(result) else None

    def _let_values(self) -> set[Expr]:
        """The values of lets that are written behind the `=`, not before the let: a local function may call itself."""
        plan = self.plan
        return {
            expr.value
            for expr in plan.body
            if isinstance(expr, Let)
            and not isinstance(expr.value, Let)
            and not _is_leaf(expr.value)
            and plan.uses[expr.value] == 1
            and plan.scope[expr.value] is plan.scope[expr]
        }

    def _let(self, let: Let, indent: int) -> list[str | _Sequence]:
        """`let %x = value;` and, still to come, what follows it."""
        inline = let.value in self.inline
        value = self._operation(let.value, indent) if inline else [self._reference(let.value)]
        space = "  " * min(indent, _DEEPEST_INDENT)
        behind = _Sequence(self.plan.body[let], let.body, indent)
        return [f"{space}let {self._variable(let.var)} = ", *value, ";\n", behind]

    def _graph_name(self) -> str:
        while self.names.is_taken(str(self._count)):
            self._count += 1  # in exact mode a variable may be called `0`
        self._count += 1
        return f"%{self._count - 1}"

    # Expressions

    def _operation(self, expr: Expr, indent: int) -> list[str | _Sequence]:
        """An expression with what is below it referred to by name."""
        if isinstance(expr, Call):
            return [self._call(expr)]
        if isinstance(expr, Tuple):
            inner = ", ".join(map(self._reference, expr.fields))
            return [f"({inner},)" if len(expr.fields) == 1 else f"({inner})"]
        if isinstance(expr, TupleGetItem):
            return [f"{self._projected(expr.tuple_value)}.{expr.index}"]
        space = "  " * min(indent, _DEEPEST_INDENT)
        if isinstance(expr, Function):
            return ["fn ", *self._function(expr, indent)]
        if isinstance(expr, If):
            when_true, when_false = self.plan.branches[expr]
            return [
                f"if ({self._reference(expr.cond)}) {{\n",
                _Sequence(when_true, expr.true_branch, indent + 1),
                f"{space}}} else {{\n",
                _Sequence(when_false, expr.false_branch, indent + 1),
                f"{space}}}",
            ]
        assert isinstance(expr, Let)  # in the middle of something: TVM takes it in parentheses only
        return ["(\n", *self._let(expr, indent + 1), f"{space})"]

    def _function(self, function: Function, indent: int) -> list[str | _Sequence]:
        """A function behind its `fn` or `def @name`."""
        generic = f"[{', '.join(function.type_params)}]" if function.type_params else ""
        header = [self._variable(parameter) for parameter in function.params]
        header += self.metadata.attributes(function.attrs, self.exact)
        result = f" -> {function.ret_type}" if function.ret_type is not None else ""
        space = "  " * min(indent, _DEEPEST_INDENT)
        body = _Sequence(self.plan.body[function], function.body, indent + 1)
        return [f"{generic}({', '.join(header)}){result} {{\n", body, f"{space}}}"]

    def _variable(self, variable: Var) -> str:
        annotation = variable.type_annotation
        return self.written[variable] + (f": {annotation}" if annotation is not None else "")

    def _call(self, call: Call) -> str:
        inner = [self._reference(argument) for argument in call.args]
        inner += self.metadata.attributes(self._attributes(call), self.exact)
        text = f"{self._reference(call.op)}({', '.join(inner)})"
        known = not isinstance(call.op, Op) or call.op.name in self._operators
        return text + _comment(call.checked_type) if self.types or not known else text

    def _attributes(self, call: Call) -> Attributes:
        """The attributes that differ from their defaults."""
        operator = self._operators.get(call.op.name) if isinstance(call.op, Op) else None
        if operator is None:
            return call.attrs
        defaults = operator.attributes.defaults
        return {
            name: value
            for name, value in call.attrs.items()
            if name not in defaults or defaults[name] != value or type(defaults[name]) is not type(value)
        }

    def _projected(self, expr: Expr) -> str:
        """A mention in front of `.0`: numbers, and names with dots in them, would swallow that."""
        if self.exact and isinstance(expr, Var) and expr in self.written:
            return quoted_local(self.written[expr])
        return self._reference(expr) if expr in self.written else f"({self._reference(expr)})"

    def _reference(self, expr: Expr) -> str:
        """A mention of what was written before, or what is short enough to stand here."""
        if isinstance(expr, Constant):
            return self.metadata.constant(expr)
        if isinstance(expr, ExternalConstant):
            return f"meta[relay.Constant][{expr.index}]" + _comment(expr.type_annotation or expr.checked_type)
        if isinstance(expr, Op):
            return sys.intern(expr.name)
        if isinstance(expr, GlobalVar):
            return global_(self.functions.get(expr.name_hint, expr.name_hint))
        if isinstance(expr, Tuple) and not expr.fields:
            return "()"
        if expr not in self.written:
            raise ConvertError(f"{expr!r} is used where nothing binds it", expr.span)
        return self.written[expr]


def _is_leaf(expr: Expr) -> bool:
    return not expr.children()


def _comment(stated: Type | None) -> str:
    return f" /* ty={stated} */" if stated is not None else ""
