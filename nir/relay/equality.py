"""Whether two Relay modules or expressions are the same, and where they first differ.

Two are the same when one becomes the other by renaming local variables: operators, attributes, types that are written,
constants bit for bit, and what is shared have to agree. Spans, origins, names of constants, inferred types and the
attributes of a module do not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nir.relay.expr import (
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


def structural_equal(left: Module | Expr, right: Module | Expr) -> bool:
    """Whether `left` and `right` are the same up to the names of local variables."""
    return first_difference(left, right) is None


def first_difference(left: Module | Expr, right: Module | Expr) -> str | None:
    """The first difference as a sentence with the path to it, or None when there is none.

    Functions are compared in alphabetical order, expressions from the result of a function towards its parameters.
    """
    if not isinstance(left, Module) or not isinstance(right, Module):
        if isinstance(left, Module) or isinstance(right, Module):
            return f"one is a {type(left).__name__}, the other a {type(right).__name__}"
        return _Comparison("").run(left, right)
    if left.functions.keys() != right.functions.keys():
        only_left, only_right = (
            ", ".join("@" + name for name in sorted(some)[:5]) or "nothing"
            for some in (left.functions.keys() - right.functions.keys(), right.functions.keys() - left.functions.keys())
        )
        return f"functions only in the first: {only_left}; only in the second: {only_right}"
    for name in sorted(left.functions):
        difference = _Comparison("@" + name).run(left.functions[name], right.functions[name])
        if difference is not None:
            return difference
    return None


class _Comparison:
    """Compares two graphs in step. `matched` maps each node of the left one to its counterpart."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.matched: dict[Expr, Expr] = {}
        self.taken: dict[Expr, Expr] = {}

    def run(self, left: Expr, right: Expr) -> str | None:
        """The first difference, or None. Without recursion: graphs may be deep."""
        stack: list[tuple[Expr, Expr, _Step | None]] = [(left, right, None)]
        while stack:
            one, other, step = stack.pop()
            counterpart = self.matched.get(one)
            if counterpart is other:
                continue
            difference = _node_difference(one, other)
            if difference is not None:
                return self._told(step, difference)
            if (counterpart is not None or other in self.taken) and not _is_leaf(one):
                what = f"{_shown(one)} against {_shown(other)}"
                return self._told(step, f"{what}: other nodes are shared here than in the second")
            self.matched[one] = other
            self.taken[other] = one
            labels = _labels(one)
            pairs = zip(labels, one.children(), other.children(), strict=True)
            stack.extend(reversed([(child, same, _Step(step, label)) for label, child, same in pairs]))
        return None

    def _told(self, step: _Step | None, difference: str) -> str:
        steps: list[str] = []
        while step is not None and len(steps) < 6:
            steps.append(step.label)
            step = step.before
        if step is not None:
            steps.append("...")
        path = " > ".join([part for part in (self.where, *reversed(steps)) if part])
        return f"{path}: {difference}" if path else difference


class _Step:
    """One step on the path from a function to a node below it."""

    __slots__ = ("before", "label")

    def __init__(self, before: _Step | None, label: str) -> None:
        self.before = before
        self.label = label


def _is_leaf(expr: Expr) -> bool:
    """Whether it does not matter how often the node itself exists: texts write these out at each use."""
    return isinstance(expr, Op | GlobalVar | Constant | ExternalConstant) or (
        isinstance(expr, Tuple) and not expr.fields
    )


def _labels(expr: Expr) -> list[str]:
    """What the children are to `expr`, for the path to a difference."""
    if isinstance(expr, Call):
        called = expr.op_name or (f"@{expr.op.name_hint}" if isinstance(expr.op, GlobalVar) else "call")
        return [f"{called} callee", *(f"{called} argument {index}" for index in range(len(expr.args)))]
    if isinstance(expr, Tuple):
        return [f"tuple field {index}" for index in range(len(expr.fields))]
    if isinstance(expr, Function):
        return [*(f"parameter {index}" for index in range(len(expr.params))), "body"]
    if isinstance(expr, Let):
        return ["let variable", f"let %{expr.var.name_hint[:40]}", "let body"]
    if isinstance(expr, If):
        return ["if condition", "if true branch", "if false branch"]
    return [f"field {expr.index} of" for _ in expr.children()] if isinstance(expr, TupleGetItem) else []


def _node_difference(one: Expr, other: Expr) -> str | None:
    """What differs between two nodes themselves, not counting what is below them."""
    if type(one) is not type(other):
        return f"{_shown(one)} against {_shown(other)}"
    if len(one.children()) != len(other.children()):
        return f"{_shown(one)} against {_shown(other)}"
    for what, first, second in _properties(one, other):
        if not _same(first, second):
            return f"{what}: {_shown(first)} against {_shown(second)}"
    if isinstance(one, Call) and isinstance(other, Call):
        return _attributes_difference(one.attrs, other.attrs)
    if isinstance(one, Function) and isinstance(other, Function):
        return _attributes_difference(one.attrs, other.attrs)
    if isinstance(one, Constant) and isinstance(other, Constant) and one.data.tobytes() != other.data.tobytes():
        return f"constants of other values: {_shown(one)} against {_shown(other)}"
    return None


def _properties(one: Any, other: Any) -> Iterable[tuple[str, Any, Any]]:
    """The plain properties of two nodes of one class, with what to call them."""
    names: Mapping[type, tuple[tuple[str, str], ...]] = {
        Var: (("type_annotation", "the type that is written"),),
        GlobalVar: (("name_hint", "the function"),),
        Op: (("name", "the operator"),),
        Constant: (("type", "the constant's type"),),
        ExternalConstant: (("index", "the constant's number"),),
        Call: (("type_args", "type arguments"),),
        TupleGetItem: (("index", "the field"),),
        Function: (("params", "parameters"), ("ret_type", "the result type"), ("type_params", "type parameters")),
    }
    for attribute, what in names.get(type(one), ()):
        first, second = getattr(one, attribute), getattr(other, attribute)
        if attribute == "params":
            first, second = len(first), len(second)
        yield what, first, second


def _attributes_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    for name in sorted(one.keys() | other.keys()):
        if name not in one or name not in other:
            return f"only one has the attribute '{name}'"
        if not _same(one[name], other[name]):
            return f"attribute '{name}': {_shown(one[name])} against {_shown(other[name])}"
    return None


def _same(one: Any, other: Any) -> bool:
    """Equality of values that tells 1 from True and 0.0 from -0.0, and takes NaN as equal to itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one.hex() == other.hex() if not math.isnan(one) else math.isnan(other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    return bool(one == other)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
