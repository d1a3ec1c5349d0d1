"""Since when NNAPI has an operator, an operand type or an operand, and what MediaTek's Neuron API says of it.

Feature levels: 1 to 4 are the interfaces 1.0 to 1.3 (Android 8.1 to 11), 5 to 8 came with Android 12 and later.
The Neuron API has NNAPI's codes. Its public header marks some operators as not available; of the others it says since
which version of the library they are there, which does not mean that a certain chip has them.
"""

from __future__ import annotations

from nir.ir import Operation, Quantisation, Value
from nir.nnapi.mapping import NAMES, OPERATORS, Written, write_operands
from nir.nnapi.operand_types import PER_CHANNEL, operand_type
from nir.ops import OPERATORS_BY_NAME

OPERATOR_LEVELS = ((29, 1), (38, 2), (95, 3), (102, 4), (104, 6), (106, 7))
"""(code, level): operators of a smaller code are there since that level."""

TYPE_LEVELS = {
    "TENSOR_FLOAT16": 3,
    "TENSOR_BOOL8": 3,
    "TENSOR_QUANT16_SYMM": 3,
    "TENSOR_QUANT16_ASYMM": 3,
    "TENSOR_QUANT8_SYMM": 3,
    "TENSOR_QUANT8_SYMM_PER_CHANNEL": 3,
    "TENSOR_QUANT8_ASYMM_SIGNED": 4,
}
"""Levels since which there are operands of a type; the others are there from the beginning."""

LATER_TYPES = {
    **{(name, "TENSOR_INT32"): 4 for name in ("ADD", "MUL", "SUB", "DIV", "ABS")},
    ("RESHAPE", "TENSOR_INT32"): 6,
    **{("EMBEDDING_LOOKUP", type): 3 for type in ("TENSOR_INT32", "TENSOR_QUANT8_ASYMM")},
    ("EMBEDDING_LOOKUP", "TENSOR_FLOAT16"): 4,
    **{(name, "TENSOR_QUANT8_ASYMM"): 3 for name in ("L2_NORMALIZATION", "RESIZE_BILINEAR", "TANH", "SUB")},
    **{("CAST", type): 4 for type in ("TENSOR_BOOL8", "TENSOR_QUANT16_ASYMM", "TENSOR_QUANT16_SYMM")},
    ("CAST", "TENSOR_QUANT8_SYMM"): 4,
    **{("RSQRT", type): 7 for type in ("TENSOR_QUANT8_ASYMM", "TENSOR_QUANT8_ASYMM_SIGNED")},
}
"""Operators that take data of a type since a later level than the operator and the type are there."""

DATA_OPERANDS = {"EMBEDDING_LOOKUP": 1, "HASHTABLE_LOOKUP": 2, "SELECT": 1, "IF": None, "WHILE": None, "FILL": None}
"""Which operand's type the table above is about, where that is not the first tensor; None: no operand's."""

NOT_IN_NEURON = frozenset(
    {
        "EMBEDDING_LOOKUP",
        "HASHTABLE_LOOKUP",
        "LOCAL_RESPONSE_NORMALIZATION",
        "LSH_PROJECTION",
        "LSTM",
        "RNN",
        "SVDF",
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "BIDIRECTIONAL_SEQUENCE_RNN",
        "DETECTION_POSTPROCESSING",
        "GENERATE_PROPOSALS",
        "LOG",
        "LOG_SOFTMAX",
        "RANDOM_MULTINOMIAL",
        "REDUCE_PROD",
        "ROI_POOLING",
        "SIN",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        "QUANTIZED_LSTM",
        "ELU",
        "RANK",
        "PACK",
        "MIRROR_PAD",
        "REVERSE",
    }
)
"""Operators that MediaTek's NeuronAdapter.h marks as not available."""

NEURON_VERSIONS = {"BATCH_MATMUL": "5.1.2"}
"""Version of the Neuron library since which an operator is there, where that is not the first one."""

FIRST_NEURON_VERSION = "4.1.0"


def operator_level(name: str) -> int:
    """The feature level since which NNAPI has the operator of that name. Raises `KeyError` for another name."""
    code = OPERATORS_BY_NAME[OPERATORS[name]].nnapi_code
    assert code is not None, "every operator with a signature has a code"
    return next(level for end, level in OPERATOR_LEVELS if code < end)


def neuron_version(name: str) -> str | None:
    """The version of MediaTek's Neuron library since which it has NNAPI's operator of that name; None where the
    header marks it as not available. Raises `KeyError` for a name that NNAPI does not have.
    """
    if name not in OPERATORS:
        raise KeyError(name)
    return None if name in NOT_IN_NEURON else NEURON_VERSIONS.get(name, FIRST_NEURON_VERSION)


def feature_level(op: Operation, count: int | None = None) -> int:
    """The lowest feature level at which NNAPI takes an operation, written with `count` operands or as few as possible.

    It follows from the operator, the types of its tensors, the operands stated, and the rules below. Raises
    `ConvertError` for what NNAPI cannot say.
    """
    written = write_operands(op, count)
    values = [operand for operand in written.operands if isinstance(operand, Value)]
    types = [operand_type(value.type) for value in (*values, *op.results)]
    levels = [operator_level(written.operator), *[TYPE_LEVELS.get(type, 1) for type in types]]
    levels += [slot.level for slot in written.slots if slot.level is not None]
    place = DATA_OPERANDS.get(written.operator, 0)
    if place is not None and place < len(values):
        levels.append(LATER_TYPES.get((written.operator, types[place]), 1))
    if op.attributes.get("return_states"):
        levels.append(4)
    return max(*levels, _level_of_details(op, written, values))


def _level_of_details(op: Operation, written: Written, values: list[Value]) -> int:
    """What was relaxed later: ranks, sizes by factor, scales, zero points in padding."""
    name = written.operator
    first = values[0].type if values else None
    if first is None:
        return 1
    relaxed = (
        (name == "SOFTMAX" and first.rank not in (2, 4))
        or (name in ("L2_NORMALIZATION", "LOCAL_RESPONSE_NORMALIZATION") and first.rank != 4)
        or (name == "RESIZE_BILINEAR" and "factors" in op.attributes)
        or (name in ("PAD", "SPACE_TO_BATCH_ND") and first.quantisation is not None and first.quantisation.zero_point)
        or (name == "CONCATENATION" and first.quantisation is not None and _scales_differ(op))
        or (name in CONVOLUTIONS and first.quantisation is not None and _is_coarse(op, values))
        or (name == "FULLY_CONNECTED" and 0 in first.shape)
        or (name == "LSH_PROJECTION" and "projection" not in op.attributes)  # sparse, with an offset
    )
    return 3 if relaxed else 1


CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
"""Operators whose result had to have a larger scale than the products until feature level 3."""


def _scales_differ(op: Operation) -> bool:
    found = {value.type.quantisation for value in (*op.operands, *op.results) if value is not None}
    return len(found) > 1


def _is_coarse(op: Operation, values: list[Value]) -> bool:
    """True where the scale of the result is not larger than that of the products."""
    parameters = [value.type.quantisation for value in (values[0], values[1], op.results[0])]
    known = [found for found in parameters if isinstance(found, Quantisation)]
    if len(known) < 3 or operand_type(values[1].type) == PER_CHANNEL:
        return False
    return known[2].scale <= known[0].scale * known[1].scale


__all__ = ["NAMES", "feature_level", "neuron_version", "operator_level"]
