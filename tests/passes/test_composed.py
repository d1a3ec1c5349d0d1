"""Relay operators that NIR composes of others, against numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from relay_cases import KEPT, converted, names, outputs

from nir.errors import ConvertError
from nir.passes.relay_to_nir.handlers_image import nearest_indices

F = np.array(
    [-np.inf, -3.5, -2.5, -1.7, -1, -0.5, -0.3, 0, 0.3, 0.49999997, 0.5, 1, 1.5, 2.5, 7.25, np.inf], np.float32
)
N = np.array([-(2**31) + 1, -70000, -9, -8, -7, -1, 0, 1, 5, 7, 8, 9, 70000, 2**31 - 1, 3, -3], np.int32)
DIVISORS = np.array([3, -7, 2, -2, 4, 5, 7, -9, 1, -1, 8, 10, -3, 1000, 2, 2], np.int32)


def away_from_zero(x: np.ndarray) -> np.ndarray:
    return np.copysign(np.floor(np.abs(x.astype(np.float64)) + 0.5), x).astype(np.float32)


FLOATS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ceil(%x)": np.ceil,
    "floor(%x)": np.floor,
    "round(%x)": away_from_zero,
    "trunc(%x)": np.trunc,
    "sign(%x)": np.sign,
    "isinf(%x)": np.isinf,
    "isfinite(%x)": np.isfinite,
    "isnan(divide(%x, %x))": lambda x: np.isnan(x / x),
    "cos(clip(%x, a_min=-9f, a_max=9f))": lambda x: np.cos(np.clip(x, -9, 9)),
    "tan(%x)": np.tan,
    "copy(%x)": lambda x: x,
    "tan(multiply(%x, 1e-30f))": lambda x: np.tan(x * np.float32(1e-30)),
    "log2(abs(%x))": lambda x: np.log2(np.abs(x)),
    "sinh(clip(%x, a_min=-9f, a_max=9f))": lambda x: np.sinh(np.clip(x, -9, 9)),
    "floor_divide(%x, 0.75f)": lambda x: np.floor(x / np.float32(0.75)),
    "argsort(%x)": lambda x: np.argsort(x, kind="stable").astype(np.int32),
    "sort(%x, is_ascend=False)": lambda x: np.sort(x)[::-1],
}


@pytest.mark.parametrize("expression", FLOATS)
def test_function_of_floats(expression: str) -> None:
    with np.errstate(all="ignore"):
        expected = FLOATS[expression](F)
        (found,) = outputs(converted("%x: Tensor[(16), float32]", expression), {"x": F})
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def truncated(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.trunc(x.astype(np.float64) / y).astype(np.int32)


INTEGERS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "divide(%x, %y)": truncated,
    "trunc_mod(%x, %y)": lambda x, y: x - truncated(x, y) * y,
    "floor_divide(%x, %y)": np.floor_divide,
    "floor_mod(%x, %y)": np.mod,
    "sign(%x)": lambda x, y: np.sign(x),
    "round(%x)": lambda x, y: x,
    'cast(%x, dtype="int8")': lambda x, y: x.astype(np.int8),
    'cast(cast(%x, dtype="int16"), dtype="uint8")': lambda x, y: x.astype(np.uint8),
    "where(greater(%x, %y), %x, 7)": lambda x, y: np.where(x > y, x, 7),
    "nn.relu(%x)": lambda x, y: np.maximum(x, 0),
}


@pytest.mark.parametrize("expression", INTEGERS)
def test_function_of_integers(expression: str) -> None:
    expected = INTEGERS[expression](N, DIVISORS)
    module = converted("%x: Tensor[(16), int32], %y: Tensor[(16), int32]", expression)
    (found,) = outputs(module, {"x": N, "y": DIVISORS})
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


A = np.random.default_rng(1).standard_normal((2, 4, 6)).astype(np.float32)
P = np.array([[-7, 0, 3], [5, 2, 9]], np.int32)

SHAPED: dict[str, Callable[[], np.ndarray]] = {
    "take(%x, %i, axis=1)": lambda: np.take(A, np.clip(P, 0, 3), 1),
    'take(%x, %i, axis=-1, mode="wrap")': lambda: np.take(A, P % 6, 2),
    "take(%x, %i)": lambda: np.take(A.ravel(), np.clip(P, 0, 47)),
    'nn.pad(%x, 0f, pad_width=[[1, 2], [0, 3], [0, 0]], pad_mode="edge")': lambda: np.pad(
        A, ((1, 2), (0, 3), (0, 0)), mode="edge"
    ),
    "split(%x, indices_or_sections=[1, 1, 5], axis=2)": lambda: A[:, :, :1],
    "strided_slice(%x, begin=[-1, 3], end=[-9, 0], strides=[-1, -2], axes=[0, 1])": lambda: A[-1:-9:-1, 3:0:-2],
    'strided_slice(%x, begin=[0, 1, -4], end=[-1, 2, 3], slice_mode="size")': lambda: A[:, 1:3, 2:5],
    "slice_like(%x, zeros(shape=[1, 3], dtype=\"float32\"), axes=[0, 1])": lambda: A[:1, :3],
    "repeat(%x, repeats=2, axis=1)": lambda: np.repeat(A, 2, 1),
    "tile(%x, reps=[2, 1, 1, 3])": lambda: np.tile(A, (2, 1, 1, 3)),
    "broadcast_to(%x, shape=[3, 2, 4, 6])": lambda: np.broadcast_to(A, (3, 2, 4, 6)),
    "one_hot(%i, 2f, -1f, depth=4, axis=1, dtype=\"float32\")": lambda: np.moveaxis(
        np.where(P[..., None] == np.arange(4), 2, -1), 2, 1
    ),
    "max(%x, axis=[1], exclude=True)": lambda: A.max((0, 2)),
    "argmax(%x)": lambda: np.argmax(A),
    "argmin(%x, axis=[1], keepdims=True)": lambda: np.argmin(A, 1, keepdims=True),
    "nn.log_softmax(%x, axis=1)": lambda: A - np.log(np.exp(A).sum(1, keepdims=True)),
    'layout_transform(%x, src_layout="CHW", dst_layout="HCW2c")': lambda: A.reshape(1, 2, 4, 6).transpose(2, 0, 3, 1),
}  # fmt: skip


B = np.random.default_rng(3).standard_normal((1, 4, 6, 8)).astype(np.float32)
V = np.random.default_rng(4).standard_normal(8).astype(np.float32)


def standardised(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def groups_standardised(x: np.ndarray) -> np.ndarray:
    return standardised(x.reshape(1, 4, 6, 2, 4), (1, 2, 4)).reshape(x.shape)


def response_normalised(x: np.ndarray, size: int) -> np.ndarray:
    padded = np.pad(x**2, ((0, 0), (0, 0), (0, 0), (size // 2, size // 2)))
    total = np.lib.stride_tricks.sliding_window_view(padded, size, 3).sum(-1)
    return x / (2 + 0.3 / size * total) ** 0.75


def blocks(x: np.ndarray, order: str) -> np.ndarray:
    """depth_to_space of NHWC images with 2 x 2 blocks; `order` is how channels hold depth (c), row (y), column (x)."""
    split = x.reshape(1, 4, 6, *(2 for _ in order))
    places = [3 + order.index(letter) for letter in "yxc"]
    return split.transpose(0, 1, places[0], 2, places[1], places[2]).reshape(1, 8, 12, 2)


IMAGES: dict[str, Callable[[], np.ndarray]] = {
    "nn.layer_norm(%b, %v, %v)": lambda: standardised(B, (3,)) * V + V,
    "nn.layer_norm(%b, %v, %v, scale=False, center=False)": lambda: standardised(B, (3,)),
    "nn.instance_norm(%b, %v, %v, axis=3)": lambda: standardised(B, (1, 2)) * V + V,
    "nn.group_norm(%b, %v, %v, num_groups=2, axis=3)": lambda: groups_standardised(B) * V + V,
    "nn.lrn(%b, size=3, axis=3, bias=2f, alpha=0.3f, beta=0.75f)": lambda: response_normalised(B, 3),
    "nn.l2_normalize(%b, eps=0.5f, axis=[1, 3])": lambda: B / np.sqrt(
        np.maximum((B**2).sum((1, 3), keepdims=True), 0.5)
    ),
    'nn.depth_to_space(%b, block_size=2, layout="NHWC")': lambda: blocks(B, "yxc"),
    'nn.depth_to_space(%b, block_size=2, layout="NHWC", mode="CRD")': lambda: blocks(B, "cyx"),
    'transpose(nn.depth_to_space(transpose(%b, axes=[0, 3, 1, 2]), block_size=2, mode="CRD"), axes=[0, 2, 3, 1])':
        lambda: blocks(B, "cyx"),
    "nn.batch_to_space_nd(nn.space_to_batch_nd(%b, block_shape=[2, 3], paddings=[[0, 0], [1, 2]]), "
    "block_shape=[2, 3], crops=[[1, 0], [1, 2]])": lambda: B[:, 1:],
    "nn.space_to_batch_nd(%b, block_shape=[1, 2], paddings=[[0, 0], [2, 0]], pad_value=7f)": lambda: np.pad(
        B, ((0, 0), (0, 0), (2, 0), (0, 0)), constant_values=7
    ).reshape(4, 4, 2, 8).transpose(2, 0, 1, 3),
    "nn.pad(%b, 1.5f, pad_width=[[0, 0], [1, 0], [0, 2], [0, 0]])": lambda: np.pad(
        B, ((0, 0), (1, 0), (0, 2), (0, 0)), constant_values=1.5
    ),
    'nn.pad(%b, 0f, pad_width=[[0, 0], [1, 2], [3, 0], [0, 0]], pad_mode="reflect")': lambda: np.pad(
        B, ((0, 0), (1, 2), (3, 0), (0, 0)), mode="reflect"
    ),
    "transpose(%b, axes=None)": lambda: B.T,
    "squeeze(%b)": lambda: B[0],
    "expand_dims(%b, axis=1, num_newaxis=2)": lambda: B[:, None, None],
    "reverse(%b, axis=-2)": lambda: B[:, :, ::-1],
    "nn.batch_flatten(%b)": lambda: B.reshape(1, -1),
    "nn.batch_matmul(reshape(%b, newshape=[4, 6, 8]), reshape(%v, newshape=[1, 1, 8]), transpose_b=True)": lambda: B[0] @ V[:, None],
    "nn.matmul(reshape(%b, newshape=[24, 8]), reshape(%v, newshape=[1, 8]), units=1, transpose_b=True)": lambda: (
        B.reshape(24, 8) @ V[:, None]
    ),
    "nn.prelu(%b, %v, axis=3)": lambda: np.where(B > 0, B, B * V),
    "nn.adaptive_avg_pool2d(%b, output_size=[2, 3], layout=\"NHWC\")": lambda: B.reshape(1, 2, 2, 3, 2, 8).mean((2, 4)),
    "nn.global_max_pool2d(%b, layout=\"NHWC\")": lambda: B.max((1, 2), keepdims=True),
    "gather(%b, argsort(%b, axis=3), axis=3)": lambda: np.sort(B, 3),
    "add(shape_of(%b, dtype=\"int32\"), ndarray_size(%b, dtype=\"int32\"))": lambda: np.array(B.shape) + B.size,
    'arange(1f, 3f, 0.5f, dtype="float32")': lambda: np.arange(1, 3, 0.5),
    "nn.bias_add(%b, %v, axis=3)": lambda: B + V,
    "nn.upsampling(%b, scale_h=2f, scale_w=3f, layout=\"NHWC\")": lambda: B.repeat(2, 1).repeat(3, 2),
    'gather_nd(%b, reshape(floor_divide(arange(0, 4, 1, dtype="int32"), 2), newshape=[2, 2]))': lambda: B[[0, 0], [1, 1]],
}  # fmt: skip


@pytest.mark.parametrize("expression", IMAGES)
def test_images(expression: str) -> None:
    expected = IMAGES[expression]()
    module = converted("%b: Tensor[(1, 4, 6, 8), float32], %v: Tensor[(8), float32]", expression)
    found = outputs(module, {"b": B, "v": V})[0]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("expression", SHAPED)
def test_shapes_and_indices(expression: str) -> None:
    expected = SHAPED[expression]()
    module = converted("%x: Tensor[(2, 4, 6), float32], %i: Tensor[(2, 3), int32]", expression)
    found = outputs(module, {"x": A, "i": P})[0]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ascending", [True, False])
def test_of_equal_elements_the_first_comes_first(ascending: bool) -> None:
    x = np.array([[3, 1, 3, 1, 2, 3, 1]], np.float32)
    module = converted("%x: Tensor[(1, 7), float32]", f'topk(%x, k=5, is_ascend={ascending}, dtype="int32")')
    values, indices = outputs(module, {"x": x})
    expected = np.argsort(x if ascending else -x, kind="stable")[:, :5]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(values, np.take_along_axis(x, expected, 1))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("mode", ["half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("rounding", ["round", "floor", "ceil", "round_prefer_floor", "round_prefer_ceil", ""])
def test_nearest_neighbours(layout: str, mode: str, rounding: str) -> None:
    """Whatever the rule, what is made is what the rule's rows and columns choose."""
    x = np.arange(4 * 5, dtype=np.float32).reshape(4, 5)
    shape, data = ((1, 4, 5, 1), x[None, :, :, None]) if layout == "NHWC" else ((1, 1, 4, 5), x[None, None])
    module = converted(
        f"%x: Tensor[{shape}, float32]",
        f'image.resize2d(%x, size=[7, 3], layout="{layout}", method="nearest_neighbor", '
        f'coordinate_transformation_mode="{mode}", rounding_method="{rounding}")',
        **KEPT,
    )
    rule = rounding or ("round" if mode == "align_corners" else "floor")
    expected = x[nearest_indices(4, 7, mode, rule)][:, nearest_indices(5, 3, mode, rule)]
    np.testing.assert_array_equal(outputs(module, {"x": data})[0].reshape(7, 3), expected)
    assert names(module) in (["resize_nearest_neighbor"], ["gather", "gather"])


