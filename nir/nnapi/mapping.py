"""NNAPI's positional operand lists as NIR operands and attributes, and back.

signatures.py says what stands where; this file follows it. Where several lists mean the same, because operands at the
end may be left off, the shortest is written unless a number of operands is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nir.errors import ConvertError, VerifyError, suggestion
from nir.ir import ElementType, Operation, TensorType, Value
from nir.nnapi.kinds import KINDS, VALUES, Kind, rounded
from nir.nnapi.operand_types import SCALARS, is_tensor
from nir.nnapi.signatures import RESULTS_WITHOUT_STATES, SIGNATURES

NOT_OPERANDS = frozenset({"rounding", "return_states", "truncate"})
"""Attributes that no operand states: one is used by other profiles alone, the other follows from the results."""


@dataclass(frozen=True)
class Slot:
    """One position of a list: `index` is that of an item where the field is a list with an operand for each item,
    `level` the feature level since which the operand may be there, where it may be left off.
    """

    field: str
    kind_name: str
    index: int | None = None
    level: int | None = None
    variadic: bool = False

    @property
    def kind(self) -> Kind:
        return KINDS[self.kind_name]

    @property
    def is_value(self) -> bool:
        """True where the operand is one of the NIR operation's operands, false for an attribute."""
        return self.kind_name in VALUES

    @classmethod
    def parse(cls, text: str) -> Slot:
        name, _, kind = text.partition(":")
        name, _, level = name.partition("?")
        variadic = name.endswith("*")
        name, _, index = name.rstrip("*").partition(".")
        return cls(name, kind, int(index) if index else None, int(level) if level else None, variadic)


class Signature:
    """One form of an operator's operand list."""

    def __init__(self, text: str) -> None:
        name, *slots = text.split()
        self.operator = name
        self.slots = tuple(map(Slot.parse, slots))
        self.variadic = next((i for i, slot in enumerate(self.slots) if slot.variadic), None)
        self.fields = {slot.field for slot in self.slots if not slot.is_value}
        self._first_optional = next((i for i, slot in enumerate(self.slots) if slot.level is not None), len(self.slots))

    def aligned(self, count: int) -> list[Slot] | None:
        """The slot of each of `count` operands, or None where no list of this form is so long."""
        if self.variadic is not None:
            repeats = count - len(self.slots) + 1
            before, after = self.slots[: self.variadic], self.slots[self.variadic + 1 :]
            return [*before, *[self.slots[self.variadic]] * repeats, *after] if repeats >= 0 else None
        if not self._first_optional <= count <= len(self.slots):
            return None
        cut = count < len(self.slots) and self.slots[count - 1].field == self.slots[count].field
        return None if cut and self.slots[count].level is not None else list(self.slots[:count])

    def describe(self) -> str:
        """The list in words, for messages."""
        names = [slot.field + (f"[{slot.index}]" if slot.index is not None else "") for slot in self.slots]
        optional = names[self._first_optional :]
        return ", ".join([*names[: self._first_optional], *[f"[{name}]" for name in optional]])


PARSED: dict[str, tuple[Signature, ...]] = {
    name: tuple(map(Signature, (texts,) if isinstance(texts, str) else texts)) for name, texts in SIGNATURES.items()
}
OPERATORS: dict[str, str] = {name: forms[0].operator for name, forms in PARSED.items()}
"""Name of the NIR operator by NNAPI's."""
NAMES: dict[str, str] = {operator: name for name, operator in OPERATORS.items()}
"""NNAPI's name by that of the NIR operator."""


@dataclass(frozen=True)
class Operands:
    """The operands of one NNAPI operation, as the mapping asks for them.

    `tensor(i)` gives a NIR value, or None where operand i is omitted; `known(i)` the flat elements of an operand that
    is known before the model runs (it raises `ConvertError` where it is not); `function_name(n)` is what the
    function made of the n-th referenced model is called.
    """

    types: Sequence[str]
    tensor: Callable[[int], Value | None]
    known: Callable[[int], Sequence[Any]]
    is_omitted: Callable[[int], bool] = lambda i: False
    function_name: Callable[[int], str] = str


class Built(NamedTuple):
    """A NIR operator's name, its operands and its attributes."""

    name: str
    operands: list[Value | None]
    attributes: dict[str, Any]


