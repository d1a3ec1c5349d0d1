"""Which variables the branches of a condition take from outside."""

from __future__ import annotations

from nir.relay import ast as relay
from nir.relay.visitor import post_order


def free_variables(*bodies: relay.Expr) -> list[relay.Var]:
    """The variables that stand in `bodies` and are bound outside of them, in the order of their first use."""
    bound: set[relay.Expr] = set()
    found: dict[relay.Var, None] = {}
    for body in bodies:
        for expr in post_order(body):
            if isinstance(expr, relay.Function):
                bound.update(expr.params)
            elif isinstance(expr, relay.Let):
                bound.add(expr.var)
            elif isinstance(expr, relay.Var):
                found[expr] = None
    return [variable for variable in found if variable not in bound]
