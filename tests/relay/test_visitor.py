"""Walking and rewriting: order, sharing, depth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nir.relay import Call, Expr, ExprMutator, ExprVisitor, If, Let, Op, Tuple, TupleGetItem, Var, load, post_order

DEPTH = 100_000


def deep_chain(depth: int) -> tuple[Var, Expr]:
    variable = Var("x")
    expr: Expr = variable
    for _ in range(depth):
        expr = Call(Op("add"), (expr, expr))
    return variable, expr


@st.composite
def graphs(draw: st.DrawFn) -> Expr:
    """Expressions in which any node may be used by any later one."""
    nodes: list[Expr] = [Var("x"), Var("y")]
    for _ in range(draw(st.integers(1, 20))):
        pick = st.integers(0, len(nodes) - 1).map(nodes.__getitem__)
        kind = draw(st.sampled_from(("call", "tuple", "item", "if", "let")))
        if kind == "call":
            nodes.append(Call(Op("f"), draw(st.lists(pick, max_size=3))))
        elif kind == "tuple":
            nodes.append(Tuple(draw(st.lists(pick, max_size=3))))
        elif kind == "item":
            nodes.append(TupleGetItem(draw(pick), 0))
        elif kind == "if":
            nodes.append(If(draw(pick), draw(pick), draw(pick)))
        else:
            nodes.append(Let(Var("z"), draw(pick), draw(pick)))
    return nodes[-1]


def reachable(root: Expr) -> set[Expr]:
    found, pending = set(), [root]
    while pending:
        expr = pending.pop()
        if expr not in found:
            found.add(expr)
            pending += expr.children()
    return found


@given(graphs())
def test_post_order_visits_each_node_once_and_children_first(root: Expr) -> None:
    order = list(post_order(root))
    position = {expr: index for index, expr in enumerate(order)}
    assert len(position) == len(order)
    assert set(position) == reachable(root)
    assert all(position[child] < position[expr] for expr in order for child in expr.children())


@given(graphs())
def test_a_mutator_that_changes_nothing_returns_the_same_object(root: Expr) -> None:
    assert ExprMutator().visit(root) is root


class Renamer(ExprMutator):
    """Puts `y2` where `y` was."""

    def visit_var(self, var: Var) -> Expr:
        return Var("y2") if var.name_hint == "y" else var


@given(graphs())
def test_a_mutator_keeps_sharing_and_untouched_parts(root: Expr) -> None:
    changed = Renamer().visit(root)
    before, after = list(post_order(root)), list(post_order(changed))
    assert [type(expr) for expr in before] == [type(expr) for expr in after]
    names = {expr.name_hint for expr in after if isinstance(expr, Var)}
    assert "y" not in names
    touched = any(isinstance(expr, Var) and expr.name_hint == "y" for expr in before)
    assert (changed is root) == (not touched)


def test_depth_is_no_limit() -> None:
    variable, root = deep_chain(DEPTH)
    assert sum(1 for _ in post_order(root)) == 2 * DEPTH + 1
    mutated = Renamer().visit(root)
    assert mutated is root
    assert next(iter(post_order(root))) is not variable  # operators come first, as they do in evaluation


class Depths(ExprVisitor):
    """How deep each node is, by asking for its children's depths."""

    def visit_var(self, var: Var) -> int:
        return 0

    def visit_op(self, op: Op) -> int:
        return 0

    def visit_call(self, call: Call) -> int:
        return 1 + max(self.visit(argument) for argument in call.args)


def test_a_visitor_method_finds_its_children_visited() -> None:
    _, root = deep_chain(DEPTH)
    assert Depths().visit(root) == DEPTH


class CallCounter(ExprVisitor):
    """Counts calls, and stays out of local functions."""

    calls = 0

    def children(self, expr: Expr) -> tuple[Expr, ...]:
        return tuple(child for child in expr.children() if type(child).__name__ != "Function")

    def visit_call(self, call: Call) -> None:
        self.calls += 1


def test_a_visitor_can_stay_out_of_parts() -> None:
    module = load("fn (%x: float32) { %f = fn (%y: float32) { exp(%y) }; %x }".replace("%f = ", "let %f = "))
    counter = CallCounter()
    counter.visit(module.main.body)
    assert counter.calls == 0
    assert sum(isinstance(expr, Call) for expr in post_order(module.main)) == 1
