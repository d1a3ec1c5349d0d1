"""Drawn Relay programs converted to NIR and interpreted, and converted to Relax and run on TVM: the same numbers.

A few in each run; `python -m nir.testing.relay_campaign` draws thousands. What that found is below, by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nir import relay
from nir.passes.relay_to_nir import HANDLERS
from nir.testing import RelayProgram, relay_programs
from nir.testing.relay_draft import Tensor
from nir.testing.relay_programs import FLOATING, operators_of, programs_of_steps

pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")

from nir.testing.relay_agreement import Disagreement, difference, disagreements
from nir.testing.relay_campaign import run_campaign


@pytest.mark.parametrize(
    ("examples", "options"),
    [
        (40, {"max_operators": 12}),
        (24, {"min_operators": 4, "max_operators": 12, "allow_float": False}),
        (24, {"min_operators": 4, "max_operators": 12, "allow_quantised": False}),
    ],
    ids=["mixed", "quantised", "float"],
)
def test_nir_and_tvm_compute_the_same(examples: int, options: dict[str, Any]) -> None:
    campaign = run_campaign(examples, strategy=relay_programs(**options), shrink_seconds=20)
    assert not campaign.failures, "\n\n".join(map(str, campaign.failures))
    assert campaign.examples >= examples // 2  # Hypothesis may find no more that differ


# --- programs that once failed ---

FOUND = {
    "a partial window is divided by what lies in it": (
        "%x: Tensor[(1, 3, 5, 1), float32]",
        'nn.avg_pool2d(%x, pool_size=[2, 2], strides=[2, 2], layout="NHWC", ceil_mode=True, count_include_pad=True)',
    ),
    "padding counts, what a partial window lacks does not": (
        "%x: Tensor[(1, 4, 4, 1), float32]",
        "nn.avg_pool2d(%x, pool_size=[3, 3], strides=[2, 2], padding=[1, 1, 0, 0], "
        'layout="NHWC", ceil_mode=True, count_include_pad=True)',
    ),
    "whole factors leave the rounding out": (
        "%x: Tensor[(1, 1, 3, 2), float32]",
        'image.resize2d(%x, size=[4, 6], roi=[0f, 0f, 0f, 0f], layout="NHWC", method="nearest_neighbor", '
        'coordinate_transformation_mode="asymmetric", rounding_method="round")',
    ),
    "0.1 times odd multiples of five": (
        "%x: Tensor[(1, 256), int8]",
        "qnn.leaky_relu(%x, 0.25f, -20, 0.5f, 5, alpha=0.1f)",
    ),
    "a function that a let binds is called in a branch": (
        "%c: bool, %x: Tensor[(4), float32]",
        "let %f = fn (%y: Tensor[(4), float32]) -> Tensor[(4), float32] { abs(%y) }; %0 = %f(%x); "
        "if (%c) { negative(%f(%0)) } else { %f(%x) }",
    ),
}


def program_of(parameters: str, body: str) -> RelayProgram:
    """A program of one result, whose floats may differ by a rounding or two."""
    text = f'#[version = "0.0.5"]\ndef @main({parameters}) {{ {body} }}'
    function = relay.load(text).main
    inputs = [Tensor(f"%{p.name_hint}", p.checked_type.shape, p.checked_type.dtype) for p in function.params]
    result = function.body.checked_type
    error = 1e-6 if result.dtype == "float32" else 0
    return RelayProgram(text, tuple(inputs), (Tensor("", result.shape, result.dtype, error=error),), 1, {})


@pytest.mark.parametrize("name", FOUND)
def test_programs_that_once_failed(name: str) -> None:
    assert disagreements([program_of(*FOUND[name])]) == []


# --- that the comparison compares ---


def test_a_wrong_conversion_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(HANDLERS, "negative", HANDLERS["abs"])
    (step,) = (step for step in FLOATING if "negative" in step.operators)
    strategy = programs_of_steps([step], operators=(1, 6), inputs=(1, 1), kinds=("float32",))
    lines: list[str] = []
    campaign = run_campaign(24, strategy=strategy, folder=tmp_path, progress=lines.append, shrink_seconds=20)
    assert campaign.failures
    smallest = campaign.failures[0]
    assert (smallest.stage, operators_of(smallest.program)) == ("results", ["negative"])
    assert f"{len(campaign.failures)} failures" in lines[-1]
    saved = tmp_path / "failure_0_0.relay"
    assert operators_of(RelayProgram(saved.read_text(), (), (), 1, {})) == ["negative"]
    with np.load(saved.with_suffix(".npz")) as arrays:
        assert "x0" in arrays.files


def test_every_stage_reports_what_it_cannot_do() -> None:
    bad = [
        ("%x: Tensor[(4), float32]", "atan(%x)", "relay_to_nir"),
        ("%x: Tensor[(4), float32]", "abs(%x)", None),
    ]
    found = disagreements([program_of(parameters, body) for parameters, body, _ in bad])
    assert [(failure.stage, failure.seed) for failure in found] == [("relay_to_nir", None)]
    assert "NIR has no operator for 'atan'" in str(found[0])
    assert isinstance(found[0], Disagreement)


@pytest.mark.parametrize(
    ("found", "expected", "error", "message"),
    [
        (np.float32([1, 2]), np.float32([1, 2.25]), 0.25, None),
        (np.float32([1, 2]), np.float32([1, 2.25]), 0.125, "1 of 2 differ, at (1,) NIR gives 2.0, TVM 2.25"),
        (np.float32([np.nan, np.inf]), np.float32([np.nan, np.inf]), 0, None),
        (np.float32([np.nan, 0]), np.float32([0, 0]), 9, "at (0,) NIR gives nan"),
        (np.int8([1, 2]), np.int8([1, 3]), 9, "NIR gives 2, TVM 3"),
        (np.int8([1]), np.uint8([1]), 0, "NIR gives int8(1,), TVM uint8(1,)"),
    ],
)
def test_differences(found: np.ndarray, expected: np.ndarray, error: float, message: str | None) -> None:
    made = difference(Tensor("", found.shape, found.dtype.name, error=error), found, expected)
    assert (made is None) == (message is None)
    assert message is None or message in str(made)
