"""Quantisation parameters that a Relay module states, taken down on the types of the values they are about.

Relay keeps scales and zero points as arguments of the `qnn` operators that produce or take a tensor. Each such
statement is put on the value's type at once; what follows from them for other tensors is the work of
`nir.passes.quantisation`. Two statements that disagree are a mistake in the model.
"""

from __future__ import annotations

from nir.ir import Quantisation, Value
from nir.passes.relay_to_nir.problems import Unsupported
from nir.relay.ast import Expr


class Statements:
    """Who stated the parameters of which value first."""

    def __init__(self) -> None:
        self._by: dict[Value, tuple[Expr, str]] = {}

    def state(self, value: Value, quantisation: Quantisation, expr: Expr, what: str) -> None:
        """Lets `value` have these parameters. Raises `Unsupported` where it has others already."""
        current = value.type.quantisation
        if current is None:
            value.type = value.type.with_quantisation(quantisation)
            self._by[value] = (expr, what)
        elif current != quantisation:
            raise Unsupported(
                f"{what} of '{getattr(expr, 'op_name', None)}' is stated as {quantisation}, but {self.source(value)} "
                f"it is {current}",
                hint="Relay would reinterpret the stored integers here; NIR has no operator for that",
            )

    def source(self, value: Value) -> str:
        """Where the parameters of `value` came from, to stand before "it is ..."."""
        if value in self._by:
            expr, what = self._by[value]
            where = f" ({expr.span.location()})" if expr.span is not None else ""
            return f"by {what} of '{getattr(expr, 'op_name', None)}'{where}"
        return "by the operation that makes it"

    def texts(self) -> dict[Value, str]:
        """For each value with stated parameters, who stated them."""
        return {value: self.source(value).removeprefix("by ") for value in self._by}
