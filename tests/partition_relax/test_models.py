"""Partitioning models as TVM's front ends give them: TFLite files, and networks of the onnx package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tvm
from data import data_path
from test_partition_relax import check_structure

import nir.tvm
from nir.tvm.partitioning import RelaxPartition, partition_relax


def loaded(path: Path) -> tvm.IRModule:
    pytest.importorskip("tflite" if path.suffix == ".tflite" else "onnx")
    return nir.tvm.load_model(path).module


def results(module: tvm.IRModule, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    compiled = nir.tvm.compile(module)
    return [compiled.run({compiled.parameters[0].name: each})[0] for each in inputs]


@pytest.mark.parametrize(
    ("name", "regions"),
    [
        ("emotion_i8", 1),
        ("mixed_f32", 2),
        ("mixed_i8", 2),
        ("mobilenet_v2_035_96_f32", 1),
        ("mobilenet_v2_035_96_i8", 1),
    ],
)
def test_tflite_networks(name: str, regions: int) -> None:
    """As few regions as the operators that stay outside allow; the same numbers as TVM alone, integers bit for bit."""
    module = loaded(data_path("tflite", f"{name}.tflite"))
    split = partition_relax(module)
    check_structure(split)
    assert len(split.report.regions) == regions
    assert {outside.operator for outside in split.report.outside} <= {"leaky_relu"}
    recorded = np.load(data_path("tflite", f"{name}.npz"))
    inputs = [recorded["input_0"], recorded["input_1"]]
    for found, expected in zip(results(split.module, inputs), results(module, inputs), strict=True):
        if expected.dtype.kind == "f":
            assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
        else:
            np.testing.assert_array_equal(found, expected)


def light_models() -> list[str]:
    return ["squeezenet", "shufflenet", "inception_v1", "resnet50"]


def light_partition(name: str, target: str) -> RelaxPartition:
    onnx = pytest.importorskip("onnx")
    path = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"
    if not path.exists():
        pytest.skip("this version of onnx comes without its light models")
    return partition_relax(loaded(path), targets=[target])


@pytest.mark.parametrize("target", ["apu", "mtk-litert"])
@pytest.mark.parametrize("name", light_models())
def test_onnx_networks(name: str, target: str) -> None:
    """NCHW networks: most of the work is taken, also by the target that knows NHWC only."""
    split = light_partition(name, target)
    check_structure(split)
    # The plug-in does not take shufflenet's grouped convolutions, which are most of its work.
    assert split.report.offloaded_share > (0.1 if (name, target) == ("shufflenet", "mtk-litert") else 0.9)


def test_a_network_with_many_regions_runs() -> None:
    """shufflenet, of which the plug-in does not take the grouped convolutions."""
    split = light_partition("shufflenet", "mtk-litert")
    assert len(split.report.regions) > 10
    image = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    (found,), (expected,) = results(split.module, [image]), results(split.source, [image])
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
