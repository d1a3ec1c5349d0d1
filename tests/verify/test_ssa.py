"""Layer 2: text cannot express most of these mistakes, since its reader looks values up by name."""

from __future__ import annotations

from nir.errors import Diagnostic
from nir.ir import Module, Value, tensor
from nir.ops.activation import Relu
from nir.ops.builder import Builder
from nir.verify import check

X = tensor((4,))


def messages(module: Module) -> list[str]:
    return [diagnostic.message for diagnostic in check(module)]


def relu(operand: Value, name: str = "y") -> Relu:
    return Relu([operand], {}, [X], [name])


def test_use_before_definition() -> None:
    b = Builder()
    b.parameter("x", X)
    y = b.relu(b.relu(b.function.parameters[0]))
    b.function.operations.reverse()
    b.returns(y)
    assert messages(b.module) == ["relu: operand 'input', %0, is used before it is defined"]


def test_value_of_another_function() -> None:
    module = Module()
    first, second = Builder("first", module), Builder("second", module)
    x, z = first.parameter("x", X), second.parameter("z", X)
    first.returns(first.relu(x))
    second.returns(second.relu(x), z)
    [diagnostic] = check(module)
    assert diagnostic.message == "relu: operand 'input', %x, belongs to another function"
    assert (diagnostic.expected, diagnostic.found) == ("a value of @second", "a value of @first")


def test_value_of_no_function() -> None:
    b = Builder()
    b.returns(b.relu(Value(X, "stray")))
    assert messages(b.module) == ["relu: operand 'input', %stray, is defined nowhere"]


def test_value_of_an_operation_that_was_taken_out() -> None:
    b = Builder()
    x = b.parameter("x", X)
    b.returns(b.relu(b.relu(x)))
    del b.function.operations[0]
    [diagnostic] = check(b.module)
    assert diagnostic.message == "relu: operand 'input', %0, is defined nowhere"
    assert diagnostic.found == "a value of no function, made by an operation (relu)"


def test_undefined_value_is_reported_once_for_each_use_but_not_for_what_follows() -> None:
    b = Builder()
    y = b.relu(Value(X, "stray"))
    b.returns(b.relu(b.relu(y)))
    assert len(check(b.module)) == 1


def test_two_values_of_one_name() -> None:
    b = Builder()
    x = b.parameter("x", X)
    b.function.operations = [relu(x), relu(x)]
    b.returns(x)
    assert messages(b.module) == ["the name %y is taken by an earlier value of @main"]


def test_values_without_names() -> None:
    b = Builder()
    x = b.parameter("x", X)
    b.function.operations = [Relu([x], {}, [X]), Relu([x], {}, [X])]
    b.returns(b.function.operations[1].results[0])
    assert messages(b.module) == []


def test_one_operation_in_two_places() -> None:
    b = Builder()
    x = b.parameter("x", X)
    b.relu(x, name="y")
    b.function.operations *= 2
    b.returns(x)
    assert messages(b.module) == ["%y is defined twice"]


def test_parameter_twice() -> None:
    b = Builder()
    x = b.parameter("x", X)
    b.function.parameters.append(Value(X, "x", None, 1))
    b.returns(x)
    assert messages(b.module) == ["the name %x is taken by an earlier value of @main"]


def test_result_that_knows_another_producer() -> None:
    b = Builder()
    x = b.parameter("x", X)
    first, second = relu(x, "first"), relu(x, "second")
    second.results[0].producer = first
    b.function.operations = [first, second]
    b.returns(x)
    [diagnostic] = check(b.module)
    assert diagnostic.message == "relu: %second does not know which operation makes it"
    assert diagnostic.found == "one that says it is result 0 of another operation (relu)"


def test_result_with_a_wrong_number() -> None:
    b = Builder()
    x = b.parameter("x", X)
    b.relu(x).index = 1
    b.returns(x)
    [diagnostic] = check(b.module)
    assert diagnostic.expected == "a value that says it is result 0 of this operation"


def test_returned_value_of_another_function() -> None:
    module = Module()
    first, second = Builder("first", module), Builder("second", module)
    x = first.parameter("x", X)
    first.returns(x)
    second.returns(x)
    assert messages(module) == ["the returned value, %x, belongs to another function"]


def test_the_same_name_in_two_functions() -> None:
    module = Module()
    for name in ("first", "second"):
        b = Builder(name, module)
        b.returns(b.relu(b.parameter("x", X), name="y"))
    assert messages(module) == []


def test_many_errors_take_linear_time_and_are_counted() -> None:
    b = Builder()
    for _ in range(20_000):
        b.relu(Value(X, "stray"))
    b.returns()
    everything = check(b.module)
    assert len(everything) == 20_000
    shown = check(b.module, limit=100)
    assert [d.render() for d in shown[:100]] == [d.render() for d in everything[:100]]
    assert shown[100:] == [Diagnostic("... and 19900 more errors, not shown")]
