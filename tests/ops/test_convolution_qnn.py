"""Convolutions and matrix products on integers against TVM's QNN operators: equal, element by element."""

from __future__ import annotations

import numpy as np
import pytest
from qnn_vectors import Vectors, quantised, run, vectors

from nir.ir import Quantisation, TensorType, tensor
from nir.ops.convolution import Conv2d, DepthwiseConv2d, GroupedConv2d, TransposeConv2d
from nir.ops.matmul import BatchMatmul, FullyConnected
from nir.ops.quantise import Requantize

TO_OHWI = {"OIHW": (0, 2, 3, 1), "HWIO": (3, 0, 1, 2), "OHWI": (0, 1, 2, 3), "HWOI": (2, 0, 1, 3), "IOHW": (1, 2, 3, 0)}


def bias_type(length: int, parameters: dict) -> TensorType:
    scale = parameters["requantize_input_scale"]
    return quantised((length,), "int32", scale, axis=0)


def filter_operand(parameters: dict, weights: np.ndarray, depthwise: bool) -> tuple[TensorType, np.ndarray]:
    """The filter in NIR's layout, with its scales along the output channels."""
    layout = parameters["kernel_layout"]
    if depthwise:
        by_name = dict(zip(layout, range(4), strict=True))
        ordered = weights.transpose(by_name["H"], by_name["W"], *sorted((by_name["O"], by_name["I"])))
        stored = ordered.reshape(1, *ordered.shape[:2], -1)
    else:
        stored = weights.transpose(TO_OHWI[layout])
    stored = np.ascontiguousarray(stored)
    axis = 3 if depthwise else 0
    return quantised(
        stored.shape, stored.dtype, parameters["kernel_scale"], parameters["kernel_zero_point"], axis
    ), stored


def check(operator, case: Vectors, operands: list, accumulator_axis: int, **fields) -> None:
    parameters = case.parameters
    for profile, rounding, recorded in case.modes("acc"):
        result = run(operator, profile, operands[:2], element="i32", **fields)
        assert np.array_equal(result, recorded), (case.number, profile, rounding, "accumulator")
    target = Quantisation.per_tensor(parameters["output_scale"], parameters["output_zero_point"])
    for profile, rounding, recorded in case.modes("q"):
        whole = run(
            operator, profile, operands, quantisation=target, element=output_element(case), rounding=rounding, **fields
        )
        assert np.array_equal(whole, recorded), (case.number, profile, rounding, int((whole != recorded).sum()))
        scales = quantised(recorded.shape, "int32", parameters["requantize_input_scale"], axis=accumulator_axis)
        sums = run(operator, profile, operands, element="i32", quantisation=scales.quantisation, **fields)
        rescaled = run(
            Requantize, profile, [(scales, sums)], quantisation=target, element=output_element(case), rounding=rounding
        )
        assert np.array_equal(rescaled, recorded), (case.number, profile, rounding, "requantize")


def output_element(case: Vectors) -> str:
    return {"int8": "i8", "uint8": "u8", "int16": "i16", "int32": "i32"}[case.parameters["out_dtype"]]


def test_conv_2d():
    for case in vectors("conv2d"):
        p = case.parameters
        nchw = p["data_layout"] == "NCHW"
        x, w, bias = case.inputs["x"], case.inputs["w"], case.inputs["bias"]
        channels = x.shape[1 if nchw else 3]
        depthwise = p["groups"] == channels and channels > 1
        top, left, bottom, right = p["padding"]
        fields = {
            "strides": p["strides"],
            "dilations": p["dilation"],
            "padding": [top, bottom, left, right],
            "layout": "nchw" if nchw else "nhwc",
        }
        operator = DepthwiseConv2d if depthwise else Conv2d
        if p["groups"] > 1 and not depthwise:
            operator, fields["groups"] = GroupedConv2d, p["groups"]
        operands = [
            (quantised(x.shape, x.dtype, p["input_scale"], p["input_zero_point"]), x),
            filter_operand(p, w, depthwise),
            (bias_type(len(bias), p), bias),
        ]
        check(operator, case, operands, 1 if nchw else 3, **fields)


def test_transpose_conv_2d():
    for case in vectors("conv2d_transpose"):
        p = case.parameters
        if p["groups"] != 1:
            continue
        x, w, bias = case.inputs["x"], case.inputs["w"], case.inputs["bias"]
        padding = p["padding"] if len(p["padding"]) == 4 else [*p["padding"], *p["padding"]]
        extra = p.get("output_padding", [0, 0])
        operands = [
            (quantised(x.shape, x.dtype, p["input_scale"], p["input_zero_point"]), x),
            filter_operand(p, w, depthwise=False),
            (bias_type(len(bias), p), bias),
        ]
        fields = {
            "strides": p["strides"],
            "padding": [padding[0], padding[2] - extra[0], padding[1], padding[3] - extra[1]],
            "layout": p["data_layout"].lower(),
        }
        check(TransposeConv2d, case, operands, 1 if p["data_layout"] == "NCHW" else 3, **fields)


def test_fully_connected():
    for case in vectors("dense"):
        p = case.parameters
        x, w, bias = case.inputs["x"], case.inputs["w"], case.inputs["bias"]
        operands = [
            (quantised(x.shape, x.dtype, p["input_scale"], p["input_zero_point"]), x),
            (quantised(w.shape, w.dtype, p["kernel_scale"], p["kernel_zero_point"], 0), w),
            (bias_type(len(bias), p), bias),
        ]
        check(FullyConnected, case, operands, 1)


def test_batch_matmul():
    for case in vectors("batch_matmul"):
        p = case.parameters
        operands = [
            (
                quantised(case.inputs[n].shape, case.inputs[n].dtype, p[f"{n}_scale"], p[f"{n}_zero_point"]),
                case.inputs[n],
            )
            for n in ("x", "y")
        ]
        for profile, _, recorded in case.modes("acc"):
            assert np.array_equal(run(BatchMatmul, profile, operands, element="i32", transpose_right=True), recorded)
        target = Quantisation.per_tensor(p["output_scale"], p["output_zero_point"])
        for profile, rounding, recorded in case.modes("q"):
            # Text with six digits: the recorded scale of the sums is not quite the product of the scales.
            stated = tensor(recorded.shape, "i32", scale=p["requantize_input_scale"])
            sums = run(BatchMatmul, profile, operands, element="i32", transpose_right=True)
            element = output_element(case)
            result = run(Requantize, profile, [(stated, sums)], quantisation=target, element=element, rounding=rounding)
            assert np.array_equal(result, recorded), (case.number, profile, rounding)


@pytest.mark.parametrize("operator", ["conv2d", "conv2d_transpose", "dense", "batch_matmul"])
def test_recorded_modes_are_known(operator: str):
    """Every mode of the recordings is one that a profile reproduces, so that no loop above runs empty."""
    for case in vectors(operator):
        assert len(list(case.modes("q"))) == 3
        assert len(list(case.modes("acc"))) == 3
