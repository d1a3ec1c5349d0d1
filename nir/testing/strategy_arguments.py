"""Checks of the arguments of strategies, in the manner of Hypothesis's own."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis.errors import InvalidArgument

from nir.errors import suggestion
from nir.ir import ElementType
from nir.ops import OPERATORS, OPERATORS_BY_NAME
from nir.testing.module_draft import Limits, styles_within


def allowed_elements(given: Collection[ElementType | str] | None) -> frozenset[ElementType]:
    """The element types given, or all. Raises `InvalidArgument`."""
    if given is None:
        return frozenset(ElementType)
    try:
        chosen = frozenset(ElementType(element) for element in given)
    except ValueError as error:
        raise InvalidArgument(f"elements={given!r}: {error}") from None
    if not chosen:
        raise InvalidArgument("elements is empty")
    return chosen


def limits_of(
    names: Collection[str],
    elements: Collection[ElementType | str] | None,
    quantised: bool | None,
    side: int,
    size: int,
) -> Limits:
    """The limits of what is drawn. Raises `InvalidArgument` for an unknown operator, and where nothing is left."""
    unknown = [name for name in names if name not in OPERATORS_BY_NAME]
    if unknown:
        hint = suggestion(unknown[0], list(OPERATORS_BY_NAME))
        raise InvalidArgument(f"there is no operator {unknown[0]!r}" + (f"; {hint}" if hint else ""))
    if side < 1:
        raise InvalidArgument(f"max_side={side!r} must be at least 1")
    limits = Limits(
        tuple(op for op in OPERATORS if op.name in names), allowed_elements(elements), quantised, side, size
    )
    if not styles_within(limits) and not any(
        op.name in ("const", "call", "foreign", "if", "while") for op in limits.operators
    ):
        raise InvalidArgument("no operator can be drawn with these element types")
    return limits


def check_bounds(what: str, low: int, high: int, least: int = 0) -> None:
    """Raises `InvalidArgument` for bounds that are too low or contradict each other."""
    if low < least:
        raise InvalidArgument(f"min_{what}={low!r} must be at least {least}")
    if high < low:
        raise InvalidArgument(f"max_{what}={high!r} must not be less than min_{what}={low!r}")
