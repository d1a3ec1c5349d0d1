"""The operator cases of the onnx package: imported, converted, run and compared; a sample of them, by what is recorded."""

from __future__ import annotations

import importlib.metadata

import pytest

from . import recorded
from .node_cases import CRASHED, DISAGREES, NO_TENSORS, OUTCOMES, load_cases
from .report import PAGE, agreement, page
from .workers import examine_all

pytest.importorskip("onnx")
pytest.importorskip("tvm")

_EVERY = 7
"""One case in so many is run."""


@pytest.fixture(scope="module")
def outcomes():
    """What becomes of the sample now."""
    known = {outcome.name: outcome for outcome in recorded.read()[1]}
    cases = load_cases()
    sample = [c for i, c in enumerate(cases) if i % _EVERY == 0 or c.name in recorded.EXPLANATIONS]
    if importlib.metadata.version("onnx") != recorded.read()[0]:
        sample = [case for case in sample if case.name in known]
    return examine_all([c for c in sample if c.name not in known or known[c.name].outcome != NO_TENSORS])


def test_no_case_fares_worse_than_recorded(outcomes) -> None:
    known = {outcome.name: outcome for outcome in recorded.read()[1]}
    worse = [
        (now, known[now.name])
        for now in outcomes
        if now.name in known and OUTCOMES.index(now.outcome) > OUTCOMES.index(known[now.name].outcome)
    ]
    assert worse == []
    assert len(outcomes) > 150


def test_what_converts_agrees(outcomes) -> None:
    unexplained = [o for o in outcomes if o.outcome in (DISAGREES, CRASHED) and o.name not in recorded.EXPLANATIONS]
    assert unexplained == []
    assert agreement(recorded.read()[1]) >= 0.95


def test_every_explanation_is_needed() -> None:
    differing = {outcome.name for outcome in recorded.read()[1] if outcome.outcome == DISAGREES}
    assert differing == set(recorded.EXPLANATIONS)


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == page(*recorded.read()), "run python -m tests.onnx.report"
