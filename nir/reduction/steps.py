"""A step of a reduction: one way to make a module smaller, as many edits that can be made together or apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

from nir.ir import Module

Edit: TypeAlias = Any
"""What to change, a hashable tuple of names: it still means the same when other edits were made before it."""


class Step:
    """One way to make a module smaller. The docstring's first line is what progress shows."""

    together: ClassVar[bool] = True
    """Whether all edits are tried at once, then halves, quarters and so on; else one after the other."""

    def find(self, module: Module) -> Sequence[Edit]:
        """The edits that the module offers, the most promising first."""
        raise NotImplementedError

    def apply(self, module: Module, edits: Sequence[Edit]) -> None:
        """Makes edits in place, in a copy in which every value has a name. Raises `NotApplicable`."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What is tried, for a person who waits."""
        return (self.__doc__ or type(self).__name__).split("\n", 1)[0].rstrip(".")
