"""Makes recorded/tflite_operators.npz: quantised one-operator TFLite models, and what LiteRT computes for them.

Not a test. It needs the packages ai-edge-litert and flatbuffers beside numpy:

    python tests/relax/record_tflite.py tests/relax/recorded/tflite_operators.npz

Every model is run twice: with the reference kernels (the `tflite` profile) and with the default delegate, XNNPACK (the
`xnnpack` profile). A case is stored as `<name>/model`, `<name>/input_<i>`, `<name>/tflite`, `<name>/xnnpack`.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

STORED = {"int8": 9, "int32": 2, "float32": 0, "uint8": 3, "bool": 6}


@dataclass(frozen=True)
class Tensor:
    """A tensor: drawn when the model runs, or constant where it has `data`; quantised where it has scales."""

    shape: tuple[int, ...]
    scale: Any = None
    zero_point: int = 0
    dtype: str = "int8"
    data: np.ndarray | None = None
    dimension: int = 0


@dataclass(frozen=True)
class Case:
    name: str
    code: str
    operands: Sequence[Tensor]
    result: Tensor
    options: dict[str, Any] = field(default_factory=dict)
    version: int = 1


def table(case: Case) -> Any:
    """The options of a case as a table of the schema: named after the operator, unless `kind` says otherwise."""
    given = dict(case.options)
    kind = given.pop("kind", "".join(part.capitalize() for part in case.code.split("_")) + "Options")
    options = getattr(schema, kind + "T", None)
    if options is None:
        return None, 0
    made = options()
    for name, value in given.items():
        setattr(made, name, value)
    return made, getattr(schema.BuiltinOptions, kind)


def pack(case: Case) -> bytes:
    """The model as a flatbuffer."""
    model, graph, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    code = schema.OperatorCodeT()
    number = getattr(schema.BuiltinOperator, case.code)
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), case.version
    model.version, model.operatorCodes, model.buffers, graph.tensors = 3, [code], [schema.BufferT()], []
    for index, given in enumerate([*case.operands, case.result]):
        tensor, buffer = schema.TensorT(), schema.BufferT()
        tensor.shape, tensor.type, tensor.buffer = list(given.shape), STORED[given.dtype], len(model.buffers)
        tensor.name = f"t{index}"
        if given.scale is not None:
            parameters = schema.QuantizationParametersT()
            parameters.scale = [float(scale) for scale in np.ravel(given.scale)]
            parameters.zeroPoint = [given.zero_point] * len(parameters.scale)
            parameters.quantizedDimension = given.dimension
            tensor.quantization = parameters
        buffer.data = None if given.data is None else np.frombuffer(given.data.astype(given.dtype).tobytes(), np.uint8)
        model.buffers.append(buffer)
        graph.tensors.append(tensor)
    last = len(case.operands)
    operator.inputs, operator.outputs, operator.opcodeIndex = list(range(last)), [last], 0
    operator.builtinOptions, operator.builtinOptionsType = table(case)
    graph.inputs = [index for index, given in enumerate(case.operands) if given.data is None]
    graph.outputs, graph.operators, model.subgraphs = [last], [operator], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run(model: bytes, inputs: list[np.ndarray], reference: bool) -> np.ndarray:
    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    interpreter = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy()


def drawn(*shape: int, seed: int = 0, low: int = -127, high: int = 127) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high + 1, shape)


def weights(*shape: int, scale: Any, dimension: int = 0) -> Tensor:
    return Tensor(shape, scale, 0, "int8", drawn(*shape), dimension)


def bias(scale: Any, count: int) -> Tensor:
    return Tensor((count,), scale, 0, "int32", drawn(count, low=-900, high=900))


def numbers(*values: Any) -> Tensor:
    array = np.array(values, np.int32)
    return Tensor(array.shape, dtype="int32", data=array)


IN, OUT = np.float32(0.0371), np.float32(0.0923)
PER_CHANNEL = np.linspace(0.004, 0.011, 5).astype(np.float32)
IMAGE = Tensor((1, 6, 7, 3), IN, -7)
X = Tensor((2, 3, 8), IN, -7)
CONVOLVED = {"strideH": 2, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}


def result(*shape: int, scale: float = float(OUT), zero_point: int = 4) -> Tensor:
    return Tensor(shape, scale, zero_point)


def same(*shape: int) -> Tensor:
    """A result with the parameters of X and IMAGE."""
    return Tensor(shape, IN, -7)


def convolutions() -> list[Case]:
    filters, biases = weights(5, 3, 3, 3, scale=PER_CHANNEL), bias(IN * PER_CHANNEL, 5)
    cases = [
        Case(
            f"conv_{name}",
            "CONV_2D",
            [IMAGE, filters, biases],
            result(1, 3, 7, 5, zero_point=-40),
            {**CONVOLVED, "kind": "Conv2DOptions", "padding": 0, "fusedActivationFunction": activation},
            3,
        )
        for name, activation in (("plain", 0), ("relu", 1), ("relu1", 2), ("relu6", 3))
    ]
    dilated = {**CONVOLVED, "strideH": 1, "dilationHFactor": 2, "kind": "Conv2DOptions", "padding": 1}
    cases.append(Case("conv_dilated", "CONV_2D", [IMAGE, filters, biases], result(1, 2, 5, 5), dilated, 3))
    six = np.linspace(0.004, 0.011, 6).astype(np.float32)
    depthwise = [IMAGE, weights(1, 3, 2, 6, scale=six, dimension=3), bias(IN * six, 6)]
    options = {
        **CONVOLVED,
        "depthMultiplier": 2,
        "padding": 0,
        "fusedActivationFunction": 1,
        "kind": "DepthwiseConv2DOptions",
    }
    cases.append(Case("depthwise", "DEPTHWISE_CONV_2D", depthwise, result(1, 3, 7, 6), options, 3))
    transposed = [numbers(1, 12, 7, 5), weights(5, 3, 3, 3, scale=PER_CHANNEL), IMAGE, biases]
    options = {"strideH": 2, "strideW": 1, "padding": 0}
    cases.append(Case("transpose_conv", "TRANSPOSE_CONV", transposed, result(1, 12, 7, 5), options, 3))
    return cases


def matrices() -> list[Case]:
    factor = np.float32(0.0087)
    dense = [weights(5, 8, scale=factor), bias(IN * factor, 5)]
    return [
        Case(
            "fully_connected",
            "FULLY_CONNECTED",
            [Tensor((4, 8), IN, -7), *dense],
            result(4, 5),
            {"fusedActivationFunction": 1},
            4,
        ),
        Case("fully_connected_3d", "FULLY_CONNECTED", [X, *dense], result(2, 3, 5), {"keepNumDims": True}, 5),
        Case(
            "fully_connected_per_channel",
            "FULLY_CONNECTED",
            [Tensor((4, 8), IN, -7), weights(5, 8, scale=PER_CHANNEL), bias(IN * PER_CHANNEL, 5)],
            result(4, 5),
            {},
            4,
        ),
        Case(
            "batch_matmul",
            "BATCH_MATMUL",
            [X, Tensor((2, 8, 5), OUT, 3)],
            result(2, 3, 5, scale=0.3),
            {"kind": "BatchMatMulOptions"},
            2,
        ),
    ]


def arithmetic() -> list[Case]:
    y = Tensor((2, 3, 8), 0.051, 13)
    row = Tensor((8,), 0.051, 13)
    known = Tensor((8,), 0.02, 3, "int8", drawn(8, seed=5))
    cases = [
        Case("add_relu", "ADD", [X, y], result(2, 3, 8), {"fusedActivationFunction": 1}, 2),
        Case("add_row", "ADD", [X, row], result(2, 3, 8), {}, 2),
        Case("add_known", "ADD", [X, known], result(2, 3, 8), {}, 2),
        Case("sub", "SUB", [X, y], result(2, 3, 8), {}, 2),
        Case("mul_relu6", "MUL", [X, y], result(2, 3, 8, scale=0.11), {"fusedActivationFunction": 3}, 2),
        Case("mul_known", "MUL", [X, known], result(2, 3, 8, scale=0.11), {}, 2),
        Case("maximum", "MAXIMUM", [X, Tensor((2, 3, 8), IN, -7)], same(2, 3, 8), {"kind": "MaximumMinimumOptions"}, 2),
        Case("minimum", "MINIMUM", [X, Tensor((2, 3, 8), IN, -7)], same(2, 3, 8), {"kind": "MaximumMinimumOptions"}, 2),
        Case("squared_difference", "SQUARED_DIFFERENCE", [X, y], result(2, 3, 8, scale=0.5), {}, 2),
        Case("greater", "GREATER", [X, y], Tensor((2, 3, 8), dtype="bool"), {}, 2),
        Case("equal", "EQUAL", [X, Tensor((2, 3, 8), IN, -7)], Tensor((2, 3, 8), dtype="bool"), {}, 2),
    ]
    return cases


def functions() -> list[Case]:
    unit = Tensor((2, 3, 8), 1 / 256, -128)
    prelu = Tensor((1, 1, 3), 0.004, 0, "int8", drawn(1, 1, 3))
    return [
        Case("logistic", "LOGISTIC", [X], unit, {}, 2),
        Case("tanh", "TANH", [X], Tensor((2, 3, 8), 1 / 128, 0), {}, 2),
        Case("softmax", "SOFTMAX", [X], unit, {"beta": 1.0}, 2),
        Case("log_softmax", "LOG_SOFTMAX", [X], Tensor((2, 3, 8), 16 / 256, 127), {}, 2),
        Case("leaky_relu", "LEAKY_RELU", [X], result(2, 3, 8), {"alpha": 0.2}, 2),
        Case("prelu", "PRELU", [IMAGE, prelu], result(1, 6, 7, 3), {}, 1),
        Case("hard_swish", "HARD_SWISH", [X], result(2, 3, 8, scale=0.03), {}, 1),
        Case("gelu", "GELU", [X], result(2, 3, 8, scale=0.03), {}, 2),
        Case("relu", "RELU", [X], result(2, 3, 8, scale=0.03, zero_point=-128), {}, 2),
        Case("relu6", "RELU6", [X], result(2, 3, 8, scale=6 / 255, zero_point=-128), {}, 2),
        Case("relu1", "RELU_N1_TO_1", [X], result(2, 3, 8, scale=1 / 127, zero_point=0), {}, 1),
        Case("relu_same", "RELU", [X], same(2, 3, 8), {}, 2),
        Case("exp", "EXP", [Tensor((2, 3, 8), 0.01, 0)], result(2, 3, 8, scale=0.02, zero_point=-128), {}, 2),
        Case("rsqrt", "RSQRT", [Tensor((2, 3, 8), 0.01, -128)], result(2, 3, 8, scale=0.05, zero_point=-128), {}, 2),
        Case("abs", "ABS", [X], result(2, 3, 8, scale=0.05, zero_point=-128), {}, 2),
        Case("quantize", "QUANTIZE", [X], result(2, 3, 8), {}, 2),
        Case("dequantize", "DEQUANTIZE", [X], Tensor((2, 3, 8), dtype="float32"), {}, 2),
        Case(
            "l2_normalization",
            "L2_NORMALIZATION",
            [Tensor((3, 8), IN, -7)],
            Tensor((3, 8), 1 / 128, 0),
            {"kind": "L2NormOptions"},
            2,
        ),
    ]


def pooling() -> list[Case]:
    window = {"kind": "Pool2DOptions", "filterHeight": 3, "filterWidth": 2, "strideH": 2, "strideW": 1, "padding": 0}
    square = {**window, "strideH": 1, "padding": 1, "fusedActivationFunction": 1}
    axes = numbers(1, 2)
    return [
        Case("average_pool", "AVERAGE_POOL_2D", [IMAGE], same(1, 3, 7, 3), window, 2),
        Case("average_pool_relu", "AVERAGE_POOL_2D", [IMAGE], same(1, 4, 6, 3), square, 2),
        Case("max_pool", "MAX_POOL_2D", [IMAGE], same(1, 3, 7, 3), window, 2),
        Case("max_pool_relu", "MAX_POOL_2D", [IMAGE], same(1, 4, 6, 3), square, 2),
        Case("mean", "MEAN", [IMAGE, axes], result(1, 3, scale=0.01), {"kind": "ReducerOptions"}, 2),
        Case("mean_keep", "MEAN", [IMAGE, axes], same(1, 1, 1, 3), {"kind": "ReducerOptions", "keepDims": True}, 2),
        Case("sum", "SUM", [IMAGE, axes], result(1, 3, scale=0.9), {"kind": "ReducerOptions"}, 2),
        Case("reduce_max", "REDUCE_MAX", [IMAGE, axes], same(1, 3), {"kind": "ReducerOptions"}, 2),
        Case("arg_max", "ARG_MAX", [X, numbers(2)], Tensor((2, 3), dtype="int32"), {"outputType": 2}, 2),
    ]


def moving() -> list[Case]:
    pads = numbers([0, 0], [1, 2], [0, 1], [0, 0])
    cube = numbers([0, 0], [1, 0], [2, 1])
    number = Tensor((1,), IN, -7, "int8", np.array([5]))
    resize = {"halfPixelCenters": True}
    return [
        Case("pad", "PAD", [IMAGE, pads], same(1, 9, 8, 3), {}, 2),
        Case("pad_v2", "PADV2", [IMAGE, pads, number], same(1, 9, 8, 3), {"kind": "PadV2Options"}, 2),
        Case("mirror_pad", "MIRROR_PAD", [X, cube], same(2, 4, 11), {"mode": 0}, 2),
        Case("reshape", "RESHAPE", [X, numbers(6, 8)], same(6, 8), {"newShape": [6, 8]}, 1),
        Case("transpose", "TRANSPOSE", [X, numbers(2, 0, 1)], same(8, 2, 3), {}, 2),
        Case("concatenation", "CONCATENATION", [X, Tensor((2, 2, 8), IN, -7)], same(2, 5, 8), {"axis": 1}, 2),
        Case(
            "strided_slice",
            "STRIDED_SLICE",
            [X, numbers(0, 2, 7), numbers(2, 0, 1), numbers(1, -1, -2)],
            same(2, 2, 3),
            {},
            2,
        ),
        Case("slice", "SLICE", [X, numbers(0, 1, 2), numbers(2, 2, 5)], same(2, 2, 5), {}, 2),
        Case("pack", "PACK", [X, Tensor((2, 3, 8), IN, -7)], same(2, 2, 3, 8), {"axis": 1, "valuesCount": 2}, 2),
        Case("gather", "GATHER", [X, numbers(2, 0, 0, 1)], same(2, 4, 8), {"axis": 1}, 2),
        Case("tile", "TILE", [X, numbers(1, 2, 1)], same(2, 6, 8), {}, 2),
        Case("resize_bilinear", "RESIZE_BILINEAR", [IMAGE, numbers(9, 14)], same(1, 9, 14, 3), resize, 3),
        Case("resize_nearest", "RESIZE_NEAREST_NEIGHBOR", [IMAGE, numbers(12, 14)], same(1, 12, 14, 3), resize, 3),
        Case(
            "space_to_depth", "SPACE_TO_DEPTH", [Tensor((1, 4, 6, 3), IN, -7)], same(1, 2, 3, 12), {"blockSize": 2}, 2
        ),
        Case(
            "depth_to_space", "DEPTH_TO_SPACE", [Tensor((1, 2, 3, 12), IN, -7)], same(1, 4, 6, 3), {"blockSize": 2}, 1
        ),
        Case("expand_dims", "EXPAND_DIMS", [X, numbers(1)], same(2, 1, 3, 8), {}, 1),
        Case("squeeze", "SQUEEZE", [Tensor((1, 3, 8), IN, -7)], same(3, 8), {"squeezeDims": [0]}, 1),
        Case(
            "batch_to_space",
            "BATCH_TO_SPACE_ND",
            [Tensor((4, 3, 4, 2), IN, -7), numbers(2, 2), numbers([0, 1], [0, 0])],
            same(1, 5, 8, 2),
            {"kind": "BatchToSpaceNDOptions"},
            2,
        ),
        Case(
            "space_to_batch",
            "SPACE_TO_BATCH_ND",
            [Tensor((1, 5, 8, 2), IN, -7), numbers(2, 2), numbers([0, 1], [0, 0])],
            same(4, 3, 4, 2),
            {"kind": "SpaceToBatchNDOptions"},
            3,
        ),
    ]


CASES = [*convolutions(), *matrices(), *arithmetic(), *functions(), *pooling(), *moving()]


def main(path: str) -> None:
    arrays: dict[str, np.ndarray] = {}
    for case in CASES:
        rng = np.random.default_rng(zlib.crc32(case.name.encode()))
        inputs = [
            rng.integers(-128, 128, given.shape).astype(given.dtype) for given in case.operands if given.data is None
        ]
        try:
            model = pack(case)
            outputs = {"tflite": run(model, inputs, True), "xnnpack": run(model, inputs, False)}
        except (RuntimeError, ValueError) as error:
            print(f"{case.name}: LiteRT does not run it: {error}", file=sys.stderr)
            continue
        arrays[f"{case.name}/model"] = np.frombuffer(model, np.uint8)
        arrays |= {f"{case.name}/input_{index}": array for index, array in enumerate(inputs)}
        arrays |= {f"{case.name}/{name}": array for name, array in outputs.items()}
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
