"""Loading models: every format gives the same network; what is wrong with a file is told, and never as a traceback."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nir
from nir.errors import ConvertError, NirError, ParseError

onnx = pytest.importorskip("onnx")
tvm = pytest.importorskip("tvm")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

WEIGHTS = np.linspace(-1, 1, 3 * 3 * 3 * 4, dtype=np.float32).reshape(4, 3, 3, 3)
IMAGE = np.random.default_rng(0).standard_normal((1, 3, 8, 8), dtype=np.float32)


def onnx_model(shape=(1, 3, 8, 8), nodes=None, **weights) -> onnx.ModelProto:
    nodes = nodes or [
        helper.make_node("Conv", ["image/in:0", "w"], ["c"], auto_pad="SAME_UPPER", name="conv"),
        helper.make_node("Clip", ["c", "low", "high"], ["y"]),
    ]
    known = {"w": WEIGHTS, "low": np.array(0, "float32"), "high": np.array(6, "float32"), **weights}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image/in:0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in known.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def run(module) -> np.ndarray:
    return next(iter(nir.run(module, [IMAGE]).values()))


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return run(nir.tvm.convert(onnx_model()))


def test_onnx_in_all_its_ways(expected, tmp_path: Path) -> None:
    model = onnx_model()
    (tmp_path / "model.dat").write_bytes(model.SerializeToString())
    onnx.save(onnx_model(), tmp_path / "apart.onnx", save_as_external_data=True, location="w.bin", size_threshold=16)
    for source in (model, model.SerializeToString(), tmp_path / "model.dat", tmp_path / "apart.onnx"):
        loaded = nir.tvm.load_model(source)
        assert (loaded.format, loaded.outputs) == ("ONNX", ("y",))
        assert [str(one) for one in loaded.inputs] == ["image/in:0: 1x3x8x8 float32"]
        assert np.array_equal(run(nir.tvm.convert(source)), expected)
    assert expected.min() == 0 < expected.max() <= 6


def test_relax_in_all_its_ways(expected, tmp_path: Path) -> None:
    module = nir.tvm.load_model(onnx_model()).module
    (tmp_path / "m.json").write_text(tvm.ir.save_json(module))
    (tmp_path / "m.py").write_text(module.script(show_meta=True))
    for source in (module, tmp_path / "m.json", tmp_path / "m.py"):
        assert np.array_equal(run(nir.tvm.convert(source)), expected)


def test_weights_are_bound_by_name(expected, tmp_path: Path) -> None:
    text = (
        "from tvm.script import ir as I, relax as R\n@I.ir_module\nclass Module:\n    @R.function\n"
        "    def main(x: R.Tensor(('n', 4), 'float32'), w: R.Tensor((4, 2), 'float32')):\n"
        "        with R.dataflow():\n            y = R.matmul(x, w)\n            R.output(y)\n        return y\n"
    )
    weights = np.arange(8, dtype=np.float32).reshape(4, 2)
    loaded = nir.tvm.load_model(text.encode(), params={"w": weights}, shapes={"x": (3, 4)})
    assert [str(one) for one in loaded.inputs] == ["x: 3x4 float32"]
    x = np.ones((3, 4), np.float32)
    assert np.array_equal(next(iter(nir.run(nir.tvm.convert(loaded.module), [x]).values())), x @ weights)
    for params, word in (({"v": weights}, "did you mean|no parameter"), ({"w": weights[:2]}, "does not fit")):
        with pytest.raises(ConvertError, match=word):
            nir.tvm.load_model(text.encode(), params=params, shapes={"x": (3, 4)})
    with pytest.raises(ConvertError, match="weights with it"):
        nir.tvm.load_model(onnx_model(), params={"w": weights})


def test_open_dimensions_of_onnx(expected) -> None:
    model = onnx_model(shape=("batch", 3, None, 8))
    with pytest.raises(ConvertError, match="--shape image/in:0=1,3,1,8"):
        nir.tvm.load_model(model)
    with pytest.raises(ConvertError, match="did you mean 'image/in:0'"):
        nir.tvm.load_model(model, shapes={"image/in": (1, 3, 8, 8)})
    assert np.array_equal(run(nir.tvm.convert(model, shapes={"image/in:0": (1, 3, 8, 8)})), expected)


@pytest.mark.parametrize(
    ("nodes", "word"),
    [
        ([helper.make_node("Mystery", ["image/in:0"], ["y"], domain="own")], "own.Mystery"),
        ([helper.make_node("Relu", ["none"], ["y"])], "nothing gives"),
        ([helper.make_node("Relu", ["y"], ["y"])], "its own result"),
        ([helper.make_node("Relu", ["image/in:0"], ["z"])], "nothing gives the output 'y'"),
        ([helper.make_node("Conv", ["image/in:0", "low"], ["y"])], "cannot import"),
        ([helper.make_node("Reshape", ["image/in:0", "low"], ["y"])], "error"),
    ],
)
def test_what_is_wrong_with_a_graph_is_told(nodes, word: str) -> None:
    with pytest.raises(NirError, match=word):
        nir.tvm.convert(onnx_model(nodes=nodes))


def test_files_that_are_cut_or_changed_end_in_errors() -> None:
    good = onnx_model().SerializeToString()
    rng = random.Random(0)
    for _ in range(150):
        content = bytearray(good[: rng.choice([len(good), rng.randrange(len(good))])])
        for _ in range(rng.choice([1, 3])):
            if content:
                content[rng.randrange(min(len(content), 250))] = rng.randrange(256)
        with contextlib.suppress(NirError):
            nir.tvm.convert(bytes(content))


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be forked")
def test_json_on_which_tvm_crashes_is_told() -> None:
    text = tvm.ir.save_json(nir.tvm.load_model(onnx_model()).module)
    crashes = 0
    rng = random.Random(1)
    digits = [index for index, letter in enumerate(text) if letter.isdigit()]
    for _ in range(40):
        changed = list(text)
        for _ in range(2):
            changed[rng.choice(digits)] = str(rng.randrange(10))
        try:
            nir.tvm.load_model("".join(changed).encode())
        except ParseError as error:
            crashes += "crashes" in str(error)
        except NirError:
            pass
    assert crashes > 0


def test_what_is_missing_is_named() -> None:
    program = (
        "import sys\nsys.modules['{package}'] = None\nimport nir.tvm\n"
        "try: nir.tvm.load_model({source})\nexcept nir.errors.NirError as error: print(error)"
    )
    for package, source, extra in (
        ("onnx", 'b"\\x08\\x08\\x12\\x07pytorch"', "neuron-ir[onnx]"),
        ("tflite", 'b"0000TFL3"', "neuron-ir[tflite]"),
        ("tvm", 'b"@I.ir_module"', "neuron-ir[tvm]"),
    ):
        code = program.format(package=package, source=source)
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert extra in result.stdout


def test_the_command_converts(tmp_path: Path, expected) -> None:
    onnx.save(onnx_model(shape=("n", 3, 8, 8)), tmp_path / "model.onnx")
    command = [sys.executable, "-m", "nir.cli", "convert", "model.onnx"]
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode == 1
    assert "hint: --shape image/in:0=1,3,8,8" in failed.stderr
    assert "Traceback" not in failed.stderr
    command += ["--shape", "image/in:0=1,3,8,8"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("model.nir\nmodel.safetensors\n", "")
    assert np.array_equal(run(nir.load(tmp_path / "model.nir")), expected)
    subprocess.run([*command, "-o", "model.relay"], cwd=tmp_path, check=True, capture_output=True)
    assert np.array_equal(run(nir.tvm.convert(tmp_path / "model.relay")), expected)
