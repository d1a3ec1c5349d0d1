"""Layouts of recorded networks, of patterns that exporters write, and of long chains."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from relay_cases import FLOAT_MODELS, drawn_values, names, outputs

import nir
from nir import relay
from nir.errors import ConvertError
from nir.ir import Module, Operation, copy_module, first_difference, tensor, walk
from nir.ops.builder import Builder
from nir.passes import reduce_transposes, relay_to_nir, to_nhwc
from nir.passes.layout import count_transposes
from nir.verify import verify

CONVOLUTIONS = frozenset({"conv_2d", "depthwise_conv_2d", "grouped_conv_2d", "transpose_conv_2d"})
IMAGE = (1, 3, 8, 8)


def between_convolutions(module: Module) -> list[Operation]:
    """Transposes that come after one convolution and before another."""
    ops = module.main.operations
    after: set[Operation] = set()
    for op in ops:
        if any(v is not None and (v.producer in after or is_convolution(v.producer)) for v in op.operands):
            after.add(op)
    before: set[Any] = set()
    for op in reversed(ops):
        if is_convolution(op) or any(value in before for value in op.results):
            before.update(op.operands)
    return [op for op in after if op.name == "transpose" and op.results[0] in before]


def is_convolution(op: Operation | None) -> bool:
    return op is not None and op.name in CONVOLUTIONS


@pytest.mark.skipif(not FLOAT_MODELS, reason="no recorded data: set NIR_DATA to its folder")
@pytest.mark.parametrize("folder", FLOAT_MODELS, ids=lambda folder: folder.name)
def test_recorded_networks(folder: Path) -> None:
    values, parameters = drawn_values(folder)
    source = relay.load(folder / "model.relay", {name: values[name] for name in parameters})
    kept, module = relay_to_nir(source, layout="keep"), relay_to_nir(source)
    assert between_convolutions(module) == []
    assert not any("layout" in op.attributes for op in walk(module))
    entrance = sum(len(p.shape) == 4 for p in kept.main.parameters) if "nhwc" not in folder.name else 0
    assert count_transposes(module) <= entrance + (2 if folder.name == "dcgan" else 0)  # its image comes out, from rows
    inputs = {parameter.name: values[parameter.name] for parameter in module.main.parameters}
    for found, expected in zip(outputs(module, inputs), outputs(kept, inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
    if folder.name == "resnet18":
        assert to_nhwc(relay_to_nir(source, layout="keep"), keep_interface=False).transposes_after == 0


def test_layout_is_one_of_two_words() -> None:
    with pytest.raises(ConvertError, match="there is no layout 'nwhc'"):
        relay_to_nir(relay.load('#[version = "0.0.5"]\ndef @main(%x: Tensor[(2), float32]) { %x }'), layout="nwhc")


# --- what exporters write ---


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-3, 4, shape).astype(np.float32)


def started(shape: tuple[int, ...] = IMAGE) -> tuple[Builder, Any]:
    builder = Builder("main")
    return builder, builder.parameter("x", tensor(shape))


def convolved(b: Builder, x: Any, layout: str = "nchw") -> Any:
    channels = x.shape[1 if layout == "nchw" else 3]
    return b.conv_2d(x, b.const(weights(4, 1, 1, channels)), layout=layout)


def converted(b: Builder, *results: Any, **options: Any) -> Module:
    """The module in NHWC, which computes what it did."""
    b.returns(*results)
    module = b.module
    verify(module)
    before = copy_module(module)
    to_nhwc(module, **options)
    verify(module)
    if not options:
        inputs = {p.name: weights(*p.shape) for p in module.main.parameters}
        for found, expected in zip(outputs(module, inputs), outputs(before, inputs), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    return module


def test_a_residual_block_has_one_transpose_at_each_end() -> None:
    b, x = started()
    y = b.relu(convolved(b, x))
    z = b.add(y, convolved(b, b.mul(y, b.const(weights(4, 1, 1)))))
    module = converted(b, b.concatenation(z, y, axis=1))
    assert names(module)[0] == names(module)[-1] == "transpose"
    assert count_transposes(module) == 2


def test_an_operand_in_the_middle_is_transposed_alone() -> None:
    """The second image joins late: it is transposed before the addition, not the network behind it."""
    b, x = started()
    other = b.parameter("other", tensor((1, 4, 8, 8)))
    y = b.add(convolved(b, x), other)
    module = converted(b, b.mean(convolved(b, b.relu(y)), axes=(2, 3)))
    assert names(module) == ["transpose", "conv_2d", "transpose", "add", "relu", "conv_2d", "mean"]
    assert [op.operands[0].name for op in module.main if op.name == "transpose"] == ["x", "other"]


def test_squeeze_and_excitation_needs_no_transpose() -> None:
    b, x = started()
    y = convolved(b, x)
    gate = b.fully_connected(b.mean(y, axes=(2, 3)), b.const(weights(4, 4)))
    scaled = b.mul(y, b.reshape(b.logistic(gate), shape=(1, 4, 1, 1)))
    module = converted(b, b.reduce_max(convolved(b, scaled), axes=(1, 2, 3)))
    assert count_transposes(module) == 1


@pytest.mark.parametrize("between", ["nothing", "relu", "scaled", "image"])
def test_weights_are_sorted_for_a_flattened_image(between: str) -> None:
    b, x = started()
    flat = convolved(b, x)
    flat = flat if between == "image" else b.reshape(flat, shape=(1, 256))
    flat = b.relu(flat) if between == "relu" else flat
    flat = b.mul(b.const(np.float32(2)), flat) if between == "scaled" else flat
    w = b.const(weights(5, 256), name="w")
    module = converted(b, b.fully_connected(flat, w), b.fully_connected(flat, w))
    assert count_transposes(module) == 1
    assert len([op for op in module.main if op.name == "const" and op.results[0].shape == (5, 256)]) == 1


def test_a_flattened_image_that_somebody_reads_is_transposed() -> None:
    b, x = started()
    flat = b.reshape(convolved(b, x), shape=(1, 256))
    module = converted(b, b.fully_connected(flat, b.const(weights(5, 256))), flat)
    assert count_transposes(module) == 2


def test_rows_of_patches_are_the_image_in_nhwc() -> None:
    """A vision transformer: convolve, flatten the image, channels last, normalise."""
    b, x = started()
    rows = b.transpose(b.reshape(convolved(b, x), shape=(1, 4, 64)), permutation=(0, 2, 1))
    module = converted(b, b.batch_matmul(b.softmax(rows), b.const(weights(1, 4, 2))))
    assert names(module) == ["transpose", "conv_2d", "reshape", "softmax", "batch_matmul"]


def test_a_tensor_and_its_transpose_in_one_sum() -> None:
    b, x = started((4, 4))
    module = converted(b, b.add(b.relu(x), b.transpose(b.relu(x), permutation=(1, 0))))
    assert count_transposes(module) == 1


def test_a_product_exchanges_rows_and_columns_itself() -> None:
    b, x = started((2, 3, 4))
    y = b.relu(b.transpose(b.batch_matmul(x, x, transpose_right=True), permutation=(0, 2, 1)))
    b.returns(b.batch_matmul(b.transpose(y, permutation=(0, 2, 1)), y))
    module = b.module
    before = copy_module(module)
    assert reduce_transposes(module).transposes_after == 0
    inputs = {"x": weights(2, 3, 4)}
    np.testing.assert_array_equal(outputs(module, inputs)[0], outputs(before, inputs)[0])


def test_constants_are_transposed_once_and_named() -> None:
    b, x = started()
    c = b.const(weights(1, 4, 8, 8), name="table")
    c.producer.attributes["value"].name = "net/table"
    y = b.add(b.add(convolved(b, x), c), c)
    module = converted(b, y, b.reshape(c, shape=(256,)))
    stored = {
        op.attributes["value"].name: op.results[0] for op in module.main if op.name == "const" and op.results[0].name
    }
    assert {name: value.shape for name, value in stored.items() if name} == {
        "net/table": (1, 4, 8, 8),
        "net/table_1": (1, 8, 8, 4),
    }


def test_what_has_nothing_to_gain_is_left_alone() -> None:
    b, x = started((2, 3, 4))
    turned = b.transpose(b.batch_matmul(x, x, transpose_right=True), permutation=(1, 0, 2), name="turned")
    b.returns(b.reshape(turned, shape=(18,)))
    module, before = b.module, copy_module(b.module)
    report = to_nhwc(module)
    assert report.transposes_before == report.transposes_after == 1
    assert first_difference(module, before) is None
    assert [value.name for value in module.main.values()] == [value.name for value in before.main.values()]


def test_each_function_is_changed_inside_its_own_interface() -> None:
    module = nir.parse("""nir 1.0

