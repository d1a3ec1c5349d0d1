"""Many drawn Relay programs, compared in batches, counted, and each failure made small and saved.

python -m nir.testing.relay_campaign 2000 --seed 1 --folder failures
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

from nir.testing.relay_agreement import Disagreement, disagreements
from nir.testing.relay_draft import HALF_ULP, is_float
from nir.testing.relay_programs import RelayProgram, drawable_operators, operators_of, relay_programs


@dataclass
class Campaign:
    """What a campaign drew and found. `calls` counts operators, `programs` the programs that have them.

    `ulps` are the bounds of float results, in units in the last place of the greatest number that the result may have.
    """

    examples: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    programs: Counter[str] = field(default_factory=Counter)
    structures: set[str] = field(default_factory=set)
    sizes: list[int] = field(default_factory=list)
    ulps: list[float] = field(default_factory=list)
    failures: list[Disagreement] = field(default_factory=list)
    seconds: float = 0.0

    def take(self, program: RelayProgram) -> None:
        """Counts a program."""
        names = operators_of(program)
        self.examples += 1
        self.calls.update(names)
        self.programs.update(set(names))
        self.structures.add(re.sub(r"(?<![%\w])-?\d+(\.\d+)?f?|Tensor\[[^]]*\]", "", program.text))
        self.sizes.append(len(names))
        floats = (tensor for tensor in program.outputs if is_float(tensor) and tensor.magnitude)
        self.ulps += [tensor.error / (2 * HALF_ULP * tensor.magnitude) for tensor in floats]

    def summary(self) -> str:
        """The figures, in a few lines; operators that were never drawn are named."""
        counts = [self.calls[name] for name in drawable_operators()]
        never = sorted(name for name in drawable_operators() if name not in self.calls)
        rare = ", ".join(f"{name} {self.calls[name]}" for name in sorted(drawable_operators(), key=self._rarity)[:8])
        return "\n".join(
            [
                f"{self.examples} programs of {len(self.structures)} structures in {self.seconds:.0f} s, "
                f"{len(self.failures)} of them failed",
                f"operators per program: median {median(self.sizes or [0]):.0f}, at most {max(self.sizes or [0])}",
                f"{len(self.ulps)} float results, {self.ulps.count(0.0)} of them exact, the others within "
                f"{median([bound for bound in self.ulps if bound] or [0]):.0f} ulps (median)",
                f"{len(counts)} operators, each drawn {min(counts)} times or more, median {median(counts):.0f}; "
                f"rarest: {rare}",
                *([f"never drawn: {', '.join(never)}"] if never else []),
            ]
        )

    def _rarity(self, name: str) -> tuple[int, str]:
        return self.calls[name], name


def run_campaign(
    examples: int = 2000,
    *,
    seed: int = 0,
    batch: int = 16,
    strategy: st.SearchStrategy[RelayProgram] | None = None,
    folder: Path | None = None,
    progress: Callable[[str], object] | None = None,
    shrink_seconds: float = 60.0,
) -> Campaign:
    """Draws `examples` programs and compares both ways from Relay on them, `batch` programs to one TVM module.

    `seed` decides which programs are drawn, from `strategy` (by default `relay_programs()`). The first failure of each
    kind is made as small as `shrink_seconds` allow. Failures are saved in `folder` as Relay text with weights and
    inputs beside it. `progress` is called with a line after each batch. Raises RunError when TVM is missing.
    """
    chosen = relay_programs() if strategy is None else strategy
    started = time.perf_counter()
    campaign = Campaign()
    for programs in _batches(_drawn(chosen, seed, examples), batch):
        for program in programs:
            campaign.take(program)
        campaign.failures += disagreements(programs)
        campaign.seconds = time.perf_counter() - started
        if progress is not None:
            progress(f"{campaign.examples}/{examples} in {campaign.seconds:.0f} s, {len(campaign.failures)} failures")
    seen: set[str] = set()
    for index, failure in enumerate(campaign.failures):
        kind = _kind(failure)
        if kind not in seen and shrink_seconds > 0:
            campaign.failures[index] = smallest(failure, chosen, seed, examples, shrink_seconds)
        seen.add(kind)
        if folder is not None:
            campaign.failures[index].save(folder, f"failure_{seed}_{index}")
    return campaign


def _drawn(strategy: st.SearchStrategy[RelayProgram], seed: int, examples: int) -> list[RelayProgram]:
    """The programs that Hypothesis draws first with this seed."""
    programs: list[RelayProgram] = []
    _replay(strategy, seed, examples, (Phase.generate,), programs.append)
    return programs[:examples]


def _replay(
    strategy: st.SearchStrategy[RelayProgram],
    seed: int,
    examples: int,
    phases: tuple[Phase, ...],
    body: Callable[[RelayProgram], object],
) -> None:
    """Runs `body` on what is drawn: always the same as long as it raises nothing."""

    @hypothesis_seed(seed)
    @settings(
        max_examples=examples,
        phases=phases,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def replay(program: RelayProgram) -> None:
        body(program)

    replay()


def _batches(programs: list[RelayProgram], size: int) -> Iterator[list[RelayProgram]]:
    for start in range(0, len(programs), size):
        yield programs[start : start + size]


def _kind(failure: Disagreement) -> str:
    """What failures of one cause have in common, as far as a message tells."""
    return failure.stage + re.sub(r"[%\w]*\d+[.\w]*", "", failure.message)[:80]


class _Shown(Exception):
    """Tells Hypothesis that a program fails."""


def smallest(
    failure: Disagreement, strategy: st.SearchStrategy[RelayProgram], seed: int, examples: int, seconds: float
) -> Disagreement:
    """The smallest failure at the same stage that Hypothesis comes to from `failure`, one of those drawn with `seed`."""
    best = failure
    reached = False
    end = time.perf_counter() + seconds

    def body(program: RelayProgram) -> None:
        nonlocal best, reached
        reached = reached or program.text == failure.program.text
        if not reached or time.perf_counter() > end:
            return
        again = [found for found in disagreements([program]) if found.stage == failure.stage]
        if again:
            if program.operators <= best.program.operators:
                best = again[0]
            raise _Shown

    try:
        _replay(strategy, seed, examples, (Phase.generate, Phase.shrink), body)
    except Exception:  # `_Shown`, or what Hypothesis says when time is up and a program fails no more
        return best
    return best


def main(arguments: list[str] | None = None) -> int:
    """Runs a campaign as the command line says; the status is 1 where something failed."""
    parser = argparse.ArgumentParser(description="Compare both ways from Relay, NIR and TVM, on drawn programs.")
    parser.add_argument("examples", type=int, nargs="?", default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=16, help="programs to one TVM module")
    parser.add_argument("--folder", type=Path, help="where failures are saved")
    options = parser.parse_args(arguments)
    campaign = run_campaign(
        options.examples, seed=options.seed, batch=options.batch, folder=options.folder, progress=print
    )
    print(campaign.summary(), *campaign.failures, sep="\n")
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
