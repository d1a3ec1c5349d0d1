"""The way from Relax as a whole: names, origins, regions, what NIR does not have, and what is no tensor program."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from relax_cases import const, weights
from tvm import relax

import nir
from nir.errors import ConvertError
from nir.passes import relax_to_nir, relax_to_relay, relay_to_nir, relay_to_relax
from nir.passes.relax_to_nir import convert_with_origins
from nir.testing import RelayProgram, relay_programs

op = relax.op


def module_of(build: Any, *types: relax.TensorType) -> Any:
    """A module with one function of parameters p0, p1, ...; `build` gets the builder and them."""
    builder = relax.BlockBuilder()
    params = [relax.Var(f"p{i}", type) for i, type in enumerate(types)]
    with builder.function("main", params):
        with builder.dataflow():
            result = builder.emit_output(build(builder, *params))
        builder.emit_func_output(result)
    return builder.get()


IMAGE = relax.TensorType((1, 4, 6, 6), "float32")
VECTOR = relax.TensorType((4,), "float32")


def small_network(builder: Any, x: Any) -> Any:
    first = builder.emit(op.nn.conv2d(x, weights(5, 4, 3, 3)), name_hint="first")
    biased = builder.emit(op.add(first, op.reshape(weights(5, seed=2), (1, 5, 1, 1))), name_hint="biased")
    return builder.emit(op.nn.relu(biased), name_hint="active")


# --- what is folded ---


def test_bias_and_activation_are_part_of_the_convolution() -> None:
    module = relax_to_nir(module_of(small_network, IMAGE), layout="keep")
    assert Counter(o.name for o in module.main) == {"conv_2d": 1, "const": 2}
    assert len(relax_to_nir(module_of(small_network, IMAGE), layout="keep", fold=False).main) > 3


def test_images_lie_with_channels_last() -> None:
    module = relax_to_nir(module_of(small_network, IMAGE))
    (convolution,) = (o for o in module.main if o.name == "conv_2d")
    assert "layout" not in convolution.attributes
    assert sum(o.name == "transpose" for o in module.main) == 2  # parameters and results keep their shapes


def test_normalisations_padding_and_clips_fold() -> None:
    def network(builder: Any, x: Any) -> Any:
        padded = builder.emit(op.nn.pad(x, [0, 0, 0, 0, 1, 1, 2, 0]))
        y = builder.emit(op.nn.conv2d(padded, weights(4, 4, 3, 3)))
        y = builder.emit(op.multiply(y, op.reshape(weights(4, seed=3), (1, 4, 1, 1))))
        y = builder.emit(op.subtract(y, op.reshape(weights(4, seed=4), (1, 4, 1, 1))))
        return builder.emit(op.minimum(op.maximum(y, const(0.0)), const(6.0)))

    source = module_of(network, IMAGE)
    module = relax_to_nir(source, layout="keep")
    assert Counter(o.name for o in module.main) == {"conv_2d": 1, "const": 2}
    array = np.random.default_rng(0).uniform(-1, 1, (1, 4, 6, 6)).astype(np.float32)
    (found,) = nir.run(module, {"p0": array}).values()
    (plain,) = nir.run(relax_to_nir(source, layout="keep", fold=False), {"p0": array}).values()
    np.testing.assert_allclose(found, plain, rtol=0, atol=2e-6)


# --- names and origins ---


def test_errors_name_operator_and_variable() -> None:
    source = module_of(lambda b, x: b.emit(op.atan(b.emit(op.nn.relu(x))), name_hint="angle"), VECTOR)
    with pytest.raises(ConvertError) as caught:
        relax_to_nir(source)
    text = str(caught.value)
    assert "relax.atan" in text
    assert "angle" in text


def test_all_that_is_missing_is_said_at_once() -> None:
    def network(builder: Any, x: Any) -> Any:
        return builder.emit(op.atan(builder.emit(op.asin(builder.emit(op.asin(x))))))

    with pytest.raises(ConvertError) as caught:
        relax_to_nir(module_of(network, VECTOR))
    assert len(caught.value.diagnostics) == 2


def test_foreign_operators_stay_with_a_remark() -> None:
    source = module_of(lambda b, x: b.emit(op.atan(b.emit(op.nn.relu(x))), name_hint="angle"), VECTOR)
    conversion = convert_with_origins(source, foreign=True)
    assert [o.name for o in conversion.module.main] == ["relu", "foreign"]
    assert conversion.module.main.operations[1].attributes["operator"] == "relax.atan"
    (remark,) = conversion.remarks
    assert "relax.atan" in remark.message
    assert "angle" in remark.message


def test_values_know_the_variables_that_they_stand_for() -> None:
    conversion = convert_with_origins(module_of(small_network, IMAGE), layout="keep")
    main = conversion.module.main
    names = {o.name: [b.name for b in conversion.origins.get(o.results[0], ())] for o in main if o.name != "const"}
    assert names["conv_2d"][0] == "active"
    assert [b.name for b in conversion.origins[main.parameters[0]]] == ["p0"]


def test_an_island_stands_for_its_last_variable() -> None:
    def network(builder: Any, x: Any) -> Any:
        real = builder.emit(op.dequantize(x, const(0.1), const(3, "int8"), 1), name_hint="real")
        total = builder.emit(op.add(real, real), name_hint="total")
        return builder.emit(op.quantize(total, const(0.2), const(-1, "int8"), 1, "int8"), name_hint="stored")

    conversion = convert_with_origins(module_of(network, relax.TensorType((2, 3), "int8")))
    (add,) = conversion.module.main.operations
    assert add.name == "add"
    assert conversion.origins[add.results[0]][0].name == "stored"


# --- functions ---


def test_a_region_of_a_partitioned_module() -> None:
    source = module_of(small_network, IMAGE)
    pattern = relax.dpl.pattern.is_op("relax.nn.conv2d")(relax.dpl.pattern.wildcard(), relax.dpl.pattern.wildcard())
    source = relax.transform.FuseOpsByPattern([("some.conv", pattern)], bind_constants=True, annotate_codegen=True)(
        source
    )
    name = next(v.name_hint for v in source.get_global_vars() if v.name_hint != "main")
    module = relax_to_nir(source, function=name, layout="keep")
    assert [o.name for o in module.main if o.name != "const"] == ["conv_2d"]
    assert module.main.attributes == {"target": "some"}


def test_functions_that_are_called() -> None:
    builder = relax.BlockBuilder()
    x = relax.Var("x", VECTOR)
    with builder.function("twice", [x], private=True):
        builder.emit_func_output(builder.emit(op.add(x, x)))
    callee = builder.get().get_global_var("twice")
    y = relax.Var("y", VECTOR)
    with builder.function("main", [y]):
        first = builder.emit(relax.Call(callee, [y]))
        builder.emit_func_output(builder.emit(relax.Call(callee, [first])))
    module = relax_to_nir(builder.get())
    (found,) = nir.run(module, {"y": np.array([1, 2, 3, 4], np.float32)}).values()
    np.testing.assert_array_equal(found, [4, 8, 12, 16])


def test_tensor_programs_are_known_by_what_they_compute() -> None:
    def clip(builder: Any, x: Any) -> Any:
        low = builder.emit_te(tvm.topi.maximum, x, const(0.0), primfunc_name_hint="anything")
        return builder.emit_te(tvm.topi.minimum, low, const(6.0), primfunc_name_hint="maximum")

    assert [o.name for o in relax_to_nir(module_of(clip, VECTOR)).main] == ["relu6"]

    def other(builder: Any, x: Any) -> Any:
        return builder.emit_te(tvm.topi.flip, x, 0, primfunc_name_hint="maximum")

    with pytest.raises(ConvertError, match=r"relax\.call_tir\.maximum"):
        relax_to_nir(module_of(other, VECTOR))


def test_parameters_are_bound() -> None:
    source = module_of(
        lambda b, x, w: b.emit(op.matmul(x, w)),
        relax.TensorType((2, 3), "float32"),
        relax.TensorType((3, 4), "float32"),
    )
    module = relax_to_nir(source, {"p1": np.ones((3, 4), np.float32)})
    assert [p.name for p in module.main.parameters] == ["p0"]
    assert [o.name for o in module.main if o.name != "const"] == ["fully_connected"]


def test_relay_text_of_a_relax_module() -> None:
    """What today's TVM imports can be written as Relay, and read again."""
    source = relax_to_relay(module_of(small_network, IMAGE))
    again = nir.relay.load(nir.relay.print_module(source))
    assert nir.same(relay_to_nir(source), relay_to_nir(again))


