"""What operators over sequences share: the order of steps and batch, and states among the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nir.ir import Operation, Shape, Value, attribute
from nir.ir.types import Dimension
from nir.ops.axes import merge_dimension
from nir.ops.profiles import Array, Profile


class SequenceOperation(Operation):
    """Base of operators that run a cell over the steps of a sequence `input`."""

    __slots__ = ()

    input: Value
    time_major: bool = attribute("whether steps are the first dimension, and the batch the second", default=False)
    return_states: bool = attribute("whether the states after the last step are results too", default=False)

    def steps_and_batch(self) -> tuple[Dimension, Dimension]:
        """Sizes of these dimensions."""
        first, second = self.input.shape[:2]
        return (first, second) if self.time_major else (second, first)

    def sequence_shape(self, steps: Dimension, batch: Dimension, size: Dimension) -> Shape:
        """The shape of a sequence in the input's order."""
        return (steps, batch, size) if self.time_major else (batch, steps, size)

    def steps_first(self, sequence: Array) -> Array:
        """A sequence in the input's order with steps as its first dimension, or the other way round."""
        return sequence if self.time_major else sequence.transpose(1, 0, 2)

    def stored_results(self, profile: Profile, outputs: Sequence[Array], states: Sequence[Array]) -> tuple[Array, ...]:
        """Outputs, and states where asked for, as they are stored."""
        arrays = [*outputs, *(states if self.return_states else [])]
        return tuple(profile.quantise(array, value.type) for array, value in zip(arrays, self.results, strict=True))


@dataclass(frozen=True)
class InputSizes:
    """Sizes of what the backward cell runs on, and of the auxiliary input that is added to both (None: unknown)."""

    backward: Dimension
    auxiliary: Dimension


class BidirectionalOperation(SequenceOperation):
    """Base of operators that run one cell over a sequence from its first step on, and one from its last step back."""

    __slots__ = ()

    auxiliary_input: Value | None
    merge_outputs: bool = attribute("whether the cells' outputs are joined in the last dimension", default=False)

    def auxiliary_size(self, crossed: bool) -> InputSizes:
        """Sizes of the inputs; `crossed` where there are auxiliary weights.

        Raises `InferenceError` for an auxiliary input whose steps or batch differ from the input's.
        """
        if self.auxiliary_input is None:
            return InputSizes(self.input.shape[2], None)
        for left, right in zip(self.input.shape[:2], self.auxiliary_input.shape[:2], strict=True):
            merge_dimension(left, right, "the inputs differ in steps or batch", at="auxiliary_input")
        size = self.auxiliary_input.shape[2]
        return InputSizes(self.input.shape[2], size) if crossed else InputSizes(size, None)

    def result_shapes(
        self, steps: Dimension, batch: Dimension, sizes: Sequence[Dimension], states: Sequence[Shape]
    ) -> list[Shape]:
        """Shapes of all results, for the output sizes of both cells."""
        if self.merge_outputs:
            sizes = [None if sizes[0] is None or sizes[1] is None else sizes[0] + sizes[1]]
        outputs = [self.sequence_shape(steps, batch, size) for size in sizes]
        return [*outputs, *(states if self.return_states else [])]

    def sequences(self, arrays: Mapping[str, Array]) -> list[tuple[Array, Array | None]]:
        """Input and auxiliary input of the forward and the backward cell, steps first, in the order they run in."""
        inputs = self.steps_first(arrays["input"])
        if "auxiliary_input" not in arrays:
            return [(inputs, None), (inputs[::-1], None)]
        auxiliary = self.steps_first(arrays["auxiliary_input"])
        crossed = any("_auxiliary_" in name for name in arrays)
        if crossed:
            return [(inputs, auxiliary), (inputs[::-1], auxiliary[::-1])]
        return [(inputs, None), (auxiliary[::-1], None)]

    def both_results(self, profile: Profile, outputs: Sequence[Array], states: Sequence[Array]) -> tuple[Array, ...]:
        """Results as they are stored, for outputs in the order in which the cells ran."""
        ordered = [self.steps_first(outputs[0]), self.steps_first(outputs[1][::-1])]
        if self.merge_outputs:
            ordered = [np.concatenate(ordered, axis=-1)]
        return self.stored_results(profile, ordered, states)
