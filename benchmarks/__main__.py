"""`python -m benchmarks [NAME ...]`: all measurements, or those named, one after the other in processes of their own."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = ("startup", "text", "verify", "interp", "testing")


def main(names: list[str]) -> int:
    """Runs the benchmarks called `names`; returns how many of them failed."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no benchmark '{unknown[0]}'; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or BENCHMARKS:
        print(f"--- {name} ---", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.bench_{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
