"""Drawing modules: examples per second of the strategies, Hypothesis's own work included, nothing done with them.

python -m benchmarks.bench_testing
"""

from __future__ import annotations

import time

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from nir.ir import Module
from nir.testing import modules, operations

EXAMPLES = 500
STRATEGIES: dict[str, st.SearchStrategy[Module]] = {
    "one operation": operations(),
    "10 operations": modules(min_operators=10, max_operators=10),
    "10 operations, quantised": modules(min_operators=10, max_operators=10, quantised=True),
    "10 operations, f32 alone": modules(min_operators=10, max_operators=10, elements=["f32"]),
    "up to 10 operations (the default)": modules(),
    "40 operations": modules(min_operators=40, max_operators=40),
}


def examples_per_second(strategy: st.SearchStrategy[Module]) -> float:
    """Drawn modules per second of processor time, those of Hypothesis's that it threw away not counted."""
    count = 0

    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(module=strategy)
    def run(module: Module) -> None:
        nonlocal count
        count += 1

    run()  # what operators take is learned in the first second of a process
    count, start = 0, time.process_time()
    run()
    return count / (time.process_time() - start)


def main() -> None:
    """Prints the table."""
    print("| modules of | examples per second |\n|---|---:|")
    for name, strategy in STRATEGIES.items():
        print(f"| {name} | {examples_per_second(strategy):,.0f} |")


if __name__ == "__main__":
    main()
