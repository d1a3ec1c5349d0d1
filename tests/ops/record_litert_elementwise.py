"""Records what litert_vectors.py reads: run it with ai-edge-litert and flatbuffers installed. Not a test.

python tests/ops/record_litert_elementwise.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from litert_vectors import FOLDER, Case

TYPES = {"i8": schema.TensorType.INT8, "u8": schema.TensorType.UINT8, "i32": schema.TensorType.INT32}
RESOLVERS = {"tflite": OpResolverType.BUILTIN_REF, "xnnpack": OpResolverType.AUTO}
CODES = {
    "add": ("ADD", 2, "AddOptions"),
    "sub": ("SUB", 3, "SubOptions"),
    "mul": ("MUL", 2, "MulOptions"),
    "logistic": ("LOGISTIC", 2, None),
    "tanh": ("TANH", 2, None),
    "hard_swish": ("HARD_SWISH", 1, "HardSwishOptions"),
    "leaky_relu": ("LEAKY_RELU", 2, "LeakyReluOptions"),
    "prelu": ("PRELU", 1, None),
    "l2_normalization": ("L2_NORMALIZATION", 2, "L2NormOptions"),
    "softmax": ("SOFTMAX", 2, "SoftmaxOptions"),
    "concatenation": ("CONCATENATION", 2, "ConcatenationOptions"),
    "mean": ("MEAN", 2, "ReducerOptions"),
    "resize_bilinear": ("RESIZE_BILINEAR", 3, "ResizeBilinearOptions"),
    "exp": ("EXP", 2, None),
    "rsqrt": ("RSQRT", 2, None),
    "log": ("LOG", 2, None),
    "abs": ("ABS", 1, None),
    "maximum": ("MAXIMUM", 2, "MaximumMinimumOptions"),
    "minimum": ("MINIMUM", 2, "MaximumMinimumOptions"),
}
"""TFLite's operator, its version, and its options."""

OPTIONS = {
    "alpha": "alpha",
    "beta": "beta",
    "axis": "axis",
    "keep_dims": "keepDims",
    "align_corners": "alignCorners",
    "half_pixel_centers": "halfPixelCenters",
}
"""NIR's attributes and TFLite's names of them."""

CONSTANTS = {"axes": "mean", "size": "resize_bilinear"}
"""Attributes that TFLite takes as a constant operand."""


class Model:
    """A TFLite model of one operator."""

    def __init__(self, case: Case) -> None:
        code, version, options = CODES[case.operator]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.inputs = [], []
        self.model = schema.ModelT()
        self.model.version, self.model.buffers, self.model.subgraphs = 3, [schema.BufferT()], [self.graph]
        operator_code = schema.OperatorCodeT()
        operator_code.builtinCode = getattr(schema.BuiltinOperator, code)
        operator_code.deprecatedBuiltinCode = min(operator_code.builtinCode, 127)
        operator_code.version = version
        self.model.operatorCodes = [operator_code]
        operator = schema.OperatorT()
        operator.opcodeIndex = 0
        operator.inputs = [self.tensor(*given) for given in case.operands]
        if case.operator == "prelu":  # its slopes are a constant
            self.fill(operator.inputs[1], case.arrays()[1])
        self.graph.inputs = [i for i in operator.inputs if self.graph.tensors[i].buffer == 0]
        for name in CONSTANTS.keys() & case.attributes.keys():
            values = np.array(case.attributes[name], np.int32)
            index = self.tensor("i32", list(values.shape), None, 0)
            self.fill(index, values)
            operator.inputs.append(index)
        operator.outputs = self.graph.outputs = [self.tensor(*case.result)]
        if options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, f"{options}T")()
            for name in OPTIONS.keys() & case.attributes.keys():
                setattr(operator.builtinOptions, OPTIONS[name], case.attributes[name])
        if case.operator == "softmax":
            operator.builtinOptions.beta = case.attributes.get("beta", 1.0)
        self.graph.operators = [operator]

    def tensor(self, element: str, shape: list[int], scale: float | None, zero_point: int) -> int:
        tensor = schema.TensorT()
        tensor.type, tensor.shape, tensor.buffer = TYPES[element], shape, 0
        tensor.name = f"t{len(self.graph.tensors)}"
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def fill(self, index: int, values: np.ndarray) -> None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        self.graph.tensors[index].buffer = len(self.model.buffers) - 1

    def run(self, arrays: list[np.ndarray], resolver: Any) -> np.ndarray:
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        interpreter = Interpreter(
            model_content=bytes(builder.Output()), num_threads=1, experimental_op_resolver_type=resolver
        )
        interpreter.allocate_tensors()
        for detail, array in zip(interpreter.get_input_details(), arrays, strict=False):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy()


