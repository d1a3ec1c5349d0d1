"""Operand lists of NNAPI's operators: what stands at each position, and what it is in NIR. This is data alone.

A signature is the name of the NIR operator, then one slot per position, `field:kind`:

- `field` is an operand or attribute of the NIR operator; `field.i` is item i of an attribute that is a list;
- `field?n` may be left off the end of the list, with all after it; it is there since feature level n;
- `field*` takes as many operands as there are;
- `kind` says how the operand is written (kinds.py): `tensor`, `int`, `layout` ...

An operator with several signatures is told by number and types of operands one way, by attributes the other way.
Width stands before height in NNAPI, height before width in NIR.
"""

from __future__ import annotations

GATES = ("input", "forget", "cell", "output")
PEEPHOLES = ("input", "forget", "output")


def _tensors(*names: str, kind: str = "tensor") -> str:
    return " ".join(f"{name}:{kind}" for name in names)


def _cell(prefix: str = "", weights: str = "tensor", peephole: str = "tensor", bias: str = "tensor") -> str:
    """Weights and biases of one LSTM cell, each of its kind."""
    projections = [f"{prefix}{way}_to_{gate}_weights" for way in ("input", "recurrent") for gate in GATES]
    peepholes = [f"{prefix}cell_to_{gate}_weights" for gate in PEEPHOLES]
    biases = [f"{prefix}{gate}_bias" for gate in GATES]
    return (
        f"{_tensors(*projections, kind=weights)} {_tensors(*peepholes, kind=peephole)} {_tensors(*biases, kind=bias)} "
        f"{prefix}projection_weights:{weights} {prefix}projection_bias:{bias}"
    )


def _layer_norm(prefix: str = "", mark: str = "", kind: str = "tensor") -> str:
    return _tensors(*[f"{prefix}{gate}_layer_norm_weights{mark}" for gate in GATES], kind=kind)


_LSTM_SCALARS = "activation:cell_activation cell_clip:float projection_clip:float"
_LISTED = "padding.2:int padding.3:int padding.0:int padding.1:int strides.1:int strides.0:int"
_SCHEME = "padding:scheme strides.1:int strides.0:int"
_CONVOLUTION = "input:tensor filter:tensor bias:tensor"
_DILATIONS = "layout?3:layout dilations.1?3:int dilations.0?3:int"
_WINDOW = "window.1:int window.0:int activation:activation layout?3:layout"
_BINARY = "left:tensor right:tensor"
_GRID = "align_corners?4:bool half_pixel_centers?4:bool"
_REGIONS = "input:tensor regions:tensor batch:tensor size.0:int size.1:int ratios.0:float ratios.1:float"


def _padded(name: str, after: str) -> tuple[str, str]:
    """The two signatures of a convolution or pooling: padding by number, and by scheme."""
    operands = "input:tensor" if name.endswith("pool_2d") else _CONVOLUTION
    return f"{name} {operands} {_LISTED} {after}", f"{name} {operands} {_SCHEME} {after}"


def _resized(name: str, layout: str) -> tuple[str, str]:
    """The two signatures of a resizing: the size by number, and by factor."""
    by_size = f"{name} input:tensor size.1:int size.0:int {layout}:layout {_GRID}"
    return by_size, f"{name} input:tensor factors.1:float factors.0:float {layout}:layout {_GRID}"


