"""NNAPI's operand types, which are the Neuron API's too: their codes, and the tensor types that they are in NIR.

NNAPI has one code for what is stored and how it is quantised, NIR keeps the two apart. Scalars are codes of their own.
"""

from __future__ import annotations

from typing import Any

from nir.errors import ConvertError
from nir.ir import ElementType, Quantisation, TensorType

OPERAND_CODES: dict[str, int] = {
    "FLOAT32": 0,
    "INT32": 1,
    "UINT32": 2,
    "TENSOR_FLOAT32": 3,
    "TENSOR_INT32": 4,
    "TENSOR_QUANT8_ASYMM": 5,
    "BOOL": 6,
    "TENSOR_QUANT16_SYMM": 7,
    "TENSOR_FLOAT16": 8,
    "TENSOR_BOOL8": 9,
    "FLOAT16": 10,
    "TENSOR_QUANT8_SYMM_PER_CHANNEL": 11,
    "TENSOR_QUANT16_ASYMM": 12,
    "TENSOR_QUANT8_SYMM": 13,
    "TENSOR_QUANT8_ASYMM_SIGNED": 14,
    "SUBGRAPH": 15,
}
"""Every operand type with its code. The last one is called MODEL in the API: a reference to another model."""

ELEMENTS: dict[str, ElementType] = {
    "FLOAT32": ElementType.F32,
    "FLOAT16": ElementType.F16,
    "INT32": ElementType.I32,
    "UINT32": ElementType.U32,
    "BOOL": ElementType.BOOL,
    "TENSOR_FLOAT32": ElementType.F32,
    "TENSOR_FLOAT16": ElementType.F16,
    "TENSOR_INT32": ElementType.I32,
    "TENSOR_BOOL8": ElementType.BOOL,
    "TENSOR_QUANT8_ASYMM": ElementType.U8,
    "TENSOR_QUANT8_ASYMM_SIGNED": ElementType.I8,
    "TENSOR_QUANT8_SYMM": ElementType.I8,
    "TENSOR_QUANT8_SYMM_PER_CHANNEL": ElementType.I8,
    "TENSOR_QUANT16_ASYMM": ElementType.U16,
    "TENSOR_QUANT16_SYMM": ElementType.I16,
}
"""What an element of each type is stored as."""

SCALARS: dict[ElementType, str] = {ELEMENTS[name]: name for name in ("FLOAT32", "FLOAT16", "INT32", "UINT32", "BOOL")}

TENSORS: dict[ElementType, str] = {
    ElementType.F32: "TENSOR_FLOAT32",
    ElementType.F16: "TENSOR_FLOAT16",
    ElementType.I32: "TENSOR_INT32",
    ElementType.BOOL: "TENSOR_BOOL8",
    ElementType.U8: "TENSOR_QUANT8_ASYMM",
    ElementType.I8: "TENSOR_QUANT8_ASYMM_SIGNED",
    ElementType.U16: "TENSOR_QUANT16_ASYMM",
    ElementType.I16: "TENSOR_QUANT16_SYMM",
}
"""The type of a tensor by what it stores, where it is quantised per tensor or not at all. There is none for u32."""

SYMMETRIC = "TENSOR_QUANT8_SYMM"
PER_CHANNEL = "TENSOR_QUANT8_SYMM_PER_CHANNEL"

Operand = dict[str, Any]
"""An operand as the case files have it: type, dims, scale, zero_point, channel_quant, and more."""


def is_tensor(type: str) -> bool:
    """True for the type of a tensor, false for that of a scalar or a model."""
    return type.startswith("TENSOR_")


def tensor_type(operand: Operand) -> TensorType:
    """The NIR type of an operand; a scalar is a tensor of rank 0. An integer of scale 0 is a plain integer.

    Raises `ConvertError` for a reference to a model, which is no tensor.
    """
    element, channels = ELEMENTS.get(operand["type"]), operand["channel_quant"]
    if element is None:
        raise ConvertError(f"an operand of type {operand['type']} is not a tensor")
    quantisation = None
    if channels is not None:
        quantisation = Quantisation.per_channel(channels["scales"], channels["dim"])
    elif element.is_integer and operand["scale"] != 0:
        quantisation = Quantisation.per_tensor(operand["scale"], operand["zero_point"])
    return TensorType(element, operand["dims"], quantisation)


def operand_type(type: TensorType, *, symmetric: bool = False) -> str:
    """The NNAPI type of a tensor.

    `symmetric` asks for TENSOR_QUANT8_SYMM where i8 without a zero point may be that. Raises `ConvertError` where
    NNAPI cannot say it: u32 tensors, slices of i8 with zero points, u8 with scales per channel.
    """
    if type.element not in TENSORS:
        raise ConvertError(f"NNAPI has no tensor of {type.element.value}")
    quantisation = type.quantisation
    if quantisation is None:
        return TENSORS[type.element]
    centred = not any(quantisation.zero_points)
    if quantisation.is_per_channel:
        if type.element is ElementType.I8 and centred:
            return PER_CHANNEL
        if type.element is ElementType.I32 and centred:
            return TENSORS[ElementType.I32]  # a bias, whose scales follow from input and filter
        raise ConvertError(f"NNAPI has scales per channel for i8 without zero points alone, not for {type}")
    if type.element in (ElementType.I16, ElementType.I32) and not centred:
        raise ConvertError(f"NNAPI has no {type.element.value} tensor with a zero point: {type}")
    return SYMMETRIC if symmetric and type.element is ElementType.I8 and centred else TENSORS[type.element]


def operand_fields(type: TensorType, name: str) -> Operand:
    """The fields of an operand of NNAPI type `name` for a tensor of that NIR type; unknown sizes are 0."""
    quantisation = type.quantisation
    per_channel = quantisation is not None and quantisation.is_per_channel
    fields: Operand = {
        "type": name,
        "dims": [0 if size is None else size for size in type.shape],
        "scale": 0.0,
        "zero_point": 0,
        "channel_quant": None,
    }
    if quantisation is not None and not per_channel:
        fields |= {"scale": quantisation.scale, "zero_point": quantisation.zero_point}
    elif quantisation is not None and name == PER_CHANNEL:
        fields["channel_quant"] = {"dim": quantisation.axis, "scales": list(quantisation.scales)}
    return fields