def cases(sets: int) -> list[Case]:
    """Random scales and zero points; every second set has scales in a ratio that is a power of two, for ties."""
    random = np.random.default_rng(2)
    made: list[Case] = []

    def scale(low: float = -6, high: float = -1) -> float:
        return float(np.float32(np.exp(random.uniform(low, high))))

    def make(operator: str, operands: list, result: tuple, **attributes: Any) -> None:
        made.append(Case(len(made), operator, attributes, operands, result))

    for index in range(sets):
        for element, middle in (("i8", 0), ("u8", 128)):
            lowest = middle - 128
            ties = index % 2 == 1
            shape = [1, 4, 4, 16]

            def point(middle: int = middle) -> int:
                return int(random.integers(middle - 128, middle + 128))

            def tensor(dims: list[int], scale: float, element: str = element) -> tuple:
                return (element, dims, scale, point())

            first = scale()
            left, right = tensor(shape, first), tensor(shape, first / 4 if ties else scale())
            ratio = 2.0 if ties else float(random.uniform(0.3, 2))
            result = tensor(shape, float(np.float32(first * ratio)))
            for name in ("add", "sub"):
                make(name, [left, right], result)
            product = float(np.float32(left[2] * right[2] * (64 if ties else random.uniform(8, 200))))
            make("mul", [left, right], tensor(shape, product))
            make("logistic", [left], (element, shape, 1 / 256, lowest))
            make("tanh", [left], (element, shape, 1 / 128, middle))
            make("hard_swish", [left], result)
            alpha = 0.25 if ties else float(np.float32(random.uniform(0, 0.5)))
            make("leaky_relu", [left], result, alpha=alpha)
            make("leaky_relu", [left], result, alpha=float(np.float32(0.01)))  # too small a slope for XNNPACK
            make("prelu", [left, tensor([1, 1, 16], right[2])], result)
            make("l2_normalization", [tensor([4, 32], first)], (element, [4, 32], 1 / 128, middle))
            make("l2_normalization", [tensor([60, 2], first)], (element, [60, 2], 1 / 128, middle))
            beta = 1.0 if index % 3 else float(np.float32(random.uniform(0.3, 2)))
            make("softmax", [tensor([4, 32], scale(-6, -0.5))], (element, [4, 32], 1 / 256, lowest), beta=beta)
            make("softmax", [tensor([200, 3], scale(-6, -0.5))], (element, [200, 3], 1 / 256, lowest), beta=1.0)
            if element == "u8":  # LiteRT takes differing scales only there
                make("concatenation", [left, right], (element, [1, 4, 4, 32], *result[2:]), axis=3)
            image = [1, 7, 7, 32]
            make("mean", [(element, image, *left[2:])], (element, [1, 32], *result[2:]), axes=[1, 2], keep_dims=False)
            size = [int(n) for n in random.integers(1, 12, 2)]
            flags = {"align_corners": index % 3 == 1, "half_pixel_centers": index % 3 == 2}
            image, resized = [1, 6, 5, 3], [1, *size, 3]
            make("resize_bilinear", [(element, image, *left[2:])], (element, resized, *left[2:]), size=size, **flags)
            for name in ("maximum", "minimum"):
                make(name, [left, (element, shape, *left[2:])], left)
            if element == "i8":
                for name in ("exp", "abs"):
                    make(name, [left], result)
                for name in ("log", "rsqrt"):
                    make(name, [(element, shape, left[2], -128)], result)
    return made


def main() -> None:
    results, kept = {}, cases(4)
    for case in kept:
        for profile, resolver in RESOLVERS.items():
            results[f"{case.number}.{profile}"] = Model(case).run(case.arrays(), resolver)
    FOLDER.mkdir(exist_ok=True)
    lines = ",\n ".join(json.dumps(case) for case in kept)
    (FOLDER / "litert.json").write_text(f"[{lines}]\n")
    np.savez_compressed(FOLDER / "litert.npz", **results)


if __name__ == "__main__":
    main()
