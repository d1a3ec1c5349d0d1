"""Partitioning Relax modules: what holds for every graph, and what single graphs show."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from relax_graphs import OPERATORS, SHAPE, dequantised, graphs, module_of, quantised, same_graph, tensor
from tvm import relax

import nir
import nir.targets
import nir.tvm
from nir.errors import PartitionError
from nir.targets import Target, get_target
from nir.tvm.partitioning import RelaxPartition, partition_relax
from nir.tvm.regions import region_functions, region_to_nir


def calls(module: tvm.IRModule) -> list[str]:
    """The operators and functions that main calls, in order."""
    bindings = [binding for block in module["main"].body.blocks for binding in block.bindings]
    values = [binding.value for binding in bindings if isinstance(binding.value, tvm.ir.Call)]
    return [value.op.name if isinstance(value.op, tvm.ir.Op) else value.op.name_hint for value in values]


def check_structure(split: RelaxPartition) -> None:
    """What holds for every partition."""
    relax.analysis.well_formed(split.module)  # among other things: a region is called once all it takes is there
    assert same_graph(split.inlined(), split.source)
    names = [region.name for region in split.report.regions]
    assert [name for name in calls(split.module) if "." not in name] == names == list(region_functions(split.module))
    for outside in split.report.outside:
        assert {reason.target for reason in outside.reasons} == set(split.report.targets)
        assert all(reason.sentence for reason in outside.reasons)
    for region in split.report.regions:
        target = get_target(region.target)
        body = region_to_nir(split.module, region.name)[region.name]
        kept = [op for op in body.operations if op.name not in ("const", "transpose")]
        assert [str(reason) for op in kept for reason in target.reasons(op)] == []


@contextlib.contextmanager
def registered(target: Target) -> Iterator[None]:
    """Lets `get_target` find a target by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(nir.targets.TARGETS, target.name, target)
        yield


def run(module: tvm.IRModule, seed: int = 0) -> list[np.ndarray]:
    compiled = nir.tvm.compile(module)
    rng = np.random.default_rng(seed)
    inputs = {p.name: rng.normal(size=p.type.shape).astype(p.type.dtype) for p in compiled.parameters}
    return compiled.run(inputs)


