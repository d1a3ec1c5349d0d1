"""What a constraint looks at: the fields it reads, for its message; and whether it sees quantisation.

Both are found out by running it on a copy of the operation that remembers what is read. The copy has types and
attributes only: its operands are made by nothing.
"""

from __future__ import annotations

from typing import Any

from nir.ir import Constraint, Operation, Quantisation, TensorType, Value


class Watched:
    """A copy of an operation that notices when the quantisation of its types is read."""

    def __init__(self, op: Operation) -> None:
        self._seen: list[bool] = []
        copies: dict[Value, Value] = {}
        for value in (*op.operands, *op.results):
            if value is not None and value not in copies:
                copies[value] = Value(_WatchedType(value.type, self._seen), value.name, None, value.index)
        self.operation: Operation = object.__new__(type(op))
        self.operation.operands = tuple([None if value is None else copies[value] for value in op.operands])
        self.operation.results = tuple([copies[value] for value in op.results])
        self.operation.attributes = op.attributes
        self.operation.location = None

    def saw_quantisation(self) -> bool:
        """True where quantisation was read since this was asked last."""
        seen = bool(self._seen)
        self._seen.clear()
        return seen


class _WatchedType(TensorType):
    """A type that notes in a list when its quantisation is read."""

    __slots__ = ("_given", "_seen")

    _given: Quantisation | None
    _seen: list[bool]

    def __init__(self, type: TensorType, seen: list[bool]) -> None:
        put = object.__setattr__
        put(self, "element", type.element)
        put(self, "shape", type.shape)
        put(self, "_hash", hash(type))
        put(self, "_given", type.quantisation)
        put(self, "_seen", seen)

    @property
    def quantisation(self) -> Quantisation | None:  # type: ignore[override]
        self._seen.append(True)
        return self._given


def fields_read(op: Operation, constraint: Constraint) -> set[str]:
    """Names of the fields that a constraint's check reads; all operands or results where it takes them whole."""
    read: set[str] = set()

    def watch(self: Operation, name: str) -> Any:
        read.add(name)
        return object.__getattribute__(self, name)

    watched_class = type(type(op).__name__, (type(op),), {"__slots__": (), "__getattribute__": watch})
    watched: Any = object.__new__(watched_class)
    for slot in ("operands", "results", "attributes", "location"):
        object.__setattr__(watched, slot, getattr(op, slot))
    constraint.check(watched)
    if "operands" in read:
        read.update(f.name for f in op.operand_fields)
    if "results" in read:
        read.update(f.name for f in op.result_fields)
    return read
