"""The command line against hostile names and broken files of arrays: what reaches the terminal, and what memory is for."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nir.cli import run_command

NASTY = '"[/bold] e\\u{1b}[31m\\n\\u{202e}<b>"'
SHOWN = "%[/bold] e\\u{1b}[31m\\n\\u{202e}<b>"
MODULE = f"""nir 1.0

func @main(%{NASTY}: tensor<4xu8>) -> tensor<4xu8> {{
  %y = relu(%{NASTY}) : tensor<4xu8>
  return %y
}}
"""
MODULE = MODULE.replace("tensor<4xu8>", "tensor<4xf32>")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a module whose parameter has a name made to harm terminals."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    Path("model.nir").write_text(MODULE)
    return "model.nir"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "model.nir", "--seed", "1", "--trace"],
        ["run", "model.nir"],
        ["run", "model.nir", "--inputs", "other.npz"],
        ["diff", "model.nir", "other.nir"],
        ["diff", "model.nir", "other.nir", "--seed", "1"],
    ],
)
def test_names_reach_the_terminal_as_escapes(
    model: str, arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    np.savez("other.npz", x=np.zeros(4, np.float32))
    Path("other.nir").write_text(MODULE.replace(f"relu(%{NASTY})", f"add(%{NASTY}, %{NASTY})"))
    run_command(arguments)
    told = "".join(capfd.readouterr())
    assert "internal error" not in told
    assert not set("\x1b\u202e") & set(told)
    assert SHOWN in told or "operation 0" in told


def test_tables_in_a_file_are_not_cut_off(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    kind = "tensor<4xu8, scale=0.0078125, zero_point=128>"
    name = "%a_rather_long_name_of_a_value/which/fills/half/a/terminal/by/itself"
    Path(model).write_text(MODULE.replace("tensor<4xf32>", kind).replace("%" + NASTY, f'%"{name[1:]}"'))
    assert run_command(["run", model, "--seed", "1", "--trace"]) == 0
    row = next(line for line in capfd.readouterr().out.splitlines() if line.startswith(name))
    assert kind in row


def test_a_negative_seed_is_refused(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", model, "--seed", "-1"]) == 1
    assert "error: the seed is negative" in capfd.readouterr().err


def test_parameters_beyond_memory_are_refused(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    for shape in ("100000x100000x100000", "4294967296x4294967296x4294967296", "4294967296x4294967296x0"):
        Path(model).write_text(MODULE.replace("tensor<4xf32>", f"tensor<{shape}xf32>"))
        assert run_command(["run", model, "--seed", "1"]) == 1
        assert "there is not enough memory for parameter" in capfd.readouterr().err


def _member(shape: object, data: bytes = b"", descr: str = "|u1") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})  # type: ignore[dict-item]
    return file.getvalue() + data


@pytest.mark.parametrize(
    ("member", "found"),
    [
        (_member((1 << 40,)), "the header tells of more elements than there are"),
        (_member((1 << 62, 1 << 62)), "the header tells of more elements than there are"),
        (_member((-4,), bytes(4)), "negative dimensions"),
        (_member((2,), b"\x80\x04N.", "|O"), "pickled objects"),
        (b"hello", "magic string"),
        (b"\x93NUMPY\x01\x00\x05\x00[[[[\n", "eader"),
        (b"", "magic string"),
    ],
)
def test_broken_members_of_an_archive_are_named(
    model: str, member: bytes, found: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile("in.npz", "w") as archive:
        archive.writestr("x.npy", member)
    assert run_command(["run", model, "--inputs", "in.npz"]) == 1
    told = capfd.readouterr().err
    assert "in.npz: not an .npz file of plain arrays\n  found: member 'x.npy': " in told
    assert found in told


def test_diff_refuses_what_does_not_go_together(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    np.savez("in.npz", x=np.zeros(4, np.float32))
    for arguments in (
        ["-", "-"],
        ["in.npz", model],
        ["in.npz", "in.npz", "--seed", "1"],
        ["in.npz", "--right-profile", "relay"],
        [model, model, "--steps", "1"],
        [model, model, "--right-profile", "relay"],
    ):
        assert run_command(["diff", *arguments]) == 2, arguments
        assert "Error: " in capfd.readouterr().err
    assert run_command(["diff", "in.npz", "in.npz", "--steps", "1"]) == 0


def test_fmt_marks_a_missing_line_end(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path(model).write_bytes(b"nir 1.0")
    assert run_command(["fmt", "--diff", model]) == 1
    assert capfd.readouterr().out.endswith("-nir 1.0\n\\ No newline at end of file\n+nir 1.0\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_terminal_cannot_show_is_escaped(model: str, encoding: str) -> None:
    Path("\udcff.nir").write_text('func @main(%"名前": tensor<4xf32>) -> () {\n  return\n}\n')
    ended = subprocess.run(
        [sys.executable, "-m", "nir.cli", "fmt", "--diff", "\udcff.nir"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert ended.returncode == 1
    assert ended.stderr == b""
    assert ended.stdout.startswith(b"--- \\udcff.nir\n")


def test_narrow_terminals_get_every_character(
    model: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    kind = "tensor<4xu8, scale=0.0078125, zero_point=128>"
    Path(model).write_text(MODULE.replace("tensor<4xf32>", kind))
    assert run_command(["run", model, "--seed", "1", "--trace"]) == 0
    assert "\N{HORIZONTAL ELLIPSIS}" not in capfd.readouterr().out


def test_arrays_beyond_all_addresses_are_a_lack_of_memory(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    for times in (1 << 40, (1 << 63) - 1):
        text = MODULE.replace("relu(", "tile(").replace(
            ") : tensor<4xf32>", f") {{multiples = [{times}]}} : tensor<?xf32>"
        )
        Path(model).write_text(text.replace("-> tensor<4xf32>", "-> tensor<?xf32>"))
        assert run_command(["run", model, "--seed", "1"]) == 1
        assert "there is not enough memory" in capfd.readouterr().err
