"""Recurrent cells in floats: RNN, SVDF and LSTM, for one step, and over sequences step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import relax, te, tirx

from nir.ir import Operation
from nir.ops.bidirectional_lstm import BidirectionalSequenceLstm
from nir.ops.lstm import Lstm, UnidirectionalSequenceLstm
from nir.ops.lstm_cell import GATES, CellActivation
from nir.ops.profiles import ACTIVATION_RANGES
from nir.ops.recurrent import BidirectionalSequenceRnn, Rnn, Svdf, UnidirectionalSequenceRnn
from nir.passes.nir_to_relax.lowerings.reduction import folded
from nir.passes.nir_to_relax.lowerings.unary import external, literal
from nir.passes.nir_to_relax.rounding import clipped
from nir.passes.nir_to_relax.site import Lowering, Site
from nir.passes.relax_building.emitter import Value, constant, elements_of, shape_of

PREFIXES = ("forward_", "backward_")

_MOST_STEPS = 1024
"""Steps of a sequence, each of which becomes operations of its own."""

_LEAST_VARIANCE = 1e-8
"""Stands for a variance of 0 in layer normalisation."""


class Network:
    """The operands of one operation by name, in float32, and arithmetic on them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        fields = site.op.operand_fields[: len(site.args)]
        self.operands = {
            f.name: site.widened(value) for f, value in zip(fields, site.args, strict=True) if value is not None
        }

    def __getitem__(self, name: str) -> relax.Expr:
        return self.operands[name]

    def get(self, name: str) -> relax.Expr | None:
        """The operand of that name, if it is there."""
        return self.operands.get(name)

    def product(self, rows: relax.Expr, weights: relax.Expr) -> relax.Expr:
        """rows [n, inputs] times the transposed weights [units, inputs]."""
        known = elements_of(weights)
        turned = self.site.emit(relax.op.permute_dims(weights, [1, 0])) if known is None else constant(known.T)
        return self.site.emit(relax.op.matmul(rows, turned))

    def map(self, formula: Callable[..., Any], *values: relax.Expr) -> relax.Expr:
        """`formula` of the elements of tensors, which broadcast to the shape of the first."""
        return self.site.map(formula, *values, name="cell")

    def sum(self, *values: relax.Expr) -> relax.Expr:
        """The sum in the order given; the first one has the shape of all."""
        return values[0] if len(values) == 1 else self.map(lambda *parts: sum(parts[1:], parts[0]), *values)

    def steps(self, sequence: relax.Expr) -> list[relax.Expr]:
        """The steps of a sequence in the operation's order, each [batch, inputs]."""
        axis = 0 if self.site.op.time_major else 1
        sizes = shape_of(sequence)
        if sizes[axis] > _MOST_STEPS:
            self.site.refuse(f"more than {_MOST_STEPS} steps would be written out", found=str(sizes[axis]))
        rest = [size for d, size in enumerate(sizes) if d != axis]

        def step(t: int) -> relax.Expr:
            def program(x: te.Tensor) -> te.Tensor:
                return te.compute(rest, lambda b, i: x(t, b, i) if axis == 0 else x(b, t, i), name="step")

            return self.site.te(program, sequence, name="step")

        return [step(t) for t in range(sizes[axis])]

    def sequence(self, outputs: Sequence[relax.Expr]) -> relax.Expr:
        """Outputs of all steps as a sequence in the operation's order."""
        axis = 0 if self.site.op.time_major else 1
        parts = [self.site.emit(relax.op.expand_dims(output, axis)) for output in outputs]
        return parts[0] if len(parts) == 1 else self.site.emit(relax.op.concat(parts, axis))

    def stored(self, *values: relax.Expr) -> tuple[relax.Expr, ...]:
        """Results in the declared element type."""
        return tuple(self.site.emitter.cast(value, self.site.dtype) for value in values)


# --- without gates ---


def _activated(site: Site) -> Callable[[Any], Any]:
    low, high = ACTIVATION_RANGES[site.op.activation]
    return lambda x: clipped(x, low, high)


def _rnn_steps(network: Network, sums: Sequence[relax.Expr], prefix: str = "") -> tuple[list[relax.Expr], relax.Expr]:
    """h' = act(W x + b + R h) from W x of every step: all outputs, and the last one."""
    act, hidden = _activated(network.site), network[f"{prefix}hidden_state"]
    outputs = []
    for own in sums:
        recurrent = network.product(hidden, network[f"{prefix}recurrent_weights"])
        hidden = network.map(lambda x, b, r: act(x + b + r), own, network[f"{prefix}bias"], recurrent)
        outputs.append(hidden)
    return outputs, hidden


def _rnn(site: Site) -> Value:
    network = Network(site)
    _, hidden = _rnn_steps(network, [network.product(network["input"], network["weights"])])
    return network.stored(hidden, hidden)


