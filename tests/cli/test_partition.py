"""`nir partition` and `nir targets`: tables, files, and failures in plain words."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

import nir
from nir.cli import run_command
from nir.cli.target_page import page
from nir.targets import TARGETS
from nir.verify import verify

MODEL = """nir 1.0

func @main(%x: tensor<1x8x8x4xu8, scale=0.5, zero_point=128>) -> tensor<1x8x8x4xf32> {
  %w = const dense<1> : tensor<4x1x1x4xi8, scale=0.25, zero_point=0>
  %0 = conv_2d(%x, %w) : tensor<1x8x8x4xu8, scale=1, zero_point=3>
  %1 = dequantize(%0) : tensor<1x8x8x4xf32>
  %2 = elu(%1) : tensor<1x8x8x4xf32>
  %3 = foreign "tf.Cumsum"(%2) : tensor<1x8x8x4xf32>
  %4 = relu(%3) : tensor<1x8x8x4xf32>
  return %4
}
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "model.nir"
    path.write_text(MODEL, "utf-8")
    return str(path)


def test_partition_tells_of_regions_and_of_what_stays_outside(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["partition", model, "--targets", "apu,cpu"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[:3] for line in out.splitlines() if line.startswith("@")] == [
        ["@nir_0", "apu", "2"],
        ["@nir_1", "cpu", "1"],
        ["@nir_2", "apu", "1"],
    ]
    assert "1 tf.Cumsum" in out
    assert "apu: not-foreign: NIR knows what the operator does, but found: tf.Cumsum" in out
    assert out.splitlines()[-1] == "3 regions, 4 of 5 operators, 100.0 % of multiply-accumulates"


def test_partition_writes_files(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "split"
    assert run_command(["partition", model, "-o", str(folder), "--no-picture"]) == 0
    names = [Path(line).name for line in capsys.readouterr().out.splitlines() if line.startswith(str(folder))]
    assert names == ["partitioned.nir", "nir_0.nir", "nir_1.nir", "report.json"]
    whole = nir.load(folder / "partitioned.nir")
    for name in names[:-1]:
        verify(nir.load(folder / name))
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert report["targets"] == ["apu"]
    assert [region["name"] for region in report["regions"]] == list(whole.functions)[1:]
    assert [each["operator"] for each in report["outside"]] == ["elu", "tf.Cumsum"]
    assert report["regions"][0]["operators"] == {"conv_2d": 1, "dequantize": 1}
    assert nir.passes.inline_regions(whole)["main"].operations[-1].name == "relu"


def test_the_picture_says_why_an_operator_is_outside(model: str, tmp_path: Path) -> None:
    folder = tmp_path / "split"
    assert run_command(["partition", model, "-o", str(folder)]) == 0
    (picture,) = folder.glob("partition.[sd][vo][gt]")
    assert "not-foreign: NIR knows" in html.unescape(picture.read_text("utf-8"))


def test_partition_gives_up_small_regions(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["partition", model, "--minimum-operators", "2"]) == 0
    out = capsys.readouterr().out
    assert "region-too-small" in out
    assert out.splitlines()[-1].startswith("1 region, 2 of 5 operators")


def test_partition_converts_other_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.relay"
    path.write_text('#[version = "0.0.5"]\ndef @main(%x: Tensor[(2, 3), float32]) { cumsum(nn.relu(%x), axis=1) }\n')
    assert run_command(["partition", str(path)]) == 0
    assert "1 relay.cumsum" in capsys.readouterr().out


def test_partition_is_told_shapes_that_a_model_leaves_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("tvm")
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 3]) for name in "xy"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "graph", ends[:1], ends[1:])
    opsets = [onnx.helper.make_opsetid("", 17)]
    path = str(tmp_path / "model.onnx")
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    assert run_command(["partition", path]) == 1
    assert "--shape x=1,3" in capsys.readouterr().err
    assert run_command(["partition", path, "--shape", "x=2,3"]) == 0
    assert "1 of 1 operators" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--targets", "apuu"], 1, "did you mean 'apu'"),
        (["--targets", ","], 2, "no target; there are apu"),
        (["--targets", "apu,apu"], 1, "named twice"),
        (["--minimum-macs", "-1"], 1, "are not negative"),
        (["--minimum-macs", "many"], 2, "not a valid integer"),
    ],
)
def test_wrong_options_are_told(
    model: str, options: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["partition", model, *options]) == status
    assert message in capsys.readouterr().err


def test_a_broken_module_is_told(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(model).write_text(MODEL.replace("%1 = dequantize(%0)", "%1 = dequantize(%4)"), "utf-8")
    assert run_command(["partition", model]) == 1
    assert "error: " in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["partition", model, "-o", model]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_targets_are_listed_and_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["targets"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in TARGETS)
    assert run_command(["targets", "mtk-litert"]) == 0
    assert "square-steps" in capsys.readouterr().out
    assert run_command(["targets", "nope"]) == 1


def test_the_page_of_targets_is_fresh(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    is_fresh = (repository / "docs" / "targets.md").read_text("utf-8") == page()
    assert is_fresh, "docs/targets.md is stale: run `make docs` and read the difference"
    assert run_command(["targets", "--markdown"]) == 0
    assert capsys.readouterr().out == page()
