"""What became of every node case when it was last recorded, and why the results of some differ.

`python -m tests.onnx.report` runs all cases, and writes outcomes.json beside this file and docs/onnx_coverage.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from .node_cases import AGREES, Outcome

OUTCOMES_FILE = Path(__file__).with_name("outcomes.json")

EXPLANATIONS = {
    "test_attention_4d_causal_fp16": "float16: NIR rounds once per operator, from float32; the recorded values come from "
    "numpy's float16, which rounds after every step. One unit in the last place is 0.000488 here.",
    "test_attention_4d_causal_fp16_expanded": "float16, as above.",
    "test_mod_float_edge_cases_fmod_0_float16": "The remainder is composed of division, floor and product, which are not "
    "those of Python where an operand is infinite or a zero has a sign.",
    "test_mod_float_edge_cases_fmod_0_float32": "As above.",
}
"""Every case that converts and gives other values than the file says, and why."""


def read() -> tuple[str, list[Outcome]]:
    """The version of onnx whose cases these are, and the outcomes."""
    content = json.loads(OUTCOMES_FILE.read_text("utf-8"))
    return content["onnx"], [Outcome(*row) for row in content["outcomes"]]


def write(version: str, outcomes: Iterable[Outcome]) -> None:
    """Writes what `read` reads; a line per case, so that changes can be read."""
    rows = [[o.name, o.operator, o.outcome, "" if o.outcome == AGREES else o.detail, o.bound] for o in outcomes]
    lines = ",\n".join(json.dumps(row) for row in rows)
    OUTCOMES_FILE.write_text(f'{{"onnx": "{version}", "outcomes": [\n{lines}\n]}}\n', "utf-8")
