"""Names for the values that a change of layout adds to a function."""

from __future__ import annotations

from nir.ir import Function


class Names:
    """Hands out names that no value of a function has."""

    def __init__(self, function: Function) -> None:
        self._taken = {value.name for value in function.values()}
        self._number = 0

    def derived(self, name: str | None, suffix: str) -> str:
        """`name` with a suffix, or the next free number where the name is a number or missing."""
        if name is None or name.isdigit():
            while str(self._number) in self._taken:
                self._number += 1
            wanted = str(self._number)
        else:
            wanted, count = f"{name}.{suffix}", 1
            while wanted in self._taken:
                wanted, count = f"{name}.{suffix}_{count}", count + 1
        self._taken.add(wanted)
        return wanted
