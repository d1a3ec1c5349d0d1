"""Explanations: the steps lead to what the operator gives, and what cannot be explained is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerics_cases import MAKERS, Draw

from nir.cli import run_command
from nir.errors import RunError
from nir.interp import PROFILES, explain, get_profile, random_inputs, run
from nir.interp.operator_steps import STEPS, steps_of
from nir.text import parse

MODEL = """nir 1.0

func @main(%x: tensor<1x4x4x3xu8, scale=0.0078125, zero_point=128>) -> tensor<1x4x4x2xi8, scale=0.0078125, zero_point=0> {
  %w = const dense<[[[[12, -7, 3]]], [[[-90, 4, 127]]]]> : tensor<2x1x1x3xi8, axis=0, scales=[0.25, 0.125]>
  %conv = conv_2d(%x, %w) {activation = relu} : tensor<1x4x4x2xi8, scale=0.5, zero_point=0>
  %called = call @other(%conv) : tensor<1x4x4x2xi8, scale=0.0078125, zero_point=0>
  return %called
}

func @other(%y: tensor<1x4x4x2xi8, scale=0.5, zero_point=0>) -> tensor<1x4x4x2xi8, scale=0.0078125, zero_point=0> {
  %tanh = tanh(%y) : tensor<1x4x4x2xi8, scale=0.0078125, zero_point=0>
  return %tanh
}
"""


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", sorted(operator.name for operator in STEPS))
@settings(max_examples=6)
@given(data=st.data())
def test_the_steps_lead_to_the_result(name: str, profile: str, data: st.DataObject) -> None:
    case = MAKERS[name](Draw(data), profile, name)
    result = np.asarray(case.op.reference(get_profile(profile), *case.arrays))
    for index in list(np.ndindex(*result.shape))[:: max(result.size // 8, 1)]:
        steps = steps_of(case.op, get_profile(profile), case.arrays, index)
        assert steps is not None
        assert steps[-1] == ("result", int(result[index]))


@pytest.mark.parametrize("profile", PROFILES)
def test_results_are_those_of_a_run(profile: str) -> None:
    module = parse(MODEL)
    inputs = random_inputs(module.main, 3)
    explanation = explain(module, "%tanh", (0, 1, 2, 1), inputs, profiles=[profile], operands_profile=profile)
    expected = run(module, inputs, profile)["output_0"][0, 1, 2, 1]
    assert explanation.profiles[0].result == expected
    assert explanation.profiles[0].real == expected * 0.0078125
    assert (explanation.function, explanation.detailed) == ("other", False)


def test_every_profile_gets_the_same_operands() -> None:
    explanation = explain(parse(MODEL), "conv", (0, 0, 0, 0), seed=1)
    sums = {dict(entry.steps)["sum of products"] for entry in explanation.profiles}
    assert [entry.profile for entry in explanation.profiles] == list(PROFILES)
    assert len(sums) == 1


@pytest.mark.parametrize(
    ("value", "index", "message"),
    [
        ("con", (0, 0, 0, 0), "did you mean 'conv'"),
        ("x", (0, 0, 0, 0), "is a parameter"),
        ("called", (0, 0, 0, 0), "name a value inside @other"),
        ("conv", (0, 4, 0, 0), r"no element at \[0, 4, 0, 0\]"),
        ("conv", (0, -1, 0, 0), "no element"),
        ("conv", (0, 0), "found: 2 numbers"),
    ],
)
def test_what_cannot_be_explained(value: str, index: tuple[int, ...], message: str) -> None:
    with pytest.raises(RunError, match=message):
        explain(parse(MODEL), value, index)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.nir"
    path.write_text(MODEL)
    words = ["explain", str(path), "--value", "%conv", "--index", "0,3,2,1", "--seed", "1"]
    assert run_command([*words, "--profiles", "tflite,relay", "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)
    assert list(entry["profiles"]) == ["tflite", "relay"]
    steps = {step["label"]: step["value"] for step in entry["profiles"]["tflite"]["steps"]}
    assert steps["mantissa"] * 2.0 ** (steps["exponent"] - 31) == steps["multiplier"] == 0.0078125 * 0.125 / 0.5
    assert steps["clamped to"] == "[0, 127]"
    assert run_command(words) == 0
    shown = capsys.readouterr().out
    assert all(profile in shown for profile in PROFILES)
    assert "sum of products" in shown
    assert run_command([*words[:3], "%tanh", *words[4:]]) == 0
    assert "The steps of tanh are not shown" in capsys.readouterr().out
    assert run_command([*words[:5], "0,x"]) == 2
    assert run_command([*words, "--profiles", "tflit"]) == 1
    assert "did you mean 'tflite'?" in capsys.readouterr().err
