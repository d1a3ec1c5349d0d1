"""Lowering regions to calls of NIR's runtime, and running them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tvm
from region_models import INPUT, close, images, on_tvm, one_region, programs, two_regions
from tvm import relax

import nir
import nir.tvm
import nir.tvm.runtime
from nir.errors import ConvertError, NirError, RunError
from nir.ops.builder import Builder
from nir.tvm.regions import INVOKE, lower_regions, region_functions
from nir.tvm.runtime_program import encode


def lowered(module: tvm.IRModule, **options: object) -> tvm.IRModule:
    return lower_regions(module, programs=programs(), **options)


def invocations(module: tvm.IRModule) -> list[relax.Call]:
    """The calls of NIR's runtime in `main`."""
    found: list[relax.Call] = []

    def look(part: object) -> None:
        if isinstance(part, tvm.ir.Call) and getattr(part.args[0], "global_symbol", None) == INVOKE:
            found.append(part)

    relax.analysis.post_order_visit(module["main"], look)
    return found


@pytest.mark.parametrize("embed", [False, True])
def test_a_module_with_regions_computes_what_tvm_computes(embed: bool) -> None:
    module = two_regions()
    expected = nir.tvm.run(on_tvm(module), {"image": INPUT})
    assert len(expected[0].ravel()) == 288
    assert np.ptp(expected[0]) > 1
    low = lowered(module, embed=embed)
    assert len(invocations(low)) == 2
    assert [v.name_hint for v in low.get_global_vars()] == ["main"]
    assert close(nir.tvm.run(low, {"image": INPUT}), expected)


def test_regions_are_converted_where_no_program_is_given() -> None:
    module = two_regions()
    expected = nir.tvm.run(on_tvm(module), {"image": INPUT})
    assert close(nir.tvm.run(lower_regions(module), {"image": INPUT}), expected)
    assert close(nir.tvm.run(module, {"image": INPUT}), expected)


def test_a_module_without_regions_is_left_alone() -> None:
    module = on_tvm(two_regions())
    assert lower_regions(module) is module
    assert region_functions(module) == {}


def test_regions_come_in_the_order_of_their_numbers() -> None:
    module = two_regions()
    renamed = tvm.IRModule(
        {tvm.ir.GlobalVar(f"nir_{n}"): module["nir_0"].with_attr("global_symbol", f"nir_{n}") for n in (10, 2, 1)}
    )
    assert list(region_functions(renamed)) == ["nir_1", "nir_2", "nir_10"]


ELEMENTS = ["float32", "float16", "int32", "uint32", "int16", "uint16", "int8", "uint8", "bool"]


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_every_element_type_crosses_the_border(element: str, shape: tuple[int, ...]) -> None:
    """As argument and as result, also scalars and empty tensors, and a constant of that type that a region gives."""
    type = relax.TensorType(shape, element)
    array = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2).astype(element)
    b = Builder("nir_0")
    x = b.parameter("x", nir.tensor(shape, nir.ElementType.from_numpy(np.dtype(element))))
    b.returns(x, b.const(array[...]))
    module = one_region(lambda x: relax.Tuple([x, relax.const(array)]), type)
    found = nir.tvm.run(
        lower_regions(module, programs={"nir_0": b.module}), {"p0": 1 - array if element != "bool" else ~array}
    )
    np.testing.assert_array_equal(found[0], 1 - array if element != "bool" else ~array)
    np.testing.assert_array_equal(found[1], array)
    assert [f.dtype for f in found] == [np.dtype(element)] * 2
    assert [f.shape for f in found] == [shape] * 2


def test_a_region_called_twice_is_one_program() -> None:
    type = relax.TensorType((4,), "float32")
    b = Builder("nir_0")
    x = b.parameter("x", nir.tensor((4,)))
    b.returns(b.add(x, x))
    low = lower_regions(one_region(lambda x: relax.op.add(x, x), type, calls=2), programs={"nir_0": b.module})
    nir.tvm.runtime.forget()
    found = nir.tvm.run(low, {"p0": np.arange(4, dtype=np.float32)})
    np.testing.assert_array_equal(found, [np.arange(4) * 2.0] * 2)
    assert len(nir.tvm.runtime._RUNTIME.programs) == 1


