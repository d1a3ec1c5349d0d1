"""What an operator takes, found out by asking it: element types, ranks, and ways of quantisation.

Every style is tried once with the simplest choice everywhere else; so a proposal that fails is rare, and `simplified`
repairs it with the field that the failed rule points at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nir.ir import ElementType, Operation, Trait
from nir.testing.caching import remembered
from nir.testing.choices import Choices, Simplest
from nir.testing.operand_quantisation import styles_of
from nir.testing.operator_proposals import MOST_RANK, Refusal, Signature, Style, frame_of, propose
from nir.testing.proposal import Proposal


@dataclass(frozen=True)
class Learned:
    """The styles and ranks of the main operand that an operator takes."""

    styles: tuple[Style, ...]
    ranks: tuple[int, ...]


@remembered()
def learn(operator: type[Operation]) -> Learned:
    """Tries every style and rank with the simplest choices, once per process; well below a millisecond each."""
    if not operator.operand_fields or Trait.CALLS in operator.traits or operator.open_attributes:
        return Learned((), ())  # what these take is other functions' affair, or anything
    possible = list(_possible_styles(operator))
    ranks: list[int] = []
    stated = operator.operand_fields[frame_of(operator).primary].ranks
    for rank in stated or range(MOST_RANK + 1):
        if any(_is_taken(operator, style, rank) for style in possible if style.operands != "channel"):
            ranks.append(rank)
            if frame_of(operator).pattern(operator.operand_fields[frame_of(operator).primary], {}) is not None:
                break
    if not ranks:
        return Learned((), ())
    styles = [style for style in possible if _is_taken(operator, style, ranks[-1])]
    return Learned(tuple(_distinct(operator, styles, ranks[-1])), tuple(ranks))


def _possible_styles(operator: type[Operation]) -> Iterator[Style]:
    elements = operator.operand_fields[frame_of(operator).primary].elements
    open_results = sorted(
        {e for f in operator.result_fields if f.elements is not None and len(f.elements) > 1 for e in f.elements},
        key=list(ElementType).index,
    )
    for element in sorted(elements, key=list(ElementType).index):
        probe = Proposal(operator, Simplest(), element)
        for operands in styles_of(probe):
            for result in open_results or (None,):
                for parameters in (False, True):
                    yield Style(element, operands, result, parameters)


def _is_taken(operator: type[Operation], style: Style, rank: int) -> bool:
    try:
        propose(operator, style, Simplest(), rank=rank)
    except Refusal:
        return False
    return True


def _distinct(operator: type[Operation], styles: list[Style], rank: int) -> Iterator[Style]:
    """One style for each outcome: floats have no parameters, and so on."""
    seen: set[Any] = set()
    for style in styles:
        signature = propose(operator, style, Simplest(), rank=rank)
        outcome = (signature.types, signature.results)
        if outcome not in seen:
            seen.add(outcome)
            yield style


def simplified(operator: type[Operation], style: Style, choices: Choices, side: int) -> Signature:
    """A signature with a fresh main operand. What fails is tried again without the attribute that is to blame, then
    without any, and in the end with the simplest choices, which are known to do.
    """
    ranks = learn(operator).ranks
    rank = choices.pick(ranks)
    without: frozenset[str] = frozenset()
    for _ in range(3):
        try:
            return propose(operator, style, choices, rank=rank, side=side, without=without)
        except Refusal as refusal:
            optional = frozenset(frame_of(operator).optional_attributes)
            without = without | {refusal.at} if refusal.at in optional - without else optional
    return simplest(operator, style)


def simplest(operator: type[Operation], style: Style) -> Signature:
    """The signature that a style was learned with."""
    return propose(operator, style, Simplest(), rank=learn(operator).ranks[-1])
