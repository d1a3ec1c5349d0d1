"""ONNX models that say much in few bytes: read in bounded time and memory, or refused with a message."""

from __future__ import annotations

import contextlib
import itertools
import resource
import time

import numpy as np
import pytest

import nir.tvm
from nir.errors import ConvertError, ParseError
from nir.ir import walk

onnx = pytest.importorskip("onnx")
pytest.importorskip("tvm")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def model(nodes, weights=None, opset: int = 17, functions=(), output: str = "y", shape=(4,)):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, functions=list(functions))


def doubled(first: str, times: int) -> list:
    names = [first, *(f"v{index}" for index in range(times - 1)), "y"]
    return [helper.make_node("Concat", [a, a], [b], axis=0) for a, b in itertools.pairwise(names)]


def calls(depth: int) -> list:
    """Functions each of which calls the next one twice."""
    imports = [helper.make_opsetid("own", 1), helper.make_opsetid("", 17)]
    functions = []
    for index in range(depth):
        kind, domain = (f"F{index + 1}", "own") if index + 1 < depth else ("Relu", "")
        nodes = [helper.make_node(kind, [a], [b], domain=domain) for a, b in (("a", "t"), ("t", "b"))]
        functions.append(helper.make_function("own", f"F{index}", ["a"], ["b"], nodes, imports))
    return functions


ADD = helper.make_node("Add", ["x", "r"], ["y"])
LARGE = {
    "doubled input": model(doubled("x", 45)),
    "doubled weight": model(
        [*doubled("w", 45)[:-1], helper.make_node("Add", ["x", "v43"], ["y"])], {"w": np.ones(4, "f4")}
    ),
    "pad": model(
        [helper.make_node("Pad", ["w", "n"], ["r"]), ADD], {"w": np.ones(4, "f4"), "n": np.full(2, 1 << 33)}, shape=(1,)
    ),
    "tile": model(
        [helper.make_node("Tile", ["w", "n"], ["r"]), ADD], {"w": np.ones(4, "f4"), "n": [1 << 33]}, shape=(1,)
    ),
    "range": model(
        [helper.make_node("Range", ["a", "b", "c"], ["r"]), ADD],
        {"a": np.float32(0), "b": np.float32(1e12), "c": np.float32(1)},
        shape=(1,),
    ),
    "resize": model(
        [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="linear")],
        {"scales": np.array([1, 1, 1e6, 1e6], "f4")},
        shape=(1, 1, 4, 4),
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_small_file_of_large_tensors_ends_soon(name: str) -> None:
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(ConvertError, ParseError):
        nir.tvm.convert(LARGE[name], foreign=True)
    assert time.perf_counter() - started < 20
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 1000  # mebibytes


def test_functions_are_counted_before_they_are_inlined() -> None:
    call = [helper.make_node("F0", ["x"], ["y"], domain="own")]
    assert sum(op.name == "relu" for op in walk(nir.tvm.convert(model(call, functions=calls(4))))) == 16
    with pytest.raises(ConvertError, match="cannot be inlined") as caught:
        nir.tvm.convert(model(call, functions=calls(40)))
    assert caught.value.diagnostics[0].found == f"{2**40:,} nodes or more"


def test_a_sparse_tensor_is_measured_before_it_is_written_out() -> None:
    sparse = onnx.SparseTensorProto(dims=[1 << 34])
    sparse.values.CopyFrom(numpy_helper.from_array(np.ones(2, "f4"), "r"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.array([0, 5]), "i"))
    hostile = model([ADD])
    hostile.graph.sparse_initializer.append(sparse)
    with pytest.raises(ConvertError, match="too large"):
        nir.tvm.convert(hostile)


def test_a_value_is_given_once() -> None:
    with pytest.raises(ParseError, match="Sigmoid 'y' gives the value 'y', which is given already"):
        nir.tvm.convert(model([helper.make_node(kind, ["x"], ["y"]) for kind in ("Relu", "Sigmoid")]))


def test_operators_of_the_future_are_refused() -> None:
    with pytest.raises(ConvertError, match="version 99 of the operators is unknown"):
        nir.tvm.convert(model([helper.make_node("Relu", ["x"], ["y"])], opset=99))
