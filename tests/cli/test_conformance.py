"""`nir conformance`: what it prints and writes, and with which status it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import data_path
from nnapi.samples import ADD, ADD_INPUTS, add_case, pool_case, write

import nir
from nir.cli import run_command
from nir.cli.files import read_arrays

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in a folder with a file of good cases; gives its status, standard output and error."""
    write(tmp_path / "good.jsonl.gz", [add_case(), pool_case()])
    wrong = add_case("add_wrong")
    (index,) = wrong["outputs"]
    wrong["outputs"][index][1] += 4
    write(tmp_path / "wrong.jsonl", [wrong, add_case("add_again"), refused("refused_here")])
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run_command(["conformance", *arguments])
        told = capfd.readouterr()
        assert "Traceback" not in told.err
        assert "internal error" not in told.out + told.err
        return status, told.out, told.err

    return call


def refused(name: str) -> dict[str, Any]:
    case = add_case(name)
    case["operations"][0]["op"] = "FROBNICATE"
    return case


def test_a_table_by_operator(run: Run) -> None:
    status, out, err = run("good.jsonl.gz", "--jobs", "1")
    assert (status, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["operator", "passed", "failed", "refused"]
    assert ["ADD", "1", "0", "0"] in rows
    assert ["MAX_POOL_2D", "1", "0", "0"] in rows
    assert ["all", "cases", "2", "0", "0"] in rows
    assert rows[-1][-6:] == ["2", "passed,", "0", "failed,", "0", "refused"]


def test_failures_are_told_with_the_largest_difference(run: Run) -> None:
    status, out, _ = run("wrong.jsonl", "good.jsonl.gz", "--jobs", "1")
    assert status == 1
    assert "failed: add_wrong (wrong.jsonl:1): output 3: 1 of 4 elements differ, by up to 4 steps; at [0, 1]: " in out
    assert "refused: refused_here (wrong.jsonl:3): NNAPI has no operator 'FROBNICATE'" in out
    assert out.rstrip().endswith("3 passed, 1 failed, 1 refused")


def test_results_are_the_same_however_many_processes_there_are(run: Run) -> None:
    for jobs in ("1", "2"):
        assert run(".", "--jobs", jobs, "--json", f"{jobs}.json")[0] == 1
    assert Path("1.json").read_text() == Path("2.json").read_text()
    found = json.loads(Path("1.json").read_text())
    assert found["cases"] == {"passed": 3, "failed": 1, "refused": 1}
    assert [result["name"] for result in found["results"]][:2] == ["add_here", "pool_here"]
    (failed,) = (result for result in found["results"] if result["status"] == "failed")
    assert (failed["largest_difference"], failed["unit"], failed["location"]) == (4.0, "steps", "wrong.jsonl:1")


@pytest.mark.parametrize(
    ("wanted", "names"),
    [("pool", 1), ("POOL_here", 1), ("add", 3), ("max_pool_2d", 1), ("*_again", 1), ("a*", 3)],
)
def test_cases_are_chosen_by_name_or_operator(run: Run, wanted: str, names: int) -> None:
    run(".", "--filter", wanted, "--jobs", "1", "--json", "out.json")
    assert len(json.loads(Path("out.json").read_text())["results"]) == names


def test_no_case_is_an_error(run: Run) -> None:
    status, _, err = run(".", "--filter", "nothing", "--jobs", "1")
    assert status == 1
    assert "error: there is no such case" in err


@pytest.mark.parametrize(
    "arguments", [(), (".", "--jobs", "0"), (".", "--profile", "tflit"), (".", "--jobs", "x"), (".", "--frob")]
)
def test_wrong_usage_is_status_2(run: Run, arguments: tuple[str, ...]) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "Usage: nir conformance" in err


def test_damaged_files_and_unwritable_ones_are_status_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl.gz").write_bytes((tmp_path / "good.jsonl.gz").read_bytes()[:-50])
    for jobs in ("1", "2"):
        status, _, err = run("bad.jsonl.gz", "--jobs", jobs)
        assert status == 1
        assert "error: bad.jsonl.gz:" in err
    assert "missing.jsonl:1: the file cannot be read" in run("missing.jsonl")[2]
    assert run("good.jsonl.gz", "--jobs", "1", "--json", "no/such/folder.json")[0] == 1
    assert run("good.jsonl.gz", "--jobs", "1", "--emit", "good.jsonl.gz")[0] == 1


def test_an_emitted_case_is_what_it_was_made_of(run: Run) -> None:
    assert run("good.jsonl.gz", "--jobs", "2", "--emit", "out/cases")[0] == 0
    assert nir.same(nir.load("out/cases/add_here.nir"), nir.parse(ADD))
    inputs = read_arrays("out/cases/add_here.inputs.npz")
    assert [array.tolist() for array in inputs.values()] == [array.tolist() for array in ADD_INPUTS]


def test_what_must_be_rejected_is_emitted_for_the_other_commands_to_reject(run: Run, tmp_path: Path) -> None:
    case = pool_case("bad_window", expect_failure=True)
    operation = case["operations"][0]
    case["operands"][operation["outputs"][0]]["dims"] = [1, 2, 7, 1]
    assert run(str(write(tmp_path / "bad.jsonl", [case])), "--jobs", "1", "--emit", "out")[0] == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["bad_window.inputs.npz", "bad_window.nir"]
    assert run_command(["run", "out/bad_window.nir", "--inputs", "out/bad_window.inputs.npz"]) == 1


def reproduce(folder: Path, stem: str) -> str:
    """Runs an emitted case by `nir run` and compares by `nir diff`; gives what that says."""
    out = folder / f"{stem}.out.npz"
    words = [str(folder / f"{stem}.nir"), "--inputs", str(folder / f"{stem}.inputs.npz"), "--outputs", str(out)]
    assert run_command(["run", *words]) == 0
    expected = read_arrays(str(folder / f"{stem}.expected.npz"))
    assert expected, "nothing is expected"
    found = read_arrays(str(out))
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_allclose(
            found[name].astype(float), array.astype(float), rtol=1e-5, atol=1.0 if array.dtype.kind in "iu" else 1e-5
        )
    return stem


def test_nir_run_reproduces_emitted_cases(run: Run, tmp_path: Path) -> None:
    assert run("good.jsonl.gz", "--jobs", "1", "--emit", "out")[0] == 0
    for stem in ("add_here", "pool_here"):
        reproduce(tmp_path / "out", stem)


@pytest.mark.parametrize("wanted", ["add_quant8", "while_fib", "conv_quant8_large", "lstm3", "topk"])
def test_nir_run_reproduces_recorded_cases(run: Run, tmp_path: Path, wanted: str) -> None:
    status, _, _ = run(str(data_path("nnapi")), "--filter", wanted, "--jobs", "1", "--emit", "out")
    assert status == 0
    stems = sorted(path.stem for path in (tmp_path / "out").glob("*.nir"))[:4]
    assert stems
    for stem in stems:
        if "float16" not in stem and "relaxed" not in stem:
            reproduce(tmp_path / "out", stem)


def test_the_program_itself_with_processes(tmp_path: Path) -> None:
    path = write(tmp_path / "cases.jsonl", [add_case(f"case_{i}") for i in range(40)])
    command = [sys.executable, "-m", "nir.cli", "conformance", str(path), "--jobs", "2"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.rstrip().endswith("40 passed, 0 failed, 0 refused")
