"""Models that ONNX Runtime has quantised: folded into quantised operators, and compared with ONNX Runtime itself."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

import nir

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("tvm")

from folded_steps import steps_by_operator  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx_peer import run_model  # noqa: E402
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static  # noqa: E402

SHAPE = (1, 3, 16, 16)


def network() -> onnx.ModelProto:
    """Convolutions of all kinds, a shortcut, pools and a classifier."""
    rng = np.random.default_rng(0)
    weights = {"w1": (8, 3, 3, 3), "w2": (8, 1, 3, 3), "w3": (8, 8, 1, 1), "w4": (10, 8)}
    drawn = {n: rng.standard_normal(s) * np.sqrt(2 / np.prod(s[1:])) for n, s in weights.items()}
    drawn |= {f"b{n[1]}": rng.standard_normal(s[0]) * 0.1 for n, s in weights.items()}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], pads=[1, 1, 1, 1], group=8),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3", "b3"], ["c3"]),
        helper.make_node("Add", ["c3", "r1"], ["a"]),
        helper.make_node("MaxPool", ["a"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["p"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "w4", "b4"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 10))],
        [numpy_helper.from_array(array.astype("float32"), name) for name, array in drawn.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


class _Samples(CalibrationDataReader):
    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.samples = iter([{"x": rng.standard_normal(SHAPE, dtype=np.float32)} for _ in range(8)])

    def get_next(self):
        return next(self.samples, None)


KINDS = {
    "s8 per channel": (QuantType.QInt8, QuantType.QInt8, True),
    "u8": (QuantType.QUInt8, QuantType.QUInt8, False),
    "u8 with s8 weights per channel": (QuantType.QUInt8, QuantType.QInt8, True),
}


@pytest.mark.parametrize("form", list(QuantFormat), ids=lambda form: form.name)
@pytest.mark.parametrize("kind", KINDS)
def test_it_computes_what_onnx_runtime_computes(kind: str, form: QuantFormat, tmp_path: Path) -> None:
    data, weights, per_channel = KINDS[kind]
    logging.disable(logging.WARNING)  # advice to run a preprocessing step first
    try:
        quantize_static(
            network(), tmp_path / "q.onnx", _Samples(), form, per_channel=per_channel, activation_type=data,
            weight_type=weights,
        )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)
    loaded = nir.tvm.load_model(tmp_path / "q.onnx")
    folded, unfolded = (nir.passes.relax_to_nir(loaded.module, fold=fold) for fold in (True, False))
    names = [op.name for op in nir.ir.walk(folded)]
    assert (names.count("quantize"), names.count("dequantize")) == (1, 1)
    step = next(op for op in nir.ir.walk(folded) if op.name == "dequantize").operands[0].type.quantisation.scale
    differences = steps_by_operator(loaded.module, [np.ones(SHAPE, np.float32)], "xnnpack")
    assert len(differences) >= 6
    assert max(found.steps for found in differences.values()) <= 1
    for seed in range(5):
        image = np.random.default_rng(seed).standard_normal(SHAPE, dtype=np.float32)
        expected = run_model((tmp_path / "q.onnx").read_bytes(), {"x": image})[0]
        assert np.ptp(expected) > 20 * step
        for module, profile, steps in (
            (unfolded, "tvm", 0),
            (folded, "qdq", 0),
            (folded, "xnnpack", 1),
            (folded, "tflite", 2),
        ):
            found = next(iter(nir.run(module, [image], profile=profile).values()))
            assert np.abs(found - expected).max() <= (steps + 0.001) * step