def _sequence_rnn(site: Site) -> Value:
    network = Network(site)
    sums = [network.product(step, network["weights"]) for step in network.steps(network["input"])]
    outputs, hidden = _rnn_steps(network, sums)
    return network.stored(network.sequence(outputs), *([hidden] if site.op.return_states else []))


def _bidirectional_rnn(site: Site) -> Value:
    network = Network(site)
    outputs, states = [], []
    for prefix, (inputs, auxiliary) in zip(PREFIXES, _directions(network, "auxiliary_weights"), strict=True):
        sums = [network.product(step, network[f"{prefix}weights"]) for step in inputs]
        if auxiliary is not None:
            weights = network[f"{prefix}auxiliary_weights"]
            sums = [network.sum(s, network.product(a, weights)) for s, a in zip(sums, auxiliary, strict=True)]
        found, hidden = _rnn_steps(network, sums, prefix)
        outputs.append(found)
        states.append(hidden)
    return _both(network, outputs, states)


def _directions(network: Network, crossing: str) -> list[tuple[list[relax.Expr], list[relax.Expr] | None]]:
    """Steps of the input, and of the auxiliary input, for the forward and the backward cell in the order they run in.

    `crossing` begins the names of weights for the auxiliary input; without them the backward cell runs on it.
    """
    inputs = network.steps(network["input"])
    auxiliary = network.get("auxiliary_input")
    if auxiliary is None:
        return [(inputs, None), (inputs[::-1], None)]
    others = network.steps(auxiliary)
    if any(crossing in name for name in network.operands):
        return [(inputs, others), (inputs[::-1], others[::-1])]
    return [(inputs, None), (others[::-1], None)]


def _both(network: Network, outputs: list[list[relax.Expr]], states: list[relax.Expr]) -> Value:
    """Results of both cells, whose outputs stand in the order in which they ran."""
    op = network.site.op
    ordered = [network.sequence(outputs[0]), network.sequence(outputs[1][::-1])]
    if op.merge_outputs:
        ordered = [network.site.emit(relax.op.concat(ordered, 2))]
    return network.stored(*ordered, *(states if op.return_states else []))


