"""One fault: a small replacement in one source file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class StaleFault(Exception):
    """The text that a fault replaces does not stand in its file exactly once."""


@dataclass(frozen=True)
class Fault:
    """A replacement of `old` by `new` in `file` (from the root of the repository), and what is `wrong` then.

    `tests` are pytest's selections to try first, the narrowest first. `fuzz` says which of the fuzzer's comparisons can
    see it, `operators` (of NIR and of Relay) what programs are drawn from; `unseen` says why none can, where that is known.
    """

    name: str
    file: str
    old: str
    new: str
    wrong: str
    tests: tuple[str, ...]
    fuzz: tuple[str, ...] = ()
    unseen: str = ""
    operators: tuple[str, ...] = ()

    def planted(self, text: str) -> str:
        """The file's text with the fault. Raises `StaleFault` unless `old` stands there exactly once."""
        count = text.count(self.old)
        if count != 1:
            raise StaleFault(f"{self.name}: the text to replace stands {count} times in {self.file}:\n{self.old}")
        return text.replace(self.old, self.new)

    def plant(self, root: Path) -> str:
        """Writes the fault into the tree at `root`; returns the text that was there. Raises `StaleFault`."""
        path = root / self.file
        before = path.read_text(encoding="utf-8")
        path.write_text(self.planted(before), encoding="utf-8")
        return before