@pytest.mark.parametrize("ceil", [True, False])
@pytest.mark.parametrize("counted", [True, False])
def test_average_pools_with_padding(ceil: bool, counted: bool) -> None:
    x = np.random.default_rng(2).standard_normal((1, 8, 6, 1)).astype(np.float32)
    module = converted(
        "%x: Tensor[(1, 8, 6, 1), float32]",
        "nn.avg_pool2d(%x, pool_size=[3, 3], strides=[2, 2], padding=[1, 0, 1, 1], "
        f'layout="NHWC", ceil_mode={ceil}, count_include_pad={counted})',
    )
    (found,) = outputs(module, {"x": x})
    expected = np.empty((5 if ceil else 4, 3), np.float32)
    for row, column in np.ndindex(*expected.shape):
        top, left = row * 2 - 1, column * 2
        cells = x[0, max(top, 0) : top + 3, left : left + 3, 0]
        padded = (min(top + 3, 9) - top) * (min(left + 3, 7) - left)  # what a partial window lacks never counts
        expected[row, column] = cells.sum() / (padded if counted else cells.size)
    assert found.shape == (1, *expected.shape, 1)
    np.testing.assert_allclose(found[0, :, :, 0], expected, rtol=1e-5)


def test_windows_that_lie_in_the_padding_alone_are_refused() -> None:
    with pytest.raises(ConvertError, match="lie in the padding alone"):
        converted(
            "%x: Tensor[(1, 6, 6, 1), float32]", 'nn.max_pool2d(%x, pool_size=[1, 1], padding=[1, 1], layout="NHWC")'
        )