def read_operands(operator: str, operands: Operands, results: int = 1) -> Built:
    """What an NNAPI operation with so many results is in NIR.

    Raises `ConvertError` for an operator that does not exist, and `VerifyError` for operands that it does not take.
    """
    signature, slots = _signature_of(operator, operands)
    given: list[Value | None] = []
    attributes: dict[str, Any] = {}
    items: dict[str, dict[int, Any]] = {}
    for i, slot in enumerate(slots):
        if slot.is_value:
            given.append(operands.tensor(i))
        elif not operands.is_omitted(i):
            value = _read(operator, slot, operands, i)
            if slot.index is not None:
                items.setdefault(slot.field, {})[slot.index] = value
            else:
                attributes[slot.field] = value
    attributes |= {name: tuple(found[k] for k in sorted(found)) for name, found in items.items()}
    _resolve(operator, given, attributes)
    if operator in RESULTS_WITHOUT_STATES:
        fewest = RESULTS_WITHOUT_STATES[operator] - bool(attributes.get("merge_outputs"))
        attributes["return_states"] = results > fewest
    return Built(signature.operator, given, attributes)


def _signature_of(operator: str, operands: Operands) -> tuple[Signature, list[Slot]]:
    """The form that a list has: number and types of operands tell."""
    if operator not in PARSED:
        raise ConvertError(f"NNAPI has no operator {operator!r:.100}", hint=suggestion(operator, PARSED))
    for signature in PARSED[operator]:
        slots = signature.aligned(len(operands.types))
        if slots is not None and all(
            type in slot.kind.types or operands.is_omitted(i)
            for i, (slot, type) in enumerate(zip(slots, operands.types, strict=True))
        ):
            return signature, slots
    raise VerifyError(
        f"{operator} does not take such operands",
        expected="; or ".join(signature.describe() for signature in PARSED[operator]),
        found=f"{len(operands.types)} operands: {', '.join(operands.types)}"[:400],
    )


def _read(operator: str, slot: Slot, operands: Operands, i: int) -> Any:
    values = operands.known(i)
    if not values and not is_tensor(operands.types[i]):
        raise VerifyError(f"{operator}: operand {i} ({slot.field}) has no value")
    if slot.kind_name == "function":
        return operands.function_name(int(values[0]))
    try:
        return slot.kind.read(rounded(values, operands.types[i]))
    except VerifyError as error:
        diagnostic = error.diagnostics[0]
        raise VerifyError(
            f"{operator}: operand {i} ({slot.field}): {diagnostic.message}",
            expected=diagnostic.expected,
            found=diagnostic.found,
        ) from None


def _resolve(operator: str, operands: list[Value | None], attributes: dict[str, Any]) -> None:
    """Takes out what follows from shapes, or from other attributes."""
    if "output_size" in attributes:
        shape = attributes["output_size"]
        if len(shape) != 4:
            raise VerifyError(f"{operator}: the output shape has four dimensions", found=str(shape)[:100])
        attributes["output_size"] = tuple(shape[2:] if attributes.get("layout") == "nchw" else shape[1:3])
    if "multiplier" in attributes:
        stated = attributes.pop("multiplier")
        followed = _multiplier(operands[0], operands[1], attributes.get("layout") == "nchw")
        if followed is not None and followed != stated:
            raise VerifyError(f"{operator}: the multiplier is {stated}, and shapes make it {followed:g}")


def _multiplier(image: Value | None, filter: Value | None, channels_first: bool) -> float | None:
    """Output channels per input channel, or None where a shape does not say."""
    if image is None or filter is None or len(image.shape) != 4 or len(filter.shape) != 4:
        return None
    channels, outputs = image.shape[1 if channels_first else 3], filter.shape[3]
    return outputs / channels if channels and outputs else None


@dataclass(frozen=True)
class Literal:
    """An operand whose elements are known: an attribute in NIR."""

    type: str
    values: list[Any]
    dims: list[int]


@dataclass(frozen=True)
class Reference:
    """An operand that refers to another model: a function in NIR."""

    function: str


class Written(NamedTuple):
    """NNAPI's operator, its operands (None: omitted), and the slot of each."""

    operator: str
    operands: list[Value | Literal | Reference | None]
    slots: list[Slot]


