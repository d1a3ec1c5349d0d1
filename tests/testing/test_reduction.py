"""A reduced module still shows the failure, is never larger, is the same however it was come to, and is small."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nir
from nir.cli import run_command
from nir.errors import NirError
from nir.ir import Module, Value, walk
from nir.ops.builder import Builder
from nir.reduction import Command, NotInteresting, Progress, reduce
from nir.reduction.size import flattened_operations, size_of
from nir.testing import modules
from nir.text import parse, print_module, save
from nir.verify import check


def planted(count: int) -> Module:
    """A network of `count` operations, with one dilated convolution before a softmax in the middle."""
    choose = random.Random(0)
    build = Builder("main")
    values = [build.parameter(name, nir.tensor((1, 16, 16, 8))) for name in ("image", "other")]
    weights = build.const(np.random.default_rng(0).standard_normal((8, 3, 3, 8)).astype(np.float32))
    bias = build.const(np.full(8, 0.5, np.float32))

    def grow(x: Value, y: Value) -> Value:
        kind = choose.randrange(5)
        if kind == 0:
            return build.conv_2d(y, weights, bias, padding="same")
        if kind == 1:
            return build.max_pool_2d(y, window=(3, 3), padding="same")
        return [build.add(x, y), build.mul(x, y), build.tanh(y)][kind - 2]

    while len(values) < count:
        values.append(grow(choose.choice(values[-4:]), values[-1]))
        if len(values) == count // 2:
            bug = build.conv_2d(values[-1], weights, bias, padding="same", dilations=(2, 2), activation="relu6")
            values.append(build.softmax(bug))
    build.returns(values[-1], values[-5])
    return build.module


def dilated_before_softmax(module: Module) -> bool:
    """Whether the planted failure is there."""
    for op in walk(module):
        maker = op.operands[0].producer if op.name == "softmax" and op.operands[0] is not None else None
        if maker is not None and maker.name == "conv_2d" and maker.attributes.get("dilations") == (2, 2):
            return True
    return False


def test_a_planted_failure_among_300_operators() -> None:
    module = planted(300)
    text = print_module(module)
    asked: list[Module] = []
    told: list[Progress] = []

    def interesting(candidate: Module) -> bool:
        asked.append(candidate)
        return dilated_before_softmax(candidate)

    start = time.perf_counter()
    small = reduce(module, interesting, progress=told.append)
    assert time.perf_counter() - start < 60
    assert print_module(small) == (
        "nir 1.0\n\nfunc @main(%x: tensor<1x1x1x1xf32>) -> tensor<1x1x1x1xf32> {\n"
        "  %0 = conv_2d(%x, %x) {dilations = [2, 2]} : tensor<1x1x1x1xf32>\n"
        "  %1 = softmax(%0) : tensor<1x1x1x1xf32>\n"
        "  return %1\n}\n"
    )
    assert print_module(module) == text
    assert all(check(candidate) == [] for candidate in asked)
    assert len(asked) < 200
    assert told[0].operations > 290
    assert told[-1].operations == 2
    assert print_module(reduce(small, dilated_before_softmax)) == print_module(small)


@pytest.mark.parametrize("jobs", [2, 5])
def test_the_number_of_jobs_changes_nothing(jobs: int) -> None:
    module = planted(60)
    expected = print_module(reduce(module, dilated_before_softmax))
    assert print_module(reduce(module, dilated_before_softmax, jobs=jobs)) == expected


@settings(max_examples=30)
@given(module=modules(max_operators=8), data=st.data())
def test_results_are_interesting_valid_and_no_larger(module: Module, data: st.DataObject) -> None:
    names = sorted({op.name for op in walk(module)}) or ["const"]
    name = data.draw(st.sampled_from(names))

    def interesting(candidate: Module) -> bool:
        return any(op.name == name for op in walk(candidate))

    if not interesting(module):
        return
    small = reduce(module, interesting)
    assert interesting(small)
    assert check(small) == []
    assert size_of(small) <= size_of(module)
    assert flattened_operations(small) <= 1
    assert print_module(reduce(small, interesting)) == print_module(small)


CALLS = """func @main(%x: tensor<4xf32>, %c: tensor<1xbool>) -> tensor<4xf32> {
  %0 = call @twice(%x) : tensor<4xf32>
  %1 = if(%c, %0) {then_branch = @once, else_branch = @twice} : tensor<4xf32>
  return %1
}

func @twice(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = call @once(%x) : tensor<4xf32>
  %1 = call @once(%0) : tensor<4xf32>
  return %1
}

