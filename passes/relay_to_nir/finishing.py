"""What is done to the whole module once every expression is converted: quantisation, and a note about numbers."""

from __future__ import annotations

import numpy as np

from nir.errors import ConvertError, Diagnostic
from nir.ir import ElementType, Module, Operation, Quantisation, Trait, users, walk
from nir.ops.padding import Pad, PadV2
from nir.passes.quantisation import propagate_quantisation
from nir.passes.relay_to_nir.converter import ModuleConverter
from nir.passes.relay_to_nir.handlers_convolution import output_axis

_PROFILES = {"float32": "relay-f32", "float64": "relay-f64"}
"""Relay's compute types, and the numeric profile that computes in them."""

_RESCALED_OR_READ = frozenset({"requantize", "dequantize"})


def finish(module: Module, converter: ModuleConverter, propagate: bool) -> None:
    """Quantises what follows from the statements, gives raw sums their scale, and notes the numeric profile."""
    if propagate:
        raw = {op for graph in converter.graphs for op in graph.raw}
        stated = converter.statements.texts()
        propagate_quantisation(module, raw=raw, sources=stated)
        if _give_sums_their_scale(module):
            propagate_quantisation(module, raw=raw, sources=stated)
        _use_plain_padding(module)
        _check_plain_arithmetic(module, {op for graph in converter.graphs for op in graph.plain})
    profile = _profile(converter)
    if profile is not None:
        module.main.attributes["profile"] = profile


def _profile(converter: ModuleConverter) -> str | None:
    """The profile of a module all of whose rescaling states a floating-point type."""
    stated = [_PROFILES.get(name) for name in converter.compute_types]
    return stated[0] if len(stated) == 1 else None


def _give_sums_their_scale(module: Module) -> bool:
    """32-bit sums that nobody states a scale for get that of their factors, where every user can do with it."""
    found = False
    for function in module:
        taken = users(function)
        for op in function.operations:
            if Trait.ACCUMULATES in op.traits and all(
                user.name in _RESCALED_OR_READ for user, _ in taken[op.results[0]]
            ):
                scale = _sum_scale(op)
                if scale is not None:
                    op.results[0].type = op.results[0].type.with_quantisation(scale)
                    found = True
    return found


def _sum_scale(op: Operation) -> Quantisation | None:
    result, (data, weights) = op.results[0], op.operands[:2]
    if result.element is not ElementType.I32 or result.type.quantisation is not None or data is None or weights is None:
        return None
    left, right = data.type.quantisation, weights.type.quantisation
    if left is None or right is None:
        return None
    product = np.float32(left.scale) * np.asarray(right.scales, np.float32)
    if not right.is_per_channel:
        return Quantisation.per_tensor(product.item())
    return Quantisation.per_channel(product, output_axis(op))


def _use_plain_padding(module: Module) -> None:
    """Padding with the stored integer that stands for 0 is NNAPI's older pad."""
    for function in module:
        for index, op in enumerate(function.operations):
            quantisation = op.results[0].type.quantisation if op.results else None
            if isinstance(op, PadV2) and quantisation is not None and op.value == quantisation.zero_point:
                plain = Pad(op.operands, {"padding": op.padding}, [op.results[0].type], (), op.location)
                plain.results = op.results
                op.results[0].producer = plain
                function.operations[index] = plain


def _check_plain_arithmetic(module: Module, plain: set[Operation]) -> None:
    """Raises `ConvertError` where Relay computes with stored integers as such, and they stand for real values."""
    wrong = [
        op
        for op in walk(module)
        if op in plain and any(value is not None and value.type.quantisation is not None for value in op.operands)
    ]
    if wrong:
        raise ConvertError(
            [
                Diagnostic(
                    f"{op.name}: Relay computes here with stored integers whose scale other operators state",
                    getattr(op.location, "span", None),
                    hint="the qnn form of the operator would say what result is meant",
                )
                for op in wrong
            ]
        )
