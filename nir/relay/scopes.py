"""Where in a text each expression of a graph has to be written, when what is shared is written once.

A scope is a sequence of statements: the body of a function, a branch of an `if`, what follows a `let`. An expression
belongs into the innermost scope that contains all its uses; a variable it depends on is then visible there.
"""

from __future__ import annotations

from collections.abc import Iterator

from nir.relay.expr import Constant, Expr, ExternalConstant, Function, GlobalVar, If, Let, Op, Tuple, Var
from nir.relay.visitor import post_order


class Scope:
    """One sequence of statements. `members` are what is written in it, what is needed first standing first."""

    __slots__ = ("depth", "jump", "members", "parent")

    def __init__(self, parent: Scope | None) -> None:
        self.parent = parent
        self.members: list[Expr] = []
        self.depth = 0
        self.jump: Scope = self
        if parent is not None:
            # A skew-binary jump pointer: any ancestor is reached in logarithmic time, however long a chain of lets.
            self.depth = parent.depth + 1
            far = parent.jump
            regular = parent.depth - far.depth == far.depth - far.jump.depth
            self.jump = far.jump if regular else parent


def common_scope(one: Scope, other: Scope) -> Scope:
    """The innermost scope that contains both."""
    if one.depth < other.depth:
        one, other = other, one
    while one.depth > other.depth:
        assert one.parent is not None
        one = one.jump if one.jump.depth >= other.depth else one.parent
    while one is not other:
        assert one.parent is not None
        assert other.parent is not None
        one, other = (one.jump, other.jump) if one.jump is not other.jump else (one.parent, other.parent)
    return one


class ScopePlan:
    """The scopes of one function, or of an expression alone.

    `body` maps a function or a let to the scope of its body, `branches` an `if` to those of its branches; `uses` counts
    how often a node is referred to.
    """

    def __init__(self, root: Expr) -> None:
        self.root_scope = Scope(None)
        self.scope: dict[Expr, Scope] = {root: self.root_scope}
        self.body: dict[Expr, Scope] = {}
        self.branches: dict[Expr, tuple[Scope, Scope]] = {}
        self.uses: dict[Expr, int] = {}
        order = list(post_order(root))
        for expr in reversed(order):
            for child, scope in self._used_in(expr):
                self.uses[child] = self.uses.get(child, 0) + 1
                known = self.scope.get(child)
                self.scope[child] = scope if known is None else common_scope(known, scope)
        for expr in order:
            if not is_written_at_its_uses(expr):
                self.scope[expr].members.append(expr)

    def _used_in(self, expr: Expr) -> Iterator[tuple[Expr, Scope]]:
        """The children of `expr`, each with the scope in which it is used."""
        if is_written_at_its_uses(expr):
            return
        own = self.scope[expr]
        if isinstance(expr, Function):
            inner = self.body[expr] = Scope(own)
            yield expr.body, inner
        elif isinstance(expr, Let):
            inner = self.body[expr] = Scope(own)
            yield expr.value, own
            yield expr.body, inner
        elif isinstance(expr, If):
            when_true, when_false = self.branches[expr] = (Scope(own), Scope(own))
            yield expr.cond, own
            yield expr.true_branch, when_true
            yield expr.false_branch, when_false
        else:
            for child in expr.children():
                yield child, own


def is_written_at_its_uses(expr: Expr) -> bool:
    """Whether the expression is short enough to stand wherever it is used, without a name of its own."""
    if isinstance(expr, Var | GlobalVar | Op | Constant | ExternalConstant):
        return True
    return isinstance(expr, Tuple) and not expr.fields
