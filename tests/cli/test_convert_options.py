"""`nir convert` and `nir relay upgrade`: the layout that is kept, the version that a text does not say, where it goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import nir
from nir.cli import run_command

POOLED = """#[version = "0.0.5"]
def @main(%x: Tensor[(1, 3, 4, 6), float32]) {
  %0 = nn.max_pool2d(%x, pool_size=[2, 2], strides=[2, 2]);
  nn.relu(%0)
}
"""
PRODUCT = """#[version = "0.0.5"]
def @main(%x: Tensor[(2, 3, 4), float32], %y: Tensor[(2, 5, 4), float32]) { nn.batch_matmul(%x, %y) }
"""
"""Up to TVM 0.7 the second operand was always transposed."""


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pooled.relay").write_text(POOLED)
    (tmp_path / "old.relay").write_text(PRODUCT)
    return tmp_path


def operators(path: Path) -> list[str]:
    return [op.name for op in nir.load(path).main]


def test_images_become_nhwc_unless_they_are_kept(relay: Path) -> None:
    assert run_command(["convert", "pooled.relay"]) == 0
    assert operators(relay / "pooled.nir") == ["transpose", "max_pool_2d", "transpose"]
    assert run_command(["convert", "pooled.relay", "--keep-layout"]) == 0
    assert operators(relay / "pooled.nir") == ["max_pool_2d"]


def test_the_version_decides_about_defaults(relay: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["convert", "old.relay", "--tvm-version", "0.7"]) == 0
    (result,) = nir.load(relay / "old.nir").main.result_types
    assert result.shape == (2, 3, 5)
    assert run_command(["convert", "old.relay", "--tvm-version", "1.0"]) == 1
    assert "1.0" in capsys.readouterr().err


def test_upgrade_takes_the_version_too(relay: Path) -> None:
    pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")
    assert run_command(["relay", "upgrade", "old.relay", "-o", "old.py", "--tvm-version", "0.7"]) == 0
    assert "(2, 3, 5)" in (relay / "old.py").read_text()


def test_other_formats_have_no_version_of_this_kind(relay: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (relay / "model.py").write_text("import tvm\n# from tvm.script import ir as I\n@I.ir_module\nclass Module: pass\n")
    assert run_command(["convert", "model.py", "--tvm-version", "0.7"]) == 1
    assert "only for Relay" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_written_to_and_stays(relay: Path) -> None:
    os.mkfifo("pipe")
    with open(os.open("pipe", os.O_RDONLY | os.O_NONBLOCK), "rb") as reading:
        assert run_command(["convert", "pooled.relay", "-o", "pipe"]) == 0
        assert [op.name for op in nir.parse(reading.read().decode()).main] == ["transpose", "max_pool_2d", "transpose"]
    assert (relay / "pipe").is_fifo()
