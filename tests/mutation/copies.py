"""A throw-away copy of the repository, in which faults are planted and processes run. The work tree is never touched.

The copy holds the files that git tracks, as they stand. An editable installation points elsewhere, so processes get the
copy at the front of PYTHONPATH, and links let `nir.passes` and `nir.grammar` lie inside of `nir` there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.fault import Fault

REPOSITORY = Path(__file__).resolve().parent.parent.parent

_WHERE = (
    "import nir, nir.passes, nir.grammar; print(nir.__file__, nir.passes.__file__, nir.grammar.__file__, sep='\\n')"
)


@dataclass(frozen=True)
class Outcome:
    """How a process ended: its status (None where the time was up), what it wrote, and how long it took."""

    status: int | None
    output: str
    seconds: float


class Copy:
    """A copy at `root`. `repository` is where the recorded data is looked for; `known` are keys of failures that the
    fuzzer finds without a fault.
    """

    def __init__(self, root: Path, repository: Path = REPOSITORY) -> None:
        self.root = root
        self.known: set[str] = set()
        data = os.environ.get("NIR_DATA") or str(repository.parent / "shared" / "data")
        self.environment = {**os.environ, "PYTHONPATH": str(root), "NIR_DATA": data, "OPENBLAS_NUM_THREADS": "1"}

    @contextlib.contextmanager
    def with_fault(self, fault: Fault) -> Iterator[None]:
        """The copy with a fault, for as long as the block lasts. Raises `StaleFault`."""
        before = fault.plant(self.root)
        self._forget_compiled(fault)
        try:
            yield
        finally:
            (self.root / fault.file).write_text(before, encoding="utf-8")
            self._forget_compiled(fault)

    def _forget_compiled(self, fault: Fault) -> None:
        """A fault of the same length, planted in the same second, would leave the compiled file valid."""
        path = self.root / fault.file
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()

    def run(self, arguments: Sequence[str], limit: float) -> Outcome:
        """Runs Python in the copy for `limit` seconds at most; its children end with it."""
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        status: int | None = None
        try:
            output, _ = process.communicate(timeout=limit)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Outcome(status, output, time.perf_counter() - started)

    def check(self) -> None:
        """Raises `RuntimeError` unless processes import NIR from the copy."""
        outcome = self.run(["-c", _WHERE], 60)
        if outcome.status != 0 or not all(Path(line).is_relative_to(self.root) for line in outcome.output.split()):
            raise RuntimeError(f"NIR is not imported from {self.root}:\n{outcome.output}")


@contextlib.contextmanager
def throw_away_copy(repository: Path = REPOSITORY) -> Iterator[Copy]:
    """A copy in a temporary folder that goes when the block ends. Raises `RuntimeError` where it is not used."""
    with tempfile.TemporaryDirectory(prefix="nir-mutation-") as folder:
        root = Path(folder).resolve() / "nir"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=True).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (repository / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(repository / name, root / name)
        for name in ("passes", "grammar"):
            (root / "nir" / name).symlink_to(Path("..") / name)
        copy = Copy(root, repository)
        copy.check()
        yield copy
