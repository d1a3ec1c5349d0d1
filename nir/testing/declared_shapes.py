"""Shapes as operator classes declare them: `[units, inputs]` in an operand's documentation, read as sizes by name.

An entry is a name, a number, a product (`4 x classes`), a quotient by an attribute (`input channels / groups`), or a
number that may be exceeded (`4 or more`). Names that stand for the same size in several operands tie them together.
What operators' documentation does not say stands in `DECLARED`. Nothing is drawn here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nir.ir import OperandField, Operation
from nir.testing.caching import remembered

DECLARED: Mapping[tuple[str, str], str] = {
    **{
        (operator, "input"): "[batch, image height, image width, input channels]"
        for operator in ("conv_2d", "depthwise_conv_2d", "grouped_conv_2d", "transpose_conv_2d")
    },
    **{
        (operator, "bias"): "[output channels]"
        for operator in ("conv_2d", "depthwise_conv_2d", "grouped_conv_2d", "transpose_conv_2d")
    },
    ("fully_connected", "input"): "[batch, inputs]",
    ("fully_connected", "bias"): "[units]",
    ("svdf", "bias"): "[filters / rank]",
    ("embedding_lookup", "lookups"): "[lookups]",
    ("hashtable_lookup", "lookups"): "[lookups]",
    ("hashtable_lookup", "keys"): "[rows]",
    ("lsh_projection", "seeds"): "[functions, bits]",
    ("lsh_projection", "weights"): "[slices]",
    ("random_multinomial", "logits"): "[batch, classes]",
    ("bidirectional_sequence_rnn", "auxiliary_input"): "[batch, steps, inputs], or [steps, batch, inputs]",
    ("bidirectional_sequence_lstm", "auxiliary_input"): "[batch, steps, inputs], or [steps, batch, inputs]",
    ("roi_align", "batch"): "[regions]",
    ("roi_pooling", "batch"): "[regions]",
    ("axis_aligned_bbox_transform", "batch"): "[boxes]",
    ("box_with_nms_limit", "batch"): "[boxes]",
}
"""Shapes of operands that the documentation gives in words or not at all."""

_IMAGE = "[batch, height, width, channels]"
_BRACKETS = re.compile(r"\[([^\]]+)\]")


@dataclass(frozen=True)
class Extent:
    """One dimension: number x names / attribute, or at least that."""

    number: int = 1
    names: tuple[str, ...] = ()
    divisor: str | None = None
    at_least: bool = False

    def size(self, sizes: Mapping[str, int], attributes: Mapping[str, object]) -> int:
        """The size where all names have one."""
        total = self.number
        for name in self.names:
            total *= sizes[name]
        divisor = attributes.get(self.divisor, 1) if self.divisor is not None else 1
        return total // divisor if isinstance(divisor, int) and divisor > 1 else total

    def solve(self, size: int, sizes: dict[str, int]) -> bool:
        """Gives the one unknown name the value that makes this extent `size`; False where there is none."""
        unknown = [name for name in self.names if name not in sizes]
        if len(unknown) != 1 or self.divisor is not None:
            return False if unknown else self.size(sizes, {}) == size or (self.at_least and size >= self.number)
        known = self.number
        for name in self.names:
            known *= sizes.get(name, 1)
        if size % known or size < known:
            return False
        sizes[unknown[0]] = size // known
        return True


Pattern = tuple[Extent, ...]


def _extent(text: str) -> Extent:
    text, _, divisor = (part.strip() for part in text.partition("/"))
    if text.endswith(" or more"):
        return Extent(int(text.removesuffix(" or more")), at_least=True)
    number, names = 1, []
    for factor in text.split(" x "):
        if factor.isdigit():
            number *= int(factor)
        else:
            names.append(factor)
    return Extent(number, tuple(names), divisor or None)


@remembered()
def patterns_of(text: str) -> tuple[Pattern, ...]:
    """All shapes that a sentence states: the usual one, and the one for the other order where there are two."""
    return tuple(tuple(_extent(entry) for entry in found.split(",")) for found in _BRACKETS.findall(text))


@remembered()
def declared_pattern(operator: type[Operation], field: OperandField, alternative: bool = False) -> Pattern | None:
    """The shape of an operand, or None where it may have any; `alternative` asks for the second where there are two."""
    text = DECLARED.get((operator.name, field.name), field.doc)
    found = patterns_of(text)
    if not found or (found and any(name == "..." for extent in found[0] for name in extent.names)):
        return patterns_of(_IMAGE)[0] if field.ranks == (4,) else None
    pattern = found[-1] if alternative else found[0]
    return pattern if field.ranks is None or len(pattern) in field.ranks else None


def names_in(patterns: Sequence[Pattern | None]) -> list[str]:
    """All names of sizes, each once, in the order of their first mention."""
    return list(
        dict.fromkeys(
            name for pattern in patterns if pattern is not None for extent in pattern for name in extent.names
        )
    )
