"""ONNX Runtime as a peer: one operator on NHWC images, on one thread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest


def run_onnx(kind: str, arrays: dict[str, np.ndarray], **attributes: Any) -> np.ndarray:
    """The result of one ONNX operator; the calling test is skipped where ONNX Runtime is not installed."""
    onnxruntime = pytest.importorskip("onnxruntime")
    helper = pytest.importorskip("onnx").helper
    node = helper.make_node(kind, list(arrays), ["result"], **attributes)
    inputs = [helper.make_tensor_value_info(n, 1, a.shape) for n, a in arrays.items()]
    graph = helper.make_graph([node], "graph", inputs, [helper.make_tensor_value_info("result", 1, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {n: np.ascontiguousarray(a) for n, a in arrays.items()})[0]


def run_model(content: bytes, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """All results of a model, on one thread and as the file says it: nothing is rewritten before it runs."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def explicit_padding(
    padding: Any,
    lengths: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int] = (1, 1),
) -> tuple[int, int, int, int]:
    """Cells at top, bottom, left, right, from the definition of `same`."""
    if padding == "valid":
        return 0, 0, 0, 0
    if padding != "same":
        return padding
    cells = []
    for n, k, s, d in zip(lengths, window, strides, dilations, strict=True):
        total = max(0, (math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n)
        cells += [total // 2, total - total // 2]
    return cells[0], cells[1], cells[2], cells[3]


def onnx_pads(padding: tuple[int, int, int, int]) -> list[int]:
    """Top, left, bottom, right."""
    top, bottom, left, right = padding
    return [top, left, bottom, right]
