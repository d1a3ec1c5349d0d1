"""`python -m tests.onnx.report`: runs all node cases of the installed onnx, and writes docs/onnx_coverage.md.

Takes about a minute on two processors. `--page` writes the page from what was recorded last.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from . import recorded
from .node_cases import AGREES, CRASHED, DISAGREES, NO_TENSORS, UNCONVERTED, UNIMPORTED, Outcome, load_cases
from .workers import examine_all

PAGE = Path(__file__).resolve().parents[2] / "docs" / "onnx_coverage.md"

_HEAD = """\
# ONNX: operator by operator

The onnx package ships {cases} cases of single operators with inputs and expected outputs (`onnx.backend.test`, node
cases; version {version}). Each is imported by TVM's front end with NIR's rewrites, converted to NIR, run by the
interpreter under the profile `tvm`, and compared with the outputs in the case: integers for equality, floats within
the case's own tolerances. `python -m tests.onnx.report` writes this page; `tests/onnx/test_node_cases.py` holds a
sample of the cases, and all that disagree, to it.

A case is tried as it is, with every input at run time, and where that does not convert, with all inputs but the first
as constants: axes, shapes, scales, weights.

| cases | as they are | with constants | together |
|---|---:|---:|---:|
"""


def page(version: str, outcomes: Sequence[Outcome]) -> str:
    """The text of the page."""
    parts = [_HEAD.format(cases=len(outcomes), version=version), _totals(outcomes)]
    parts.append("\n## Results that differ\n\n| case | difference | reason |\n|---|---|---|\n")
    for o in outcomes:
        if o.outcome == DISAGREES:
            parts.append(f"| `{o.name}` | {_cell(o.detail)} | {recorded.EXPLANATIONS.get(o.name, 'not explained')} |\n")
    parts.append("\n## Not imported\n\nOperators that neither TVM nor a rewrite reads, and other reasons.\n\n")
    parts.append(_reasons(outcomes, UNIMPORTED))
    parts.append(
        "\n## Imported, but not converted\n\nOperators and element types that NIR does not have, or not so.\n\n"
    )
    parts.append(_reasons(outcomes, UNCONVERTED))
    parts.append("\n## By operator\n\nOperators of which no case is about tensors are left out.\n\n")
    parts.append(_by_operator(outcomes))
    return "".join(parts)


def _totals(outcomes: Sequence[Outcome]) -> str:
    rows: list[tuple[str, Callable[[Outcome], bool]]] = [
        ("about tensors", lambda o: o.outcome != NO_TENSORS),
        ("TVM imports", lambda o: o.outcome in (AGREES, DISAGREES, UNCONVERTED)),
        ("convert to NIR", lambda o: o.outcome in (AGREES, DISAGREES)),
        ("agree", lambda o: o.outcome == AGREES),
        ("crash TVM", lambda o: o.outcome == CRASHED),
    ]
    lines = []
    for title, counts in rows:
        plain = sum(counts(o) and not o.bound for o in outcomes)
        bound = sum(counts(o) and o.bound for o in outcomes)
        lines.append(f"| {title} | {plain} | {bound} | {plain + bound} |\n")
    share = agreement(outcomes)
    return "".join(lines) + f"\n{share:.1%} of the cases that convert agree.\n"


def agreement(outcomes: Sequence[Outcome]) -> float:
    """Which part of the cases that convert agrees."""
    counted = Counter(o.outcome for o in outcomes)
    return counted[AGREES] / (counted[AGREES] + counted[DISAGREES])


def _reasons(outcomes: Sequence[Outcome], outcome: str) -> str:
    found: dict[str, list[str]] = defaultdict(list)
    for o in outcomes:
        if o.outcome == outcome:
            found[_general(o.detail)].append(o.name)
    lines = ["| cases | reason | for example |\n|---:|---|---|\n"]
    for reason, names in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        lines.append(f"| {len(names)} | {_cell(reason)} | `{names[0]}` |\n")
    return "".join(lines)


def _general(detail: str) -> str:
    """A reason without the names of one case."""
    detail = re.sub(r" \(and \d+ more\)", "", detail)
    detail = re.sub(r"^parameter %\S+: ", "", detail)
    detail = detail.replace("TVM's reader of ONNX cannot import <memory>: ", "TVM: ")
    return re.sub(r"'(lv|gv)\d*'|\(made from \w+\)|tensor<\S+>", "...", detail)[:120]


def _by_operator(outcomes: Sequence[Outcome]) -> str:
    by_operator: dict[str, Counter[str]] = defaultdict(Counter)
    for o in outcomes:
        by_operator[o.operator.removesuffix(" (several)").lower()][o.outcome] += 1
    names = {o.operator.lower(): o.operator for o in outcomes if not o.operator.endswith("(several)")}
    lines = ["| operator | cases | imported | converted | agree |\n|---|---:|---:|---:|---:|\n"]
    for key, counts in sorted(by_operator.items()):
        total = sum(counts.values()) - counts[NO_TENSORS]
        if total:
            converted = counts[AGREES] + counts[DISAGREES]
            imported = converted + counts[UNCONVERTED]
            lines.append(f"| {names.get(key, key)} | {total} | {imported} | {converted} | {counts[AGREES]} |\n")
    return "".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def main(arguments: list[str]) -> None:
    """Records all cases and writes the page."""
    if "--page" not in arguments:
        recorded.write(importlib.metadata.version("onnx"), examine_all(load_cases()))
    version, outcomes = recorded.read()
    PAGE.write_text(page(version, outcomes), "utf-8")
    unexplained = [o.name for o in outcomes if o.outcome == DISAGREES and o.name not in recorded.EXPLANATIONS]
    print(f"{PAGE}: {agreement(outcomes):.1%} agree", *unexplained, sep="\n  not explained: ")


if __name__ == "__main__":
    main(sys.argv[1:])