SIGNATURES: dict[str, str | tuple[str, ...]] = {
    "ADD": f"add {_BINARY} activation:activation",
    "AVERAGE_POOL_2D": _padded("average_pool_2d", _WINDOW),
    "CONCATENATION": "concatenation inputs*:tensor axis:int",
    "CONV_2D": _padded("conv_2d", f"activation:activation {_DILATIONS}"),
    "DEPTHWISE_CONV_2D": _padded("depthwise_conv_2d", f"multiplier:multiplier activation:activation {_DILATIONS}"),
    "DEPTH_TO_SPACE": "depth_to_space input:tensor block:int layout?3:layout",
    "DEQUANTIZE": "dequantize input:tensor",
    "EMBEDDING_LOOKUP": "embedding_lookup lookups:tensor values:tensor",
    "FLOOR": "floor input:tensor",
    "FULLY_CONNECTED": f"fully_connected {_CONVOLUTION} activation:activation",
    "HASHTABLE_LOOKUP": "hashtable_lookup lookups:tensor keys:tensor values:tensor",
    "L2_NORMALIZATION": "l2_normalization input:tensor axis?3:int",
    "L2_POOL_2D": _padded("l2_pool_2d", _WINDOW),
    "LOCAL_RESPONSE_NORMALIZATION": "local_response_normalization input:tensor radius:int bias:float alpha:float "
    "beta:float axis?3:int",
    "LOGISTIC": "logistic input:tensor",
    "LSH_PROJECTION": "lsh_projection seeds:tensor input:tensor weights:tensor projection:projection",
    "LSTM": f"lstm input:tensor {_cell()} hidden_state:tensor cell_state:tensor {_LSTM_SCALARS} "
    + _layer_norm(mark="?3"),
    "MAX_POOL_2D": _padded("max_pool_2d", _WINDOW),
    "MUL": f"mul {_BINARY} activation:activation",
    "RELU": "relu input:tensor",
    "RELU1": "relu1 input:tensor",
    "RELU6": "relu6 input:tensor",
    "RESHAPE": "reshape input:tensor shape:ints",
    "RESIZE_BILINEAR": _resized("resize_bilinear", "layout?3"),
    "RNN": "rnn input:tensor weights:tensor recurrent_weights:tensor bias:tensor hidden_state:tensor "
    "activation:activation",
    "SOFTMAX": "softmax input:tensor beta:float axis?3:int",
    "SPACE_TO_DEPTH": "space_to_depth input:tensor block:int layout?3:layout",
    "SVDF": "svdf input:tensor feature_weights:tensor time_weights:tensor bias:tensor state:tensor rank:int "
    "activation:activation",
    "TANH": "tanh input:tensor",
    "BATCH_TO_SPACE_ND": "batch_to_space_nd input:tensor block:ints layout?3:layout",
    "DIV": f"div {_BINARY} activation:activation",
    "MEAN": "mean input:tensor axes:ints keep_dims:flag",
    "PAD": "pad input:tensor padding:pairs",
    "SPACE_TO_BATCH_ND": "space_to_batch_nd input:tensor block:ints padding:corners layout?3:layout",
    "SQUEEZE": "squeeze input:tensor axes:ints",
    "STRIDED_SLICE": "strided_slice input:tensor begin:ints end:ints strides:ints begin_mask:int end_mask:int "
    "shrink_mask:int",
    "SUB": f"sub {_BINARY} activation:activation",
    "TRANSPOSE": "transpose input:tensor permutation:ints",
    "ABS": "abs input:tensor",
    "ARGMAX": "argmax input:tensor axis:int",
    "ARGMIN": "argmin input:tensor axis:int",
    "AXIS_ALIGNED_BBOX_TRANSFORM": "axis_aligned_bbox_transform boxes:tensor deltas:tensor batch:tensor images:tensor",
    "BIDIRECTIONAL_SEQUENCE_LSTM": f"bidirectional_sequence_lstm input:tensor {_cell('forward_')} {_cell('backward_')} "
    + _tensors(*[f"{way}_{state}_state" for way in ("forward", "backward") for state in ("hidden", "cell")])
    + " auxiliary_input:tensor "
    + _tensors(*[f"{way}_auxiliary_to_{gate}_weights" for way in ("forward", "backward") for gate in GATES])
    + f" {_LSTM_SCALARS} merge_outputs:bool time_major:bool {_layer_norm('forward_')} {_layer_norm('backward_')}",
    "BIDIRECTIONAL_SEQUENCE_RNN": "bidirectional_sequence_rnn input:tensor "
    + " ".join(
        _tensors(*[f"{way}_{name}" for name in ("weights", "recurrent_weights", "bias", "hidden_state")])
        for way in ("forward", "backward")
    )
    + " auxiliary_input:tensor forward_auxiliary_weights:tensor backward_auxiliary_weights:tensor"
    " activation:activation time_major:bool merge_outputs:bool",
    "BOX_WITH_NMS_LIMIT": "box_with_nms_limit scores:tensor boxes:tensor batch:tensor score_threshold:float "
    "maximum:int kernel:damping overlap_threshold:float sigma:float damped_threshold:float",
    "CAST": "cast input:tensor",
    "CHANNEL_SHUFFLE": "channel_shuffle input:tensor groups:int axis:int",
    "DETECTION_POSTPROCESSING": "detection_postprocessing scores:tensor deltas:tensor anchors:tensor scales.0:float "
    "scales.1:float scales.2:float scales.3:float regular:bool maximum:int maximum_classes_per_box:int "
    "maximum_boxes_per_class:int score_threshold:float overlap_threshold:float background_in_labels:bool",
    "EQUAL": f"equal {_BINARY}",
    "EXP": "exp input:tensor",
    "EXPAND_DIMS": "expand_dims input:tensor axis:int",
    "GATHER": "gather input:tensor axis:int indices:tensor",
    "GENERATE_PROPOSALS": "generate_proposals scores:tensor deltas:tensor anchors:tensor images:tensor strides.0:float "
    "strides.1:float before:int after:int overlap_threshold:float minimum_size:float layout:layout",
    "GREATER": f"greater {_BINARY}",
    "GREATER_EQUAL": f"greater_equal {_BINARY}",
    "GROUPED_CONV_2D": _padded("grouped_conv_2d", "groups:int activation:activation layout:layout"),
    "HEATMAP_MAX_KEYPOINT": "heatmap_max_keypoint maps:tensor boxes:tensor layout:layout",
    "INSTANCE_NORMALIZATION": "instance_normalization input:tensor gamma:float beta:float epsilon:float layout:layout",
    "LESS": f"less {_BINARY}",
    "LESS_EQUAL": f"less_equal {_BINARY}",
    "LOG": "log input:tensor",
    "LOGICAL_AND": f"logical_and {_BINARY}",
    "LOGICAL_NOT": "logical_not input:tensor",
    "LOGICAL_OR": f"logical_or {_BINARY}",
    "LOG_SOFTMAX": "log_softmax input:tensor beta:float axis:int",
    "MAXIMUM": f"maximum {_BINARY}",
    "MINIMUM": f"minimum {_BINARY}",
    "NEG": "neg input:tensor",
    "NOT_EQUAL": f"not_equal {_BINARY}",
    "PAD_V2": "pad_v2 input:tensor padding:pairs value:stored",
    "POW": f"pow {_BINARY}",
    "PRELU": f"prelu {_BINARY}",
    "QUANTIZE": "quantize input:tensor",
    "QUANTIZED_16BIT_LSTM": "quantized_16bit_lstm input:tensor "
    + _tensors(*[f"{way}_to_{gate}_weights" for way in ("input", "recurrent") for gate in GATES])
    + " "
    + _tensors(*[f"{gate}_bias" for gate in GATES])
    + " cell_state:tensor hidden_state:tensor",
    "RANDOM_MULTINOMIAL": "random_multinomial logits:tensor samples:int seed:ints",
    "REDUCE_ALL": "reduce_all input:tensor axes:ints keep_dims:bool",
    "REDUCE_ANY": "reduce_any input:tensor axes:ints keep_dims:bool",
    "REDUCE_MAX": "reduce_max input:tensor axes:ints keep_dims:bool",
    "REDUCE_MIN": "reduce_min input:tensor axes:ints keep_dims:bool",
    "REDUCE_PROD": "reduce_prod input:tensor axes:ints keep_dims:bool",
    "REDUCE_SUM": "reduce_sum input:tensor axes:ints keep_dims:bool",
    "ROI_ALIGN": f"roi_align {_REGIONS} samples.0:int samples.1:int layout:layout",
    "ROI_POOLING": f"roi_pooling {_REGIONS} layout:layout",
    "RSQRT": "rsqrt input:tensor",
    "SELECT": f"select condition:bools {_BINARY}",
    "SIN": "sin input:tensor",
    "SLICE": "slice input:tensor begin:ints size:ints",
    "SPLIT": "split input:tensor axis:int parts:int",
    "SQRT": "sqrt input:tensor",
    "TILE": "tile input:tensor multiples:ints",
    "TOPK_V2": "topk_v2 input:tensor k:int",
    "TRANSPOSE_CONV_2D": (
        f"transpose_conv_2d {_CONVOLUTION} {_LISTED} activation:activation layout:layout",
        f"transpose_conv_2d {_CONVOLUTION} output_size:output_shape {_SCHEME} activation:activation layout:layout",
    ),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": f"unidirectional_sequence_lstm input:tensor {_cell()} hidden_state:tensor "
    f"cell_state:tensor {_LSTM_SCALARS} time_major:bool {_layer_norm()}",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "unidirectional_sequence_rnn input:tensor weights:tensor recurrent_weights:tensor "
    "bias:tensor hidden_state:tensor activation:activation time_major:flag",
    "RESIZE_NEAREST_NEIGHBOR": _resized("resize_nearest_neighbor", "layout"),
    "QUANTIZED_LSTM": f"quantized_lstm input:tensor {_cell('', 'symmetric', 'int16', 'int32')} "
    f"hidden_state:tensor cell_state:tensor {_layer_norm(kind='int16')} cell_clip:float projection_clip:float input_gate_scale:float forget_gate_scale:float "
    "cell_gate_scale:float output_gate_scale:float hidden_zero_point:int hidden_scale:float",
    "IF": "if condition:bools then_branch:function else_branch:function arguments*:tensor",
    "WHILE": "while condition:function body:function arguments*:tensor",
    "ELU": "elu input:tensor alpha:float",
    "HARD_SWISH": "hard_swish input:tensor",
    "FILL": "fill shape:tensor value:scalar",
    "RANK": "rank input:tensor",
    "BATCH_MATMUL": f"batch_matmul {_BINARY} transpose_left?6:bool transpose_right?6:bool",
    "PACK": "pack axis:int inputs*:tensor",
    "MIRROR_PAD": "mirror_pad input:tensor padding:pairs mode:mirror",
    "REVERSE": "reverse input:tensor axis:first",
}
"""The signature or signatures of each operator, by NNAPI's name, in the order of NNAPI's codes."""

RESULTS_WITHOUT_STATES = {
    "UNIDIRECTIONAL_SEQUENCE_RNN": 1,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 1,
    "BIDIRECTIONAL_SEQUENCE_RNN": 2,
    "BIDIRECTIONAL_SEQUENCE_LSTM": 2,
}
"""Operators that may give their states too, and how many results they have otherwise (one less where merged)."""
