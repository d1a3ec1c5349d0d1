"""Running modules: results, inputs, calls, constants, memory, traces."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from nir.errors import RunError
from nir.interp import Interpreter, Trace, random_inputs, run
from nir.interp.plan import MAXIMAL_OPERATIONS, make_plan
from nir.ir import Module, Value, tensor
from nir.ops.builder import Builder
from nir.source import Source


def small_network() -> Builder:
    """A quantised convolution, a pool and a fully connected layer."""
    rng = np.random.default_rng(0)
    b = Builder("main")
    x = b.parameter("image", tensor((1, 8, 8, 3), "u8", scale=0.5, zero_point=128))
    w = b.const(rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8), tensor((4, 3, 3, 3), "i8", scale=0.1))
    y = b.conv_2d(x, w, strides=(2, 2), padding="same", activation="relu", scale=0.5, zero_point=3, name="y")
    p = b.max_pool_2d(y, window=(2, 2), strides=(2, 2), name="p")
    f = b.const(rng.integers(-127, 128, (5, 16)).astype(np.int8), tensor((5, 16), "i8", scale=0.1))
    b.returns(b.fully_connected(p, f, element="i8", scale=2.0, zero_point=-1, name="scores"))
    return b


def test_runs_are_repeatable_and_prepared_weights_change_nothing():
    module = small_network().module
    inputs = random_inputs(module.main, seed=3)
    for profile in ("tflite", "xnnpack", "relay", "relay-f32", "tvm"):
        interpreter = Interpreter(module, profile)
        first = interpreter.run(inputs)["output_0"]
        assert first.shape == (1, 5)
        assert first.dtype == np.int8
        assert np.array_equal(first, interpreter.run(inputs)["output_0"])
        assert np.array_equal(first, run(module, inputs, profile)["output_0"])


def test_prepared_weights_equal_weights_given_as_inputs():
    """The same network with its weights as parameters, which cannot be prepared."""
    module = small_network().module
    constants = [op for op in module.main.operations if op.name == "const"]
    inputs = dict(random_inputs(module.main))
    expected = run(module, inputs)["output_0"]
    function = module.main
    for i, op in enumerate(constants):
        function.operations.remove(op)
        value = op.results[0]
        value.name, value.producer = f"weights{i}", None
        function.parameters.append(value)
        inputs[f"weights{i}"] = op.value.array
    assert np.array_equal(run(module, inputs)["output_0"], expected)


def test_inputs_by_position_and_plain_lists():
    b = Builder()
    x, y = b.parameter("x", tensor(2)), b.parameter("y", tensor((), "i32"))
    b.returns(b.add(x, x), y)
    outputs = run(b.module, [[1, 2.5], 7])
    assert outputs["output_0"].tolist() == [2.0, 5.0]
    assert outputs["output_1"].item() == 7
    big_endian = np.array([1, 2], ">f4")
    assert run(b.module, {"x": big_endian, "y": np.int32(3)})["output_0"].tolist() == [2.0, 4.0]


def located(module: Module) -> Module:
    """Gives @main a place in a text."""
    source = Source("net.nir", "nir 1.0\n\nfunc @main(%image: ...)\n")
    module.main.location = source.span(9, 19)
    return module


@pytest.mark.parametrize(
    ("inputs", "message", "expected", "found", "hint"),
    [
        ({}, "no input for parameter '%image'", "tensor<1x8x8x3xu8", None, None),
        ({"imgae": 0}, "no parameter '%imgae'", "one of %image", None, "did you mean '%image'?"),
        ({"image": np.zeros((1, 8, 8, 4), np.uint8)}, "does not fit", "1x8x8x3xu8", "uint8[1, 8, 8, 4]", None),
        ({"image": np.zeros((8, 8, 3), np.uint8)}, "does not fit", "1x8x8x3xu8", "uint8[8, 8, 3]", None),
        (
            {"image": np.zeros((1, 8, 8, 3))},
            "does not fit",
            "u8",
            "float64[1, 8, 8, 3]",
            "convert it with .astype('uint8')",
        ),
        ({"image": "picture"}, "does not fit", "u8", "[]", None),
        ({"image": [[1], [1, 2]]}, "does not fit", "u8", "object", None),
        ({"image": [300]}, "does not fit", "u8", "int64[1]", None),
        ([1, 2], "another number of inputs", "1 inputs", "2", None),
        (7, "a mapping from parameter names", None, None, None),
    ],
)
def test_wrong_inputs(inputs, message: str, expected, found, hint):
    with pytest.raises(RunError, match=message) as caught:
        run(located(small_network().module), inputs)
    first = next(d for d in caught.value.diagnostics if message.strip("'") in d.message)
    assert first.span is not None
    assert first.span.location() == "net.nir:3:1"
    assert expected is None or expected in str(first.expected)
    assert found is None or found in str(first.found)
    assert hint is None or first.hint == hint


def test_all_wrong_inputs_are_reported():
    b = Builder()
    b.returns(b.add(b.parameter("x", tensor(2)), b.parameter("y", tensor(2))))
    with pytest.raises(RunError) as caught:
        run(b.module, {"x": np.zeros(3, np.float32), "z": 1})
    assert len(caught.value.diagnostics) == 3


def test_unknown_dimensions_take_any_size():
    b = Builder()
    x = b.parameter("x", tensor((None, 2)))
    b.returns(b.add(x, x))
    for n in (0, 1, 5):
        assert run(b.module, [np.ones((n, 2), np.float32)])["output_0"].shape == (n, 2)
    with pytest.raises(RunError, match="does not fit"):
        run(b.module, [np.ones((1, 3), np.float32)])


def test_functions_by_name():
    b = Builder("first")
    b.returns(b.parameter("x", tensor(1)))
    other = Builder("second", b.module)
    x = other.parameter("x", tensor(1))
    other.returns(other.add(x, x))
    assert run(b.module, [[3.0]], function="second")["output_0"].item() == 6
    with pytest.raises(RunError, match="no function @main") as caught:
        run(b.module, [[3.0]])
    assert caught.value.diagnostics[0].hint == "there are @first, @second"
    with pytest.raises(RunError, match="no function @secnd") as caught:
        run(b.module, [[3.0]], function="secnd")
    assert caught.value.diagnostics[0].hint == "did you mean 'second'?"
    with pytest.raises(RunError, match="no function @main"):
        run(Module(), [])


# --- calls ---


def chain_of_calls(depth: int, calls_each: int = 1) -> Module:
    """@main calls @f1, which calls @f2, ..., each `calls_each` times; the last one adds 1."""
    module = Module()
    names = ["main", *(f"f{i}" for i in range(1, depth))]
    for i, name in enumerate(names):
        b = Builder(name, module)
        value = b.parameter("x", tensor(1))
        one = b.const([1.0])
        for _ in range(calls_each):
            if i + 1 < depth:
                (value,) = b.call(value, callee=names[i + 1], types=[tensor(1)])
            else:
                value = b.add(value, one)
        b.function.attributes["target"] = "apu"
        b.returns(value)
    return module


def test_calls_nest_without_recursion():
    """Far deeper than Python's own stack."""
    assert run(chain_of_calls(3000), [[0.0]])["output_0"].item() == 1
    assert run(chain_of_calls(5, 3), [[0.0]])["output_0"].item() == 3**5


