"""Types and quantisation: what they hold, how they compare, how they are written."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.ir import ElementType, Quantisation, TensorType, float32_text, tensor

float32s = st.floats(width=32, allow_nan=False)


@given(float32s)
def test_float32_text_reads_back_to_the_same_bits(value: float) -> None:
    assert np.float32(float(float32_text(value))).tobytes() == np.float32(value).tobytes()


@given(st.floats(allow_nan=False))
def test_scales_are_float32(value: float) -> None:
    scale = Quantisation.per_tensor(value).scale
    assert np.float32(scale) == scale


@given(
    st.sampled_from(ElementType),
    st.lists(st.none() | st.integers(0, 99), max_size=5),
    st.none() | st.tuples(float32s, st.integers(-128, 127)),
)
def test_equal_types_hash_alike_and_survive_pickling(
    element: ElementType, shape: list[int | None], parameters: tuple[float, int] | None
) -> None:
    quantisation = None if parameters is None else Quantisation.per_tensor(*parameters)
    left, right = (TensorType(element, tuple(shape), quantisation) for _ in range(2))
    assert left == right
    assert hash(left) == hash(right)
    assert pickle.loads(pickle.dumps(left)) == left
    assert left != left.with_shape([*shape, 7])


def test_element_types_map_to_numpy_and_back() -> None:
    for element in ElementType:
        assert ElementType.from_numpy(element.numpy) is element
        assert element.bits == element.numpy.itemsize * 8
    assert ElementType.from_numpy(">f4") is ElementType.F32
    with pytest.raises(KeyError):
        ElementType.from_numpy(np.float64)


def test_storage_limits() -> None:
    assert (ElementType.I8.minimum, ElementType.I8.maximum) == (-128, 127)
    assert (ElementType.U16.minimum, ElementType.U16.maximum) == (0, 65535)


@pytest.mark.parametrize(
    ("type", "text"),
    [
        (tensor((), "f32"), "tensor<f32>"),
        (tensor((2, None), "i32"), "tensor<2x?xi32>"),
        (tensor(3, "u8", scale=0.1, zero_point=128), "tensor<3xu8, scale=0.1, zero_point=128>"),
        (tensor((2, 3), "i8", scales=[0.5, 0.25], axis=0), "tensor<2x3xi8, axis=0, scales=[0.5, 0.25]>"),
    ],
)
def test_types_are_written_as_in_nir_text(type: TensorType, text: str) -> None:
    assert str(type) == text


def test_types_and_quantisation_are_immutable() -> None:
    with pytest.raises(AttributeError):
        tensor(3).shape = (4,)  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Quantisation.per_tensor(0.5).axis = 1


def test_per_channel_parameters_broadcast_along_their_axis() -> None:
    quantisation = Quantisation.per_channel([0.5, 0.25, 2.0], axis=1, zero_points=[0, 1, 2])
    assert quantisation.broadcast_scales(4).shape == (1, 3, 1, 1)
    assert quantisation.broadcast_zero_points(2).tolist() == [[0, 1, 2]]
    assert Quantisation.per_tensor(0.5, 3).broadcast_zero_points(4).shape == ()


def test_scales_without_axis_are_refused() -> None:
    with pytest.raises(ValueError, match="axis"):
        tensor((2, 3), "i8", scales=[0.5, 0.25])


def test_sizes_count_unknown_dimensions_as_one() -> None:
    type = tensor((2, None, 3), "i32")
    assert (type.size, type.nbytes, type.is_static, type.rank) == (6, 24, False, 3)