def _svdf(site: Site) -> Value:
    network = Network(site)
    filters, memory = shape_of(network["time_weights"])
    batch, rank = shape_of(network["input"])[0], site.op.rank
    newest = network.product(network["input"], network["feature_weights"])
    old = site.emit(relax.op.reshape(network["state"], [batch, filters, memory]))
    act = _activated(site)

    def state(x: te.Tensor, new: te.Tensor) -> te.Tensor:
        return te.compute(
            (batch, filters, memory), lambda b, f, m: tirx.if_then_else(m == memory - 1, new(b, f), x(b, f, m)), "state"
        )

    held = site.te(state, old, newest, name="state")

    def sums(x: te.Tensor, weights: te.Tensor) -> te.Tensor:
        r, m = te.reduce_axis((0, rank), name="r"), te.reduce_axis((0, memory), name="m")
        return te.compute(
            (batch, filters // rank),
            lambda b, u: te.sum(x(b, u * rank + r, m) * weights(u * rank + r, m), axis=[r, m]),
            "sums",
        )

    total = site.te(sums, held, network["time_weights"], name="sums")
    bias = network.get("bias")
    output = network.map(act, total) if bias is None else network.map(lambda x, b: act(x + b), total, bias)

    def moved(x: te.Tensor) -> te.Tensor:
        zero = literal(0)
        return te.compute(
            (batch, filters, memory),
            lambda b, f, m: tirx.if_then_else(m < memory - 1, x(b, f, tirx.min(m + 1, memory - 1)), zero),
            "moved",
        )

    shifted = site.emit(relax.op.reshape(site.te(moved, held, name="moved"), [batch, filters * memory]))
    return network.stored(shifted, output)


# --- LSTM ---


def _sigmoid(x: Any) -> Any:
    return literal(1) / (literal(1) + tirx.exp(literal(0) - x))


_FUNCTIONS: dict[CellActivation, Callable[[Any], Any]] = {
    CellActivation.NONE: lambda x: x,
    CellActivation.RELU: lambda x: clipped(x, 0.0, np.inf),
    CellActivation.RELU6: lambda x: clipped(x, 0.0, 6.0),
    CellActivation.TANH: external("tanhf"),
    CellActivation.SIGMOID: _sigmoid,
}


@dataclass
class _Cell:
    """One LSTM cell, whose operands begin with `prefix`. The formulas stand in nir/ops/lstm_cell.py."""

    network: Network
    prefix: str = ""

    def part(self, name: str) -> relax.Expr | None:
        return self.network.get(self.prefix + name)

    def run(
        self, inputs: Sequence[relax.Expr], auxiliary: Sequence[relax.Expr] | None
    ) -> tuple[list[relax.Expr], relax.Expr, relax.Expr]:
        """Outputs of all steps, and the last hidden and cell state."""
        hidden, cell = self.network[f"{self.prefix}hidden_state"], self.network[f"{self.prefix}cell_state"]
        outputs = []
        for index, step in enumerate(inputs):
            hidden, cell = self._step(step, None if auxiliary is None else auxiliary[index], hidden, cell)
            outputs.append(hidden)
        return outputs, hidden, cell

    def _step(
        self, step: relax.Expr, auxiliary: relax.Expr | None, hidden: relax.Expr, cell: relax.Expr
    ) -> tuple[relax.Expr, relax.Expr]:
        network, op = self.network, self.network.site.op
        function = _FUNCTIONS[op.activation]
        gates = [gate for gate in GATES if self.part(f"input_to_{gate}_weights") is not None]
        sums = {gate: self._sum(gate, step, auxiliary, hidden) for gate in gates}
        forget = network.map(_sigmoid, self._completed("forget", sums["forget"], cell))
        if "input" in sums:
            kept = network.map(_sigmoid, self._completed("input", sums["input"], cell))
        else:
            kept = network.map(lambda f: literal(1) - f, forget)
        candidate = network.map(function, self._completed("cell", sums["cell"], cell))
        bound = op.cell_clip
        cell = network.map(lambda f, c, k, g: _bounded(f * c + k * g, bound), forget, cell, kept, candidate)
        output = self._completed("output", sums["output"], cell)
        hidden = network.map(lambda o, c: _sigmoid(o) * function(c), output, cell)
        projection, bias = self.part("projection_weights"), self.part("projection_bias")
        if projection is not None:
            projected = network.product(hidden, projection)
            hidden = projected if bias is None else network.sum(projected, bias)
            hidden = network.map(lambda x: _bounded(x, op.projection_clip), hidden)
        return hidden, cell

    def _sum(self, gate: str, step: relax.Expr, auxiliary: relax.Expr | None, hidden: relax.Expr) -> relax.Expr:
        """W x, + A a, + R h."""
        sources = [("input_to", step), ("auxiliary_to", auxiliary), ("recurrent_to", hidden)]
        weighted = [(self.part(f"{name}_{gate}_weights"), value) for name, value in sources if value is not None]
        return self.network.sum(*(self.network.product(value, w) for w, value in weighted if w is not None))

    def _completed(self, gate: str, total: relax.Expr, cell: relax.Expr) -> relax.Expr:
        """A gate's sum with peephole, normalisation and bias."""
        network = self.network
        peephole, norm = self.part(f"cell_to_{gate}_weights"), self.part(f"{gate}_layer_norm_weights")
        if peephole is not None:
            total = network.map(lambda z, p, c: z + p * c, total, peephole, cell)
        if norm is not None:
            total = network.map(lambda z, w: z * w, self._normalised(total), norm)
        return network.sum(total, network[f"{self.prefix}{gate}_bias"])

    def _normalised(self, values: relax.Expr) -> relax.Expr:
        network, site = self.network, self.network.site
        count = float(shape_of(values)[1])

        def mean(of: relax.Expr, element: Callable[[Any], Any]) -> relax.Expr:
            total = folded(site, te.sum, [1], of, element, keep=True)
            program = site.program(shape_of(total))
            x, divisor = program.operand(total), program.parameter(count, "float32", opaque=True)
            return program.emit(lambda: x.value / divisor.value, "mean")

        centred = network.map(lambda x, m: x - m, values, mean(values, lambda x: x))
        variance = mean(centred, lambda x: x * x)
        least = literal(_LEAST_VARIANCE)
        return network.map(lambda x, v: x / tirx.sqrt(tirx.Select(v == literal(0), least, v)), centred, variance)


def _bounded(value: Any, bound: float) -> Any:
    return clipped(value, -float(np.float32(bound)), float(np.float32(bound))) if bound > 0 else value


def _lstm(site: Site) -> Value:
    network = Network(site)
    _, hidden, cell = _Cell(network).run([network["input"]], None)
    scratch = site.emit(relax.op.full(list(site.shape), constant(np.float32(0))))
    return network.stored(scratch, hidden, cell, hidden)


def _sequence_lstm(site: Site) -> Value:
    network = Network(site)
    outputs, hidden, cell = _Cell(network).run(network.steps(network["input"]), None)
    return network.stored(network.sequence(outputs), *([hidden, cell] if site.op.return_states else []))


def _bidirectional_lstm(site: Site) -> Value:
    network = Network(site)
    outputs, states = [], []
    for prefix, (inputs, auxiliary) in zip(PREFIXES, _directions(network, "auxiliary_to_"), strict=True):
        found, hidden, cell = _Cell(network, prefix).run(inputs, auxiliary)
        outputs.append(found)
        states += [hidden, cell]
    return _both(network, outputs, states)


LOWERINGS: dict[type[Operation], Lowering] = {
    BidirectionalSequenceLstm: _bidirectional_lstm,
    BidirectionalSequenceRnn: _bidirectional_rnn,
    Lstm: _lstm,
    Rnn: _rnn,
    Svdf: _svdf,
    UnidirectionalSequenceLstm: _sequence_lstm,
    UnidirectionalSequenceRnn: _sequence_rnn,
}