# --- properties ---


def test_relay_programs_come_back_from_relax() -> None:
    """From Relay to Relax and from there to NIR is the same as from Relay to NIR, as far as Relax has the operators."""
    outcomes: Counter[str] = Counter()

    @settings(max_examples=60)
    @given(relay_programs(allow_quantised=False, max_operators=6))
    def comes_back(program: RelayProgram) -> None:
        source = program.load()
        direct = relay_to_nir(source)
        try:
            around = relax_to_nir(relay_to_relax(source))
        except ConvertError as error:
            outcomes["left"] += 1
            assert all("call_tir" in diagnostic.message for diagnostic in error.diagnostics)
            return
        outcomes["compared"] += 1
        arrays = program.arrays(0)
        pairs = zip(
            program.outputs, *(nir.run(m, arrays, profile="tvm").values() for m in (direct, around)), strict=True
        )
        for tensor, expected, found in pairs:
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=max(tensor.error, 1e-6))

    comes_back()
    assert outcomes["compared"] >= 10


# --- what is hostile ---


def test_ten_thousand_bindings_take_linear_time() -> None:
    def chain(length: int) -> Any:
        def build(builder: Any, x: Any) -> Any:
            for _ in range(length):
                x = builder.emit(op.negative(x))
            return x

        return module_of(build, VECTOR)

    def seconds(source: Any) -> float:
        started = time.process_time()
        relax_to_nir(source)
        return time.process_time() - started

    small, large = chain(1000), chain(10000)
    seconds(small)
    assert len(relax_to_nir(large).main) == 10000
    assert seconds(large) < 30 * min(seconds(small) for _ in range(3))


