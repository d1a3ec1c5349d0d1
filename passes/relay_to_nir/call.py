"""What a handler sees of the Relay call that it converts, and what it can do.

A handler is a function from a `RelayCall` to the value of the call, or to one value per result. It knows nothing of
how the graph is walked. It raises `Unsupported` (through `refuse`) for a call that NIR cannot express.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from nir.ir import ElementType, Operation, Quantisation, TensorType, Value
from nir.ops.common import Rounding
from nir.passes.relay_to_nir.entry import NodeEntry
from nir.passes.relay_to_nir.graph import Graph, nir_type
from nir.passes.relay_to_nir.problems import Unsupported
from nir.passes.relay_to_nir.statements import Statements
from nir.relay.ast import Call, Expr
from nir.relay.types import TensorType as RelayType
from nir.relay.types import TupleType

Result = Value | Sequence[Value]


class RelayCall:
    """One call of an operator: its attributes, the entries of its arguments, and the graph to add to."""

    def __init__(
        self,
        expr: Call,
        entries: Sequence[NodeEntry],
        graph: Graph,
        statements: Statements,
        default_rounding: Rounding = Rounding.UPWARD,
    ) -> None:
        self.expr = expr
        self.attrs = expr.attrs
        self.entries = tuple(entries)
        self.graph = graph
        self.statements = statements
        self.default_rounding = default_rounding
        self.inputs: list[Value] = []

    @property
    def name(self) -> str:
        """The operator's name in Relay."""
        return self.expr.op_name or ""

    def refuse(self, reason: str, hint: str | None = None) -> NoReturn:
        """Says that NIR cannot express this call."""
        raise Unsupported(f"'{self.name}': {reason}", hint)

    # --- arguments ---

    def value(self, index: int) -> Value:
        """The value of argument `index`; a constant becomes an operation."""
        value = self.graph.value_of(self.entries[index])
        self.inputs.append(value)
        return value

    def values(self, index: int) -> list[Value]:
        """The values of argument `index`, a tuple."""
        values = [self.graph.value_of(leaf) for leaf in self.entries[index].leaves()]
        self.inputs.extend(values)
        return values

    def constant(self, index: int) -> np.ndarray | None:
        """The elements of argument `index` where it is a constant, else None."""
        constant = self.entries[index].constant
        return None if constant is None else constant.data

    def constant_name(self, index: int) -> str | None:
        """What the producer called the constant argument `index`."""
        constant = self.entries[index].constant
        return None if constant is None else constant.name

    def known(self, index: int, what: str) -> np.ndarray:
        """The elements of argument `index`, which must be known now."""
        array = self.constant(index)
        if array is None:
            self.refuse(f"{what} must be a constant", "give the model's parameters when it is loaded")
        return array

    def input_type(self, index: int) -> RelayType:
        """The Relay type of argument `index`, a tensor."""
        return self._tensor_type(self.expr.args[index])

    def _tensor_type(self, expr: Expr) -> RelayType:
        found = expr.checked_type
        if not isinstance(found, RelayType):
            self.refuse(f"a tensor is expected, not {found}")
        return found

    @property
    def type(self) -> RelayType:
        """The Relay type of the result, where that is one tensor."""
        return self._tensor_type(self.expr)

    @property
    def shape(self) -> tuple[int, ...]:
        """The result's shape. Refuses dimensions that are known only at run time."""
        return self.static(self.type)

    def input_shape(self, index: int) -> tuple[int, ...]:
        """The shape of argument `index`. Refuses dimensions that are known only at run time."""
        return self.static(self.input_type(index))

    def static(self, type: RelayType) -> tuple[int, ...]:
        """The shape of a type. Refuses dimensions that are known only at run time."""
        if any(size is None for size in type.shape):
            self.refuse(f"the shape of {type} must be known")
        return tuple(int(size) for size in type.shape if size is not None)

    def static_shape(self, value: Value) -> tuple[int, ...]:
        """The shape of a NIR value. Refuses dimensions that are known only at run time."""
        if not value.type.is_static:
            self.refuse(f"the shape of {value.type} must be known")
        return tuple(size or 0 for size in value.shape)

    @property
    def types(self) -> tuple[TensorType, ...]:
        """The NIR types of all results."""
        found = self.expr.checked_type
        fields = found.fields if isinstance(found, TupleType) else (found,)
        return tuple(nir_type(field) for field in fields)

    def is_float(self, index: int = 0) -> bool:
        """True where argument `index` is of a float type."""
        return self.input_type(index).dtype.startswith(("float", "bfloat"))

    # --- attributes ---

    def _attribute(self, name: str, kinds: tuple[Any, ...], what: str) -> Any:
        value = self.attrs.get(name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.refuse(f"{name} = {value!r} is no {what}")
        return value

    def integer(self, name: str) -> int:
        """An attribute that is an integer."""
        return int(self._attribute(name, (int, np.integer), "integer"))

    def real(self, name: str) -> float:
        """An attribute that is a number."""
        return float(self._attribute(name, (int, float, np.integer, np.floating), "number"))

    def word(self, name: str) -> str:
        """An attribute that is a string."""
        return str(self._attribute(name, (str,), "string"))

    def flag(self, name: str) -> bool:
        """An attribute that is true or false."""
        return bool(self._attribute(name, (bool, int), "truth"))

    def axis(self, value: int, rank: int) -> int:
        """An axis counted from the front."""
        if not -rank <= value < rank:
            self.refuse(f"axis {value} is not a dimension of a tensor of rank {rank}")
        return value % rank

    def quantised(self, index: int, quantisation: Quantisation, what: str) -> Value:
        """The value of argument `index`, which the model says to have these parameters."""
        constant = self.entries[index].constant
        if constant is not None:
            return self.graph.constant_value(constant, quantisation)
        value = self.value(index)
        self.statements.state(value, quantisation, self.expr, what)
        return value

    # --- emitting ---

    def emit(self, operator: str, /, *operands: Value | None, **fields: Any) -> Value:
        """Adds an operation with one result and returns that."""
        return self.operation(operator, *operands, **fields).results[0]

    def operation(self, operator: str, /, *operands: Value | None, **fields: Any) -> Operation:
        """Adds an operation."""
        return self.graph.emit(operator, *operands, expr=self.expr, **fields)

    def new_constant(self, array: Any, quantisation: Quantisation | None = None, name: str | None = None) -> Value:
        """Adds a constant that the conversion works out; `name` is that of the weight it was made of."""
        return self.graph.constant(np.ascontiguousarray(array), quantisation, name, self.expr)

    def number(self, value: float, like: Value) -> Value:
        """A scalar constant of the element type of `like`."""
        try:
            return self.new_constant(np.asarray(value, like.element.numpy))
        except (OverflowError, ValueError):
            self.refuse(f"{value} cannot be stored as {like.element.value}")

    def reshaped(self, value: Value, shape: Sequence[int]) -> Value:
        """`value` in another shape."""
        return value if value.shape == tuple(shape) else self.emit("reshape", value, shape=tuple(shape))

    def transposed(self, value: Value, permutation: Sequence[int]) -> Value:
        """`value` with result dimension i taken from dimension `permutation[i]`."""
        if list(permutation) == list(range(len(permutation))):
            return value
        return self.emit("transpose", value, permutation=tuple(permutation))

    def raw(self, value: Value) -> Value:
        """Marks the operation that made `value` as one that copies stored integers as they are."""
        if value.producer is not None and value.element is not ElementType.BOOL and value.element.is_integer:
            self.graph.raw.append(value.producer)
        return value

    def plain(self, value: Value) -> Value:
        """Marks the operation that made `value` as one that computes with stored integers as such: in NIR its operands
        must not stand for real values.
        """
        if value.producer is not None and any(o is not None and o.element.is_integer for o in value.producer.operands):
            self.graph.plain.append(value.producer)
        return value

    # --- what came before ---

    def maker(self, index: int, *operators: str) -> Operation | None:
        """The operation that made argument `index`, if it is one of `operators`."""
        entry = self.entries[index]
        if entry.constant is not None or len(entry.outputs) != 1:
            return None
        producer = entry.outputs[0].producer
        return producer if producer is not None and producer.name in operators else None

    def only_user(self, value: Value) -> bool:
        """True where nothing but this call takes `value`, so that both can become one operation."""
        return self.graph.uses.get(value, 0) == 1

    def again(self, op: Operation, *operands: Value | None, **fields: Any) -> Value:
        """Adds `op` once more with some parts changed: operands (all of them, when any is given) and fields.

        Fusing is adding the changed operation and leaving the old one unused. Result shapes are inferred; element
        type and quantisation are the old ones unless given.
        """
        type = op.results[0].type
        if "element" not in fields:
            fields["element"] = type.element
            fields.setdefault("quantisation", type.quantisation)
        attributes = {**op.attributes, **{k: v for k, v in fields.items() if k not in ("element", "quantisation")}}
        choice = {k: fields[k] for k in ("element", "quantisation") if fields.get(k) is not None}
        made = self.operation(op.name, *(operands or op.operands), **attributes, **choice)
        if made.results[0].name is None:
            made.results[0].name = op.results[0].name
        return made.results[0]

    def rounding(self) -> Rounding:
        """How this call rescales: as it says, else by the default of the conversion."""
        stated = str(self.attrs.get("rounding", "None"))
        return ROUNDINGS.get(stated, self.default_rounding)

    def state(self, value: Value, quantisation: Quantisation, what: str) -> None:
        """Takes down that the model says `value` has these parameters; see `Statements`."""
        self.statements.state(value, quantisation, self.expr, what)


ROUNDINGS = {"UPWARD": Rounding.UPWARD, "TONEAREST": Rounding.TO_NEAREST}
"""Relay's names of the ways to round."""

Handler = Callable[[RelayCall], Result]
HandlerTable = dict[str, Handler]
"""Relay operator name -> the function that converts its calls."""
