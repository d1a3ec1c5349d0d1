"""NNAPI's positional operand lists as NIR operands and attributes: one entry per operator.

NNAPI passes everything by position, sizes and flags among the tensors; NIR has attributes for what a compiler must
know. An entry names them in NNAPI's order as `name:kind`; irregular operators have a function. Order of width and
height, and of padding, differs between the two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from nir.ir import Value
from nnapi.families import FAMILIES, RESULTS_WITHOUT_STATES

ACTIVATIONS = {0: "none", 1: "relu", 2: "relu1", 3: "relu6"}
CELL_ACTIVATIONS = {0: "none", 1: "relu", 3: "relu6", 4: "tanh", 6: "sigmoid"}
PROJECTIONS = {1: "sparse_without_offset", 2: "dense", 3: "sparse"}


class Unsupported(Exception):
    """The case cannot be expressed in NIR."""


class Operands:
    """The operands of one NNAPI operation: values for tensors, plain Python values for all else.

    `tensor(i)` gives a NIR value or None where operand i is omitted; `known(i)` the flat list of an operand whose
    elements are known before the model runs; `function_name(n)` is what the n-th referenced model is called.
    """

    def __init__(
        self,
        types: list[str],
        tensor: Callable[[int], Value | None],
        known: Callable[[int], list[Any]],
        function_name: Callable[[int], str] = str,
    ):
        self.types = types
        self.tensor = tensor
        self.known = known
        self.function_name = function_name

    def __len__(self) -> int:
        return len(self.types)

    def integer(self, i: int) -> int:
        return int(self.known(i)[0])

    def real(self, i: int) -> float:
        return float(self.known(i)[0])

    def function(self, i: int) -> str:
        return self.function_name(self.integer(i))

    def integers(self, i: int) -> list[int]:
        return [int(value) for value in self.known(i)]

    def flag(self, i: int) -> bool:
        return i < len(self) and bool(self.known(i)[0])

    def layout(self, i: int) -> str:
        return "nchw" if self.flag(i) else "nhwc"

    def activation(self, i: int) -> str:
        return ACTIVATIONS[self.integer(i)]

    def has(self, i: int) -> bool:
        return i < len(self) and self.tensor(i) is not None


class Built(NamedTuple):
    """A NIR operator's name, its operands and its attributes."""

    name: str
    operands: list[Value | None]
    attributes: dict[str, Any]


READERS: dict[str, Callable[[Operands, int], Any]] = {
    "int": Operands.integer,
    "float": Operands.real,
    "stored": lambda operands, i: operands.known(i)[0],
    "bool": Operands.flag,
    "ints": Operands.integers,
    "pairs": lambda operands, i: list(zip(*[iter(operands.integers(i))] * 2, strict=True)),
    "activation": Operands.activation,
    "layout": Operands.layout,
    "mirror": lambda operands, i: ("reflect", "symmetric")[operands.integer(i)],
    "first": lambda operands, i: operands.integers(i)[0],
    "cell_activation": lambda operands, i: CELL_ACTIVATIONS[operands.integer(i)],
    "damping": lambda operands, i: ("hard", "linear", "gaussian")[operands.integer(i)],
    "projection": lambda operands, i: PROJECTIONS[operands.integer(i)],
}