def write_operands(op: Operation, count: int | None = None) -> Written:
    """The NNAPI operation that a NIR operation is, with `count` operands, or with as few as possible.

    Raises `ConvertError` for what NNAPI cannot say.
    """
    if op.name not in NAMES:
        raise ConvertError(f"NNAPI has no operator for {op.name}")
    name = NAMES[op.name]
    reasons = []
    for signature in PARSED[name]:
        try:
            operands = _written(op, signature)
        except _Unfit as unfit:
            reasons.append(str(unfit))
            continue
        wanted = _shortest(op, signature) if count is None else count
        slots = signature.aligned(len(operands) if signature.variadic is not None else wanted)
        if slots is None:
            raise ConvertError(f"{name} does not take {wanted} operands", expected=signature.describe())
        return Written(name, operands[: len(slots)], slots)
    raise ConvertError(f"{op.name} cannot be written as {name}: {'; or '.join(reasons)}")


class _Unfit(Exception):
    """An operation does not have the form of a signature."""


def _written(op: Operation, signature: Signature) -> list[Value | Literal | Reference | None]:
    """All operands of an operation in that form, those that may be left off included."""
    unsaid = sorted(op.attributes.keys() - signature.fields - NOT_OPERANDS)
    if unsaid:
        raise _Unfit(f"{', '.join(unsaid)} cannot be said")
    values = {f.name: f.index for f in op.operand_fields}
    written: list[Value | Literal | Reference | None] = []
    for slot in signature.slots:
        if slot.variadic:
            written.extend(op.operands[values[slot.field] :])
        elif slot.is_value:
            index = values[slot.field]
            written.append(op.operands[index] if index < len(op.operands) else None)
        else:
            written.append(_literal(op, slot))
    return written


def _literal(op: Operation, slot: Slot) -> Literal | Reference | None:
    if slot.kind_name == "multiplier":
        multiplier = _multiplier(op.operands[0], op.operands[1], _is_channels_first(op))
        if multiplier is None or multiplier % 1:
            raise _Unfit("the multiplier does not follow from the shapes")
        return Literal("INT32", [int(multiplier)], [])
    if slot.kind_name == "output_shape":
        return _output_shape(op)
    value = getattr(op, slot.field)
    if slot.kind_name == "function":
        return Reference(str(value))
    if value is None and slot.index is None:
        return None
    try:
        if slot.index is not None:
            value = _item(value, slot.index)
        values = slot.kind.write(value)
    except ValueError:
        raise _Unfit(f"{slot.field} is written in another way") from None
    return Literal(_scalar_type(op, slot), values, slot.kind.dims(values))


def _output_shape(op: Operation) -> Literal:
    """The shape of the result; batch and channels that are not known are 0."""
    shape = [size or 0 for size in op.results[0].shape]
    places = (2, 3) if _is_channels_first(op) else (1, 2)
    stated = op.attributes.get("output_size") or [shape[place] for place in places]
    for place, size in zip(places, stated, strict=True):
        shape[place] = size
    if not all(stated):
        raise _Unfit("the size of the result is not known")
    return Literal("TENSOR_INT32", shape, [len(shape)])


def _item(value: Any, index: int) -> Any:
    if not isinstance(value, tuple):
        raise ValueError(value)
    return value[index]


def _scalar_type(op: Operation, slot: Slot) -> str:
    """The type that a literal of that kind has: floats are as wide as the data."""
    if len(slot.kind.types) == 1:
        return next(iter(slot.kind.types))
    data: TensorType = next(value.type for value in op.operands if value is not None)
    if data.element.is_float:
        return SCALARS[data.element]
    return SCALARS[ElementType.I32 if slot.kind_name == "stored" else ElementType.F32]


def _is_channels_first(op: Operation) -> bool:
    layout = op.attributes.get("layout")
    return layout is not None and layout.value == "nchw"


def _shortest(op: Operation, signature: Signature) -> int:
    """How many operands there must be: fields at the end that are at their default can be left off."""
    count = len(signature.slots)
    values = {f.name: f.index for f in op.operand_fields}
    while count and (slot := signature.slots[count - 1]).level is not None:
        index = values.get(slot.field)
        given = slot.field in op.attributes if index is None else index < len(op.operands)
        if given:
            break
        count -= 1
    return count
