"""What data each NNAPI operator takes: element types, and how many dimensions. Facts of NNAPI's documentation.

Since which feature level a type is taken stands in nir.nnapi.levels.
"""

from __future__ import annotations

KINDS: dict[str, frozenset[str]] = {
    "F": frozenset({"TENSOR_FLOAT32", "TENSOR_FLOAT16"}),
    "Q": frozenset({"TENSOR_QUANT8_ASYMM", "TENSOR_QUANT8_ASYMM_SIGNED"}),
    "U": frozenset({"TENSOR_QUANT8_ASYMM"}),
    "S": frozenset({"TENSOR_QUANT8_ASYMM_SIGNED"}),
    "I": frozenset({"TENSOR_INT32"}),
    "B": frozenset({"TENSOR_BOOL8"}),
    "W": frozenset({"TENSOR_QUANT16_ASYMM", "TENSOR_QUANT16_SYMM"}),
}
"""The letters below: floats, quantised bytes (one of them unsigned or signed only), integers, truths, 16 bits."""

_ROWS = """
ADD FQI 4;  AVERAGE_POOL_2D FQ;  CONCATENATION FQ 4;  CONV_2D FQ;  DEPTHWISE_CONV_2D FQ;  DEPTH_TO_SPACE FQ
DEQUANTIZE QS 4;  EMBEDDING_LOOKUP FIQ;  FLOOR F 4;  FULLY_CONNECTED FQ 4;  HASHTABLE_LOOKUP FIQ
L2_NORMALIZATION FQ 4;  L2_POOL_2D F;  LOCAL_RESPONSE_NORMALIZATION F 4;  LOGISTIC FQ 4;  LSTM F
MAX_POOL_2D FQ;  MUL FQI 4;  RELU FQ 4;  RELU1 FQ 4;  RELU6 FQ 4;  RESHAPE FQI 4;  RESIZE_BILINEAR FQ;  RNN F
SOFTMAX FQ 4;  SPACE_TO_DEPTH FQ;  SVDF F;  TANH FQ 4;  BATCH_TO_SPACE_ND FQ;  DIV FI 4;  MEAN FQ 4;  PAD FQ 4
SPACE_TO_BATCH_ND FQ;  SQUEEZE FQ 4;  STRIDED_SLICE FQ 4;  SUB FQI 4;  TRANSPOSE FQ 4;  ABS FI;  ARGMAX FIQ
ARGMIN FIQ;  AXIS_ALIGNED_BBOX_TRANSFORM FW;  BIDIRECTIONAL_SEQUENCE_LSTM F;  BIDIRECTIONAL_SEQUENCE_RNN F
BOX_WITH_NMS_LIMIT FQ;  CAST FIQBW;  CHANNEL_SHUFFLE FQ 4;  DETECTION_POSTPROCESSING F;  EQUAL BFIQ;  EXP F
EXPAND_DIMS FIQ;  GATHER FIQ;  GENERATE_PROPOSALS FQ;  GREATER BFIQ;  GREATER_EQUAL BFIQ;  GROUPED_CONV_2D FQ
HEATMAP_MAX_KEYPOINT FQ;  INSTANCE_NORMALIZATION F;  LESS BFIQ;  LESS_EQUAL BFIQ;  LOG F;  LOGICAL_AND B
LOGICAL_NOT B;  LOGICAL_OR B;  LOG_SOFTMAX F;  MAXIMUM FIQ;  MINIMUM FIQ;  NEG FI;  NOT_EQUAL BFIQ;  PAD_V2 FQ 4
POW F;  PRELU FQ;  QUANTIZE F;  QUANTIZED_16BIT_LSTM U;  RANDOM_MULTINOMIAL F;  REDUCE_ALL B 4;  REDUCE_ANY B 4
REDUCE_MAX FQ 4;  REDUCE_MIN FQ 4;  REDUCE_PROD F 4;  REDUCE_SUM F 4;  ROI_ALIGN FQ;  ROI_POOLING FQ;  RSQRT FQ
SELECT FIQ;  SIN F;  SLICE FIQ;  SPLIT FIQ;  SQRT F;  TILE FIQ;  TOPK_V2 FIQ;  TRANSPOSE_CONV_2D FQ
UNIDIRECTIONAL_SEQUENCE_LSTM F;  UNIDIRECTIONAL_SEQUENCE_RNN F;  RESIZE_NEAREST_NEIGHBOR FQ;  QUANTIZED_LSTM S
ELU F;  HARD_SWISH FQ;  BATCH_MATMUL FIS 4;  PACK FIQ;  MIRROR_PAD FIQ;  REVERSE FIQ 8
"""


def _parsed() -> dict[str, tuple[frozenset[str], int | None]]:
    found = {}
    for row in _ROWS.replace("\n", ";").split(";"):
        if row.strip():
            name, kinds, *rank = row.split()
            found[name] = frozenset().union(*(KINDS[letter] for letter in kinds)), int(rank[0]) if rank else None
    return found


DATA: dict[str, tuple[frozenset[str], int | None]] = _parsed()
"""By NNAPI's name: the operand types of the data, and the largest rank; None where the operator itself says the rank, or
any will do. Operators that are not here take anything.
"""
