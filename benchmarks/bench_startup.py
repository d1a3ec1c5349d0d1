"""Starting up: seconds and peak memory of a fresh process that imports NIR, asks for help, or checks a small file.

    python -m benchmarks.bench_startup

The goal is 0.25 s and 60 MB for `import nir` and `nir --help`. Bare Python is the peer.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

REPETITIONS = 7
SMALL = "func @f(%x: tensor<2xf32>) -> tensor<2xf32> { return %x }"
PROGRAMS = {
    "python -c pass": "pass",
    "import nir": "import nir",
    "nir --help": "from nir.cli import run_command; run_command(['--help'])",
    "nir.parse, nir.check": f"import nir; nir.check(nir.parse({SMALL!r}))",
    "nir.run": f"import nir; nir.run(nir.parse({SMALL!r}), [[1.0, 2.0]])",
}
MEASURE = """
import resource, sys, time
start = time.perf_counter()
{program}
seconds = time.perf_counter() - start
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)
"""


def measure(program: str) -> tuple[float, float]:
    """Median seconds inside the process, and its peak memory in MB."""
    runs = []
    for _ in range(REPETITIONS):
        code = MEASURE.format(program=program)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        runs.append([float(word) for word in done.stderr.split()[-2:]])
    return statistics.median(run[0] for run in runs), max(run[1] for run in runs)


def main() -> None:
    """Prints one line per program."""
    print(f"{'program':24}{'seconds':>10}{'MB':>8}")
    for name, program in PROGRAMS.items():
        seconds, megabytes = measure(program)
        print(f"{name:24}{seconds:10.3f}{megabytes:8.0f}")


if __name__ == "__main__":
    main()