REGULAR: dict[str, str] = {
    **FAMILIES,
    "ADD": "add left:tensor right:tensor activation:activation",
    "SUB": "sub left:tensor right:tensor activation:activation",
    "MUL": "mul left:tensor right:tensor activation:activation",
    "DIV": "div left:tensor right:tensor activation:activation",
    "POW": "pow left:tensor right:tensor",
    "MAXIMUM": "maximum left:tensor right:tensor",
    "MINIMUM": "minimum left:tensor right:tensor",
    "PRELU": "prelu left:tensor right:tensor",
    "EQUAL": "equal left:tensor right:tensor",
    "NOT_EQUAL": "not_equal left:tensor right:tensor",
    "LESS": "less left:tensor right:tensor",
    "LESS_EQUAL": "less_equal left:tensor right:tensor",
    "GREATER": "greater left:tensor right:tensor",
    "GREATER_EQUAL": "greater_equal left:tensor right:tensor",
    "LOGICAL_AND": "logical_and left:tensor right:tensor",
    "LOGICAL_OR": "logical_or left:tensor right:tensor",
    "LOGICAL_NOT": "logical_not input:tensor",
    "SELECT": "select condition:tensor left:tensor right:tensor",
    "ABS": "abs input:tensor",
    "NEG": "neg input:tensor",
    "EXP": "exp input:tensor",
    "LOG": "log input:tensor",
    "SQRT": "sqrt input:tensor",
    "RSQRT": "rsqrt input:tensor",
    "SIN": "sin input:tensor",
    "FLOOR": "floor input:tensor",
    "RELU": "relu input:tensor",
    "RELU1": "relu1 input:tensor",
    "RELU6": "relu6 input:tensor",
    "LOGISTIC": "logistic input:tensor",
    "TANH": "tanh input:tensor",
    "ELU": "elu input:tensor alpha:float",
    "HARD_SWISH": "hard_swish input:tensor",
    "SOFTMAX": "softmax input:tensor beta:float axis:int",
    "LOG_SOFTMAX": "log_softmax input:tensor beta:float axis:int",
    "L2_NORMALIZATION": "l2_normalization input:tensor axis:int",
    "LOCAL_RESPONSE_NORMALIZATION": "local_response_normalization input:tensor radius:int bias:float alpha:float "
    "beta:float axis:int",
    "INSTANCE_NORMALIZATION": "instance_normalization input:tensor gamma:float beta:float epsilon:float layout:layout",
    "RESHAPE": "reshape input:tensor shape:ints",
    "TRANSPOSE": "transpose input:tensor permutation:ints",
    "SQUEEZE": "squeeze input:tensor axes:ints",
    "EXPAND_DIMS": "expand_dims input:tensor axis:int",
    "DEPTH_TO_SPACE": "depth_to_space input:tensor block:int layout:layout",
    "SPACE_TO_DEPTH": "space_to_depth input:tensor block:int layout:layout",
    "BATCH_TO_SPACE_ND": "batch_to_space_nd input:tensor block:ints layout:layout",
    "SPACE_TO_BATCH_ND": "space_to_batch_nd input:tensor block:ints padding:ints layout:layout",
    "CHANNEL_SHUFFLE": "channel_shuffle input:tensor groups:int axis:int",
    "TILE": "tile input:tensor multiples:ints",
    "SPLIT": "split input:tensor axis:int parts:int",
    "PAD": "pad input:tensor padding:pairs",
    "PAD_V2": "pad_v2 input:tensor padding:pairs value:stored",
    "MIRROR_PAD": "mirror_pad input:tensor padding:pairs mode:mirror",
    "SLICE": "slice input:tensor begin:ints size:ints",
    "STRIDED_SLICE": "strided_slice input:tensor begin:ints end:ints strides:ints begin_mask:int end_mask:int "
    "shrink_mask:int",
    "GATHER": "gather input:tensor axis:int indices:tensor",
    "REVERSE": "reverse input:tensor axis:first",
    "MEAN": "mean input:tensor axes:ints keep_dims:bool",
    "REDUCE_SUM": "reduce_sum input:tensor axes:ints keep_dims:bool",
    "REDUCE_PROD": "reduce_prod input:tensor axes:ints keep_dims:bool",
    "REDUCE_MAX": "reduce_max input:tensor axes:ints keep_dims:bool",
    "REDUCE_MIN": "reduce_min input:tensor axes:ints keep_dims:bool",
    "REDUCE_ALL": "reduce_all input:tensor axes:ints keep_dims:bool",
    "REDUCE_ANY": "reduce_any input:tensor axes:ints keep_dims:bool",
    "ARGMAX": "argmax input:tensor axis:int",
    "ARGMIN": "argmin input:tensor axis:int",
    "TOPK_V2": "topk_v2 input:tensor k:int",
    "QUANTIZE": "quantize input:tensor",
    "DEQUANTIZE": "dequantize input:tensor",
    "CAST": "cast input:tensor",
    "FULLY_CONNECTED": "fully_connected input:tensor weights:tensor bias:tensor activation:activation",
    "BATCH_MATMUL": "batch_matmul left:tensor right:tensor transpose_left:bool transpose_right:bool",
}


