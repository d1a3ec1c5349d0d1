"""Layer 1 on modules that text cannot express: from Python everything can be put together wrongly."""

from __future__ import annotations

import numpy as np
import pytest

from nir.errors import VerifyError
from nir.ir import Function, Module, Operation, Symbol, TensorType, Value, tensor
from nir.ir.types import ElementType
from nir.ops.activation import Relu
from nir.ops.builder import Builder
from nir.ops.constant import Const
from nir.ops.control import Call, Foreign
from nir.ops.elementwise import Add
from nir.ops.joining import Concatenation
from nir.ops.softmax import Softmax
from nir.verify import check, verify

X = tensor((4,))


def messages(module: Module) -> list[str]:
    return [diagnostic.message for diagnostic in check(module)]


def single(op_class: type[Operation], attributes: dict[str, object], operands: int = 1, results: int = 1) -> Module:
    """A module whose only operation is made without any normalisation."""
    b = Builder()
    x = b.parameter("x", X)
    op = op_class([x] * operands, attributes, [X] * results, [f"r{i}" for i in range(results)])
    b.function.operations.append(op)
    b.returns(x)
    return b.module


def test_a_correct_module_passes() -> None:
    b = Builder()
    x = b.parameter("x", X)
    b.returns(b.relu(b.add(x, x)))
    verify(b.module)
    assert check(b.module) == []


@pytest.mark.parametrize(("version", "right"), [((1, 0), True), ((1, 1), False), ((2, 0), False), ((0, 9), False)])
def test_version(version: tuple[int, int], right: bool) -> None:
    assert (check(Module(version=version)) == []) is right


def test_function_listed_under_another_name() -> None:
    module = Module()
    module.functions["other"] = Function("main")
    assert messages(module) == ["the module lists function @main under another name"]


def test_function_without_a_name() -> None:
    assert messages(Module([Function("")])) == ["a function has no name"]


@pytest.mark.parametrize("value", [1.0, True, "1", (1,), None, np.float32(1), 2**63])
def test_attribute_of_the_wrong_kind(value: object) -> None:
    """1.0 and True are equal to 1, but no integers; a right operation of equal attributes comes first."""
    module = single(Concatenation, {"axis": 0}, results=1)
    right = module.main.operations[0]
    wrong = Concatenation(right.operands, {"axis": value}, [X], ["wrong"])
    module.main.operations.append(wrong)
    assert messages(module) == ["concatenation: attribute 'axis' is of the wrong kind"]


@pytest.mark.parametrize(("value", "right"), [(0.5, True), (0.1, False), (1, False), (float("nan"), True)])
def test_attribute_in_normal_form(value: object, right: bool) -> None:
    """Numbers are float32, so that what is printed and read back is equal."""
    found = messages(single(Softmax, {"beta": value}))
    assert found == ([] if right else ["softmax: attribute 'beta' is not in normal form"])


def test_attribute_missing_and_unknown() -> None:
    assert messages(single(Concatenation, {"axes": 0})) == [
        "concatenation: there is no attribute 'axes'",
        "concatenation: attribute 'axis' is missing",
    ]


def test_unknown_attribute_has_a_suggestion() -> None:
    [first, _] = check(single(Concatenation, {"axes": 0}))
    assert first.hint == "did you mean 'axis'?"


def test_foreign_operators_take_any_attribute() -> None:
    assert messages(single(Foreign, {"operator": "f", "whatever": (1, 2.5, "x")})) == []


def test_unhashable_attribute_value() -> None:
    assert messages(single(Concatenation, {"axis": [1]})) == ["concatenation: attribute 'axis' is of the wrong kind"]


@pytest.mark.parametrize(
    ("operands", "message"),
    [(0, "add: operand 'left' is missing"), (1, "add: operand 'right' is missing"), (3, "add: too many operands")],
)
def test_number_of_operands(operands: int, message: str) -> None:
    assert messages(single(Add, {}, operands)) == [message]


@pytest.mark.parametrize(("results", "message"), [(0, "relu: too few results"), (2, "relu: too many results")])
def test_number_of_results(results: int, message: str) -> None:
    assert messages(single(Relu, {}, results=results)) == [message]


def test_operand_that_is_no_value() -> None:
    b = Builder()
    x = b.parameter("x", X)
    b.function.operations.append(Relu(["x"], {}, [X], ["y"]))  # type: ignore[list-item]
    b.returns(x)
    assert messages(b.module) == ["relu: operand 'input' is not a value"]