def test_calls_that_never_end_are_refused():
    with pytest.raises(RunError, match=f"at most {MAXIMAL_OPERATIONS}"):
        run(chain_of_calls(40, 2), [[0.0]])


def test_recursion_is_refused():
    module = chain_of_calls(3)
    last = module["f2"]
    b = Builder("other", module)
    (value,) = b.call(b.parameter("x", tensor(1)), callee="f1", types=[tensor(1)])
    b.returns(value)
    call = b.function.operations[0]
    call.operands = (last.parameters[0],)
    last.operations.append(call)
    with pytest.raises(RunError, match="@f1 calls itself"):
        run(module, [[0.0]])


def test_calls_of_functions_that_are_not_there():
    b = Builder()
    (value,) = b.call(b.parameter("x", tensor(1)), callee="gone", types=[tensor(1)])
    b.returns(value)
    with pytest.raises(RunError, match="there is no function @gone"):
        run(b.module, [[0.0]])


def test_calls_with_another_signature():
    module = chain_of_calls(2)
    module["f1"].parameters.append(Value(tensor(1), "extra"))
    with pytest.raises(RunError, match="@f1 has another signature"):
        run(module, [[0.0]])
    module = chain_of_calls(2)
    module["f1"].parameters[0].type = tensor(2)
    with pytest.raises(RunError, match=r"%x is declared as tensor<2xf32>, and is float32\[1\]"):
        run(module, [[0.0]])


