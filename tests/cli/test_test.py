"""`nir test`: what it prints, its status, and that no file can make it fail otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from nir.cli import run_command

RIGHT = "// test: check\nfunc @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  return %x\n}\n// expect:\n// ok\n"
WRONG = RIGHT.replace("return %x", "return %y")


def test_a_folder_of_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "right.nir").write_text(RIGHT)
    assert run_command(["test", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "1 files, 1 passed, 0 failed\n"
    (tmp_path / "wrong.nir").write_text(WRONG)
    assert run_command(["test", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "wrong.nir: FAILED" in out
    assert "%y" in out
    assert out.endswith("2 files, 1 passed, 1 failed\n")


def test_update_makes_it_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.nir"
    path.write_text(WRONG)
    assert run_command(["test", "--update", str(path)]) == 0
    assert "error: " in path.read_text()
    assert run_command(["test", "--quiet", str(path)]) == 0
    assert f"updated {path}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no test",
        b"// test: bake\n",
        b"// test: pass bake\n" + RIGHT.partition("\n")[2].encode(),
        b"// test: check\n\xff\xfe\n// expect:\n// \xff",
        b"// test: run\n" + RIGHT.partition("\n")[2].encode() + b"// run: (" + b"[" * 100000 + b")\n",
        RIGHT.replace("check", "run").replace("// expect:\n// ok\n", "// run: (1, 2)\n").encode(),
        RIGHT.replace("check", "run").replace("// expect:\n// ok\n", '// run: (["a"])\n').encode(),
        RIGHT.replace("check", "run").replace("// expect:\n// ok\n", "// run: @other(1)\n").encode(),
        RIGHT.replace("check", "run").replace("// expect:\n// ok\n", "// run: ([1e999])\n// gives: [1]\n").encode(),
    ],
)
def test_broken_files_are_failures(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.nir").write_bytes(content)
    (tmp_path / "right.nir").write_text(RIGHT)
    assert run_command(["test", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "2 files, 1 passed, 1 failed" in captured.out
    assert "Traceback" not in captured.out + captured.err


def test_places_without_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["test", str(tmp_path / "nowhere")]) == 1
    assert run_command(["test", str(tmp_path)]) == 1
    assert run_command(["test"]) == 2
    assert "no .nir file" in capsys.readouterr().err


PASSES = """
def rename(module):
    for op in module.main.operations:
        op.results[0].name = "renamed"

def fail(module):
    raise KeyError("x")
"""

NAMED = "// test: pass rename\nfunc @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %a = relu(%x) : tensor<4xf32>\n  return %a\n}\n"


def test_passes_of_a_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "passes_of_mine.py").write_text(PASSES)
    path = tmp_path / "named.nir"
    path.write_text(NAMED)
    assert run_command(["test", "--passes", "passes_of_mine", "--update", str(path)]) == 0
    assert "//   %renamed = relu(%x)" in path.read_text()
    path.write_text(NAMED.replace("rename", "fail"))
    assert run_command(["test", "--passes", "passes_of_mine", str(path)]) == 1
    assert "KeyError" in capsys.readouterr().out
    assert run_command(["test", "--passes", "nothing_there", str(path)]) == 1