@pytest.mark.parametrize("given", [None, 3, "text", {"main": 1}])
def test_what_is_no_module(given: Any) -> None:
    with pytest.raises(ConvertError, match="no Relax module"):
        relax_to_nir(given)


def test_a_function_that_is_not_there() -> None:
    with pytest.raises(ConvertError, match="no function 'mian'") as caught:
        relax_to_nir(module_of(small_network, IMAGE), function="mian")
    assert "main" in str(caught.value)


def test_dimensions_known_at_run_time() -> None:
    n = tvm.tirx.Var("n", "int64")
    relu = module_of(lambda b, x: b.emit(op.nn.relu(x)), relax.TensorType((n, 4), "float32"))
    assert relax_to_nir(relu).main.parameters[0].shape == (None, 4)
    flat = module_of(lambda b, x: b.emit(op.flatten(x)), relax.TensorType((n, 4), "float32"))
    with pytest.raises(ConvertError, match="must be known"):
        relax_to_nir(flat)


def test_an_extent_as_a_number() -> None:
    """A length that a binding computes is a number that is known only at run time, not a variable out of place."""
    n = tvm.tirx.Var("n", "int64")
    source = module_of(lambda b, x: b.emit(op.arange(n, dtype="int64")), relax.TensorType((n,), "float32"))
    with pytest.raises(ConvertError, match=r"relax\.arange"):
        relax_to_nir(source)


def test_types_that_nir_does_not_store() -> None:
    with pytest.raises(ConvertError, match="float64"):
        relax_to_nir(module_of(lambda b, x: b.emit(op.nn.relu(x)), relax.TensorType((4,), "float64")))
    unknown = module_of(lambda b, x: b.emit(op.nn.relu(x)), relax.TensorType(None, "float32", ndim=-1))
    with pytest.raises(ConvertError):
        relax_to_nir(unknown)


def test_a_condition() -> None:
    source = tvm.script.from_source(
        """
@I.ir_module
class Module:
    @R.function
    def main(c: R.Tensor((), "bool"), x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        if c:
            y = R.add(x, x)
        else:
            y = R.multiply(x, x)
        return y
"""
    )
    module = relax_to_nir(source)
    array = np.array([1, 2, 3, 4], np.float32)
    for condition, expected in ((True, array + array), (False, array * array)):
        (found,) = nir.run(module, {"c": np.array(condition), "x": array}).values()
        np.testing.assert_array_equal(found, expected)
