"""Which names mean what at the place where the reader stands."""

from __future__ import annotations

from nir.errors import suggestion
from nir.relay.expr import Expr


class Scope:
    """Names (with their `%`) to expressions; inner definitions hide outer ones until their block ends."""

    def __init__(self) -> None:
        self._bound: dict[str, Expr] = {}
        self._undo: list[tuple[str, Expr | None]] = []

    def mark(self) -> int:
        """A mark for `restore`, taken where a block begins."""
        return len(self._undo)

    def bind(self, name: str, expr: Expr) -> None:
        """Lets `name` mean `expr` from here on."""
        self._undo.append((name, self._bound.get(name)))
        self._bound[name] = expr

    def restore(self, mark: int) -> None:
        """Forgets what was bound since `mark`."""
        while len(self._undo) > mark:
            name, previous = self._undo.pop()
            if previous is None:
                del self._bound[name]
            else:
                self._bound[name] = previous

    def find(self, name: str) -> Expr | None:
        """What `name` means, or None."""
        return self._bound.get(name)

    def longest(self, text: str) -> str | None:
        """The longest bound name that `text` begins with and that a field, an operator or a semicolon may follow."""
        for end in range(len(text) - 1, 1, -1):
            behind = text[end]
            if (behind in "-*/+<>!;" or (behind == "." and text[end + 1 : end + 2].isdigit())) and text[
                :end
            ] in self._bound:
                return text[:end]
        return None

    def suggestion(self, name: str) -> str | None:
        """A bound name that is near to `name`, as a question."""
        return suggestion(name, list(self._bound)[-1000:])
