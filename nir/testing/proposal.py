"""A proposal: one operation in the making, before it is known whether the verifier takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nir.ir import ElementType, Operation
from nir.testing.choices import Choices

KnownShape = tuple[int, ...]


@dataclass
class Proposal:
    """What is decided so far. `element` and `primary` are of the operand that all else follows; `sizes` are the sizes
    that declared shapes name; `shapes` and `elements` have an entry for each operand, None for one that is left out.
    """

    operator: type[Operation]
    choices: Choices
    element: ElementType
    primary: int = 0
    side: int = 4
    """Greatest size of a dimension that is chosen freely."""
    attributes: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    shapes: list[KnownShape | None] = field(default_factory=list)
    elements: list[ElementType | None] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """The operand field that each operand belongs to."""

    @property
    def shape(self) -> KnownShape:
        """The shape of the operand that all else follows."""
        shape = self.shapes[self.primary] if self.primary < len(self.shapes) else ()
        return shape if shape is not None else ()

    def size(self, name: str) -> int:
        """The size that goes by `name`; chosen now where it is open."""
        if name not in self.sizes:
            self.sizes[name] = 1 + self.choices.below(self.side)
        return self.sizes[name]

    def operand_shape(self, name: str) -> KnownShape:
        """The shape of the (first) operand of that name."""
        shape = self.shapes[self.names.index(name)]
        return shape if shape is not None else ()