def build(operator: str, operands: Operands, results: int = 1) -> Built:
    """What an NNAPI operation with so many results is in NIR. Raises `Unsupported`."""
    if operator in REGULAR:
        built = _regular(REGULAR[operator], operands)
        if operator in RESULTS_WITHOUT_STATES:
            fewest = RESULTS_WITHOUT_STATES[operator] - built.attributes.get("merge_outputs", False)
            built.attributes["return_states"] = results > fewest
        return built
    if operator in IRREGULAR:
        return IRREGULAR[operator](operands)
    raise Unsupported(f"no operator {operator}")


def _regular(form: str, operands: Operands) -> Built:
    name, *fields = form.split()
    built = Built(name, [], {})
    for i, field in enumerate(fields[: len(operands)]):
        field_name, _, kind = field.partition(":")
        if kind in ("tensor", "scalar"):
            built.operands.append(operands.tensor(i))
        elif not operands.types[i].startswith("TENSOR") or operands.has(i):
            built.attributes[field_name] = READERS[kind](operands, i)
    return built


def _joined(operands: Operands) -> Built:
    last = len(operands) - 1
    return Built("concatenation", [operands.tensor(i) for i in range(last)], {"axis": operands.integer(last)})


def _packed(operands: Operands) -> Built:
    return Built("pack", [operands.tensor(i) for i in range(1, len(operands))], {"axis": operands.integer(0)})


def _resized(name: str) -> Callable[[Operands], Built]:
    def build_resizing(operands: Operands) -> Built:
        width, height = operands.known(1)[0], operands.known(2)[0]
        by_size = operands.types[1] == "INT32"
        attributes: dict[str, Any] = {"size" if by_size else "factors": (height, width)}
        attributes["layout"] = operands.layout(3)
        attributes |= {"align_corners": operands.flag(4), "half_pixel_centers": operands.flag(5)}
        return Built(name, [operands.tensor(0)], attributes)

    return build_resizing


def _window(operands: Operands, at: int, explicit: bool) -> tuple[dict[str, Any], int]:
    """Padding and strides from operand `at` on, and the place behind them."""
    if explicit:
        left, right, top, bottom, across, down = (operands.integer(at + i) for i in range(6))
        return {"padding": (top, bottom, left, right), "strides": (down, across)}, at + 6
    scheme, across, down = (operands.integer(at + i) for i in range(3))
    return {"padding": {1: "same", 2: "valid"}[scheme], "strides": (down, across)}, at + 3


def _convolution(name: str, fewest: int, ambiguous: tuple[int, int], extra: tuple[str, ...]) -> Callable[..., Built]:
    """`fewest` operands with explicit padding; with `ambiguous` = (count, place) a BOOL there means a scheme."""

    def build_convolution(operands: Operands) -> Built:
        count, place = ambiguous
        explicit = len(operands) >= fewest
        if len(operands) == count:
            explicit = operands.types[place] != "BOOL"
        attributes, at = _window(operands, 3, explicit)
        for field in (*extra, "activation"):
            if field == "multiplier":  # follows from the shapes
                at += 1
                continue
            attributes[field] = operands.activation(at) if field == "activation" else operands.integer(at)
            at += 1
        attributes["layout"] = operands.layout(at)
        if len(operands) > at + 1:
            attributes["dilations"] = (operands.integer(at + 2), operands.integer(at + 1))
        return Built(name, [operands.tensor(i) for i in range(3)], attributes)

    return build_convolution


