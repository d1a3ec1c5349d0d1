"""docs/mutation.md: the table of faults, and who catches each. What was found out is kept in build/mutation.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.mutation.checking import Verdict
from tests.mutation.fault import Fault
from tests.mutation.faults import UNSEEN_BEFORE

_INTRODUCTION = """\
# Mutation check

A test suite is as good as the faults that it notices. `python -m tests.mutation` plants {count} small faults, one after
the other, in a throw-away copy of the repository, and runs the tests of that part there, and the oracles of `nir fuzz`. This
page is what it wrote; the table of faults is in `tests/mutation/`.

**The tests catch {tested} of {count}. The fuzzer, given at most {seconds:.0f} seconds each, catches {fuzzed}.** A test that fails is
run once more without the fault, and has to pass; so is the program that the fuzzer finds. Three of four programs are drawn
from the operators that the fault is about. Which tests come first stands with the fault, so the test that is named is one that
catches it, not the only one; with `--wider` all others are run where those pass.

"""

_BLIND = """
## Where the tests were blind

With {count} of the faults the tests of the same part passed, until the tests that the table names were written; whether one
elsewhere would have noticed was not tried: {names}.
"""


def load_verdicts(path: Path) -> dict[str, Verdict]:
    """What earlier runs found out, by fault; empty where there were none."""
    if not path.is_file():
        return {}
    return {entry["fault"]: Verdict(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))}


def save_verdicts(path: Path, verdicts: Mapping[str, Verdict]) -> None:
    """Writes what was found out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([verdict.as_dict() for verdict in verdicts.values()], indent=1), encoding="utf-8")


def page(faults: Sequence[Fault], verdicts: Mapping[str, Verdict], seconds: float) -> str:
    """The page, in Markdown."""
    known = [verdicts[fault.name] for fault in faults]
    tested = sum(verdict.test is not None for verdict in known)
    fuzzed = sum(verdict.fuzz is not None for verdict in known)
    head = _INTRODUCTION.format(count=len(faults), tested=tested, fuzzed=fuzzed, seconds=seconds)
    lines = ["| fault | what is wrong | caught by the test | s | caught by the fuzzer |", "|---|---|---|---|---|"]
    lines += [_row(fault, verdicts[fault.name]) for fault in faults]
    blind = _BLIND.format(count=len(UNSEEN_BEFORE), names=", ".join(f"`{name}`" for name in UNSEEN_BEFORE))
    unseen = [
        f"* `{fault.name}`: {fault.unseen or 'too few programs were drawn in that time'}."
        for fault in faults
        if verdicts[fault.name].fuzz is None
    ]
    behind = "\n## What the fuzzer does not see\n\n" + "\n".join(unseen) + "\n" if unseen else ""
    return head + "\n".join(lines) + "\n" + blind + behind


def _row(fault: Fault, verdict: Verdict) -> str:
    test = "**no test**" if verdict.test is None else f"`{_short(verdict.test)}`"
    fuzz = f"no ({verdict.examples} examples)"
    if verdict.fuzz is not None:
        fuzz = f"{verdict.fuzz}, after {verdict.examples} examples" if verdict.examples else verdict.fuzz
    wrong = f"`{fault.file}`: {fault.wrong}"
    return f"| `{fault.name}` | {wrong} | {test} | {verdict.test_seconds or 0:.0f} | {fuzz} |".replace("||", "| |")


def _short(test: str) -> str:
    """A test's name without long parameters, fit for a cell."""
    name = test.removeprefix("tests/").replace("|", "/")
    return name if len(name) <= 90 else name[:87] + "..."