def test_the_profile_is_the_regions_or_that_of_the_whole() -> None:
    """2.5 steps are 2 in today's TVM, and 3 in TFLite; regions have its arithmetic of islands, `qdq`, by default."""
    type = relax.TensorType((2,), "float32")
    b = Builder("nir_0")
    x = b.parameter("x", nir.tensor((2,)))
    b.returns(b.quantize(x, element="i8", scale=1.0))

    def result(profile: str | None, **attributes: str) -> list[int]:
        body = lambda x: relax.op.quantize(x, relax.const(1.0), relax.const(np.int8(0)), out_dtype="int8")  # noqa: E731
        options = {} if profile is None else {"profile": profile}
        low = lower_regions(one_region(body, type, **attributes), programs={"nir_0": b.module}, **options)
        return nir.tvm.run(low, {"p0": np.array([2.5, -2.5], np.float32)})[0].tolist()

    assert result(None) == [2, -2] == result("qdq") == result("tvm")
    assert result("tflite") == [3, -3]
    assert result("tvm", **{"nir.profile": "tflite"}) == [3, -3]
    with pytest.raises(RunError, match="tvn"):
        result("tvn")


def wrong_programs() -> dict[str, tuple[nir.Module, str]]:
    found = {}
    for name, shape, element, results in [
        ("another shape", (5,), "f32", 1),
        ("another element type", (4,), "i32", 1),
        ("too many results", (4,), "f32", 2),
    ]:
        b = Builder("nir_0")
        x = b.parameter("x", nir.tensor(shape, element))
        b.returns(*[b.relu(x) if element == "f32" else x] * results)
        found[name] = (b.module, "another type" if results == 1 else "another number of results")
    b = Builder("other")
    b.returns(b.parameter("x", nir.tensor((4,))))
    found["another name"] = (b.module, "no function @nir_0")
    b = Builder("nir_0")
    b.returns(b.parameter("x", nir.tensor((4,))), b.parameter("y", nir.tensor((4,))))
    found["too many parameters"] = (b.module, "another number of parameters")
    return found


@pytest.mark.parametrize("case", wrong_programs())
def test_a_program_with_another_signature_is_refused(case: str) -> None:
    program, message = wrong_programs()[case]
    with pytest.raises(ConvertError, match=message):
        lower_regions(one_region(relax.op.nn.relu, relax.TensorType((4,), "float32")), programs={"nir_0": program})


def test_a_program_for_no_region_is_refused() -> None:
    with pytest.raises(ConvertError, match="no region 'nir_O'") as caught:
        lower_regions(two_regions(), programs={"nir_O": programs()["nir_0"]})
    assert "did you mean 'nir_" in str(caught.value)


def test_a_failure_inside_a_region_reaches_the_caller_as_its_report() -> None:
    """With operator and hint, as if the module had been run by nir.run; not as an error of TVM."""
    b = Builder("nir_0")
    x = b.parameter("x", nir.tensor((4,)))
    b.returns(*b.foreign(x, operator="relay.nn.mystery", types=[nir.tensor((4,))]))
    low = lower_regions(one_region(relax.op.nn.relu, relax.TensorType((4,), "float32")), programs={"nir_0": b.module})
    with pytest.raises(NirError) as expected:
        nir.run(b.module, [np.ones(4, np.float32)], function="nir_0")
    with pytest.raises(RunError, match="relay") as caught:
        nir.tvm.run(low, {"p0": np.ones(4, np.float32)})
    assert expected.value.diagnostics[0].message in str(caught.value)
    assert "\\n" not in str(caught.value)
    assert "error: error" not in str(caught.value)


