"""Rules that several targets share."""

from __future__ import annotations

from nir.ir import Operation, Trait, Value
from nir.targets.target import rule


def tensors(op: Operation) -> list[Value]:
    """Operands that are there, then results."""
    return [value for value in (*op.operands, *op.results) if value is not None]


@rule("not-foreign", decisive=True)
def not_foreign(op: Operation) -> bool | str:
    """NIR knows what the operator does."""
    return op.name != "foreign" or str(op.attributes.get("operator"))


@rule("no-calls", decisive=True)
def no_calls(op: Operation) -> bool:
    """The operator does not call functions: calls, branches and loops stay with the host."""
    return Trait.CALLS not in op.traits


@rule("known-sizes")
def known_sizes(op: Operation) -> bool | str:
    """All sizes are known when the region is compiled."""
    unknown = next((value for value in tensors(op) if not value.type.is_static), None)
    return unknown is None or f"%{unknown.name} is {unknown.type}"
