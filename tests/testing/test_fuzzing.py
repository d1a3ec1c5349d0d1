"""Campaigns find what is wrong, make it small, keep it once, and go on where they stopped; also on a cluster."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nir
from nir.cli import run_command
from nir.errors import NirError, ParseError
from nir.ir import Module, walk
from nir.testing.fuzzing import ORACLES, Failure, Here, Problem, Processes, Task, chosen, corpus, run_campaign
from nir.testing.fuzzing import module_oracles as own
from nir.testing.fuzzing.executors import DIED, Cluster, run_alone
from nir.testing.fuzzing.work import drawn, recheck, run_task, shrink

QUICK = (
    "round-trip",
    "hostile-text",
    "interpreter",
    "layout",
    "transposes",
    "folding",
    "dead-code",
    "partition",
    "nnapi",
)


class Planted(own.DeadCode):
    """Dead code elimination that loses every activation."""

    name = "dead-code"

    @staticmethod
    def change(module: Module) -> None:
        nir.passes.eliminate_dead_code(module)
        for op in walk(module):
            op.attributes.pop("activation", None)

    def strategy(self) -> Any:
        return nir.testing.modules(operators=["add", "mul", "tanh"], max_operators=10)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Planted:
    """The oracle of dead code with a pass that is wrong."""
    oracle = Planted()
    monkeypatch.setitem(ORACLES, "dead-code", oracle)
    return oracle


# --- finding ---


def test_a_planted_failure_is_found_made_small_and_kept_once(planted: Planted, tmp_path: Path) -> None:
    report = run_campaign([planted], examples=100, seed=2, folder=tmp_path)
    assert report.failed
    assert report.rows["dead-code"].examples == 100
    assert {key[2] for key in report.failures} <= {"add", "mul"}
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in report.files.values()}
    for key, path in report.files.items():
        module = nir.load(path)
        (op,) = walk(module)
        assert (op.name, list(op.attributes)) == (key[2], ["activation"])
        assert nir.check(module) == []
        assert f"// reproduce: nir fuzz --replay {path.name}" in path.read_text()
    again = run_campaign([planted], examples=100, seed=2, folder=tmp_path)
    assert not again.failures
    assert again.failed
    assert sorted(again.still_failing) == sorted(report.files.values())
    assert again.rows["dead-code"].known == len(report.files)


def test_what_is_put_right_is_said_to_be_fixed(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run_campaign([planted], examples=60, seed=2, folder=tmp_path)
    monkeypatch.setitem(ORACLES, "dead-code", own.DeadCode())
    report = run_campaign([own.DeadCode()], examples=10, folder=tmp_path)
    assert not report.failed
    assert sorted(report.fixed) == sorted(found.files.values())
    assert report.rows["dead-code"].fixed == len(found.files)


def test_the_same_seed_finds_the_same(planted: Planted) -> None:
    one, two = (run_campaign([planted], examples=60, seed=4, shrink_seconds=5).failures for _ in range(2))
    assert one == two
    texts = [[str(example) for example in drawn(planted.strategy(), 5, 10)] for _ in range(2)]
    assert texts[0] == texts[1]


def test_seconds_end_a_campaign() -> None:
    start = time.monotonic()
    report = run_campaign([ORACLES["hostile-text"]], seconds=0.5)
    assert time.monotonic() - start < 30
    assert report.rows["hostile-text"].examples > 0


@pytest.mark.parametrize("name", QUICK)
def test_nothing_is_wrong_with_a_few_examples(name: str) -> None:
    outcome = run_task(Task(name, 0, 15))
    assert outcome.examples == 15
    assert [failure.problem.message for failure in outcome.failures] == []


@pytest.mark.parametrize("name", ["tvm", "relay", "tflite"])
def test_nothing_is_wrong_with_a_few_examples_elsewhere(name: str) -> None:
    missing = [package for package in ORACLES[name].needs if importlib.util.find_spec(package) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    outcome = run_task(Task(name, 0, 6))
    assert [failure.problem.message for failure in outcome.failures] == []


@pytest.mark.parametrize("name", list(ORACLES))
def test_examples_are_written_and_read_back(name: str, tmp_path: Path) -> None:
    if any(importlib.util.find_spec(package) is None for package in ORACLES[name].needs):
        pytest.skip("not installed")
    oracle = ORACLES[name]
    for seed, example in enumerate(drawn(oracle.strategy(), 3, 4)):
        failure = Failure(name, seed, Problem("differs", 'odd / "name"', "line\nline"), oracle.write(example, seed))
        loaded = corpus.load(corpus.save(failure, tmp_path))
        assert dataclasses.replace(loaded, problem=failure.problem) == failure
        assert loaded.key == failure.key
        assert oracle.write(oracle.read(loaded.text), seed) == failure.text


def test_a_failure_that_cannot_be_made_smaller_stays() -> None:
    failure = Failure("round-trip", 0, Problem("differs", "x", "y"), "this is no module")
    assert shrink(failure, 1) == failure
    with pytest.raises(NirError):
        recheck(failure)


# --- processes that die ---


def test_an_example_that_kills_its_process_is_a_failure() -> None:
    """The tests' modules cannot be imported by other processes, so the oracle is planted with -c."""
    code = (
        "import os, signal, sys\n"
        "from nir.testing.fuzzing import executors, work, module_oracles as own\n"
        "own.HostileText.examine = lambda self, example, seed: os.kill(os.getpid(), signal.SIGKILL)\n"
        "import multiprocessing\n"
        "multiprocessing.get_context = lambda method: context\n"
        "context = multiprocessing.context.ForkContext()\n"
        "outcome = executors.run_alone(work.Task('hostile-text', 0, 3))\n"
        "print(outcome.failures[0].problem.kind, len(outcome.failures), bool(outcome.failures[0].text))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == f"{DIED} 1 True\n", done.stderr


def test_processes_do_the_same_work() -> None:
    executor = Processes(2)
    try:
        report = run_campaign([ORACLES["hostile-text"], ORACLES["dead-code"]], examples=20, executor=executor)
    finally:
        executor.shutdown()
    assert {row.oracle: row.examples for row in report.rows.values()} == {"hostile-text": 20, "dead-code": 20}
    assert not report.failed


def test_a_task_alone_is_a_task() -> None:
    alone, here = run_alone(Task("hostile-text", 1, 5)), Here().submit(run_task, Task("hostile-text", 1, 5)).result()
    assert (alone.examples, alone.failures) == (here.examples, here.failures)


# --- a cluster ---


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers, each a process."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as started:
        yield started


def test_a_killed_worker_loses_nothing(cluster: Any) -> None:
    executor = Cluster(cluster.scheduler_address)
    killed: list[int] = []

    def kill_once(report: Any) -> None:
        if not killed:
            processes = executor.client.run(os.getpid)
            killed.append(next(iter(processes.values())))
            os.kill(killed[0], signal.SIGKILL)

    try:
        report = run_campaign(
            [ORACLES["round-trip"], ORACLES["dead-code"]], examples=60, executor=executor, progress=kill_once
        )
    finally:
        executor.shutdown()
    assert killed
    assert {row.oracle: row.examples for row in report.rows.values()} == {"round-trip": 60, "dead-code": 60}
    assert not report.failed


def test_the_command_line_takes_a_scheduler(cluster: Any, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["fuzz", "--against", "hostile-text", "--examples", "20", "--scheduler", cluster.scheduler_address]
    assert run_command(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:2] == ["hostile-text", "20"]


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "distributed" else find(name))
    assert run_command(["fuzz", "--scheduler", "tcp://127.0.0.1:1"]) == 1
    assert "neuron-ir[dask]" in capsys.readouterr().err


# --- the command line ---


def test_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "failures"
    assert run_command(["fuzz", "--against", "hostile-text", "--examples", "10", "--corpus", str(folder)]) == 0
    out = capsys.readouterr().out
    assert out.split("\n")[0].split() == ["oracle", "examples", "examples/s", "new", "known", "fixed"]
    assert run_command(["fuzz", "--list"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name} " in listed for name in ORACLES)
    assert run_command(["fuzz", "--against", "round-tripp"]) == 1
    assert "did you mean 'round-trip'?" in capsys.readouterr().err
    assert run_command(["fuzz", "--against", ","]) == 1


def test_replaying(planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    report = run_campaign([planted], examples=60, seed=2, folder=tmp_path)
    path = next(iter(report.files.values()))
    assert run_command(["fuzz", "--replay", str(path)]) == 1
    assert "still fails: dead-code, differs" in capsys.readouterr().out
    monkeypatch.setitem(ORACLES, "dead-code", own.DeadCode())
    assert run_command(["fuzz", "--replay", str(path)]) == 0
    assert "fixed" in capsys.readouterr().out


def test_files_that_are_no_failures(tmp_path: Path) -> None:
    for content in (b"", b"nir 1.0\n", b"// oracle: tvm\n// seed: x\n// ---\n", b"\xff\xfe", b"// seed: 1\n// ---\n"):
        path = tmp_path / "file.nir"
        path.write_bytes(content)
        with pytest.raises(ParseError):
            corpus.load(path)
    assert corpus.load_all(tmp_path) == {}
    assert corpus.load_all(tmp_path / "nowhere") == {}
    with pytest.raises(ParseError):
        corpus.load(tmp_path / "nowhere.nir")


def test_choosing_oracles() -> None:
    assert [oracle.name for oracle in chosen(["layout", "round-trip", "layout"])] == ["layout", "round-trip"]
    assert {oracle.name for oracle in chosen(None)} >= set(QUICK)
    assert all(oracle.summary() for oracle in ORACLES.values())