def test_base_class_of_operators() -> None:
    assert messages(single(Operation, {})) == ["Operation is not an operator, but a base class of operators"]


def test_something_that_is_no_operation() -> None:
    b = Builder()
    x = b.parameter("x", X)
    b.function.operations.append("relu")  # type: ignore[arg-type]
    b.returns(x)
    assert messages(b.module) == ["operation 0 of @main is not an operation"]


@pytest.mark.parametrize("dimension", [-1, 1.5, "4", True])
def test_dimension_that_is_no_size(dimension: object) -> None:
    b = Builder()
    x = b.parameter("x", TensorType(ElementType.F32, (dimension,)))  # type: ignore[arg-type]
    b.returns(x)
    assert messages(b.module) == ["parameter %x has a dimension that is no size"]


@pytest.mark.parametrize(
    ("shape", "wrong"), [((2**63,), "a dimension that is too large"), ((1,) * 33, "too many dimensions")]
)
def test_type_that_cannot_be_written(shape: tuple[int, ...], wrong: str) -> None:
    b = Builder()
    b.returns(b.parameter("x", TensorType(ElementType.F32, shape)))
    assert messages(b.module) == [f"parameter %x has {wrong}"]


@pytest.mark.parametrize("type", ["tensor<4xf32>", None])
def test_type_that_is_none(type: object) -> None:
    b = Builder()
    x = b.parameter("x", X)
    op = b.function.operations
    op.append(Relu([x], {}, [type], ["y"]))  # type: ignore[list-item]
    b.returns(x)
    assert messages(b.module) == ["relu: result 'output' has no tensor type"]


def test_parameter_that_says_it_is_a_result() -> None:
    b = Builder()
    x = b.parameter("x", X)
    y = b.relu(x)
    b.function.parameters.append(y)
    b.returns(x)
    assert messages(b.module)[0] == "parameter %0 is the result of an operation (relu)"


def test_parameter_with_a_wrong_number() -> None:
    b = Builder()
    b.function.parameters.append(Value(X, "x", None, 3))
    b.returns()
    assert messages(b.module) == ["parameter %x says that it is number 3, but it is number 0"]


def test_returned_types_against_the_signature() -> None:
    b = Builder()
    x = b.parameter("x", X)
    b.returns(x)
    b.function.declared_result_types = (tensor((None,)),)
    assert messages(b.module) == []
    b.function.declared_result_types = (tensor((5,)),)
    assert messages(b.module) == ["@main returns %x of another type than its signature says"]


def test_returned_value_that_is_none() -> None:
    b = Builder()
    b.returns((b.parameter("x", X),))  # type: ignore[arg-type]
    c = Builder("caller", b.module)
    c.emit(Call, c.parameter("x", X), callee="main", types=[X])
    c.returns()
    assert messages(b.module) == ["returned value 0 is not a value"]


def call_chain(length: int, closed: bool) -> Module:
    """Functions @f0, @f1, ... of which each calls the next; the last calls @f0 again where `closed`."""
    module = Module()
    for number in range(length):
        b = Builder(f"f{number}", module)
        x = b.parameter("x", X)
        callee = f"f{(number + 1) % length}"
        last = number == length - 1
        b.returns(b.relu(x) if last and not closed else b.emit(Call, x, callee=callee, types=[X])[0])
    return module


def test_long_chain_of_calls_ends() -> None:
    assert messages(call_chain(20_000, closed=False)) == []


def test_circle_of_many_calls_is_reported_once_and_briefly() -> None:
    [diagnostic] = check(call_chain(20_000, closed=True))
    assert diagnostic.message == "call: a function cannot call itself, not even through others"
    assert diagnostic.found is not None
    assert diagnostic.found.startswith("@f0 calls @f1")
    assert len(diagnostic.found) < 200


def test_callee_of_a_call_made_by_hand() -> None:
    [diagnostic] = check(single(Call, {"callee": Symbol("mian")}))
    assert diagnostic.message == "call: there is no function @mian"
    assert diagnostic.hint == "did you mean '@main'?"


def test_an_error_is_raised_with_all_diagnostics() -> None:
    with pytest.raises(VerifyError) as caught:
        verify(single(Concatenation, {"axes": 0}))
    assert len(caught.value.diagnostics) == 2


def test_constant_of_another_element_type() -> None:
    b = Builder()
    b.function.operations.append(Const.create(value=np.zeros(4, np.float32), types=[tensor((4,), "i32")], names=["c"]))
    b.returns()
    assert messages(b.module) == ["const: C1 does not hold: the elements are stored as the declared element type"]