func @once(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tanh(%x) : tensor<4xf32>
  %1 = neg(%0) : tensor<4xf32>
  return %1
}
"""


def test_calls_are_inlined() -> None:
    small = reduce(parse(CALLS), lambda module: any(op.name == "tanh" for op in walk(module)))
    assert [op.name for op in walk(small)] == ["tanh"]
    assert list(small.functions) == ["main"]


def test_quantised_operations_become_plain_where_that_does_not_matter() -> None:
    text = """func @main(%x: tensor<4x6xu8, scale=0.37, zero_point=7>) -> tensor<4x6xu8, scale=0.11, zero_point=3> {
  %0 = const dense<5> : tensor<4x6xu8, scale=0.37, zero_point=7>
  %1 = add(%x, %0) {activation = relu} : tensor<4x6xu8, scale=0.11, zero_point=3>
  return %1
}
"""
    plain = reduce(parse(text), lambda module: any(op.name == "add" for op in walk(module)))
    assert plain.main.parameters[0].type.quantisation is None
    assert plain.main.parameters[0].type.shape in {(), (1,)}
    kept = reduce(
        parse(text), lambda m: any(op.name == "add" and op.results[0].type.quantisation is not None for op in walk(m))
    )
    assert str(kept.main.results[0].type).endswith(("u8, scale=1.0, zero_point=0>", "u8, scale=0.5, zero_point=0>"))


# --- what goes wrong ---


def test_what_is_not_interesting_is_refused() -> None:
    with pytest.raises(NotInteresting, match="not interesting"):
        reduce(parse(CALLS), lambda module: False)


def test_what_candidates_raise_means_no_but_the_module_itself_must_be_judged() -> None:
    module = parse(CALLS)

    def judge(candidate: Module) -> bool:
        if len(list(walk(candidate))) < 3:
            raise RuntimeError("too small")
        return True

    assert len(list(walk(reduce(module, judge)))) == 3
    with pytest.raises(RuntimeError, match="too small"):
        reduce(parse(print_module(reduce(module, lambda candidate: True))), judge)


def test_time_ends_a_reduction_with_the_best_so_far() -> None:
    module = planted(60)

    def slow(candidate: Module) -> bool:
        time.sleep(0.05)
        return dilated_before_softmax(candidate)

    small = reduce(module, slow, seconds=0.3)
    assert dilated_before_softmax(small)
    assert size_of(small) < size_of(module)


def test_invalid_modules_are_reduced_where_that_is_allowed() -> None:
    text = """func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tanh(%x) : tensor<4xf32>
  %1 = neg(%0) : tensor<3xf32>
  %2 = exp(%0) : tensor<4xf32>
  return %2
}
"""
    small = reduce(parse(text), lambda module: check(module) != [], invalid=True)
    assert check(small) != []
    assert len(list(walk(small))) <= 1


# --- the command line ---

JUDGE = "import sys, pathlib; sys.exit('dilations' not in pathlib.Path(sys.argv[1]).read_text())"


@pytest.fixture
def judge(tmp_path: Path) -> str:
    """A command that finds dilations interesting."""
    path = tmp_path / "judge.py"
    path.write_text(JUDGE)
    return f"{sys.executable} -S {path}"


def test_the_command_line(tmp_path: Path, judge: str, capfd: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "model.nir", tmp_path / "small.nir"
    save(planted(20), source)
    assert source.with_suffix(".safetensors").exists()
    arguments = ["reduce", str(source), "--check"]
    assert run_command([*arguments, judge, "-o", str(target), "--jobs", "2"]) == 0
    written = target.read_text()
    assert "dilations" in written
    assert [op.name for op in walk(nir.load(target)) if op.name != "const"] == ["conv_2d"]
    assert "1 operations" in capfd.readouterr().err
    assert run_command([*arguments, f"{judge} {{}}"]) == 0
    assert capfd.readouterr().out == written
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "judge.py",
        "model.nir",
        "model.safetensors",
        "small.nir",
    ]


def test_commands_that_do_not_help(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "model.nir"
    source.write_text("nir 1.0\n" + CALLS)
    for command, message in (
        ("false", "found: exit status 1"),
        ("no-such-program-anywhere", "cannot be started"),
        ("''", "cannot be started"),
        ("", "the command is empty"),
        ("'", "the command cannot be read"),
        ("sh -c 'echo why; kill -9 $$'", "killed by signal 9\n  note: it said: why"),
    ):
        assert run_command(["reduce", str(source), "--check", command]) == 1
        assert message in capfd.readouterr().err


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "still-there"
    judge = Command(f"sh -c '(sleep 1; touch {mark}) & sleep 60' {{}}", timeout=0.2)
    start = time.perf_counter()
    assert judge(parse(CALLS)) is False
    assert time.perf_counter() - start < 10
    assert judge.last == "no end after 0.2 s"
    time.sleep(1.2)
    assert not mark.exists()


def test_a_file_that_is_wrong_is_told_of(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "model.nir"
    source.write_text("nir 1.0\n" + CALLS.replace("tanh(%x)", "tanh(%y)"))
    assert run_command(["reduce", str(source), "--check", "true"]) == 1
    assert "error: " in capfd.readouterr().err
    with pytest.raises(NirError):
        Command("true 'a")
