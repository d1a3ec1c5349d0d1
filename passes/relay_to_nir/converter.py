"""The walk: every Relay expression in post order, each once, without recursion.

`ModuleConverter` converts the functions that `@main` reaches; `FunctionConverter` walks one body with a stack of
things to do, keeps a `NodeEntry` per expression, and asks the handler table what to make of each operator call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from nir.ir import Function, Module, Value
from nir.ops.common import Rounding
from nir.passes.names import UniqueNames, WeightNames
from nir.passes.relay_to_nir.call import Handler, RelayCall
from nir.passes.relay_to_nir.entry import FAILED, NodeEntry, rebuilt
from nir.passes.relay_to_nir.folding import folded
from nir.passes.relay_to_nir.foreign import foreign_call
from nir.passes.relay_to_nir.graph import Graph, nir_type
from nir.passes.relay_to_nir.problems import Problems, Unsupported
from nir.passes.relay_to_nir.statements import Statements
from nir.passes.relay_to_nir.variables import free_variables
from nir.relay import ast as relay
from nir.relay.types import TensorType as RelayType
from nir.relay.types import TupleType
from nir.relay.visitor import post_order

Step = Callable[[], None]

TRANSPARENT = frozenset(
    {
        "annotation.compiler_begin",
        "annotation.compiler_end",
        "annotation.stop_fusion",
        "device_copy",
        "on_device",
    }
)
"""Operators that hand their argument on, be it a tensor or a tuple: what they say does not concern the numbers."""


class ModuleConverter:
    """Converts functions one after the other; a call adds its callee to the queue."""

    def __init__(
        self,
        source: relay.Module,
        handlers: Mapping[str, Handler],
        foreign: bool,
        rounding: Rounding,
        kept: frozenset[str] = frozenset(),
        profile: str = "relay",
    ) -> None:
        """`kept` names operators that are not worked out on constants; `profile` rounds what is."""
        self.source = source
        self.kept = kept
        self.profile = profile
        self.handlers = handlers
        self.foreign = foreign
        self.rounding = rounding
        self.problems = Problems()
        self.statements = Statements()
        self.weight_names = WeightNames()
        self.graphs: list[Graph] = []
        self.memos: list[dict[relay.Expr, NodeEntry]] = []
        """What became of every expression, for each function converted."""
        self.compute_types: Counter[str] = Counter()
        self.local_functions: dict[relay.Expr, relay.Function] = {}
        """Variables that lets bind to functions: known in the branches of conditions without being handed over."""
        self._names = UniqueNames()
        self._symbols: dict[relay.Function, str] = {}
        self._queue: list[relay.Function] = []
        self._checked: set[relay.Call] = set()

    def convert(self, root: str = "main") -> Module:
        """The NIR module of `root` and all that it calls. Raises `ConvertError` with everything that is wrong."""
        module = Module()
        self.symbol(self.source[root], root)
        for function in self._queue:  # grows on the way
            converter = FunctionConverter(self, function)
            converted = converter.convert(self._symbols[function])
            if converted is not None:
                module.add(converted)
        if self.problems:
            raise self.problems.error()
        return module

    def check_known(self, call: relay.Call, name: str) -> None:
        """Takes down a call of an operator without a handler: all of them, also behind what cannot be converted."""
        if name not in self.handlers and name not in TRANSPARENT and not self.foreign and call not in self._checked:
            self._checked.add(call)
            self.problems.add(
                f"NIR has no operator for '{name}'",
                call,
                "foreign=True (--foreign) keeps such operators in the graph by name",
            )

    def symbol(self, function: relay.Function, wanted: str) -> str:
        """The name that a Relay function has in the NIR module; it will be converted."""
        if function not in self._symbols:
            self._symbols[function] = self._names.take(wanted)
            self._queue.append(function)
        return self._symbols[function]


class FunctionConverter:
    """Converts one Relay function."""

    def __init__(self, module: ModuleConverter, function: relay.Function) -> None:
        self.module = module
        self.function = function
        self.graph = Graph(module.weight_names)
        self.memo: dict[relay.Expr, NodeEntry] = {}
        self.uses: Counter[relay.Expr] = Counter()
        self._stack: list[Step] = []

    def convert(self, name: str) -> Function | None:
        """The NIR function, or None where something in it cannot be converted."""
        for expr in post_order(self.function):
            self.uses.update(expr.children())
            if isinstance(expr, relay.Call) and isinstance(expr.op, relay.Op):
                self.module.check_known(expr, expr.op.name)
        for parameter in self.function.params:
            self._parameter(parameter)
        self._later(self._visit, self.function.body)
        while self._stack:
            self._stack.pop()()
        result = self.memo[self.function.body]
        if result.failed:
            return None
        self.module.graphs.append(self.graph)
        self.module.memos.append(self.memo)
        try:
            results = [self.graph.value_of(leaf) for leaf in result.leaves()]
        except Unsupported as problem:
            self._report(problem, self.function.body)
            return None
        return self.graph.finish(name, results, _attributes(self.function))

    # --- the walk ---

    def _later(self, step: Callable[..., None], *arguments: Any) -> None:
        self._stack.append(lambda: step(*arguments))

    def _visit(self, expr: relay.Expr) -> None:
        """Lets everything below `expr` be visited, then `expr` itself."""
        if expr in self.memo:
            return
        if isinstance(expr, relay.Let):
            self._visit_let(expr)
        elif isinstance(expr, relay.If):
            self._visit_if(expr)
        elif isinstance(expr, relay.Call) and not isinstance(expr.op, relay.Op):
            self._later(self._resolve_call, expr)
            for child in reversed(expr.children()):
                self._later(self._visit, child)
        elif isinstance(expr, (relay.Call, relay.Tuple, relay.TupleGetItem)):
            self._later(self._finish, expr)
            for child in reversed(expr.args if isinstance(expr, relay.Call) else expr.children()):
                if child not in self.memo:
                    self._later(self._visit, child)
        else:
            self._finish(expr)

    def _visit_let(self, let: relay.Let) -> None:
        """Value first, then the variable is another name for it, then the body."""
        self._later(lambda: self._remember(let, self.memo[let.body]))
        self._later(self._visit, let.body)
        self._later(self._bind, let)
        self._later(self._visit, let.value)

    def _bind(self, let: relay.Let) -> None:
        entry = self.memo[let.value]
        self._remember(let.var, entry)
        if entry.function is not None:
            self.module.local_functions[let.var] = entry.function

    def _visit_if(self, choice: relay.If) -> None:
        """The condition and what the branches take from outside; each branch becomes a function of the module."""
        free = free_variables(choice.true_branch, choice.false_branch)
        captured = [variable for variable in free if variable not in self.module.local_functions]
        self._later(self._finish_if, choice, captured)
        for expr in (*reversed(captured), choice.cond):
            self._later(self._visit, expr)

    def _finish_if(self, choice: relay.If, captured: list[relay.Var]) -> None:
        entries = [self.memo[variable] for variable in (choice.cond, *captured)]
        if any(entry.failed for entry in entries):
            self._remember(choice, FAILED)
            return
        branches = [
            self.module.symbol(relay.Function(captured, branch, span=branch.span), name)
            for branch, name in ((choice.true_branch, "then"), (choice.false_branch, "else"))
        ]
        try:
            condition = self.graph.value_of(entries[0])
            values = [self.graph.value_of(leaf) for entry in entries[1:] for leaf in entry.leaves()]
            types = _leaf_types(choice.checked_type)
            op = self.graph.emit(
                "if", condition, *values, then_branch=branches[0], else_branch=branches[1], types=types, expr=choice
            )
            self._remember(choice, rebuilt(choice.checked_type, list(op.results)))
        except Unsupported as problem:
            self._report(problem, choice)
            self._remember(choice, FAILED)

    def _finish(self, expr: relay.Expr) -> None:
        """Makes the entry of an expression when all below it have theirs."""
        if expr in self.memo:
            return
        try:
            entry = self._entry(expr)
        except Unsupported as problem:
            self._report(problem, expr)
            entry = FAILED
        self._remember(expr, entry)

    def _report(self, problem: Unsupported, expr: relay.Expr) -> None:
        self.module.problems.add(problem.message, expr, problem.hint)

    def _remember(self, expr: relay.Expr, entry: NodeEntry) -> None:
        """Keeps the entry, and counts the uses of `expr` as uses of its values (not of those in tuples in tuples:
        the count only says whether fusing pays).
        """
        self.memo[expr] = entry
        count, uses = self.uses[expr], self.graph.uses
        for part in (entry,) if entry.fields is None else entry.fields:
            for value in part.outputs:
                uses[value] = uses[value] - 1 + count if value in uses else count

    def _entry(self, expr: relay.Expr) -> NodeEntry:
        if isinstance(expr, relay.Call):
            return self._operator_call(expr)
        if isinstance(expr, relay.Constant):
            return NodeEntry(constant=expr)
        if isinstance(expr, relay.Tuple):
            return NodeEntry(fields=tuple(self.memo[field] for field in expr.fields))
        if isinstance(expr, relay.TupleGetItem):
            return self._field(expr)
        if isinstance(expr, relay.Function):
            return NodeEntry(function=expr)
        if isinstance(expr, relay.GlobalVar):
            return NodeEntry()
        if expr in self.module.local_functions:
            return NodeEntry(function=self.module.local_functions[expr])
        if isinstance(expr, relay.Var):
            raise Unsupported(
                f"the variable %{expr.name_hint} is not bound in this function",
                "a local function that is called more than once may use nothing from outside",
            )
        if isinstance(expr, relay.ExternalConstant):
            raise Unsupported(
                "the text does not bring the values of this constant",
                "load the model from its JSON, or from a text with its metadata section",
            )
        raise Unsupported(f"Relay's '{type(expr).__name__.lower()}' has no counterpart in NIR")

    def _field(self, item: relay.TupleGetItem) -> NodeEntry:
        entry = self.memo[item.tuple_value]
        if entry.failed and entry.fields is None:
            return FAILED
        if entry.fields is None or not 0 <= item.index < len(entry.fields):
            raise Unsupported(f"there is no field {item.index} in what is no tuple of that many")
        return entry.fields[item.index]

    def _parameter(self, parameter: relay.Var) -> None:
        entry = FAILED
        try:
            entry = self._parameter_entry(parameter.name_hint, parameter.checked_type or parameter.type_annotation)
        except Unsupported as problem:
            self.module.problems.add(f"parameter %{parameter.name_hint}: {problem.message}", parameter, problem.hint)
        self._remember(parameter, entry)

    def _parameter_entry(self, name: str, type: Any) -> NodeEntry:
        """A value per parameter; a tuple of tensors becomes one parameter each."""
        if isinstance(type, TupleType) and all(isinstance(field, RelayType) for field in type.fields):
            parts = [self._parameter_entry(f"{name}.{i}", field) for i, field in enumerate(type.fields)]
            return NodeEntry(fields=tuple(parts))
        return NodeEntry(outputs=(self.graph.parameter(name, nir_type(type)),))

    # --- calls of operators ---

    def _operator_call(self, expr: relay.Call) -> NodeEntry:
        entries = [self.memo[argument] for argument in expr.args]
        if any(entry.failed for entry in entries):
            return FAILED
        if expr.op_name in TRANSPARENT and len(entries) == 1:
            return entries[0]
        call = RelayCall(expr, entries, self.graph, self.module.statements, self.module.rounding)
        handler = self.module.handlers.get(call.name)
        _note_compute_type(self.module.compute_types, expr)
        if handler is None:
            return self._unknown(call)
        before = len(self.graph.operations)
        try:
            made = handler(call)
            entry = self._checked(call, [made] if isinstance(made, Value) else list(made))
            return entry if call.name in self.module.kept else self._folded(entries, before, entry)
        except Unsupported:
            if not self.module.foreign:
                raise
            return self._checked(call, foreign_call(call))  # what the handler made so far is not used

    def _folded(self, entries: list[NodeEntry], before: int, entry: NodeEntry) -> NodeEntry:
        """The entry, or constants in its place where all arguments are constants."""
        leaves = list(entry.leaves())
        results = [leaf.outputs[0] for leaf in leaves]
        constants = folded(entries, self.graph.operations[before:], results, self.module.profile)
        if constants is None:
            return entry
        parts = tuple(NodeEntry(constant=constant) for constant in constants)
        return parts[0] if entry.fields is None else NodeEntry(fields=parts)

    def _unknown(self, call: RelayCall) -> NodeEntry:
        if self.module.foreign:
            return self._checked(call, foreign_call(call))
        return FAILED  # `check_known` has said so

    def _checked(self, call: RelayCall, outputs: list[Value]) -> NodeEntry:
        """The entry of a converted call; its values have the types that Relay says, or the handler is wrong."""
        if len(outputs) != len(call.types):
            raise Unsupported(f"'{call.name}' gives {len(call.types)} results in Relay, but {len(outputs)} were made")
        for i, (value, type) in enumerate(zip(outputs, call.types, strict=True)):
            if value.element is not type.element:
                raise Unsupported(f"'{call.name}' gives {type} in Relay, but {value.type} was made of it")
            if value.shape != type.shape:
                if value.type.size != type.size or not type.is_static:
                    raise Unsupported(f"'{call.name}' gives {type} in Relay, but {value.type} was made of it")
                outputs[i] = call.reshaped(value, [size or 0 for size in type.shape])
        inputs = tuple(call.inputs)
        if isinstance(call.expr.checked_type, TupleType):
            return NodeEntry(inputs, fields=tuple(NodeEntry(inputs, (value,)) for value in outputs))
        return NodeEntry(inputs, tuple(outputs))

    # --- calls of functions ---

    def _resolve_call(self, expr: relay.Call) -> None:
        """A function that is used once is converted in place; others become functions of the module."""
        if expr in self.memo:
            return
        function, wanted = self._callee(expr)
        if any(self.memo[argument].failed for argument in expr.args):
            self._remember(expr, FAILED)
        elif function is None or len(function.params) != len(expr.args):
            self._report(Unsupported("what is called here is no function of these parameters"), expr)
            self._remember(expr, FAILED)
        elif wanted is None:
            for parameter, argument in zip(function.params, expr.args, strict=True):
                self.uses[parameter] -= 1  # being a parameter is no use
                self._remember(parameter, self.memo[argument])
            body = function.body
            self._later(lambda: self._remember(expr, self.memo[body]))
            self._later(self._visit, body)
        else:
            self._remember(expr, self._function_call(expr, self.module.symbol(function, wanted)))

    def _callee(self, expr: relay.Call) -> tuple[relay.Function | None, str | None]:
        """The function that is called, and the name to give it in the module (None: convert it in place)."""
        if isinstance(expr.op, relay.GlobalVar):
            name = expr.op.name_hint
            return self.module.source.functions.get(name), name
        function = self.memo[expr.op].function
        if function is None:
            return None, None
        named = isinstance(expr.op, relay.Var)
        once = self.uses[function] == 1 and (not named or self.uses[expr.op] == 2)  # the let, and this call
        return function, None if once else str(function.attrs.get("Composite") or "function")

    def _function_call(self, expr: relay.Call, symbol: str) -> NodeEntry:
        try:
            arguments = [self.graph.value_of(leaf) for argument in expr.args for leaf in self.memo[argument].leaves()]
            types = _leaf_types(expr.checked_type)
            op = self.graph.emit("call", callee=symbol, arguments=arguments, types=types, expr=expr)
        except Unsupported as problem:
            self._report(problem, expr)
            return FAILED
        return rebuilt(expr.checked_type, list(op.results))


def _leaf_types(type: Any) -> list[Any]:
    """NIR types of the tensors in a Relay type, which may be a tuple of tensors."""
    fields = type.fields if isinstance(type, TupleType) else (type,)
    return [nir_type(field) for field in fields]


def _attributes(function: relay.Function) -> dict[str, Any]:
    """What partitioning wrote on the function: the compiler becomes its target."""
    target = function.attrs.get("nir_target") or function.attrs.get("Compiler")
    return {"target": str(target)} if target else {}


def _note_compute_type(counter: Counter[str], expr: relay.Call) -> None:
    compute_type = expr.attrs.get("compute_dtype")
    if isinstance(compute_type, str):
        counter[compute_type] += 1
