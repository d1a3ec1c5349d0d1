"""Quantisation propagation: scales and zero points run forwards and backwards to a fixpoint.

Tensors that share parameters (rules.py) form links: those of one operation, and an argument with the parameter of the
function that is called. A tensor whose parameters become known hands them to all links that it is in. When nothing
moves any more, results whose operator has a rule of its own (a logistic has 1/256) take theirs, and it goes on. Each
link is filled once, so the time is linear in the size of the module.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping

from nir.errors import ConvertError, Diagnostic
from nir.ir import Function, InferenceError, Module, Operation, Origin, Quantisation, Symbol, Trait, Value
from nir.passes.quantisation.rules import follows, shared
from nir.source import Span

_SHOWN_CONFLICTS = 20
_SHOWN_STEPS = 12


class _Link:
    """Tensors that have the same parameters because of `op`, and what filled it first."""

    __slots__ = ("by", "op", "values")

    def __init__(self, op: Operation, values: list[Value]) -> None:
        self.op = op
        self.values = values
        self.by: Value | None = None


def propagate_quantisation(
    module: Module, *, raw: Collection[Operation] = (), sources: Mapping[Value, str] | None = None
) -> int:
    """Gives every tensor the parameters that follow from those already there, in place; returns how many got some.

    Only integer tensors without parameters change. `raw` are operations known to handle stored integers as they are
    (see `rules.shared`); `sources` says for error messages who stated the parameters of a tensor. Raises `ConvertError`
    where two different ones meet, with both and the path that each came along.
    """
    propagation = _Propagation(module, raw, sources or {})
    propagation.run()
    if propagation.conflicts:
        raise ConvertError(propagation.conflicts)
    return len(propagation.causes)


class _Propagation:
    def __init__(self, module: Module, raw: Collection[Operation], sources: Mapping[Value, str]) -> None:
        self.sources = sources
        self.links: dict[Value, list[_Link]] = {}
        self.causes: dict[Value, tuple[Operation, Value | None]] = {}
        self.conflicts: list[Diagnostic] = []
        self.queue: deque[Value] = deque()
        self.later: deque[Operation] = deque()
        for function in module:
            self.queue.extend(value for value in function.values() if value.type.quantisation is not None)
            for op in function.operations:
                self._add_links(module, op, raw)

    def _add_links(self, module: Module, op: Operation, raw: Collection[Operation]) -> None:
        for values in _call_pairs(module, op) if Trait.CALLS in op.traits else [shared(op, raw)]:
            if len(values) > 1:
                link = _Link(op, values)
                for value in values:
                    self.links.setdefault(value, []).append(link)
        if follows(op):
            self.later.append(op)

    def run(self) -> None:
        """Fills links until nothing moves, then one result by its operator's rule, and again."""
        waiting: dict[Value, list[Operation]] = {}
        while self.queue or self.later:
            while self.queue:
                value = self.queue.popleft()
                self.later.extend(waiting.pop(value, ()))
                for link in self.links.get(value, ()):
                    self._fill(link, value)
            if self.later:
                op = self.later.popleft()
                if not self._apply_rule(op) and op.operands and op.operands[0] is not None:
                    waiting.setdefault(op.operands[0], []).append(op)

    def _fill(self, link: _Link, by: Value) -> None:
        """Hands the parameters of `by` to all tensors of the link, or compares them."""
        quantisation = by.type.quantisation
        assert quantisation is not None
        if link.by is not None:
            return  # `by` was given its parameters, or compared, when the link was filled
        link.by = by
        for value in link.values:
            current = value.type.quantisation
            if current is None:
                self._give(value, quantisation, link.op, by)
            elif current != quantisation:
                self._conflict(link.op, by, value)

    def _give(self, value: Value, quantisation: Quantisation, op: Operation, by: Value | None) -> None:
        value.type = value.type.with_quantisation(quantisation)
        self.causes[value] = (op, by)
        self.queue.append(value)

    def _apply_rule(self, op: Operation) -> bool:
        """Lets results without parameters take those of the operator's rule; false while the operand has none."""
        operand = op.operands[0] if op.operands else None
        if operand is None or operand.type.quantisation is None:
            return operand is None
        try:
            inferred = op.infer()
        except InferenceError:
            return True  # shapes that do not fit are the verifier's to report
        for value, type in zip(op.results, inferred, strict=True):
            if value.type.quantisation is None and type.quantisation is not None and value.element is type.element:
                self._give(value, type.quantisation, op, operand)
        return True

    # --- conflicts ---

    def _conflict(self, op: Operation, left: Value, right: Value) -> None:
        if len(self.conflicts) >= _SHOWN_CONFLICTS:
            return
        notes = []
        for value in (left, right):
            notes.append(f"%{value.name} has {value.type.quantisation}:")
            notes.extend(f"  {step}" for step in _shortened(list(self._path(value))))
        self.conflicts.append(
            Diagnostic(
                f"{op.name}: %{left.name} and %{right.name} must have the same quantisation, and have not",
                _span(op),
                expected=str(left.type.quantisation),
                found=str(right.type.quantisation),
                notes=tuple(notes),
            )
        )

    def _path(self, value: Value) -> Iterator[str]:
        """How the parameters of `value` came to it, from the tensor for which they were stated."""
        steps = []
        while value in self.causes:
            op, by = self.causes[value]
            steps.append(f"to %{value.name} through {_described(op)}")
            if by is None:
                break
            value = by
        yield f"stated for %{value.name} by {self.sources.get(value) or _maker(value)}"
        yield from reversed(steps)


def _call_pairs(module: Module, op: Operation) -> Iterator[list[Value]]:
    """Arguments with the parameters of the function called, results with what it returns."""
    arguments = op.operands[1:] if op.name == "if" else op.operands  # the first decides which function is called
    for symbol in op.attributes.values():
        callee = module.functions.get(symbol) if isinstance(symbol, Symbol) else None
        if isinstance(callee, Function):
            for ours, theirs in (*zip(arguments, callee.parameters), *zip(op.results, callee.results)):  # noqa: B905
                if ours is not None and ours.element is theirs.element and ours.element.is_integer:
                    yield [ours, theirs]


def _shortened(steps: list[str]) -> list[str]:
    if len(steps) <= _SHOWN_STEPS:
        return steps
    half = _SHOWN_STEPS // 2
    return [*steps[:half], f"... {len(steps) - 2 * half} more steps ...", *steps[-half:]]


def _maker(value: Value) -> str:
    return "the function's signature" if value.producer is None else _described(value.producer)


def _described(op: Operation) -> str:
    """The operator, what it was made of, and where that stands."""
    span = _span(op)
    origin = f" '{op.location.name}'" if isinstance(op.location, Origin) else ""
    return f"{op.name}{origin}" + (f" ({span.location()})" if span is not None else "")


def _span(op: Operation) -> Span | None:
    return op.location.span if isinstance(op.location, Origin) else op.location