def _transposed_convolution(operands: Operands) -> Built:
    explicit = len(operands) == 11
    attributes, at = _window(operands, 3 if explicit else 4, explicit)
    attributes |= {"activation": operands.activation(at), "layout": operands.layout(at + 1)}
    if not explicit:
        shape = operands.integers(3)
        attributes["output_size"] = tuple(shape[2:] if attributes["layout"] == "nchw" else shape[1:3])
    return Built("transpose_conv_2d", [operands.tensor(i) for i in range(3)], attributes)


def _pooling(name: str) -> Callable[[Operands], Built]:
    def build_pooling(operands: Operands) -> Built:
        attributes, at = _window(operands, 1, len(operands) >= 10)
        attributes["window"] = (operands.integer(at + 1), operands.integer(at))
        attributes |= {"activation": operands.activation(at + 2), "layout": operands.layout(at + 3)}
        return Built(name, [operands.tensor(0)], attributes)

    return build_pooling


def _proposals(operands: Operands) -> Built:
    attributes = {
        "strides": (operands.real(4), operands.real(5)),
        "before": operands.integer(6),
        "after": operands.integer(7),
        "overlap_threshold": operands.real(8),
        "minimum_size": operands.real(9),
        "layout": operands.layout(10),
    }
    return Built("generate_proposals", [operands.tensor(i) for i in range(4)], attributes)


def _postprocessing(operands: Operands) -> Built:
    attributes = {
        "scales": tuple(operands.real(i) for i in range(3, 7)),
        "regular": operands.flag(7),
        "maximum": operands.integer(8),
        "maximum_classes_per_box": operands.integer(9),
        "maximum_boxes_per_class": operands.integer(10),
        "score_threshold": operands.real(11),
        "overlap_threshold": operands.real(12),
        "background_in_labels": operands.flag(13),
    }
    return Built("detection_postprocessing", [operands.tensor(i) for i in range(3)], attributes)


def _regions(name: str, sampled: bool) -> Callable[[Operands], Built]:
    def build_regions(operands: Operands) -> Built:
        attributes: dict[str, Any] = {
            "size": (operands.integer(3), operands.integer(4)),
            "ratios": (operands.real(5), operands.real(6)),
        }
        if sampled:
            attributes["samples"] = (operands.integer(7), operands.integer(8))
        attributes["layout"] = operands.layout(9 if sampled else 7)
        return Built(name, [operands.tensor(i) for i in range(3)], attributes)

    return build_regions


def _branch(operands: Operands) -> Built:
    attributes = {"then_branch": operands.function(1), "else_branch": operands.function(2)}
    return Built("if", [operands.tensor(i) for i in (0, *range(3, len(operands)))], attributes)


def _loop(operands: Operands) -> Built:
    attributes = {"condition": operands.function(0), "body": operands.function(1)}
    return Built("while", [operands.tensor(i) for i in range(2, len(operands))], attributes)


IRREGULAR: dict[str, Callable[[Operands], Built]] = {
    "CONCATENATION": _joined,
    "PACK": _packed,
    "RESIZE_BILINEAR": _resized("resize_bilinear"),
    "RESIZE_NEAREST_NEIGHBOR": _resized("resize_nearest_neighbor"),
    "CONV_2D": _convolution("conv_2d", 10, (10, 7), ()),
    "DEPTHWISE_CONV_2D": _convolution("depthwise_conv_2d", 11, (11, 8), ("multiplier",)),
    "GROUPED_CONV_2D": _convolution("grouped_conv_2d", 12, (0, 0), ("groups",)),
    "TRANSPOSE_CONV_2D": _transposed_convolution,
    "MAX_POOL_2D": _pooling("max_pool_2d"),
    "AVERAGE_POOL_2D": _pooling("average_pool_2d"),
    "L2_POOL_2D": _pooling("l2_pool_2d"),
    "GENERATE_PROPOSALS": _proposals,
    "DETECTION_POSTPROCESSING": _postprocessing,
    "ROI_ALIGN": _regions("roi_align", sampled=True),
    "ROI_POOLING": _regions("roi_pooling", sampled=False),
    "IF": _branch,
    "WHILE": _loop,
}
