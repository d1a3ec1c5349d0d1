"""Networks in NCHW become NHWC and compute the same; as few transposes are left as can be."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, note, settings
from layout_networks import arrays, networks

from nir.interp import run
from nir.ir import Module, copy_module, walk
from nir.passes import reduce_transposes, to_nhwc
from nir.passes.layout.choice import _needed, choose_orders
from nir.passes.layout.graph import Graph
from nir.text import print_module
from nir.verify import verify

CONVOLUTIONS = frozenset({"conv_2d", "depthwise_conv_2d", "grouped_conv_2d", "transpose_conv_2d"})


def assert_same(before: list[np.ndarray], after: list[np.ndarray]) -> None:
    """Integers are equal; floats differ by what the order of a sum can make."""
    for expected, found in zip(before, after, strict=True):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        if found.dtype.kind == "f":
            scale = max(1.0, float(np.abs(expected).max(initial=0)))
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * scale)
        else:
            np.testing.assert_array_equal(found, expected)


def results(module: Module, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    return list(run(module, inputs).values())


@settings(max_examples=150)
@given(module=networks())
def test_nhwc_computes_the_same(module: Module) -> None:
    verify(module)
    note(print_module(module))
    inputs = arrays(module)
    before, interface = results(module, inputs), module.main.result_types
    to_nhwc(module)
    note(print_module(module))
    verify(module)
    assert not any("layout" in op.attributes for op in walk(module))
    assert module.main.result_types == interface
    assert_same(before, results(module, inputs))


@settings(max_examples=150)
@given(module=networks())
def test_the_interface_can_become_nhwc(module: Module) -> None:
    inputs = arrays(module)
    before, types = results(module, inputs), module.main.result_types
    shapes = {parameter.name: parameter.shape for parameter in module.main.parameters}
    kept = to_nhwc(copy_module(module))
    opened = to_nhwc(module, keep_interface=False)
    note(print_module(module))
    verify(module)
    assert opened.transposes_after <= kept.transposes_after
    for parameter in module.main.parameters:
        array = inputs[parameter.name]
        if parameter.shape != shapes[parameter.name]:
            inputs[parameter.name] = np.ascontiguousarray(array.transpose(0, 2, 3, 1))
    after = results(module, inputs)
    turned = [
        found if value.type == type else found.transpose(0, 3, 1, 2)
        for value, type, found in zip(module.main.results, types, after, strict=True)
    ]
    cubes = any(len(set(type.shape[1:])) < 3 for type in (*types, *(p.type for p in module.main.parameters)))
    if not cubes:  # a shape that is the same in both layouts does not say which it is
        assert_same(before, turned)


@settings(max_examples=150)
@given(module=networks())
def test_transposes_become_fewer_and_the_rest_stays(module: Module) -> None:
    inputs = arrays(module)
    before = results(module, inputs)
    layouts = sum(op.attributes.get("layout") is not None for op in walk(module))
    report = reduce_transposes(module)
    note(print_module(module))
    verify(module)
    assert report.converted == 0
    assert report.transposes_after <= report.transposes_before
    assert sum(op.attributes.get("layout") is not None for op in walk(module)) == layouts
    assert_same(before, results(module, inputs))
    again = copy_module(module)
    assert reduce_transposes(again).transposes_after == report.transposes_after


@settings(max_examples=150)
@given(module=networks(steps=6))
def test_no_choice_of_orders_needs_fewer_transposes(module: Module) -> None:
    """Against all mixtures of three orders, for functions of up to seven operators that can choose."""
    graph = Graph(module.main, convert=True, open_interface=False)
    choices = []
    for node in graph.nodes:
        straight = tuple(range(node.rule.strands))
        usual = [(0, 2, 3, 1), (0, 3, 1, 2)] if node.rule.strands == 4 else []
        choices.append([straight, *usual])
    if len(choices) > 7:
        return
    best = min(sum(len(_needed(t, orders)) for t in graph.tensors.values()) for orders in itertools.product(*choices))
    found = choose_orders(graph)
    assert sum(len(_needed(t, found)) for t in graph.tensors.values()) <= best
