"""TensorFlow Lite files that NIR writes: what stands in them, and that LiteRT computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nir
import nir.tflite
from examples.networks import int8_module, nir_module
from nir.errors import ConvertError, NirError
from nir.interp import Interpreter, random_inputs
from nir.ir import Module, tensor
from nir.ops.builder import Builder

tflite = pytest.importorskip("tflite")


def read(module: Module):
    return tflite.Model.GetRootAsModel(nir.tflite.to_bytes(module), 0)


def convolution(**fields) -> Module:
    b = Builder("main")
    x = b.parameter("x", tensor((1, 6, 7, 2), "i8", scale=0.5, zero_point=3))
    filter_type = tensor((4, 3, 3, 2), "i8", scales=[0.1, 0.2, 0.3, 0.4], axis=0)
    weights = b.const(np.arange(72).reshape(4, 3, 3, 2) - 36, filter_type)
    bias = b.const(np.arange(4), tensor((4,), "i32", scales=[0.05, 0.1, 0.15, 0.2], axis=0))
    b.returns(b.conv_2d(x, weights, bias, element="i8", scale=2.0, zero_point=-7, **fields))
    return b.module


def test_tensors_carry_type_shape_quantisation_and_elements() -> None:
    graph = read(convolution(strides=(2, 1), activation="relu")).Subgraphs(0)
    tensors = {graph.Tensors(i).Name().decode(): graph.Tensors(i) for i in range(graph.TensorsLength())}
    x = tensors["x"]
    assert (x.Type(), list(x.ShapeAsNumpy())) == (tflite.TensorType.INT8, [1, 6, 7, 2])
    assert (x.Quantization().Scale(0), x.Quantization().ZeroPoint(0)) == (0.5, 3)
    weights = graph.Tensors(graph.Operators(0).Inputs(1))
    assert weights.Quantization().QuantizedDimension() == 0
    assert weights.Quantization().ScaleAsNumpy().tolist() == np.float32([0.1, 0.2, 0.3, 0.4]).tolist()
    result = graph.Tensors(graph.Outputs(0))
    assert list(result.ShapeAsNumpy()) == [1, 2, 5, 4]
    assert (result.Quantization().Scale(0), result.Quantization().ZeroPoint(0)) == (2.0, -7)


def test_weights_are_aligned_and_stand_in_the_file_as_they_are() -> None:
    content = nir.tflite.to_bytes(convolution())
    assert content[4:8] == b"TFL3"
    weights = (np.arange(72, dtype=np.int8) - 36).tobytes()
    assert content.count(weights) == 1
    assert content.index(weights) % 16 == 0


@pytest.mark.parametrize(
    ("padding", "codes"),
    [
        ("same", ["CONV_2D"]),
        ("valid", ["CONV_2D"]),
        ((1, 1, 1, 1), ["CONV_2D"]),
        ((0, 0, 0, 0), ["CONV_2D"]),
        ((2, 0, 1, 0), ["PAD", "CONV_2D"]),
    ],
)
def test_padding_that_no_scheme_gives_becomes_an_operator(padding, codes) -> None:
    model = read(convolution(padding=padding))
    graph = model.Subgraphs(0)
    names = {getattr(tflite.BuiltinOperator, name): name for name in ("CONV_2D", "PAD")}
    found = [
        names[model.OperatorCodes(graph.Operators(i).OpcodeIndex()).BuiltinCode()]
        for i in range(graph.OperatorsLength())
    ]
    assert found == codes


def test_what_the_format_does_not_have_is_refused_with_its_name() -> None:
    b = Builder("main")
    x = b.parameter("x", tensor((1, 4, 4, 4)))
    b.returns(b.channel_shuffle(x, groups=2))
    with pytest.raises(ConvertError, match="channel_shuffle"):
        nir.tflite.to_bytes(b.module)
    with pytest.raises(ConvertError, match="NHWC"):
        nir.tflite.to_bytes(_nchw())


@pytest.mark.parametrize(
    ("operation", "type", "result", "reason"),
    [
        ("add(%x, %x)", "tensor<2xi32, scale=0.5, zero_point=0>", None, "32-bit integers as plain numbers"),
        ("abs(%x)", "tensor<2xi8>", None, "only where they have a scale"),
        ("minimum(%x, %x)", "tensor<2xi8, scale=1.0, zero_point=0>", "2xi8, scale=0.5, zero_point=0", "one scale"),
        ("reduce_sum(%x) {axes = []}", "tensor<2xf32>", None, "over no dimension"),
        ("reduce_max(%x) {axes = [0, 1]}", "tensor<2x3xf32>", "1xf32", "gives a scalar"),
        ("transpose(%x)", "tensor<f32>", None, "scalars"),
        ("sqrt(%x)", "tensor<2xi8, scale=0.5, zero_point=0>", None, "down"),
        (
            "strided_slice(%x) {begin = [-1], end = [0], strides = [1], shrink_mask = 1}",
            "tensor<1xf32>",
            None,
            "a scalar",
        ),
        ("neg(%x)", "tensor<2xi8, scale=0.5, zero_point=127>", None, "the zero point has to be 0"),
    ],
)
def test_what_litert_would_compute_otherwise_is_refused(
    operation: str, type: str, result: str | None, reason: str
) -> None:
    """Found by `nir fuzz --against tflite`: LiteRT took these files and gave other numbers, or another shape."""
    given = type if result is None else f"tensor<{result}>"
    text = f"func @main(%x: {type}) -> {given} {{ %0 = {operation} : {given} return %0 }}"
    module = nir.parse(text)
    assert nir.check(module) == []
    with pytest.raises(ConvertError, match=reason):
        nir.tflite.to_bytes(module)


def test_a_transpose_without_a_permutation_reverses_the_dimensions() -> None:
    text = "func @main(%x: tensor<2x3xf32>) -> tensor<3x2xf32> { %0 = transpose(%x) : tensor<3x2xf32> return %0 }"
    graph = read(nir.parse(text)).Subgraphs(0)
    assert list(graph.Tensors(graph.Outputs(0)).ShapeAsNumpy()) == [3, 2]


def _nchw() -> Module:
    b = Builder("main")
    x = b.parameter("x", tensor((1, 4, 4, 4)))
    b.returns(b.max_pool_2d(x, window=(2, 2), layout="nchw"))
    return b.module


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    with pytest.raises(ConvertError):
        nir.tflite.save(_nchw(), path)
    assert path.read_bytes() == b"old"
    nir.tflite.save(convolution(), path)
    assert path.read_bytes() == nir.tflite.to_bytes(convolution())
    with pytest.raises(NirError, match="cannot be written"):
        nir.tflite.save(convolution(), tmp_path / "nowhere" / "model.tflite")
    assert [p.name for p in tmp_path.iterdir()] == ["model.tflite"]


@pytest.mark.parametrize("name", ["emotion", "mobilenet_v2", "nasnet_mobile", "mobilenet_ssd", "densenet121"])
@pytest.mark.parametrize("quantised", [False, True])
def test_litert_computes_the_same(name: str, quantised: bool) -> None:
    """LiteRT's reference kernels and the `tflite` profile give the same integers, floats to the last digits."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    size = 48 if name == "emotion" else 96
    module = int8_module(name, size) if quantised else nir_module(name, size)
    runner = interpreter.Interpreter(
        model_content=nir.tflite.to_bytes(module),
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_REF,
    )
    runner.allocate_tensors()
    inputs = random_inputs(module.main)
    runner.set_tensor(runner.get_input_details()[0]["index"], inputs["image"])
    runner.invoke()
    for found, details in zip(Interpreter(module).run(inputs).values(), runner.get_output_details(), strict=True):
        expected = runner.get_tensor(details["index"])
        if quantised:
            np.testing.assert_array_equal(found, expected)
        else:
            assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
