"""Plants the faults one after the other, and writes docs/mutation.md.

python -m tests.mutation [--faults NAME ...] [--wider] [--no-fuzz | --no-tests]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutation.checking import Verdict, run_fuzzer, run_tests
from tests.mutation.copies import REPOSITORY, Copy, throw_away_copy
from tests.mutation.fault import Fault
from tests.mutation.faults import FAULTS
from tests.mutation.table import load_verdicts, page, save_verdicts

FUZZ_SECONDS = 30.0


def main(arguments: list[str] | None = None) -> int:
    """Runs the check; the status is 1 where a fault was not caught by any test."""
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.splitlines()[0])
    parser.add_argument("--faults", nargs="+", choices=names, default=names, metavar="NAME", help="these alone")
    parser.add_argument("--wider", action="store_true", help="run every test where a fault's own selections pass")
    parser.add_argument("--no-tests", action="store_true", help="run the fuzzer alone")
    parser.add_argument("--no-fuzz", action="store_true", help="run the tests alone")
    parser.add_argument("--fuzz-seconds", type=float, default=FUZZ_SECONDS, metavar="S", help="for each fault")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many copies work at a time")
    parser.add_argument("--results", type=Path, default=REPOSITORY / "build" / "mutation.json", metavar="FILE")
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "mutation.md", metavar="FILE")
    options = parser.parse_args(arguments)
    verdicts = load_verdicts(options.results)
    chosen = [fault for fault in FAULTS if fault.name in options.faults]
    _check_all(chosen, verdicts, options)
    if all(name in verdicts for name in names):
        options.page.write_text(page(FAULTS, verdicts, options.fuzz_seconds), encoding="utf-8")
    return int(not options.no_tests and any(verdicts[fault.name].test is None for fault in chosen))


def _check_all(faults: list[Fault], verdicts: dict[str, Verdict], options: argparse.Namespace) -> None:
    copies: SimpleQueue[Copy] = SimpleQueue()

    def check(fault: Fault) -> None:
        copy = copies.get()
        try:
            _check(copy, fault, verdicts.setdefault(fault.name, Verdict(fault.name)), options)
        finally:
            copies.put(copy)
        save_verdicts(options.results, verdicts)

    with contextlib.ExitStack() as stack:
        for _ in range(options.jobs):
            copies.put(stack.enter_context(throw_away_copy()))
        list(stack.enter_context(ThreadPoolExecutor(options.jobs)).map(check, faults))


def _check(copy: Copy, fault: Fault, verdict: Verdict, options: argparse.Namespace) -> None:
    if not options.no_tests:
        run_tests(copy, fault, verdict, wider=options.wider)
        print(f"{fault.name}: {verdict.test or 'NO TEST'} ({verdict.test_seconds:.0f} s)", flush=True)
    if not options.no_fuzz:
        run_fuzzer(copy, fault, verdict, options.fuzz_seconds)
        found = f"{verdict.fuzz or 'NOT SEEN'} after {verdict.examples} examples"
        print(f"{fault.name}: fuzzer: {found} ({verdict.fuzz_seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
