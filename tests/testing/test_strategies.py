"""What the strategies draw makes sense, is various, shrinks, and keeps to what is asked for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

import nir
from nir.interp import run
from nir.ir import (
    ElementType,
    InferenceError,
    Module,
    Operation,
    Shape,
    TensorType,
    Trait,
    Value,
    attribute,
    constraint,
    operand,
    result,
    same,
    walk,
)
from nir.testing import (
    element_types,
    inputs_for,
    modules,
    operations,
    quantisations,
    relax_modules,
    shapes,
    tensor_types,
    tensors,
)
from nir.testing.choices import Choices
from nir.testing.operator_learning import learn, simplified
from nir.text import parse, print_module
from nir.verify import check
from nir.verify.quantisation import is_well_formed

ARITHMETIC = {"tflite", "xnnpack", "relay", "relay-f32", "tvm"} & set(nir.ops.profiles.PROFILES)


def operators(module: Module) -> list[Operation]:
    return [op for op in walk(module) if Trait.CONSTANT not in op.traits]


@given(module=modules())
def test_modules_verify_and_their_repr_is_their_text(module: Module) -> None:
    assert check(module) == []
    assert repr(module) == print_module(module)


@settings(max_examples=60)
@given(module=modules(allow_foreign=True), data=st.data())
def test_text_goes_round(module: Module, data: st.DataObject) -> None:
    text = print_module(module)
    again = parse(text)
    assert same(module, again)
    assert print_module(again) == text


@settings(max_examples=80)
@given(module=modules(), data=st.data(), profile=st.sampled_from(sorted(ARITHMETIC)))
def test_modules_run_and_do_so_alike_every_time(module: Module, data: st.DataObject, profile: str) -> None:
    inputs = data.draw(inputs_for(module, allow_special=True))
    first, second = run(module, inputs, profile), run(module, inputs, profile)
    assert first.keys() == second.keys()
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    for value, array in zip(module.main.results, first.values(), strict=True):
        assert array.dtype == value.element.numpy


@settings(max_examples=40)
@given(module=modules(), data=st.data())
def test_comparing_a_module_with_itself_finds_nothing(module: Module, data: st.DataObject) -> None:
    comparison = nir.compare(module, parse(print_module(module)), data.draw(inputs_for(module)))
    assert comparison.equal
    assert not comparison.unmatched


# --- options ---


@settings(max_examples=30)
@given(module=modules(min_operators=10, max_operators=10, control_flow=False, min_results=2, max_results=2))
def test_sizes_are_as_asked_for(module: Module) -> None:
    assert len(operators(module)) == 10
    assert len(module.main.results) == 2


@settings(max_examples=30)
@given(module=modules(operators=["conv_2d", "add", "relu"], elements=["f32", "i8", "i32"], quantised=True))
def test_operators_and_elements_are_as_asked_for(module: Module) -> None:
    assert {op.name for op in operators(module)} <= {"conv_2d", "add", "relu"}
    for value in module.main.values():
        assert value.element.value in ("f32", "i8", "i32")
        assert value.element is not ElementType.I8 or value.type.quantisation is not None


@settings(max_examples=30)
@given(module=modules(quantised=False, max_side=2, max_elements=30))
def test_no_quantisation_and_small_tensors(module: Module) -> None:
    for function in module:
        assert all(value.type.quantisation is None and value.type.size <= 30 for value in function.values())


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (lambda: modules(min_operators=3, max_operators=2), "max_operators=2 must not be less than min_operators=3"),
        (lambda: modules(min_results=0), "min_results=0 must be at least 1"),
        (lambda: modules(operators=["ad"]), "there is no operator 'ad'"),
        (lambda: modules(operators=["logical_not"], elements=["f32"]), "no operator can be drawn"),
        (lambda: modules(operators=["call"], control_flow=False), "without control flow"),
        (lambda: modules(elements=["f64"]), "f64"),
        (lambda: modules(elements=[]), "elements is empty"),
        (lambda: operations(name="covn_2d"), "conv_2d"),
        (lambda: operations(max_side=0), "max_side=0 must be at least 1"),
        (lambda: element_types(allow_float=False, allow_integer=False, allow_bool=False), "cannot all be False"),
        (lambda: shapes(min_rank=5), "max_rank=4 must not be less than min_rank=5"),
        (lambda: quantisations("f32"), "cannot be quantised"),
        (lambda: quantisations("i8", min_scale=0), "must be positive"),
    ],
)
def test_wrong_arguments(strategy: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        strategy()


# --- variety ---


def test_modules_are_various() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=150, database=None, derandomize=True)
    @given(module=modules(min_operators=3))
    def run_all(module: Module) -> None:
        read = Counter(value for op in module.main for value in op.operands if value is not None)
        made = {value for op in module.main for value in op.results}
        seen["shared value"] += max(read.values(), default=0) > 1
        seen["dead value"] += bool(made - set(read) - set(module.main.results))
        seen["several results"] += len(module.main.results) > 1
        seen["several parameters"] += len(module.main.parameters) > 1
        seen["constant"] += any(Trait.CONSTANT in op.traits for op in module.main)
        seen["value of unknown shape"] += any(not value.type.is_static for value in made)
        seen["chain of three"] += any(depth(value) >= 3 for value in made)
        for name in ("call", "if", "while"):
            seen[name] += any(op.name == name for op in walk(module))

    run_all()
    assert min(seen[name] for name in seen) >= 3, seen
    assert seen["shared value"] > 70
    assert seen["chain of three"] > 60


def depth(value: Value | None) -> int:
    if value is None or value.producer is None:
        return 0
    return 1 + max(map(depth, value.producer.operands), default=0)


# --- shrinking ---


def has(name: str, after: str | None = None) -> Callable[[Module], bool]:
    def predicate(module: Module) -> bool:
        return any(
            op.name == name
            and (after is None or any(v.producer is not None and v.producer.name == after for v in op.operands if v))
            for op in walk(module)
        )

    return predicate


@pytest.mark.parametrize(
    ("predicate", "most", "least"),
    [(has("reverse"), 2, 1), (has("conv_2d"), 2, 1), (has("while"), 4, 3)],
    ids=["reverse", "conv_2d", "while"],
)
def test_what_fails_shrinks_to_what_makes_it_fail(predicate: Callable[[Module], bool], most: int, least: int) -> None:
    options = settings(max_examples=1000, database=None, suppress_health_check=list(HealthCheck))
    found = find(modules(max_operators=12), predicate, settings=options, random=random.Random(1))
    assert least <= len(operators(found)) <= most
    assert len(found.main.parameters) <= 2
    assert max((value.type.size for value in found.main.values()), default=0) <= 4


# --- inputs ---


def test_indices_and_boxes_of_parameters_are_in_range() -> None:
    module = parse(
        """func @main(%x: tensor<3x4xf32>, %i: tensor<2xi32>) -> tensor<3x2xf32> {
             %0 = gather(%x, %i) {axis = -1} : tensor<3x2xf32>
             return %0
           }"""
    )

    @settings(max_examples=30)
    @given(inputs=inputs_for(module))
    def run_all(inputs: dict[str, np.ndarray]) -> None:
        assert inputs["i"].dtype == np.int32
        assert ((inputs["i"] >= 0) & (inputs["i"] < 4)).all()
        run(module, inputs)

    run_all()


def test_special_floats_and_unknown_dimensions() -> None:
    module = parse("func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> { return %x }")
    strategy = inputs_for(module, unknown=3, allow_special=True)
    found = find(strategy, lambda inputs: bool(np.isnan(inputs["x"]).any()))
    assert found["x"].shape == (3, 2)
    assert np.isfinite(find(inputs_for(module), lambda inputs: True)["x"]).all()


# --- types and arrays ---


@given(type=tensor_types(shapes=shapes(min_side=0, allow_unknown=True)))
def test_types_are_well_formed(type: TensorType) -> None:
    assert is_well_formed(type)


@given(data=st.data(), element=element_types(allow_float=False, allow_bool=False))
def test_quantisation_fits_its_type(data: st.DataObject, element: ElementType) -> None:
    shape = (2, 3)
    drawn = data.draw(quantisations(element, shape=shape, min_scale=0.01, max_scale=2))
    assert is_well_formed(TensorType(element, shape, drawn))
    assert all(np.float32(0.01) <= scale <= 2 for scale in drawn.scales)


@given(data=st.data(), type=tensor_types())
def test_arrays_are_of_their_type(data: st.DataObject, type: TensorType) -> None:
    array = data.draw(tensors(type, allow_nan=False, allow_infinity=False))
    assert (array.dtype, array.shape) == (type.element.numpy, type.shape)
    assert array.dtype.kind != "f" or np.isfinite(array).all()


# --- an operator that nobody has heard of ---


class Blend(Operation, name="blend"):
    """Mixes rows of one tensor with a table."""

    __slots__ = ()

    table: Value = operand("what is mixed in [rows, columns]", frozenset({ElementType.F32, ElementType.F16}), rank=2)
    input: Value = operand("the tensor [batch, 2 x columns]", frozenset({ElementType.F32, ElementType.F16}), rank=2)
    weight: float = attribute("how much", default=0.5)
    axis: int = attribute("where")
    output: Value = result("the mixture")

    @constraint("C1: both are of the same element type", at="table")
    def elements_agree(self) -> bool:
        return self.table.element is self.input.element

    def infer_shapes(self) -> Sequence[Shape]:
        if self.input.shape[1] != 2 * (self.table.shape[1] or 0):
            raise InferenceError("columns do not fit", at="input")
        if not -2 <= self.axis < 2:
            raise InferenceError("there is no such dimension", at="axis")
        return [self.input.shape]


@given(data=st.data())
def test_a_new_operator_is_drawn_from_its_class_alone(data: st.DataObject) -> None:
    styles = learn(Blend).styles
    assert {style.element.value for style in styles} == {"f32", "f16"}
    signature = simplified(Blend, data.draw(st.sampled_from(styles)), Choices(data.draw), 4)
    table, mixed = signature.types
    assert table is not None
    assert mixed is not None
    assert mixed.shape[1] == 2 * (table.shape[1] or 0)
    assert signature.results == (mixed.with_element(table.element) if table.element is mixed.element else mixed,)


def test_relax_modules() -> None:
    pytest.importorskip("tvm")
    found = find(relax_modules(max_operators=3), lambda module: True, random=random.Random(0))
    assert "main" in [variable.name_hint for variable in found.get_global_vars()]