# --- memory and ownership ---


def test_values_are_freed_after_their_last_use():
    alive: list[weakref.ref] = []
    most = 0

    def watch(event) -> None:
        nonlocal most
        if event.operation is not None and event.operation.name == "add":
            alive.append(weakref.ref(event.array))
            most = max(most, sum(ref() is not None for ref in alive))

    b = Builder()
    value = b.parameter("x", tensor(1000))
    for _ in range(50):
        value = b.add(value, value)
    b.returns(value)
    run(b.module, [np.zeros(1000, np.float32)], trace=watch)
    assert len(alive) == 50
    assert most <= 3


def test_results_belong_to_the_caller():
    b = Builder()
    x = b.parameter("x", tensor((2, 2)))
    c = b.const([[1.0, 2.0], [3.0, 4.0]])
    b.returns(x, c, b.reshape(x, shape=(4,)), c)
    given = np.zeros((2, 2), np.float32)
    outputs = run(b.module, [given])
    for array in outputs.values():
        array += 1
    assert not given.any()
    assert b.function.operations[0].value.array.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert outputs["output_1"].tolist() == outputs["output_3"].tolist() == [[2.0, 3.0], [4.0, 5.0]]


def test_last_uses_of_results_nobody_takes():
    b = Builder()
    x = b.parameter("x", tensor((2, 4)))
    b.split(x, axis=1, parts=2)
    unused = b.add(x, x)
    b.returns(x)
    plan = make_plan(b.function)
    assert unused.name is not None
    assert [len(step.frees) for step in plan.steps] == [2, 1]


def test_progress_counts_operations_in_calls():
    seen = []
    run(chain_of_calls(3, 2), [[0.0]], progress=lambda done, total, op: seen.append((done, total, op.name)))
    assert [done for done, _, _ in seen] == list(range(len(seen)))
    assert {total for _, total, _ in seen} == {len(seen)}
    assert [name for _, _, name in seen].count("add") == 8


def test_a_graph_of_many_operations():
    b = Builder()
    value = b.parameter("x", tensor(1))
    for _ in range(20_000):
        value = b.neg(value)
    b.returns(value)
    assert run(b.module, [[2.0]])["output_0"].item() == 2


# --- traces ---


def test_a_trace_records_every_value_in_order():
    module = small_network().module
    trace = Trace(arrays=True)
    outputs = run(module, random_inputs(module.main), trace=trace)
    assert [r.operator for r in trace.records] == [None, "const", "conv_2d", "max_pool_2d", "const", "fully_connected"]
    assert np.array_equal(trace["scores"].array, outputs["output_0"])
    record = trace["y"]
    assert (record.minimum, record.maximum) == (record.array.min(), record.array.max())
    assert record.mean == pytest.approx(record.array.mean())
    assert record.seconds > 0
    assert record.shape == (1, 4, 4, 4)
    assert trace.seconds_by_operator().keys() == {"conv_2d", "max_pool_2d", "fully_connected", "const"}
    with pytest.raises(KeyError):
        trace["nothing"]


def test_a_trace_keeps_no_more_than_asked():
    module = small_network().module
    trace = Trace(arrays=True, limit=192 + 64)
    run(module, random_inputs(module.main), trace=trace)
    assert trace.kept_bytes <= 256
    assert trace["image"].array is not None
    assert trace["y"].array is not None or trace["p"].array is not None
    assert all(record.minimum is not None for record in trace.records)
    chosen = Trace(select=lambda value: value.name == "p")
    run(module, random_inputs(module.main), trace=chosen)
    assert [record.name for record in chosen.records] == ["p"]
    assert chosen.records[0].array is None


def test_a_trace_of_calls_names_the_functions():
    trace = Trace()
    run(chain_of_calls(2), [[0.5]], trace=trace)
    adds = [record for record in trace.records if record.operator == "add"]
    assert [record.path for record in adds] == [("main", "f1")]
    assert trace.records[-1].operator == "call"


def test_statistics_of_empty_and_nan():
    b = Builder()
    b.returns(b.parameter("x", tensor((None,))))
    trace = Trace()
    run(b.module, [np.zeros(0, np.float32)], trace=trace)
    assert trace["x"].minimum is None
    run(b.module, [np.array([np.nan, 1, 3], np.float32)], trace=trace)
    assert (trace["x"].minimum, trace["x"].maximum, trace["x"].mean) == (1, 3, 2)
