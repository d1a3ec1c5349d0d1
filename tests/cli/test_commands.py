"""Every command on small files: what it prints, what it writes, and with which status it ends."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nir
from nir.cli import run_command
from nir.cli.files import write_bytes
from nir.errors import NirError

MODULE = """nir 1.0

// Adds and bounds.
func @main(%x: tensor<2x3xi8, scale=0.5, zero_point=0>, %"y:0": tensor<3xi8, scale=0.5, zero_point=0>)
    -> tensor<2x3xi8, scale=0.25, zero_point=-3> {
  %sum = add(%x, %"y:0") {activation = relu6} : tensor<2x3xi8, scale=0.25, zero_point=-3>
  return %sum
}
"""
X = np.array([[1, 2, 3], [-4, -5, 100]], np.int8)
Y = np.array([1, 0, -1], np.int8)
SUM = np.array([[1, 1, 1], [-3, -3, 21]], np.int8)
"""clamp((x + y) / 2, 0, 6) * 4 - 3, worked out by hand."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a good file, a bad one, and inputs."""
    (tmp_path / "good.nir").write_text(MODULE)
    (tmp_path / "bad.nir").write_text(MODULE.replace("add(", "ad(").replace("relu6", "relu7"))
    (tmp_path / "ill.nir").write_text(MODULE.replace("return %sum", "return %x"))
    np.savez(tmp_path / "in.npz", **{"x": X, "y:0": Y})
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str]):
    """Runs a command line; gives its status, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run_command(list(arguments))
        told = capfd.readouterr()
        assert "Traceback" not in told.err
        assert "internal error" not in told.err
        return status, told.out, told.err

    return call


def piped(*arguments: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "nir.cli", *arguments], input=given, capture_output=True, check=False)


# --- check ---


def test_check_says_ok(run) -> None:
    assert run("check", "good.nir") == (0, "good.nir: ok, 1 function, 1 operation\n", "")
    assert run("check", "--quiet", "good.nir") == (0, "", "")


def test_check_tells_of_every_bad_file(run) -> None:
    status, out, err = run("check", "bad.nir", "good.nir", "ill.nir", "missing.nir")
    assert status == 1
    assert out == "good.nir: ok, 1 function, 1 operation\n"
    assert "bad.nir:6:10: error:" in err
    assert "ill.nir:7:10: error:" in err
    assert "missing.nir" in err


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"nir 1.0\nfunc", b"(" * 100_000, b"\x00" * 1000])
def test_check_survives_any_file(run, folder: Path, content: bytes) -> None:
    (folder / "odd.nir").write_bytes(content)
    status, _, err = run("check", "odd.nir")
    assert status == 1
    assert "odd.nir" in err


def test_check_reads_standard_input() -> None:
    assert piped("check", "-", given=MODULE.encode()).returncode == 0
    result = piped("check", "-", given=b"func @f(")
    assert result.returncode == 1
    assert result.stderr.startswith(b"<stdin>:1:")


# --- files ---


def test_a_file_is_written_whole_or_not_at_all(folder: Path) -> None:
    (folder / "old").write_text("old")
    with pytest.raises(NirError, match="cannot be written"):
        write_bytes(str(folder / "missing" / "new"), b"new")
    with pytest.raises(NirError, match="cannot be written"):
        write_bytes("zero\0byte", b"new")
    (folder / "link").symlink_to("old")
    write_bytes("link", b"new")
    assert (folder / "old").read_text() == "new"
    assert (folder / "link").is_symlink()
    write_bytes("/dev/null", b"new")
    assert not Path("/dev/null").is_file()
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


# --- fmt ---


def test_fmt_rewrites_in_place_and_is_idempotent(run, folder: Path) -> None:
    ugly = MODULE.replace("\n  ", "\n      ").replace(" = add", "   =   add")
    (folder / "ugly.nir").write_text(ugly)
    os.chmod(folder / "ugly.nir", 0o640)
    assert run("fmt", "--check", "ugly.nir") == (1, "", "would reformat ugly.nir\n")
    status, out, _ = run("fmt", "--diff", "ugly.nir")
    assert status == 1
    assert "+  %sum = add(" in out
    assert (folder / "ugly.nir").read_text() == ugly
    assert run("fmt", "ugly.nir") == (0, "", "reformatted ugly.nir\n")
    assert (folder / "ugly.nir").read_text() == MODULE
    assert stat.S_IMODE((folder / "ugly.nir").stat().st_mode) == 0o640
    assert run("fmt", "ugly.nir") == (0, "", "")
    assert run("fmt", "--check", "ugly.nir") == (0, "", "")


def test_fmt_leaves_a_bad_file_alone_and_goes_on(run, folder: Path) -> None:
    before = (folder / "bad.nir").read_bytes()
    (folder / "ugly.nir").write_text(MODULE.replace("  return", "return"))
    status, _, err = run("fmt", "bad.nir", "ugly.nir")
    assert status == 1
    assert "bad.nir:6:" in err
    assert (folder / "bad.nir").read_bytes() == before
    assert (folder / "ugly.nir").read_text() == MODULE


def test_fmt_needs_no_weights() -> None:
    text = b'nir 1.0\nweights "away.safetensors"\nfunc @f()->tensor<2xf32>{%w=const @w:tensor<2xf32> return %w}'
    result = piped("fmt", "-", given=text)
    assert result.returncode == 0
    assert b"%w = const @w : tensor<2xf32>\n" in result.stdout


# --- run ---


def test_run_computes_from_file_to_file(run, folder: Path) -> None:
    status, out, _ = run("run", "good.nir", "--inputs", "in.npz", "--outputs", "out.npz")
    assert status == 0
    assert out.split()[:2] == ["output", "type"]
    with np.load(folder / "out.npz") as outputs:
        assert outputs.files == ["output_0"]
        assert outputs["output_0"].dtype == np.int8
        assert outputs["output_0"].tolist() == SUM.tolist()


def test_run_draws_inputs_from_a_seed(run, folder: Path) -> None:
    for name, seed in (("a.npz", "1"), ("b.npz", "1"), ("c.npz", "2")):
        assert run("run", "good.nir", "--seed", seed, "--outputs", name)[0] == 0
    arrays = [np.load(folder / name)["output_0"].tolist() for name in ("a.npz", "b.npz", "c.npz")]
    assert arrays[0] == arrays[1] != arrays[2]


def test_run_traces_every_value(run) -> None:
    status, out, _ = run("run", "good.nir", "--inputs", "in.npz", "--trace")
    assert status == 0
    for name in ("%x", "%y:0", "%sum", "output_0"):
        assert any(line.split()[:1] == [name] for line in out.splitlines()), name


def test_run_reads_and_writes_pipes(folder: Path) -> None:
    result = piped("run", "-", "--inputs", "in.npz", "--outputs", "-", given=MODULE.encode())
    assert result.returncode == 0
    assert np.load(io.BytesIO(result.stdout))["output_0"].tolist() == SUM.tolist()
    assert b"output_0" in result.stderr


def test_run_without_inputs_is_wrong_usage(run) -> None:
    status, _, err = run("run", "good.nir")
    assert status == 2
    assert "%x, %y:0" in err
    assert run("run", "good.nir", "--inputs", "in.npz", "--seed", "1")[0] == 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X}, "there is no input for parameter '%y:0'"),
        ({"x": X, "y:0": Y, "z": Y}, "has no parameter '%z'"),
        ({"x": X.astype(np.float32), "y:0": Y}, "the input for parameter '%x' of @main does not fit"),
        ({"x": X.astype(object), "y:0": Y}, "not an .npz file of plain arrays"),
    ],
)
def test_run_explains_wrong_inputs(run, folder: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(folder / "wrong.npz", **arrays)
    status, _, err = run("run", "good.nir", "--inputs", "wrong.npz", "--outputs", "out.npz")
    assert status == 1
    assert message in err
    assert not (folder / "out.npz").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x93NUMPY\x01\x00\xff\xff", b"text"])
def test_run_survives_any_input_file(run, folder: Path, content: bytes) -> None:
    (folder / "odd.npz").write_bytes(content)
    status, _, err = run("run", "good.nir", "--inputs", "odd.npz")
    assert status == 1
    assert "odd.npz: not an .npz file" in err


def test_run_refuses_an_ill_formed_module(run) -> None:
    status, _, err = run("run", "ill.nir", "--inputs", "in.npz")
    assert status == 1
    assert "ill.nir:7:10" in err


# --- diff ---


def test_diff_compares_modules_by_structure(run, folder: Path) -> None:
    (folder / "renamed.nir").write_text(MODULE.replace("%sum", "%total"))
    assert run("diff", "good.nir", "renamed.nir") == (0, "no difference\n", "")
    (folder / "other.nir").write_text(MODULE.replace("relu6", "relu1"))
    status, out, _ = run("diff", "good.nir", "other.nir")
    assert status == 1
    assert "operation 0 (%sum = add), attribute activation" in out


def test_diff_finds_the_first_value_that_differs(run, folder: Path) -> None:
    (folder / "other.nir").write_text(MODULE.replace("relu6", "relu1"))
    status, out, _ = run("diff", "good.nir", "other.nir", "--inputs", "in.npz")
    assert status == 1
    assert "%sum = add in @main" in out
    assert run("diff", "good.nir", "good.nir", "--seed", "3")[0] == 0


def test_diff_runs_one_file_under_two_profiles(run) -> None:
    status, out, _ = run("diff", "good.nir", "--inputs", "in.npz", "--profile", "tflite", "--right-profile", "xnnpack")
    assert status in (0, 1)
    assert out.startswith("tflite against xnnpack: ")
    assert run("diff", "good.nir")[0] == 2
    assert run("diff", "good.nir", "good.nir", "--right-profile", "tvm")[0] == 2
    assert run("diff", "good.nir", "good.nir", "--inputs", "in.npz", "--seed", "1")[0] == 2


def test_diff_compares_arrays(run, folder: Path) -> None:
    np.savez(folder / "left.npz", a=np.array([1, 2, 3]), b=np.array([0.5]), c=np.array([1]))
    np.savez(folder / "right.npz", a=np.array([1, 2, 5]), b=np.array([0.5], np.float32), d=np.array([1]))
    status, out, _ = run("diff", "left.npz", "right.npz")
    assert status == 1
    assert out.splitlines() == [
        "a: 1 of 3 elements, by up to 2 steps; at [2]: 3 and 5",
        "b: float64[1] on the left, float32[1] on the right",
        "c: only in left.npz",
        "d: only in right.npz",
    ]
    np.savez(folder / "near.npz", a=np.array([1, 2, 4]), b=np.array([0.5]), c=np.array([1]))
    assert run("diff", "left.npz", "near.npz", "--steps", "1") == (
        1,
        "b: elements of type float64 cannot be compared\n",
        "",
    )
    for name, last in (("left", 3), ("near", 4)):
        np.savez(folder / f"{name}.npz", a=np.array([1, 2, last]), b=np.array([0.5], np.float16), c=np.array([True]))
    assert run("diff", "left.npz", "near.npz", "--steps", "1") == (0, "no difference in 3 arrays\n", "")


# --- draw ---


@pytest.mark.parametrize(("name", "start"), [("p.svg", b"<?xml"), ("p.png", b"\x89PNG"), ("p.dot", b"digraph")])
def test_draw_chooses_the_format_by_name(run, folder: Path, name: str, start: bytes) -> None:
    pytest.importorskip("pygraphviz")
    assert run("draw", "good.nir", "-o", name) == (0, f"{name}\n", "")
    assert (folder / name).read_bytes().startswith(start)


def test_draw_defaults_to_svg_beside_the_file(run, folder: Path) -> None:
    pytest.importorskip("pygraphviz")
    assert run("draw", "good.nir")[:2] == (0, "good.svg\n")
    assert (folder / "good.svg").exists()


def test_draw_writes_to_pipes_and_refuses_other_formats(run) -> None:
    assert piped("draw", "-", "--format", "dot", "-o", "-", given=MODULE.encode()).stdout.startswith(b"digraph")
    assert run("draw", "good.nir", "-o", "p.bmp")[0] == 2
    status, _, err = run("draw", "good.nir", "--function", "other", "--format", "dot")
    assert status == 1
    assert "there is no function @other" in err


# --- convert ---

RELAY = """#[version = "0.0.5"]
def @main(%x: Tensor[(1, 4), float32], %w: Tensor[(3, 4), float32]) {
  %0 = nn.dense(%x, %w, units=None);
  nn.relu(%0)
}
"""


def test_convert_writes_text_and_weights(run, folder: Path) -> None:
    weights = np.linspace(-1, 1, 120, dtype=np.float32).reshape(30, 4)
    (folder / "model.relay").write_text(RELAY.replace("(3, 4)", "(30, 4)"))
    (folder / "model.params").write_bytes(nir.relay.write_params({"w": weights}))
    status, out, _ = run("convert", "model.relay", "--params", "model.params")
    assert (status, out) == (0, "model.nir\nmodel.safetensors\n")
    assert (folder / "model.safetensors").stat().st_mode == (folder / "model.nir").stat().st_mode
    module = nir.load("model.nir")
    x = np.array([[1, -2, 3, -4]], np.float32)
    np.testing.assert_allclose(nir.run(module, [x])["output_0"], np.maximum(x @ weights.T, 0), rtol=1e-6)


def test_convert_can_print(run, folder: Path) -> None:
    (folder / "model.relay").write_text(RELAY)
    status, out, _ = run("convert", "model.relay", "-o", "-")
    assert status == 0
    assert nir.format_text(out) == out
    assert sorted(path.name for path in folder.glob("model.*")) == ["model.relay"]


def test_convert_to_a_pipe_has_all_weights_inline(run, folder: Path) -> None:
    (folder / "model.relay").write_text(RELAY)
    (folder / "model.params").write_bytes(nir.relay.write_params({"w": np.ones((3, 4), np.float32)}))
    status, out, _ = run("convert", "model.relay", "--params", "model.params", "-o", "-")
    assert status == 0
    assert nir.check(nir.parse(out)) == []


def test_convert_explains_what_it_cannot(run, folder: Path) -> None:
    (folder / "odd.relay").write_text(RELAY.replace("nn.relu", "nn.mystery"))
    status, _, err = run("convert", "odd.relay")
    assert status == 1
    assert "nn.mystery" in err
    assert not (folder / "odd.nir").exists()


# --- ops ---


def test_ops_lists_and_describes(run) -> None:
    status, out, _ = run("ops")
    assert status == 0
    assert "conv_2d" in out
    status, out, _ = run("ops", "conv_2d", "add")
    assert status == 0
    assert "strides" in out
    assert "C1" in out


def test_ops_corrects_a_near_miss(run) -> None:
    status, _, err = run("ops", "conv2d")
    assert status == 1
    assert "did you mean 'conv_2d'?" in err