func @main(%x: tensor<1x3x4x5xf32>) -> tensor<1x3x4x5xf32> {
  %0 = call @twice(%x) : tensor<1x3x4x5xf32>
  return %0
}

func @twice(%x: tensor<1x3x4x5xf32>) -> tensor<1x3x4x5xf32> {
  %0 = max_pool_2d(%x) {window = [1, 1], layout = nchw} : tensor<1x3x4x5xf32>
  %1 = max_pool_2d(%0) {window = [1, 1], layout = nchw} : tensor<1x3x4x5xf32>
  return %1
}
""")
    report = to_nhwc(module, keep_interface=False)
    verify(module)
    assert report.converted == 2
    assert [op.name for op in module["twice"]] == ["transpose", "max_pool_2d", "max_pool_2d", "transpose"]
    assert module["main"].parameters[0].shape == (1, 3, 4, 5)


def test_declared_types_follow_an_open_interface() -> None:
    module = nir.parse("""nir 1.0

func @main(%x: tensor<1x3x4x5xf32>) -> tensor<1x3x4x5xf32> {
  %0 = max_pool_2d(%x) {window = [1, 1], layout = nchw} : tensor<1x3x4x5xf32>
  return %0
}
""")
    assert to_nhwc(module, keep_interface=False) == (1, 0, 0)
    verify(module)
    assert module.main.parameters[0].shape == module.main.result_types[0].shape == (1, 4, 5, 3)


def test_unknown_sizes() -> None:
    module = nir.parse("""nir 1.0