def test_what_is_no_program_is_refused_where_it_is_called() -> None:
    tensors = [tvm.runtime.tensor(array) for array in (np.arange(8, dtype=np.uint8), images(4), images(4))]
    with pytest.raises(RunError, match="no NIR program"):
        nir.tvm.runtime.invoke(*tensors)


@pytest.mark.parametrize(
    ("count", "shape", "message"),
    [(1, (4,), "another number of tensors"), (3, (4,), "another number"), (2, (5,), "another type")],
)
def test_tensors_that_a_program_does_not_have_are_refused(count: int, shape: tuple[int, ...], message: str) -> None:
    b = Builder("f")
    b.returns(b.relu(b.parameter("x", nir.tensor((4,)))))
    program = np.frombuffer(encode(b.module, function="f").encoded, np.uint8)
    arrays = [program, images(4), *[images(*shape)] * (count - 1)]
    with pytest.raises(RunError, match=message):
        nir.tvm.runtime.invoke(*map(tvm.runtime.tensor, arrays))


@pytest.mark.parametrize("machines", [1, 4])
def test_many_threads_may_run_one_module(machines: int) -> None:
    """On one virtual machine or on one each: they share the programs, which are prepared once."""
    build = nir.tvm.build(lowered(two_regions()))
    loaded = [build.load() for _ in range(machines)]
    compiled = loaded[0]
    inputs = [images(*INPUT.shape, seed=seed) for seed in range(24)]
    expected = [compiled.run({"image": image})[0] for image in inputs]
    nir.tvm.runtime.forget()
    barrier = threading.Barrier(4)

    def job(index: int) -> np.ndarray:
        if index < 4:
            barrier.wait()
        return loaded[index % machines].run({"image": inputs[index]})[0]

    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(job, range(24)), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    assert len(nir.tvm.runtime._RUNTIME.programs) == 2


def test_the_number_of_threads_can_be_changed() -> None:
    compiled = nir.tvm.compile(lowered(two_regions()))
    expected = compiled.run({"image": INPUT})
    try:
        for count in (2, None, 1):
            nir.tvm.runtime.set_threads(count)
            assert {p.interpreter.threads for p in nir.tvm.runtime._RUNTIME.programs.values()} == {count}
            assert close(compiled.run({"image": INPUT}), expected)
        with pytest.raises(RunError, match="at least one thread"):
            nir.tvm.runtime.set_threads(0)
    finally:
        nir.tvm.runtime.set_threads(1)


def test_programs_are_prepared_once_and_can_be_forgotten() -> None:
    nir.tvm.runtime.forget()
    compiled = nir.tvm.compile(lowered(two_regions()))
    kept = []
    for _ in range(2):
        compiled.run({"image": INPUT})
        kept.append(dict(nir.tvm.runtime._RUNTIME.programs))
    assert len(kept[0]) == 2
    assert all(kept[0][key] is kept[1][key] for key in kept[0])
    nir.tvm.runtime.forget()
    assert not nir.tvm.runtime._RUNTIME.programs
    compiled.run({"image": INPUT})


def test_a_call_inside_of_a_branch_is_refused() -> None:
    source = one_region(relax.op.nn.relu, relax.TensorType((4,), "float32"))
    symbol = source.get_global_var("nir_0")
    builder = relax.BlockBuilder(source)
    x, c = relax.Var("x", relax.TensorType((4,), "float32")), relax.Var("c", relax.TensorType((), "bool"))
    with builder.function("branching", [x, c]):
        inner = relax.Var("y", relax.TensorType((4,), "float32"))
        call = relax.SeqExpr([relax.BindingBlock([relax.VarBinding(inner, relax.Call(symbol, [x]))])], inner)
        builder.emit_func_output(builder.emit(relax.If(c, call, relax.SeqExpr([], x))))
    b = Builder("nir_0")
    b.returns(b.relu(b.parameter("x", nir.tensor((4,)))))
    with pytest.raises(ConvertError, match="inside of a branch"):
        lower_regions(builder.get(), programs={"nir_0": b.module})
