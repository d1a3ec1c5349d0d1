"""What MediaTek's plug-in for LiteRT hands to the Neuron API.

The facts are those of the open source of LiteRT (github.com/google-ai-edge/LiteRT, folder
litert/vendors/mediatek/compiler, as of 2026): the list of operators in compiler_plugin.cc and
MediaTek_Neuro_Compiler.md, the element types in legalizations/neuron_utils.cc, what is passed on in
legalizations/*_op_legalization.cc. A TFLite graph is what comes in, so that what TFLite cannot say is not supported
either: images are NHWC, padding is SAME or VALID.

On a device the plug-in also asks the Neuron compiler of the chip about every operator; that answer is not public.
"""

from __future__ import annotations

from nir.ir import ElementType, Operation, TensorType
from nir.ops.common import Activation, Layout, PaddingScheme
from nir.ops.pooling import Pooling
from nir.ops.windows import image_sizes, same_padding
from nir.targets.shared import known_sizes, no_calls, not_foreign, tensors
from nir.targets.target import Target, rule

LEGALISED = {
    "abs": "ABS",
    "add": "ADD",
    "average_pool_2d": "AVERAGE_POOL_2D",
    "batch_matmul": "BATCH_MATMUL",
    "cast": "CAST",
    "concatenation": "CONCATENATION",
    "conv_2d": "CONV_2D",
    "depthwise_conv_2d": "DEPTHWISE_CONV_2D",
    "dequantize": "DEQUANTIZE",
    "div": "DIV",
    "fully_connected": "FULLY_CONNECTED",
    "greater": "GREATER",
    "hard_swish": "HARD_SWISH",
    "l2_normalization": "L2_NORMALIZATION",
    "leaky_relu": "PRELU",
    "less": "LESS",
    "logistic": "LOGISTIC",
    "max_pool_2d": "MAX_POOL_2D",
    "maximum": "MAXIMUM",
    "mean": "MEAN",
    "minimum": "MINIMUM",
    "mul": "MUL",
    "pad": "PAD",
    "pad_v2": "PAD_V2",
    "prelu": "PRELU",
    "quantize": "QUANTIZE",
    "reduce_max": "REDUCE_MAX",
    "reduce_sum": "REDUCE_SUM",
    "relu": "RELU",
    "requantize": "QUANTIZE",
    "reshape": "RESHAPE",
    "resize_bilinear": "RESIZE_BILINEAR",
    "resize_nearest_neighbor": "RESIZE_NEAREST_NEIGHBOR",
    "rsqrt": "RSQRT",
    "slice": "SLICE",
    "softmax": "SOFTMAX",
    "split": "SPLIT",
    "sqrt": "SQRT",
    "strided_slice": "STRIDED_SLICE",
    "sub": "SUB",
    "tanh": "TANH",
    "tile": "TILE",
    "transpose": "TRANSPOSE",
    "transpose_conv_2d": "TRANSPOSE_CONV_2D",
}
"""NIR operators, and the Neuron operator that the plug-in makes of TFLite's. TFLite requantises by QUANTIZE."""

_PADDED = {"average_pool_2d", "max_pool_2d", "transpose_conv_2d"}
"""Operators whose padding has to be a scheme. Before a convolution, other padding is a PAD of its own."""


@rule("operator", decisive=True)
def operator(op: Operation) -> bool | str:
    """The plug-in has a legalisation for the operator."""
    return op.name in LEGALISED or op.name


@rule("element-type")
def element_type(op: Operation) -> bool | str:
    """Tensors are f32, f16, i32, bool, u8, or i8, i16 and u16 with a scale; 16 bits have one scale per tensor."""
    wrong = [value for value in tensors(op) if not _is_mapped(value.type)]
    return not wrong or f"%{wrong[0].name} is {wrong[0].type}"


def _is_mapped(type: TensorType) -> bool:
    parameters = type.quantisation
    if type.element in (ElementType.I16, ElementType.U16):
        return parameters is not None and not parameters.is_per_channel
    if type.element is ElementType.I8:
        return parameters is not None
    if type.element is ElementType.I32 and parameters is not None and parameters.is_per_channel:
        return not any(parameters.zero_points)
    return type.element is not ElementType.U32


@rule("layout")
def layout(op: Operation) -> bool:
    """Images are NHWC, the only layout of TFLite."""
    return getattr(op, "layout", Layout.NHWC) is Layout.NHWC


@rule("padding", operators=_PADDED)
def padding(op: Operation) -> bool | str:
    """Padding is SAME or VALID, or what one of them gives."""
    padding = op.padding  # type: ignore[attr-defined]
    if isinstance(padding, PaddingScheme) or not any(padding):
        return True
    return (op.name != "transpose_conv_2d" and padding == _same(op)) or f"padding = {list(padding)}"


def _same(op: Operation) -> tuple[int, ...] | None:
    """The cells that SAME adds to the image of a pooling, or None where sizes are not known."""
    image = op.operands[0]
    assert isinstance(op, Pooling), "the other operators are not asked"
    assert image is not None, "a pooling has an image"
    sizes = image_sizes(image.shape, op.layout)[1:3]
    ends = []
    for size, window, step in zip(sizes, op.window, op.strides, strict=True):
        if size is None:
            return None
        total = same_padding(size, window, step)
        ends += [total // 2, total - total // 2]
    return tuple(ends)


@rule("last-axis", operators={"softmax", "l2_normalization"})
def last_axis(op: Operation) -> bool:
    """The axis is the last one, as TFLite's operator has it."""
    data = op.operands[0]
    return data is not None and op.axis % max(data.type.rank, 1) == data.type.rank - 1  # type: ignore[attr-defined]


@rule("square-steps", operators={"transpose_conv_2d"})
def square_steps(op: Operation) -> bool:
    """Both strides are the same: the plug-in passes the one along the width for both."""
    height, width = op.strides  # type: ignore[attr-defined]
    return bool(height == width)


@rule("no-activation", operators={"transpose_conv_2d"})
def no_activation(op: Operation) -> bool:
    """A transposed convolution has no fused activation: the plug-in passes none on."""
    return op.activation is Activation.NONE  # type: ignore[attr-defined]


MTK_LITERT = Target(
    "mtk-litert",
    "MediaTek's plug-in for LiteRT: what it legalises from TFLite to the Neuron API",
    (
        not_foreign,
        no_calls,
        operator,
        element_type,
        layout,
        padding,
        last_axis,
        square_steps,
        no_activation,
        known_sizes,
    ),
)
