"""Attributes that are not written: a program means the same as one that writes what Relay documents as their defaults.

The table below is Relay's documentation, not this package's schema.
"""

from __future__ import annotations

import pytest

from nir.relay import load
from nir.relay.schema import operators

IMAGES = {"data_layout": "NCHW", "kernel_layout": "OIHW", "groups": 1, "dilation": (1, 1), "strides": (1, 1)}
WINDOWS = {"strides": (1, 1), "dilation": (1, 1), "layout": "NCHW", "ceil_mode": False}
NORMALISATION = {"epsilon": 1e-5, "center": True, "scale": True}
DEFAULTS = {
    "nn.bias_add": {"axis": 1},
    "nn.softmax": {"axis": -1},
    "nn.log_softmax": {"axis": -1},
    "concatenate": {"axis": 0},
    "stack": {"axis": 0},
    "split": {"axis": 0},
    "squeeze": {"axis": None},
    "nn.conv2d": {**IMAGES, "padding": (0, 0), "out_dtype": ""},
    "qnn.conv2d": {**IMAGES, "padding": (0, 0)},
    "nn.conv2d_transpose": {**IMAGES, "kernel_layout": "IOHW", "padding": (0, 0), "output_padding": (0, 0)},
    "nn.max_pool2d": {**WINDOWS, "padding": (0, 0)},
    "nn.avg_pool2d": {**WINDOWS, "padding": (0, 0), "count_include_pad": False},
    "nn.batch_norm": {"axis": 1, **NORMALISATION},
    "nn.layer_norm": {"axis": -1, **NORMALISATION},
    "nn.instance_norm": {"axis": 1, **NORMALISATION},
    "nn.group_norm": {"axis": 1, **NORMALISATION},
    "nn.prelu": {"axis": 1},
    "nn.lrn": {"size": 5, "axis": 1, "bias": 2.0, "alpha": 1e-4, "beta": 0.75},
    "nn.pad": {"pad_mode": "constant"},
    "nn.batch_matmul": {"transpose_a": False, "transpose_b": False},
    "nn.depth_to_space": {"layout": "NCHW", "mode": "DCR"},
    "image.resize2d": {
        "layout": "NCHW",
        "method": "linear",
        "coordinate_transformation_mode": "half_pixel",
        "cubic_alpha": -0.5,
        "cubic_exclude": 0,
    },
    "mean": {"axis": None, "keepdims": False, "exclude": False},
    "argmax": {"axis": None, "keepdims": False, "exclude": False, "select_last_index": False},
    "topk": {"axis": -1, "ret_type": "both", "is_ascend": False},
    "take": {"batch_dims": 0, "axis": None, "mode": "clip"},
    "strided_slice": {"strides": None, "slice_mode": "end", "axes": None},
    "expand_dims": {"num_newaxis": 1},
    "qnn.quantize": {"axis": -1},
    "qnn.dequantize": {"axis": -1},
    "qnn.requantize": {"axis": -1, "rounding": "None", "compute_dtype": "None"},
    "qnn.concatenate": {"axis": 0},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_those_that_relay_documents(name: str) -> None:
    known = operators()[name].attributes.defaults
    assert {attribute: known[attribute] for attribute in DEFAULTS[name]} == DEFAULTS[name]


def test_a_bias_goes_along_dimension_1_where_nothing_says_otherwise() -> None:
    source = (
        '#[version = "0.0.5"]\ndef @main(%x: Tensor[(1, 2, 3, 4), float32], %b: Tensor[(2), float32]) {{\n'
        "  nn.bias_add(%x, %b{})\n}}"
    )
    for attributes in ("", ", axis=1"):
        assert load(source.format(attributes)).main.body.attrs["axis"] == 1
