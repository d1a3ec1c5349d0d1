"""What the conversion remembers of a Relay expression that it has passed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nir.ir import Value
from nir.relay.ast import Constant, Function
from nir.relay.types import TupleType


class NodeEntry:
    """The NIR values that went into one Relay expression, and those that came out.

    A constant becomes a value only where something asks for it, since most scales and zero points end in types:
    until then it is `constant`. A tuple, or a call with several results, has `fields`, one entry each. A local
    function is `function`. `failed` marks what could not be converted, so that its users say nothing more.
    """

    __slots__ = ("constant", "failed", "fields", "function", "inputs", "outputs")

    failed: bool

    def __init__(
        self,
        inputs: tuple[Value, ...] = (),
        outputs: tuple[Value, ...] = (),
        *,
        constant: Constant | None = None,
        fields: tuple[NodeEntry, ...] | None = None,
        function: Function | None = None,
        failed: bool = False,
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.constant = constant
        self.fields = fields
        self.function = function
        self.failed = failed or any(field.failed for field in fields or ())

    def __repr__(self) -> str:
        return f"NodeEntry({list(self.inputs)} -> {list(self.outputs)})"

    def leaves(self) -> Iterator[NodeEntry]:
        """The entry itself, or the entries of a tuple's innermost fields in order."""
        stack = [self]
        while stack:
            entry = stack.pop()
            if entry.fields is None:
                yield entry
            else:
                stack.extend(reversed(entry.fields))


def rebuilt(type: Any, values: list[Value]) -> NodeEntry:
    """The entry of something of a Relay type, a tensor or a tuple of tensors, that gives `values`."""
    if isinstance(type, TupleType):
        return NodeEntry(fields=tuple(NodeEntry(outputs=(value,)) for value in values))
    return NodeEntry(outputs=tuple(values))


FAILED = NodeEntry(failed=True)
"""The entry of whatever could not be converted."""
