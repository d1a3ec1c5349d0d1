"""Makes litert.npz: what LiteRT computes for small one-operator models of drawn weights and scales.

Not a test. It needs the packages ai-edge-litert and flatbuffers beside NIR's own:

    python tests/ops/record_litert.py tests/ops/litert.npz

Every case is recorded twice: with the reference kernels (the `tflite` profile) and with the default delegate, XNNPACK
(the `xnnpack` profile). Some scales are powers of two, so that sums fall on halves.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

CODES = schema.BuiltinOperator
OPTIONS = schema.BuiltinOptions
STORED = {np.dtype(np.int8): 9, np.dtype(np.int32): 2, np.dtype(np.float32): 0}


def quantisation(scales: Any, zero_point: int = 0, dimension: int = 0) -> Any:
    parameters = schema.QuantizationParametersT()
    parameters.scale = [float(s) for s in np.ravel(scales)]
    parameters.zeroPoint = [zero_point] * len(parameters.scale)
    parameters.quantizedDimension = dimension
    return parameters


class Model:
    """One operator; tensors are added in the order of its operands, the result last."""

    def __init__(self) -> None:
        self.buffers = [schema.BufferT()]
        self.tensors: list[Any] = []

    def tensor(self, shape: Any, dtype: Any, parameters: Any = None, data: np.ndarray | None = None) -> int:
        tensor, buffer = schema.TensorT(), schema.BufferT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), STORED[np.dtype(dtype)], len(self.buffers)
        tensor.name, tensor.quantization = f"t{len(self.tensors)}", parameters
        buffer.data = None if data is None else np.frombuffer(data.tobytes(), np.uint8)
        self.buffers.append(buffer)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def pack(self, code: int, version: int, inputs: list[int], options: Any = None, kind: int = 0) -> bytes:
        operator, graph, model = schema.OperatorT(), schema.SubGraphT(), schema.ModelT()
        last = len(self.tensors) - 1
        operator.opcodeIndex, operator.inputs, operator.outputs = 0, list(range(last)), [last]
        operator.builtinOptions, operator.builtinOptionsType = options, kind
        graph.tensors, graph.inputs, graph.outputs, graph.operators = self.tensors, inputs, [last], [operator]
        operator_code = schema.OperatorCodeT()
        operator_code.builtinCode = operator_code.deprecatedBuiltinCode = code
        operator_code.version = version
        model.version, model.buffers, model.subgraphs = 3, self.buffers, [graph]
        model.operatorCodes = [operator_code]
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


class Recorder:
    """Collects cases: facts as JSON, arrays by name."""

    def __init__(self) -> None:
        self.facts: list[dict[str, Any]] = []
        self.arrays: dict[str, np.ndarray] = {}

    def add(
        self, facts: dict[str, Any], operands: dict[str, np.ndarray], model: bytes, inputs: list[np.ndarray]
    ) -> None:
        prefix = f"{len(self.facts)}."
        self.facts.append(facts)
        outputs = {"tflite": run(model, inputs, True), "xnnpack": run(model, inputs, False)}
        self.arrays |= {prefix + name: array for name, array in {**operands, **outputs}.items()}


def scales_for(
    rng: np.random.Generator, case: int, channels: int, terms: int
) -> tuple[np.float32, np.ndarray, np.float32]:
    """Scales of input, filter and result such that results fill their range; every third case is all powers of two."""
    input_scale = np.float32(rng.uniform(0.005, 0.1))
    filter_scales = rng.uniform(0.001, 0.02, channels).astype(np.float32)
    output_scale = np.float32(input_scale * np.median(filter_scales) * 74 * 50 * np.sqrt(terms) / rng.uniform(20, 90))
    if case % 3 == 0:
        powers = [np.float32(2) ** np.round(np.log2(s)) for s in (input_scale, filter_scales, output_scale)]
        return np.float32(powers[0]), powers[1].astype(np.float32), np.float32(powers[2])
    if case % 7 == 1:
        output_scale = np.float32(input_scale * np.median(filter_scales) * rng.uniform(0.3, 4))
    return input_scale, filter_scales, output_scale


def record_convolution(recorder: Recorder, rng: np.random.Generator, case: int) -> None:
    depthwise = case % 2 == 1
    size, kernel, stride = int(rng.integers(3, 7)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
    inputs, outputs = int(rng.integers(1, 24)), int(rng.integers(1, 12))
    outputs = inputs if depthwise else outputs
    input_scale, filter_scales, output_scale = scales_for(rng, case, outputs, kernel**2 * (1 if depthwise else inputs))
    points = [int(p) for p in rng.integers(-128, 128, 2)]
    shape = (1, kernel, kernel, outputs) if depthwise else (outputs, kernel, kernel, inputs)
    weights = np.clip(rng.normal(0, 50, shape), -127, 127).astype(np.int8)
    bias = rng.integers(-2000, 2000, outputs).astype(np.int32)
    image = rng.integers(-128, 128, (1, size, size, inputs)).astype(np.int8)
    same, activation = bool(rng.integers(0, 2)), int(rng.choice([0, 1, 3]))
    cells = -(-size // stride) if same else (size - kernel) // stride + 1
    model = Model()
    model.tensor(image.shape, np.int8, quantisation(input_scale, points[0]))
    model.tensor(shape, np.int8, quantisation(filter_scales, 0, 3 if depthwise else 0), weights)
    model.tensor(bias.shape, np.int32, quantisation(input_scale * filter_scales), bias)
    model.tensor((1, cells, cells, outputs), np.int8, quantisation(output_scale, points[1]))
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    if depthwise:
        options.depthMultiplier = 1
    options.strideH = options.strideW = stride
    options.dilationHFactor = options.dilationWFactor = 1
    options.padding, options.fusedActivationFunction = 0 if same else 1, activation
    code = CODES.DEPTHWISE_CONV_2D if depthwise else CODES.CONV_2D
    kind = OPTIONS.DepthwiseConv2DOptions if depthwise else OPTIONS.Conv2DOptions
    facts = {
        "operator": "depthwise_conv_2d" if depthwise else "conv_2d",
        "fields": {
            "strides": [stride] * 2,
            "padding": "same" if same else "valid",
            "activation": {0: "none", 1: "relu", 3: "relu6"}[activation],
        },
        "scales": [float(input_scale), filter_scales.tolist(), float(output_scale)],
        "points": [points[0], 0, points[1]],
    }
    operands = {"input": image, "filter": weights, "bias": bias}
    recorder.add(facts, operands, model.pack(code, 3, [0], options, kind), [image])


def record_fully_connected(recorder: Recorder, rng: np.random.Generator, case: int) -> None:
    batch, inputs, units = 24, int(rng.integers(4, 48)), 16
    input_scale, filter_scales, output_scale = scales_for(rng, case, 1, inputs)
    points = [int(p) for p in rng.integers(-128, 128, 2)]
    weights = np.clip(rng.normal(0, 50, (units, inputs)), -127, 127).astype(np.int8)
    bias = rng.integers(-2000, 2000, units).astype(np.int32)
    rows = rng.integers(-128, 128, (batch, inputs)).astype(np.int8)
    model = Model()
    model.tensor(rows.shape, np.int8, quantisation(input_scale, points[0]))
    model.tensor(weights.shape, np.int8, quantisation(filter_scales), weights)
    model.tensor(bias.shape, np.int32, quantisation(input_scale * filter_scales), bias)
    model.tensor((batch, units), np.int8, quantisation(output_scale, points[1]))
    options = schema.FullyConnectedOptionsT()
    facts = {
        "operator": "fully_connected",
        "fields": {},
        "scales": [float(input_scale), float(filter_scales[0]), float(output_scale)],
        "points": [points[0], 0, points[1]],
    }
    operands = {"input": rows, "filter": weights, "bias": bias}
    packed = model.pack(CODES.FULLY_CONNECTED, 4, [0], options, OPTIONS.FullyConnectedOptions)
    recorder.add(facts, operands, packed, [rows])


def record_batch_matmul(recorder: Recorder, rng: np.random.Generator, case: int) -> None:
    inner = int(rng.integers(4, 40))
    left_scale, right_scales, output_scale = scales_for(rng, case, 1, inner)
    points = [int(p) for p in rng.integers(-128, 128, 3)]
    left = rng.integers(-128, 128, (2, 12, inner)).astype(np.int8)
    right = rng.integers(-128, 128, (2, inner, 10)).astype(np.int8)
    model = Model()
    model.tensor(left.shape, np.int8, quantisation(left_scale, points[0]))
    model.tensor(right.shape, np.int8, quantisation(right_scales, points[1]))
    model.tensor((2, 12, 10), np.int8, quantisation(output_scale, points[2]))
    facts = {
        "operator": "batch_matmul",
        "fields": {},
        "scales": [float(left_scale), float(right_scales[0]), float(output_scale)],
        "points": points,
    }
    options = schema.BatchMatMulOptionsT()
    packed = model.pack(CODES.BATCH_MATMUL, 2, [0, 1], options, OPTIONS.BatchMatMulOptions)
    recorder.add(facts, {"input": left, "filter": right}, packed, [left, right])


def record_quantise(recorder: Recorder, rng: np.random.Generator, case: int) -> None:
    """float32 to int8, and int8 to int8 of another scale."""
    scales = [np.float32(rng.uniform(0.01, 0.2)) for _ in range(2)]
    if case % 2 == 0:
        scales = [np.float32(0.0625), np.float32(2.0 ** int(rng.integers(-6, 0)))]
    points = [int(p) for p in rng.integers(-128, 128, 2)]
    from_float = case % 4 < 2
    values: np.ndarray = rng.integers(-128, 128, 300).astype(np.int8)
    if from_float:
        halves = (rng.integers(-150, 150, 300) + 0.5) * scales[1]
        values = (halves + rng.choice([0, 1e-3, -1e-3], 300) * scales[1]).astype(np.float32)
    model = Model()
    model.tensor(values.shape, values.dtype, None if from_float else quantisation(scales[0], points[0]))
    model.tensor(values.shape, np.int8, quantisation(scales[1], points[1]))
    facts = {
        "operator": "quantize" if from_float else "requantize",
        "fields": {},
        "scales": [None if from_float else float(scales[0]), float(scales[1])],
        "points": points,
    }
    packed = model.pack(CODES.QUANTIZE, 2, [0], schema.QuantizeOptionsT(), OPTIONS.QuantizeOptions)
    recorder.add(facts, {"input": values}, packed, [values])


def main(path: str) -> None:
    """Records everything and writes the file."""
    recorder, rng = Recorder(), np.random.default_rng(0)
    for record, cases in (
        (record_convolution, 20),
        (record_fully_connected, 12),
        (record_batch_matmul, 8),
        (record_quantise, 12),
    ):
        for case in range(cases):
            record(recorder, rng, case)
    np.savez_compressed(path, facts=np.array(json.dumps(recorder.facts)), **recorder.arrays)


if __name__ == "__main__":
    main(sys.argv[1])