func @main(%x: tensor<?x3x?x?xf32>, %row: tensor<?xf32>, %plane: tensor<?x?xf32>) -> tensor<?x3x?x?xf32> {
  %0 = max_pool_2d(%x) {window = [1, 1], layout = nchw} : tensor<?x3x?x?xf32>
  %1 = add(%0, %row) : tensor<?x3x?x?xf32>
  %2 = add(%1, %plane) : tensor<?x3x?x?xf32>
  return %2
}
""")
    inputs = {"x": weights(2, 3, 4, 5), "row": weights(5), "plane": weights(4, 5)}
    before = outputs(copy_module(module), inputs)
    assert to_nhwc(module).transposes_after == 2
    verify(module)
    np.testing.assert_array_equal(outputs(module, inputs)[0], before[0])


# --- size ---


def chain(length: int, barriers: int = 0) -> Module:
    """A network of many layers; after every `barriers` of them one that must have its operand as it is."""
    b, x = started((1, 2, 4, 4))
    w, y = b.const(weights(2, 1, 1, 2)), x
    for index in range(length // 4):
        y = b.add(b.relu(b.conv_2d(y, w, layout="nchw")), y)
        y = b.transpose(b.transpose(y, permutation=(0, 2, 3, 1)), permutation=(0, 3, 1, 2))
        if barriers and index % barriers == 0:
            y = b.reshape(b.topk_v2(y, k=4)[0], shape=(1, 2, 4, 4))
    b.returns(y)
    return b.module


def test_a_chain_of_ten_thousand_operators() -> None:
    module = chain(10_000)
    assert to_nhwc(module).transposes_after == 2
    assert len(module.main) == 3 * 2_500 + 3


@pytest.mark.parametrize("barriers", [0, 3])
def test_work_grows_with_the_length(barriers: int) -> None:
    """Counted in calls, which no other process disturbs."""

    def calls(module: Module) -> int:
        count = 0

        def profile(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            to_nhwc(module)
        finally:
            sys.setprofile(None)
        return count

    short, long = calls(chain(500, barriers)), calls(chain(4_000, barriers))
    assert long < 8 * short * 1.3
