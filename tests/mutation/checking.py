"""What becomes of one fault: which test catches it, and after how many examples the fuzzer does."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from tests.mutation.copies import Copy
from tests.mutation.fault import Fault

PYTEST = (
    *("-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-rfE", "-p", "no:cacheprovider"),
    *("-p", "tests.mutation.unshrunk", "--hypothesis-profile=unshrunk"),
)
WIDER = ("tests", "--ignore=tests/mutation")
"""Every test; what is tried where the fault's own selections pass."""

SEEDS = 4
"""How often the fuzzer begins anew where what it found fails without the fault too."""

LIMIT = 600.0
"""Seconds for one selection: a fault may make a test run for ever."""

_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?(?:\[.*?\])?)(?: - .*)?$", re.MULTILINE)
_TURN = re.compile(r"^fuzz: turn (.*)$", re.MULTILINE)
_KEY = re.compile(r"^fuzz: key (.*)$", re.MULTILINE)
_EXAMPLES = re.compile(r"^fuzz: (caught|passed) (\d+) (.*)$", re.MULTILINE)


@dataclass
class Verdict:
    """What was found out about a fault. `test` is the one that failed, None where none did; `fuzz` the comparison that
    differed after `examples` drawn programs, None where none did; what was not tried has no seconds.
    """

    fault: str
    test: str | None = None
    test_seconds: float | None = None
    wide: bool = False
    fuzz: str | None = None
    examples: int = 0
    fuzz_seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run_tests(copy: Copy, fault: Fault, verdict: Verdict, *, wider: bool) -> None:
    """Runs the fault's tests, and where they pass every test; enters the first that fails."""
    verdict.test, verdict.test_seconds, verdict.wide = None, 0.0, False
    for selection in [fault.tests, *([WIDER] if wider else [])]:
        with copy.with_fault(fault):
            outcome = copy.run([*PYTEST, *selection], LIMIT)
        verdict.test_seconds += outcome.seconds
        verdict.wide = selection is WIDER
        if outcome.status == 0:
            continue
        found = _FAILED.search(outcome.output)
        if outcome.status is None:
            verdict.test = f"no end within {LIMIT:.0f} s: {' '.join(selection)}"
        elif found is None:
            verdict.test = f"pytest fails: {outcome.output.strip().splitlines()[-1][:100]}"
        else:
            verdict.test = found[1]
            _confirm(copy, fault, found[1])
        return


def _confirm(copy: Copy, fault: Fault, test: str) -> None:
    """Raises `RuntimeError` where a test fails without the fault as well."""
    outcome = copy.run([*PYTEST, test.split(" ")[0] if "[" not in test else test], LIMIT)
    if outcome.status != 0:
        raise RuntimeError(f"{fault.name}: {test} fails without the fault too:\n{outcome.output[-2000:]}")


def run_fuzzer(copy: Copy, fault: Fault, verdict: Verdict, seconds: float) -> None:
    """Asks the fuzzer's oracles for that many seconds at most; enters the first that finds what is not there without."""
    verdict.fuzz, verdict.examples, verdict.fuzz_seconds = None, 0, 0.0
    for seed in range(SEEDS):
        folder = str(copy.root / "build" / f"failures-{fault.name}-{seed}")
        operators = ["--operators", *fault.operators] if fault.operators else []
        arguments = [str(seconds), folder, *fault.fuzz, *operators, "--seed", str(seed), "--skip", *copy.known]
        with copy.with_fault(fault):
            outcome = copy.run(["-m", "tests.mutation.fuzzing", *arguments], 4 * seconds + 60)
        verdict.fuzz_seconds += outcome.seconds
        found = _EXAMPLES.search(outcome.output)
        if found is None:
            last = (outcome.output.strip().splitlines() or [""])[-1]
            verdict.fuzz = "it hangs" if outcome.status is None else f"it stops: {last[:100]}"
            return
        verdict.examples += int(found[2])
        turn = _TURN.search(outcome.output)
        if turn is None:
            return
        again = [str(seconds), folder, found[3], *operators, "--seed", str(seed), "--turn", turn[1]]
        if "fuzz: passed" in copy.run(["-m", "tests.mutation.fuzzing", *again], LIMIT).output:
            verdict.fuzz = found[3]
            return
        copy.known.add(_KEY.findall(outcome.output)[-1])
