"""The light models of the onnx package: nine well-known networks whose weights are all one value.

Of such weights little can be learnt: everything saturates. `with_weights` gives them seeded ones that keep a signal alive.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

_BLOCK = 1 << 20
"""Elements that are drawn; larger weights repeat them, since drawing takes longer than everything else."""


def light_models() -> Iterator[Path]:
    """The files, by name."""
    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    yield from sorted(folder.glob("light_*.onnx"))


def with_weights(path: Path) -> onnx.ModelProto:
    """The model with seeded weights instead of tensors of one value."""
    model = onnx.load(path)
    graph = model.graph
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    filled = {node.output[0]: known[node.input[0]] for node in graph.node if node.op_type == "ConstantOfShape"}
    uses = {name: (node, index) for node in graph.node for index, name in enumerate(node.input)}
    kept = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    del graph.node[:]
    graph.node.extend(kept)
    for name, shape in filled.items():
        graph.initializer.append(numpy_helper.from_array(_drawn(name, tuple(map(int, shape)), *uses[name]), name))
    inputs = [value for value in graph.input if value.name not in known and value.name not in filled]
    del graph.input[:]
    graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, 4)
    return model


def _drawn(name: str, shape: tuple[int, ...], node: Any, index: int) -> np.ndarray[Any, Any]:
    """Weights as the operator that uses them needs them: He's for matrices and filters, near one for variances."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    size = int(np.prod(shape, dtype=np.int64))
    values = rng.standard_normal(min(size, _BLOCK), dtype=np.float32)
    if node.op_type == "BatchNormalization":
        values = 1 + 0.1 * np.abs(values) if index in (1, 4) else 0.1 * values
    elif len(shape) > 1 and node.op_type in ("Conv", "Gemm", "MatMul"):
        values *= np.float32(np.sqrt(2.0 / max(1, size // (shape[-1] if node.op_type == "MatMul" else shape[0]))))
    else:
        values *= np.float32(0.1)
    return np.resize(values, shape).astype("float32")
