"""Relay to NIR with attributes that make little sense: a module or an error, in bounded memory."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from relay_cases import converted, outputs

from nir import relay
from nir.errors import ConvertError, NirError
from nir.passes import relay_to_nir


@pytest.mark.parametrize(("low", "high"), [(0, -5), (300, 400), (-(10**12), 10**12)])
def test_absurd_bounds_of_stored_integers(low: int, high: int) -> None:
    module = converted("%x: Tensor[(256), uint8]", f"clip(%x, a_min={low}f, a_max={high}f)")
    x = np.arange(256).astype(np.uint8)
    expected = np.minimum(np.maximum(x, np.clip(low, 0, 255)), np.clip(high, 0, 255))
    np.testing.assert_array_equal(outputs(module, {"x": x})[0], expected)


def test_a_constant_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(ConvertError, match="too large"):
        converted("%x: Tensor[(4), float32]", 'zeros(shape=[1000000, 1000000], dtype="float32")')


def attributes_of(program: relay.Module) -> list[tuple[relay.Call, str]]:
    calls = [expr for expr in relay.post_order(program.main) if isinstance(expr, relay.Call)]
    return [(call, name) for call in calls for name in sorted(call.attrs)]


ODD_VALUES = [
    0,
    -1,
    7,
    10**12,
    None,
    "",
    "NCHW",
    (),
    (1,),
    (0, 0),
    (1, 2, 3),
    ((1, 1), (0, 0)),
    0.5,
    float("nan"),
    True,
]


@given(data=st.data())
def test_any_attributes_end_in_a_module_or_in_an_error(data: st.DataObject) -> None:
    """Attributes that no reader would let through, changed behind the back of type inference."""
    program = data.draw(st.sampled_from(PROGRAMS))
    module = relay.load(program)
    changeable = attributes_of(module)
    call, name = data.draw(st.sampled_from(changeable))
    call.attrs = {**call.attrs, name: data.draw(st.sampled_from(ODD_VALUES))}
    with contextlib.suppress(NirError):
        relay_to_nir(module)


PROGRAMS = [
    f'#[version = "0.0.5"]\ndef @main({signature}) {{ {body} }}'
    for signature, body in [
        ("%x: Tensor[(1, 3, 6, 6), float32], %w: Tensor[(2, 3, 3, 3), float32]", "nn.conv2d(%x, %w, padding=[1, 1])"),
        ("%x: Tensor[(1, 3, 6, 6), float32]", "nn.avg_pool2d(%x, pool_size=[2, 2], strides=[2, 2])"),
        ("%x: Tensor[(2, 6), float32]", "split(%x, indices_or_sections=2, axis=1)"),
        ("%x: Tensor[(2, 6), float32]", "strided_slice(%x, begin=[0, 1], end=[2, 5], strides=[1, 2])"),
        ("%x: Tensor[(2, 6), float32]", "nn.pad(%x, 0f, pad_width=[[0, 1], [1, 0]])"),
        ("%x: Tensor[(1, 4, 4, 8), float32]", 'image.resize2d(%x, size=[8, 8], layout="NHWC")'),
        ("%x: Tensor[(1, 4, 4, 8), float32]", 'nn.depth_to_space(%x, block_size=2, layout="NHWC")'),
        ("%x: Tensor[(2, 6), float32]", "mean(%x, axis=[1])"),
        ("%x: Tensor[(2, 6), int8]", "clip(%x, a_min=0f, a_max=6f)"),
        ("%x: Tensor[(2, 6), int8]", 'qnn.requantize(%x, 0.5f, 0, 0.25f, 0, out_dtype="int8")'),
        ("%x: Tensor[(2, 6), float32], %i: Tensor[(3), int32]", "take(%x, %i, axis=1)"),
        ("%x: Tensor[(1, 8, 2, 2), float32]", 'layout_transform(%x, src_layout="NCHW", dst_layout="NCHW4c")'),
    ]
]
