"""What holds of every operator's inference: unknown dimensions, and shapes that do not fit."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import pytest

from nir.errors import NirError
from nir.ir import InferenceError, Operation, Shape, Trait, Value, copy_operation, walk
from nir.ops import OPERATORS
from nir.text import parse

HIDDEN = 8
"""Dimensions of an example that are hidden in all combinations; further ones only one at a time."""


@functools.cache
def example(operator: type[Operation]) -> list[Operation]:
    """The operations of this class in its documentation."""
    return [op for op in walk(parse(operator.example())) if type(op) is operator]


inferring = [op for op in OPERATORS if not {Trait.CALLS, Trait.CONSTANT} & op.traits and not op.open_attributes]
every_operator = pytest.mark.parametrize("operator", inferring, ids=[op.name for op in inferring])


def with_shapes(op: Operation, shapes: list[Shape | None]) -> Operation:
    operands = [
        None if value is None or shape is None else Value(value.type.with_shape(shape))
        for value, shape in zip(op.operands, shapes, strict=True)
    ]
    return copy_operation(op, operands)


def hidden_shapes(op: Operation) -> Iterator[list[Shape | None]]:
    """Operand shapes with some dimensions unknown."""
    shapes = [None if value is None else value.shape for value in op.operands]
    places = [(i, d) for i, shape in enumerate(shapes) if shape is not None for d in range(len(shape))]
    count = min(len(places), HIDDEN)
    chosen = [set(c) for n in range(1, count + 1) for c in itertools.combinations(places[:HIDDEN], n)]
    for unknown in [*chosen, *({place} for place in places[HIDDEN:]), set(places)]:
        yield [
            None if shape is None else tuple(None if (i, d) in unknown else size for d, size in enumerate(shape))
            for i, shape in enumerate(shapes)
        ]


@every_operator
def test_unknown_dimensions(operator: type[Operation]) -> None:
    """With dimensions unknown nothing else is inferred than with all known, only less of it."""
    for op in example(operator):
        known = op.infer()
        for shapes in hidden_shapes(op):
            hidden = with_shapes(op, shapes)
            if not all(c.check(hidden) for c in operator.constraints):
                continue  # a rule says what must be known
            try:
                inferred = hidden.infer()
            except InferenceError as error:
                assert "known" in str(error), str(error)  # it says that it must know
                continue
            assert len(inferred) == len(known)
            for less, full in zip(inferred, known, strict=True):
                assert less.element is full.element
                assert less.rank == full.rank
                assert all(size in (None, exact) for size, exact in zip(less.shape, full.shape, strict=True)), shapes


@every_operator
def test_shapes_of_any_rank_end_in_a_word_about_them(operator: type[Operation]) -> None:
    """Ranks and sizes that the example does not have are inferred or refused, and never a crash."""
    odd: list[Shape] = [
        (),
        (0,),
        (1,),
        (7,),
        (2, 0),
        (3, 5),
        (1, 2, 3),
        (0, 2, 2, 3),
        (2, 3, 3, 5),
        (2**40, 2**40),
        (1,) * 6,
    ]
    for op in example(operator):
        present = [i for i, value in enumerate(op.operands) if value is not None]
        for shape in odd:
            for i in present:
                shapes = [None if value is None else value.shape for value in op.operands]
                shapes[i] = shape
                changed = with_shapes(op, shapes)
                ranks = operator.operand_fields[min(i, len(operator.operand_fields) - 1)].ranks
                if ranks is not None and len(shape) not in ranks:
                    continue  # the verifier refuses it before
                try:
                    types = changed.infer()
                except (InferenceError, NirError):
                    continue
                assert all(size is None or size >= 0 for type in types for size in type.shape)