def check_numbers(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for left, right in zip(found, expected, strict=True):
        assert left.dtype == right.dtype
        if left.dtype.kind == "f":
            assert np.abs(left - right).max(initial=0) <= 1e-5 * np.abs(right).max(initial=0)
        else:
            np.testing.assert_array_equal(left, right)


# --- what holds for every graph ---


@settings(max_examples=40)
@given(graphs(), st.sets(st.sampled_from(OPERATORS), min_size=3), st.booleans())
def test_regions_inlined_give_the_graph_back(module: tvm.IRModule, names: set[str], connected: bool) -> None:
    """Bit for bit but for the order of independent bindings and for dequantizes that several regions compute.

    Regions are convex, since the module is well formed; every operator outside has a reason; and what a region is
    converted to holds nothing that its target does not run, transposes at the borders of images aside.
    """
    target = Target.of_operators("some", names | {"transpose", "reshape"})
    split = partition_relax(module, targets=[target], connected=connected)
    with registered(target):
        check_structure(split)
    operators = split.report.operators
    assert operators == split.report.offloaded_operators + len(split.report.outside)


@settings(max_examples=12)
@given(graphs(largest=6), st.sets(st.sampled_from(OPERATORS), min_size=5))
def test_partitioned_graphs_compute_the_same(module: tvm.IRModule, names: set[str]) -> None:
    split = partition_relax(module, targets=[Target.of_operators("some", names | {"transpose"})])
    check_numbers(run(split.module), run(module))


# --- single graphs ---


def test_graphs_that_differ_are_told_apart() -> None:
    """What the properties rest on."""

    def module(first: float, axis: int, swap: bool) -> tvm.IRModule:
        def make(b: relax.BlockBuilder, x: relax.Var) -> relax.Expr:
            left, right = b.emit(relax.op.add(x, relax.const(first))), b.emit(relax.op.nn.softmax(x, axis=axis))
            return relax.op.subtract(right, left) if swap else relax.op.subtract(left, right)

        return module_of(make, tensor())

    assert same_graph(module(1.0, 1, False), module(1.0, 1, False))
    for other in (module(2.0, 1, False), module(1.0, 2, False), module(1.0, 1, True)):
        assert not same_graph(module(1.0, 1, False), other)


def shared_dequantize() -> tvm.IRModule:
    """A quantised tensor that an island and a float operator of the host take."""

    def make(b: relax.BlockBuilder, x: relax.Var) -> relax.Expr:
        real = dequantised(x, b, 0.1)
        island = quantised(relax.op.add(real, real), b, 0.2)
        host = b.emit(relax.op.erf(real))
        return relax.Tuple([dequantised(island, b, 0.2), host])

    return module_of(make, tensor(element="int8"))


def test_a_dequantize_of_two_takers_goes_with_each() -> None:
    adds = Target.of_operators("adds", ["add"])
    split = partition_relax(shared_dequantize(), targets=[adds])
    with registered(adds):
        check_structure(split)
    region = region_to_nir(split.module, "nir_0")["nir_0"]
    assert [op.name for op in region.operations] == ["add"]
    assert [value.type.element.value for value in (*region.parameters, *region.results)] == ["i8", "i8"]
    assert calls(split.module).count("relax.dequantize") == 2
    assert [outside.operator for outside in split.report.outside] == ["dequantize", "erf", "dequantize"]


def test_parts_of_one_operator_stay_together() -> None:
    """A convolution, its bias, its activation and the requantisation are one node; the island is one i8 operator."""

    def make(b: relax.BlockBuilder, x: relax.Var) -> relax.Expr:
        weights = relax.const(np.ones((4, 4, 3, 3), np.int8))
        product = relax.op.nn.conv2d(dequantised(x, b, 0.1), dequantised(weights, b, 0.02), padding=(1, 1))
        bias = dequantised(relax.const(np.arange(4, dtype=np.int32)), b, 0.002, axis=0)
        bias = b.emit(relax.op.reshape(bias, (1, 4, 1, 1)))
        return quantised(relax.op.nn.relu(relax.op.add(product, bias)), b, 0.3, -128)

    split = partition_relax(module_of(make, tensor(element="int8")))
    check_structure(split)
    assert [region.operators for region in split.report.regions] == [{"conv_2d": 1}]
    assert calls(split.module) == ["nir_0"]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_support_is_that_of_the_nhwc_form(layout: str) -> None:
    """MediaTek's plug-in takes NHWC only, which is what a region has inside, whatever lies outside."""

    def make(b: relax.BlockBuilder, x: relax.Var) -> relax.Expr:
        return relax.op.nn.max_pool2d(x, (2, 2), (2, 2), layout=layout)

    split = partition_relax(module_of(make, tensor()), targets=["mtk-litert"])
    check_structure(split)
    assert split.report.offloaded_operators == 1
    assert run(split.module)[0].shape == ((1, 4, 3, 3) if layout == "NCHW" else (1, 2, 3, 6))


def test_sixty_four_bit_integers_stay_with_the_host() -> None:
    def make(b: relax.BlockBuilder, x: relax.Var) -> relax.Expr:
        best = b.emit(relax.op.argmax(b.emit(relax.op.nn.relu(x)), axis=1))  # gives int64
        return relax.op.add(best, best)

    split = partition_relax(module_of(make, tensor()))
    check_structure(split)
    assert [region.operators for region in split.report.regions] == [{"relu": 1}]
    rules = {reason.rule for outside in split.report.outside for reason in outside.reasons}
    assert "border" in rules
    check_numbers(run(split.module), run(split.source))


def test_calls_and_tuples_stay_with_the_host() -> None:
    builder = relax.BlockBuilder()
    inner = relax.Var("x", tensor())
    with builder.function("helper", [inner], private=True):
        builder.emit_func_output(builder.emit(relax.op.tanh(inner)))
    helper = builder.get().get_global_var("helper")
    x = relax.Var("x", tensor())
    with builder.function("main", [x]):
        with builder.dataflow():
            called = builder.emit(relax.Call(helper, [builder.emit(relax.op.nn.relu(x))]))
            parts = builder.emit(relax.op.split(builder.emit(relax.op.nn.relu(called)), 2, axis=1))
            output = builder.emit_output(parts)
        builder.emit_func_output(output)
    split = partition_relax(builder.get())
    assert calls(split.module)[:2] == ["nir_0", "helper"]
    check_numbers(run(split.module), run(split.source))


def test_parameters_become_constants_of_the_region() -> None:
    def make(b: relax.BlockBuilder, x: relax.Var, w: relax.Var) -> relax.Expr:
        return relax.op.nn.conv2d(x, w)

    module = module_of(make, tensor(), tensor((2, 4, 1, 1)))
    weights = np.arange(8, dtype=np.float32).reshape(2, 4, 1, 1)
    split = partition_relax(module, {"x1": weights})
    check_structure(split)
    assert [parameter.name for parameter in split.module["main"].params] == ["x0"]
    assert split.report.regions[0].constant_bytes == weights.nbytes
    assert split.report.regions[0].bytes_in == 4 * np.prod(SHAPE)
    with pytest.raises(PartitionError, match="no parameter 'w'"):
        partition_relax(module, {"w": weights})


def test_two_targets_and_small_regions() -> None:
    def make(b: relax.BlockBuilder, x: relax.Var) -> relax.Expr:
        pooled = b.emit(relax.op.nn.max_pool2d(b.emit(relax.op.nn.relu(x)), (2, 2)))
        return relax.op.tanh(b.emit(relax.op.sigmoid(pooled)))

    first = Target.of_operators("first", ["relu", "max_pool_2d"])
    second = Target.of_operators("second", ["logistic", "max_pool_2d"])
    module = module_of(make, tensor())
    both = partition_relax(module, targets=[first, second])
    assert [(region.target, region.size) for region in both.report.regions] == [("first", 2), ("second", 1)]
    assert [str(f.attrs["nir.target"]) for f in region_functions(both.module).values()] == ["first", "second"]
    large = partition_relax(module, targets=[first, second], minimum_operators=2)
    assert [(region.target, region.size) for region in large.report.regions] == [("first", 2)]
    reasons = {outside.operator: {reason.rule for reason in outside.reasons} for outside in large.report.outside}
    assert reasons == {"logistic": {"operator", "region-too-small"}, "tanh": {"operator"}}


def test_what_nothing_needs_is_dropped() -> None:
    def make(b: relax.BlockBuilder, x: relax.Var) -> relax.Expr:
        b.emit(relax.op.erf(x))
        return relax.op.nn.relu(x)

    assert calls(partition_relax(module_of(make, tensor())).module) == ["nir_0"]


def test_the_public_function_writes_a_report_and_a_picture(tmp_path: Path) -> None:
    module = nir.partition_for_nir(shared_dequantize(), nir_targets=["apu"], nir_debug=tmp_path / "debug")
    assert list(region_functions(module)) == ["nir_0"]
    written = {path.name for path in (tmp_path / "debug").iterdir()}
    assert {"report.json", "partitioned.txt"} <= written
    report = json.loads((tmp_path / "debug" / "report.json").read_text("utf-8"))
    assert report["regions"][0]["operators"] == {"add": 1, "dequantize": 2}
    assert "Codegen" in (tmp_path / "debug" / "partitioned.txt").read_text("utf-8")
    assert nir.partition_for_nir(module_of(lambda b, x: relax.op.erf(x), tensor())) is not None


def branching() -> tvm.IRModule:
    builder = relax.BlockBuilder()
    c, x = relax.Var("c", relax.TensorType((), "bool")), relax.Var("x", tensor())
    with builder.function("main", [c, x]):
        builder.emit_func_output(builder.emit(relax.If(c, relax.SeqExpr([], x), relax.SeqExpr([], x))))
    return builder.get()


@pytest.mark.parametrize(
    ("make", "targets", "message"),
    [
        (shared_dequantize, ["apo"], "no target 'apo'"),
        (shared_dequantize, [], "no target to partition for"),
        (shared_dequantize, ["apu", "apu"], "named twice"),
        (lambda: partition_relax(shared_dequantize()).module, ["apu"], "partitioned already"),
        (lambda: tvm.IRModule({}), ["apu"], "no Relax module"),
        (lambda: "main", ["apu"], "no Relax module"),
        (branching, ["apu"], "branches"),
    ],
)
def test_what_cannot_be_partitioned_is_an_error(make: object, targets: list[str], message: str) -> None:
    with pytest.raises(PartitionError, match=message):
        partition_relax(make(), targets=targets)  # type: ignore[operator]
