"""What every operator class owes: documentation, an example that works, and a file test for each of its rules."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import numpy as np
import pytest

import nir
from nir.filetests import find
from nir.interp import random_inputs
from nir.ir import Module, Operation, QuantisationRule, Trait, callees
from nir.ops import FAMILIES, OPERATORS
from nir.ops.profiles import PROFILES
from nir.text import parse, print_module
from nir.verify import check
from nir.verify.structure import shapes_fit
from nir.verify.watching import Watched

FILETESTS = Path(__file__).resolve().parent / "filetests"
NOT_INTERPRETED = {"foreign"}
ONLY_FROM_PYTHON = {("const", "C1")}
"""Rules that text cannot break, since its reader makes what they ask for; tests/verify breaks them."""

every_operator = pytest.mark.parametrize("operator", OPERATORS, ids=[operator.name for operator in OPERATORS])


@functools.cache
def example(operator: type[Operation]) -> Module:
    """The module in an operator's documentation."""
    return parse(operator.example(), f"<example of {operator.name}>")


def operations(operator: type[Operation]) -> list[Operation]:
    """The operations of this class in its example."""
    return [op for function in example(operator) for op in function if type(op) is operator]


@every_operator
def test_documentation(operator: type[Operation]) -> None:
    assert operator.__doc__ is not operator.__mro__[1].__doc__, "no docstring of its own"
    assert re.fullmatch(r"\S.{5,300}[.:]", operator.summary(), re.DOTALL), operator.summary()
    fields = [*operator.operand_fields, *operator.attribute_fields.values(), *operator.result_fields]
    assert all(len(field.doc) > 2 for field in fields), [field.name for field in fields if len(field.doc) <= 2]
    labels = [constraint.label for constraint in operator.constraints]
    assert all(re.fullmatch(r"[A-Z]\d+", label) for label in labels), labels
    assert all(len(constraint.sentence.split()) > 2 for constraint in operator.constraints)
    names = {field.name for field in fields}
    assert all(c.at is None or c.at in names for c in operator.constraints), "a constraint points at no field"


@every_operator
def test_example_shows_the_operator_and_verifies(operator: type[Operation]) -> None:
    assert operations(operator), "the example does not use the operator"
    undefined = [name for op in operations(operator) for name in callees(op) if name not in example(operator).functions]
    assert not undefined
    assert [diagnostic.render() for diagnostic in check(example(operator))] == []


@every_operator
def test_example_is_in_canonical_format(operator: type[Operation]) -> None:
    """But for line breaks: a docstring has less room."""
    printed = print_module(example(operator)).removeprefix("nir 1.0")
    assert printed.split() == operator.example().split()


@every_operator
@pytest.mark.parametrize("profile", PROFILES)
def test_example_runs(operator: type[Operation], profile: str) -> None:
    """On random inputs, twice with the same result, in the declared type, and without changing its inputs."""
    if operator.name in NOT_INTERPRETED:
        pytest.skip("the operator has no semantics")
    module = example(operator)
    function = module["example"]
    inputs = random_inputs(function, seed=1)
    before = {name: array.copy() for name, array in inputs.items()}
    outputs = nir.run(module, inputs, profile=profile, function="example")
    assert all(np.array_equal(inputs[name], before[name], equal_nan=before[name].dtype.kind == "f") for name in inputs)
    again = nir.run(module, inputs, profile=profile, function="example")
    assert len(outputs) == len(function.results)
    for value, array, other in zip(function.results, outputs.values(), again.values(), strict=True):
        assert array.dtype == value.element.numpy
        assert len(array.shape) == value.type.rank
        assert all(d in (None, size) for d, size in zip(value.shape, array.shape, strict=True))
        assert array.tobytes() == other.tobytes()


@functools.cache
def labels_with_file_tests() -> frozenset[tuple[str, str]]:
    """(operator, label) for all errors that some file test pins."""
    found = re.compile(r"error: (\w+): ([A-Z]\d+) does not hold: ")
    return frozenset(match for path in find(FILETESTS) for match in found.findall(path.read_text("utf-8", "replace")))


def can_be_quantised(operator: type[Operation]) -> bool:
    """False where no operand and no result can be a quantised integer: rules about quantisation cannot be broken."""
    elements = {element for field in operator.operand_fields for element in field.elements}
    for field in operator.result_fields:
        if field.quantisation is not QuantisationRule.NONE:
            elements |= field.elements or set()
    return any(element.is_integer for element in elements)


@every_operator
def test_every_constraint_has_a_negative_file_test(operator: type[Operation]) -> None:
    labels = [c.label for c in operator.constraints if can_be_quantised(operator) or not c.label.startswith("Q")]
    covered = labels_with_file_tests() | ONLY_FROM_PYTHON
    assert [label for label in labels if (operator.name, label) not in covered] == []


@every_operator
def test_labels_say_which_layer_checks_a_constraint(operator: type[Operation]) -> None:
    """Those that look at quantisation are labelled Q (the verifier finds out by watching), and shapes never do."""
    for op in operations(operator):
        watched = Watched(op)
        for constraint in operator.constraints:
            constraint.check(watched.operation)
            assert not watched.saw_quantisation() or constraint.label.startswith("Q"), constraint.label
        watched.operation.infer_shapes()
        assert not watched.saw_quantisation(), "the result's shape depends on quantisation"


@every_operator
def test_inference_agrees_with_the_example(operator: type[Operation]) -> None:
    """What the builder infers is what the text declares, once it is told what the operator leaves open."""
    for op in operations(operator):
        for inferred, value in zip(op.infer(), op.results, strict=True):
            assert shapes_fit(inferred.shape, value.shape)
            assert inferred.element is value.element


@every_operator
def test_attributes_at_their_default_are_not_stored(operator: type[Operation]) -> None:
    for op in operations(operator):
        assert operator.normalise_attributes(op.attributes) == op.attributes
        defaults = {f.name: f.default for f in operator.attribute_fields.values() if not f.required}
        given = {**defaults, **op.attributes}
        assert operator.normalise_attributes(given) == op.attributes


def test_every_family_has_a_title_and_operators() -> None:
    assert all(module.OPERATORS for module in FAMILIES.values())
    assert len({operator.nnapi_code for operator in OPERATORS if operator.nnapi_code is not None}) > 60


def test_no_two_operators_have_the_same_nnapi_code() -> None:
    codes = [operator.nnapi_code for operator in OPERATORS if operator.nnapi_code is not None]
    assert len(codes) == len(set(codes))


def test_accumulating_operators_take_data_first() -> None:
    for operator in OPERATORS:
        if Trait.ACCUMULATES in operator.traits:
            assert len(operator.operand_fields) >= 2, operator.name
