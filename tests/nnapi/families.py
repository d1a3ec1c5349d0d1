"""Operand lists of recurrent, lookup and detection operators, regular and long: names in NNAPI's order.

Entries have the form that mapping.py describes; this is data alone.
"""

from __future__ import annotations

GATES = ("input", "forget", "cell", "output")
PEEPHOLES = ("input", "forget", "output")


def _tensors(*names: str) -> str:
    return " ".join(f"{name}:tensor" for name in names)


def _cell(prefix: str = "") -> str:
    """Weights and biases of one LSTM cell."""
    return _tensors(
        *[f"{prefix}input_to_{gate}_weights" for gate in GATES],
        *[f"{prefix}recurrent_to_{gate}_weights" for gate in GATES],
        *[f"{prefix}cell_to_{gate}_weights" for gate in PEEPHOLES],
        *[f"{prefix}{gate}_bias" for gate in GATES],
        f"{prefix}projection_weights",
        f"{prefix}projection_bias",
    )


def _layer_norm(prefix: str = "") -> str:
    return _tensors(*[f"{prefix}{gate}_layer_norm_weights" for gate in GATES])


_LSTM_SCALARS = "activation:cell_activation cell_clip:float projection_clip:float"

RESULTS_WITHOUT_STATES = {
    "UNIDIRECTIONAL_SEQUENCE_RNN": 1,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 1,
    "BIDIRECTIONAL_SEQUENCE_RNN": 2,
    "BIDIRECTIONAL_SEQUENCE_LSTM": 2,
}
"""Operators that may give their states too, and how many results they have otherwise (one less where merged)."""

FAMILIES: dict[str, str] = {
    "EMBEDDING_LOOKUP": "embedding_lookup lookups:tensor values:tensor",
    "HASHTABLE_LOOKUP": "hashtable_lookup lookups:tensor keys:tensor values:tensor",
    "LSH_PROJECTION": "lsh_projection seeds:tensor input:tensor weights:tensor projection:projection",
    "FILL": "fill shape:tensor value:scalar",
    "RANK": "rank input:tensor",
    "RANDOM_MULTINOMIAL": "random_multinomial logits:tensor samples:int seed:ints",
    "AXIS_ALIGNED_BBOX_TRANSFORM": "axis_aligned_bbox_transform boxes:tensor deltas:tensor batch:tensor images:tensor",
    "BOX_WITH_NMS_LIMIT": "box_with_nms_limit scores:tensor boxes:tensor batch:tensor score_threshold:float maximum:int "
    "kernel:damping overlap_threshold:float sigma:float damped_threshold:float",
    "HEATMAP_MAX_KEYPOINT": "heatmap_max_keypoint maps:tensor boxes:tensor layout:layout",
    "RNN": "rnn input:tensor weights:tensor recurrent_weights:tensor bias:tensor hidden_state:tensor "
    "activation:activation",
    "SVDF": "svdf input:tensor feature_weights:tensor time_weights:tensor bias:tensor state:tensor rank:int "
    "activation:activation",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "unidirectional_sequence_rnn input:tensor weights:tensor recurrent_weights:tensor "
    "bias:tensor hidden_state:tensor activation:activation time_major:bool",
    "BIDIRECTIONAL_SEQUENCE_RNN": "bidirectional_sequence_rnn input:tensor "
    + " ".join(
        _tensors(*[f"{way}_{name}" for name in ("weights", "recurrent_weights", "bias", "hidden_state")])
        for way in ("forward", "backward")
    )
    + " auxiliary_input:tensor forward_auxiliary_weights:tensor backward_auxiliary_weights:tensor"
    " activation:activation time_major:bool merge_outputs:bool",
    "LSTM": f"lstm input:tensor {_cell()} hidden_state:tensor cell_state:tensor {_LSTM_SCALARS} {_layer_norm()}",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": f"unidirectional_sequence_lstm input:tensor {_cell()} hidden_state:tensor "
    f"cell_state:tensor {_LSTM_SCALARS} time_major:bool {_layer_norm()}",
    "BIDIRECTIONAL_SEQUENCE_LSTM": f"bidirectional_sequence_lstm input:tensor {_cell('forward_')} {_cell('backward_')} "
    + _tensors(*[f"{way}_{state}_state" for way in ("forward", "backward") for state in ("hidden", "cell")])
    + " auxiliary_input:tensor "
    + _tensors(*[f"{way}_auxiliary_to_{gate}_weights" for way in ("forward", "backward") for gate in GATES])
    + f" {_LSTM_SCALARS} merge_outputs:bool time_major:bool {_layer_norm('forward_')} {_layer_norm('backward_')}",
    "QUANTIZED_16BIT_LSTM": "quantized_16bit_lstm input:tensor "
    + _tensors(
        *[f"input_to_{gate}_weights" for gate in GATES],
        *[f"recurrent_to_{gate}_weights" for gate in GATES],
        *[f"{gate}_bias" for gate in GATES],
    )
    + " cell_state:tensor hidden_state:tensor",
    "QUANTIZED_LSTM": f"quantized_lstm input:tensor {_cell()} hidden_state:tensor cell_state:tensor {_layer_norm()} "
    "cell_clip:float projection_clip:float input_gate_scale:float forget_gate_scale:float cell_gate_scale:float "
    "output_gate_scale:float hidden_zero_point:int hidden_scale:float",
}
"""NIR operator and fields, by NNAPI's name."""
