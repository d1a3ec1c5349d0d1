"""What a picture says about an operation or a tensor: labels, short enough to read, and tooltips, complete."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from nir.draw.diagram import short
from nir.ir import (
    ConstantData,
    Keyword,
    Operation,
    Origin,
    Quantisation,
    Symbol,
    TensorType,
    Trait,
    Value,
    float32_text,
)
from nir.text.printer import print_operation

_LONGEST_FACT = 600
"""Characters of a text that a page tells at most."""

_GAP = "  "
"""Between a label and its edge. Of two spaces Graphviz makes one that SVG does not drop at the ends of a line."""

_EXTENTS = frozenset({"block", "dilations", "multiples", "output_size", "shape", "size", "strides", "window"})
"""Attributes that are written like a shape: 2x2."""


def tensor_label(tensor: TensorType) -> str:
    """Shape and element type, and on a second line what the integers mean."""
    lines = [shape(tensor)] if tensor.quantisation is None else [shape(tensor), quantisation(tensor.quantisation)]
    return "\n".join(f"{_GAP}{line}{_GAP}" for line in lines)


def title(op: Operation) -> str:
    """`conv_2d`, `call @f`, or the name that a foreign operator had where it came from."""
    field = type(op).subject
    if field is None or Trait.CONSTANT in op.traits:
        return op.name
    subject = op.attributes.get(field.name)
    return f"{op.name} @{subject}" if isinstance(subject, Symbol) else str(subject)


def tooltip(op: Operation) -> str:
    """Everything about an operation: results, attributes with defaults left out, and where it came from."""
    lines = [f"%{value.name}: {_type_text(value.type)}" for value in op.results]
    lines += [f"{name} = {_value_text(value)}" for name, value in op.attributes.items()]
    where = op.location
    if isinstance(where, Origin):
        lines.append(f"from {where.name}")
    elif where is not None:
        lines.append(f"at {where.location()}")
    return "\n".join([title(op), *lines])


def facts(op: Operation) -> dict[str, Any]:
    """What a page tells about an operation: its text, attributes with defaults, operands, results, and its source."""
    told: dict[str, Any] = {"operator": _summary(op), "text": print_operation(op)}
    fields = {
        field.name: _value_text(getattr(op, field.name)) for field in op.attribute_fields.values() if not field.subject
    }
    fields |= {name: _value_text(value) for name, value in op.attributes.items() if name not in fields}
    if fields:
        told["attributes"] = [f"{name} = {_cut(value)}" for name, value in fields.items()]
    if op.operands:
        told["operands"] = [f"%{value.name}: {_told(value.type)}" for value in op.operands if value is not None]
    told["results"] = [f"%{value.name}: {_told(value.type)}" for value in op.results]
    where = op.location
    if isinstance(where, Origin):
        told["made from"] = where.name
    elif where is not None:
        told["source"] = f"{where.location()}"
    return {name: _cut(value) if isinstance(value, str) else value for name, value in told.items()}


def _summary(op: Operation) -> str:
    """The first paragraph of the operator's documentation."""
    return " ".join((type(op).__doc__ or "").strip().partition("\n\n")[0].split())


def _told(tensor: TensorType) -> str:
    """A type, with the range of scales in place of hundreds of them."""
    parameters = tensor.quantisation
    if parameters is None or not parameters.is_per_channel:
        return _type_text(tensor)
    smallest, largest = min(parameters.scales), max(parameters.scales)
    return f"{_type_text(tensor)}, from {smallest:.4g} to {largest:.4g}"


def _cut(text: str) -> str:
    """Long texts without their middle."""
    return text if len(text) <= _LONGEST_FACT else f"{text[: _LONGEST_FACT // 2]} ... {text[-(_LONGEST_FACT // 2) :]}"


def shape(tensor: TensorType) -> str:
    """`1x224x224x3 i8`; a scalar is just its element type."""
    dimensions = "x".join("?" if d is None else str(d) for d in tensor.shape)
    return f"{dimensions} {tensor.element.value}".strip()


def quantisation(parameters: Quantisation) -> str:
    """`scale 0.02353, zero point -128`, or how many scales there are along which axis."""
    if parameters.is_per_channel:
        return f"{len(parameters.scales)} scales, axis {parameters.axis}"
    return f"scale {parameters.scale:.4g}, zero point {parameters.zero_point}"


def constant(value: Value) -> str:
    """A constant operand: its value where it is a single number, else its shape."""
    data = value.producer.attributes.get("value") if value.producer is not None else None
    if isinstance(data, ConstantData) and data.array.size == 1:
        return f"= {data.array.reshape(-1)[0]!s}"
    return shape(value.type)


def attribute_words(op: Operation) -> Iterator[str]:
    """The attributes that are not at their defaults, as a label says them."""
    field = type(op).subject
    for name, value in op.attributes.items():
        if field is not None and name == field.name:
            continue
        # A word such as `relu6` or `nchw` says by itself what it is.
        if isinstance(value, (enum.Enum, Keyword)):
            yield _value_text(value)
        elif name in _EXTENTS and isinstance(value, tuple):
            yield f"{name} {short('x'.join(map(str, value)))}"
        else:
            yield f"{name} {short(_value_text(value))}"


def _value_text(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_value_text, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return float32_text(value)
    return repr(value) if isinstance(value, str) and not isinstance(value, (Keyword, Symbol)) else str(value)


def _type_text(tensor: TensorType) -> str:
    return shape(tensor) if tensor.quantisation is None else f"{shape(tensor)}, {quantisation(tensor.quantisation)}"
