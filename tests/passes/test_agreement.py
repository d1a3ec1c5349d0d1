"""The same random Relay graph converted to NIR and interpreted, and converted to Relax and run on TVM: equal integers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from relay_cases import outputs

from nir import relay
from nir.passes import relay_to_nir

pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")

import nir.tvm
from nir.passes import relay_to_relax

SCALES = (0.5, 0.25, 0.0235294, 0.00784314, 0.1234, 1.5)


@dataclass(frozen=True)
class Tensor:
    """A quantised 8-bit tensor of the graph."""

    name: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int

    @property
    def parameters(self) -> str:
        return f"{self.scale}f, {self.zero_point}"


@dataclass
class Graph:
    """A Relay function that grows line by line; its weights are constants."""

    draw: st.DrawFn
    lines: list[str] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def line(self, expression: str) -> str:
        self.lines.append(f"%{len(self.lines)} = {expression};")
        return f"%{len(self.lines) - 1}"

    def tensor(self, expression: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        made = Tensor(self.line(expression), shape, like.scale, like.zero_point)
        self.tensors.append(made)
        return made

    def fresh(self) -> Tensor:
        """Parameters for a result."""
        return Tensor("", (), self.draw(st.sampled_from(SCALES)), self.draw(st.integers(-20, 20)))

    def source(self, rank: int | None = None) -> Tensor:
        fitting = [tensor for tensor in self.tensors if rank is None or len(tensor.shape) == rank]
        return self.draw(st.sampled_from(fitting))

    def weight(self, dtype: str, *shape: int) -> str:
        name = f"w{len(self.weights)}"
        rng = np.random.default_rng(self.draw(st.integers(0, 999)))
        low, high = (-127, 128) if dtype == "int8" else (-5000, 5000)
        self.weights[name] = rng.integers(low, high, shape).astype(dtype)
        return f"%{name}"

    def text(self) -> str:
        signature = ["%x: Tensor[(1, 6, 6, 4), int8]"]
        for name, array in self.weights.items():
            signature.append(
                f"%{name}: Tensor[({', '.join(map(str, array.shape))}{',' * (array.ndim == 1)}), {array.dtype}]"
            )
        results = ", ".join(tensor.name for tensor in self.tensors[-3:])
        body = "\n".join(f"  {line}" for line in [*self.lines, f"({results},)"])
        return f'#[version = "0.0.5"]\ndef @main({", ".join(signature)}) {{\n{body}\n}}\n'


def convolution(graph: Graph) -> None:
    x, out = graph.source(4), graph.fresh()
    size = graph.draw(st.sampled_from([1, 3]))
    if min(x.shape[1:3]) < size:
        return
    channels, padding = graph.draw(st.integers(1, 5)), graph.draw(st.sampled_from([0, size // 2]))
    depthwise = graph.draw(st.booleans()) and x.shape[3] > 1
    made = x.shape[3] if depthwise else channels
    weight = graph.weight("int8", size, size, x.shape[3], 1 if depthwise else made)
    scale = graph.draw(st.sampled_from([0.01, 0.25, 0.0123]))
    layout = "HWOI" if depthwise else "HWIO"
    sums = graph.line(
        f"qnn.conv2d({x.name}, {weight}, {x.zero_point}, 0, {x.scale}f, {scale}f, padding=[{padding}, {padding}], "
        f"groups={made if depthwise else 1}, channels={made}, kernel_size=[{size}, {size}], "
        f'data_layout="NHWC", kernel_layout="{layout}", out_dtype="int32")'
    )
    if graph.draw(st.booleans()):
        sums = graph.line(f"nn.bias_add({sums}, {graph.weight('int32', made)}, axis=3)")
    stated = float(np.float32(x.scale) * np.float32(scale))
    rounding = graph.draw(st.sampled_from(["UPWARD", "TONEAREST"]))
    shape = (1, *(side + 2 * padding - size + 1 for side in x.shape[1:3]), made)
    graph.tensor(
        f"qnn.requantize({sums}, {stated:.6g}f, 0, {out.parameters}, axis=3, "
        f'rounding="{rounding}", compute_dtype="int64", out_dtype="int8")',
        shape,
        out,
    )


def clip(graph: Graph) -> None:
    x = graph.source()
    low, high = sorted(graph.draw(st.tuples(st.integers(-128, 127), st.integers(-128, 127))))
    if graph.draw(st.booleans()):
        low, high = x.zero_point, 127
    graph.tensor(f"clip({x.name}, a_min={low}f, a_max={high}f)", x.shape, x)


def rescale(graph: Graph) -> None:
    x, out = graph.source(), graph.fresh()
    text = f'qnn.requantize({x.name}, {x.parameters}, {out.parameters}, compute_dtype="int64", out_dtype="int8")'
    graph.tensor(text, x.shape, out)


def arithmetic(graph: Graph) -> None:
    x, out = graph.source(), graph.fresh()
    y = graph.draw(st.sampled_from([tensor for tensor in graph.tensors if tensor.shape == x.shape]))
    operator = graph.draw(st.sampled_from(["add", "subtract", "mul"]))
    graph.tensor(f"qnn.{operator}({x.name}, {y.name}, {x.parameters}, {y.parameters}, {out.parameters})", x.shape, out)


def join(graph: Graph) -> None:
    x, out = graph.source(), graph.fresh()
    y = graph.draw(st.sampled_from([tensor for tensor in graph.tensors if tensor.shape == x.shape]))
    shape = (*x.shape[:-1], 2 * x.shape[-1])
    if shape[-1] > 32:
        return
    if x.parameters == y.parameters and graph.draw(st.booleans()):
        graph.tensor(f"concatenate(({x.name}, {y.name}), axis=-1)", shape, x)
        return
    scales, points = f"({x.scale}f, {y.scale}f)", f"({x.zero_point}, {y.zero_point})"
    graph.tensor(
        f"qnn.concatenate(({x.name}, {y.name}), {scales}, {points}, {out.parameters}, axis={len(shape) - 1})",
        shape,
        out,
    )


def widened(graph: Graph, x: Tensor) -> str:
    return graph.line(f'cast({x.name}, dtype="int32")')


def pool(graph: Graph) -> None:
    x = graph.source(4)
    if min(x.shape[1:3]) < 2:
        return
    shape = (1, x.shape[1] // 2, x.shape[2] // 2, x.shape[3])
    window = 'pool_size=[2, 2], strides=[2, 2], layout="NHWC"'
    if graph.draw(st.booleans()):
        graph.tensor(f"nn.max_pool2d({x.name}, {window})", shape, x)
        return
    average = graph.line(f"nn.avg_pool2d({widened(graph, x)}, {window})")
    graph.tensor(f'cast({average}, dtype="int8")', shape, x)


def mean(graph: Graph) -> None:
    x, out = graph.source(4), graph.fresh()
    total = graph.line(f"mean({widened(graph, x)}, axis=[1, 2], keepdims=True)")
    text = f'qnn.requantize({total}, {x.parameters}, {out.parameters}, compute_dtype="int64", out_dtype="int8")'
    graph.tensor(text, (1, 1, 1, x.shape[3]), out)


def move(graph: Graph) -> None:
    x = graph.source(4)
    _, rows, columns, depth = x.shape
    moves = {
        "transpose({}, axes=[0, 2, 1, 3])": (1, columns, rows, depth),
        f"nn.pad({{}}, {x.zero_point}f, pad_width=[[0, 0], [1, 0], [0, 0], [0, 0]])": (1, rows + 1, columns, depth),
        "strided_slice({}, begin=[0], end=[1], axes=[1])": (1, 1, columns, depth),
        "reshape({}, newshape=[1, 1, -1, 1])": (1, 1, rows * columns * depth, 1),
    }
    text = graph.draw(st.sampled_from(sorted(moves)))
    graph.tensor(text.format(x.name), moves[text], x)


STEPS = (convolution, clip, rescale, arithmetic, join, pool, mean, move)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    graph = Graph(draw)
    first = graph.fresh()
    graph.tensors.append(Tensor("%x", (1, 6, 6, 4), first.scale, first.zero_point))
    for _ in range(draw(st.integers(1, 8))):
        draw(st.sampled_from(STEPS))(graph)
    return graph


@settings(max_examples=20)
@given(graph=graphs(), seed=st.integers(0, 999))
def test_nir_and_tvm_compute_the_same_integers(graph: Graph, seed: int) -> None:
    text = graph.text()
    note(text)
    source = relay.load(text, graph.weights)
    x = np.random.default_rng(seed).integers(-128, 128, (1, 6, 6, 4), np.int8)
    found = outputs(relay_to_nir(source), {"x": x})
    expected = nir.tvm.run(relay_to_relax(source), {"x": x})
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
