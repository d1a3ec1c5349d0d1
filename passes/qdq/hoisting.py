"""A quantize moves up past operators that move or choose elements, and past bounds: rounding keeps the order of real
values, so that what comes first does not matter.

The walk is backwards, so that a quantize that has moved is looked at again.
"""

from __future__ import annotations

import numpy as np

from nir.ir import ConstantData, Function, Operation, TensorType, Value
from nir.ops import OPERATORS_BY_NAME
from nir.ops.common import Activation
from nir.passes.folding.activations import single_number
from nir.passes.folding.editing import maker
from nir.passes.qdq.acceptance import is_accepted
from nir.passes.qdq.stored import MOVING, stored_attributes, stored_number, stored_operand

_ONE_OPERAND = MOVING | {"max_pool_2d", "reduce_max", "reduce_min", "relu", "relu1", "relu6"}


def hoist_quantize(function: Function) -> int:
    """Moves every quantize of `function` up as far as it goes, in place; returns past how many operations."""
    return _Hoisting(function).run()


class _Hoisting:
    def __init__(self, function: Function) -> None:
        self.function = function
        self.uses: dict[Value, int] = {}
        for op in function.operations:
            for value in op.operands:
                if value is not None:
                    self.uses[value] = self.uses.get(value, 0) + 1
        for value in function.results:
            self.uses[value] = self.uses.get(value, 0) + 1
        self.dead: set[Operation] = set()
        self.pending = list(function.operations)
        self.made: list[Operation] = []
        self.count = 0

    def run(self) -> int:
        """Takes operations from the end; those that are not needed any more are left out."""
        while self.pending:
            op = self.pending.pop()
            if op in self.dead:
                continue
            if op.results and not any(self.uses.get(value) for value in op.results):
                self._release(op)
            elif op.name == "quantize" and self._hoisted(op):
                self.count += 1
            else:
                self.made.append(op)
        self.made.reverse()
        self.function.operations = self.made
        return self.count

    def _hoisted(self, op: Operation) -> bool:
        value, target = op.operands[0], op.results[0].type
        source = None if value is None else value.producer
        if value is None or source is None or self.uses[value] != 1 or target.quantisation is None:
            return False
        if target.quantisation.is_per_channel or len(source.results) != 1:
            return False
        if source.name in ("maximum", "minimum"):
            return self._past_bound(op, source)
        if source.name in ("concatenation", "pack"):
            if any(stored_operand(operand) is not None for operand in source.operands):
                return False  # an operator that rescales does it in its own way
            return self._past(op, source, list(source.operands), len(source.operands))
        if source.name not in _ONE_OPERAND:
            return False
        return self._past(op, source, list(source.operands), 1)

    def _past(self, op: Operation, source: Operation, operands: list[Value | None], count: int) -> bool:
        """`source` on stored integers in place of `op`, with a quantize of each of its first `count` operands."""
        target = op.results[0].type
        attributes = stored_attributes(source, target)
        if attributes is None or attributes.get("activation", Activation.NONE) is Activation.RELU1:
            return False
        quantizes = [self._quantize(operand, target, op) for operand in operands[:count] if operand is not None]
        taken = [*(quantize.results[0] for quantize in quantizes), *operands[count:]]
        made = source.__class__(taken, attributes, [target], (), op.location)
        if not is_accepted(made):
            return False
        self._replace(op, made, quantizes)
        return True

    def _quantize(self, value: Value, target: TensorType, like: Operation) -> Operation:
        type = target.with_shape(value.shape)
        return OPERATORS_BY_NAME["quantize"]([value], {}, [type], (), like.location)

    def _past_bound(self, op: Operation, source: Operation) -> bool:
        """max(x, bound) or min(x, bound) with a known bound, which is stored like everything else."""
        target = op.results[0].type
        for value, other in (source.operands, source.operands[::-1]):
            bound = single_number(other)
            if bound is None or value is None or value.shape != source.results[0].shape:
                continue
            stored = stored_number(bound, target)
            if stored is None or maker(value, "const") is not None:
                return False
            data = ConstantData(np.asarray(stored, target.element.numpy))
            const = OPERATORS_BY_NAME["const"]([], {"value": data}, [target.with_shape(())], (), op.location)
            quantize = self._quantize(value, target, op)
            made = source.__class__([quantize.results[0], const.results[0]], {}, [target], (), op.location)
            if not is_accepted(made):
                return False
            self._replace(op, made, [const, quantize])
            return True
        return False

    def _replace(self, op: Operation, made: Operation, before: list[Operation]) -> None:
        """Lets `made` give what `op` gave, with new operations before it that are yet to be looked at."""
        for new in (made, *before):
            self._add_uses(new)
        self._release(op)
        made.results = op.results
        op.results[0].producer = made
        self.made.append(made)
        self.pending.extend(before)

    def _release(self, op: Operation) -> None:
        """Takes back the uses of what `op` took, and of what nobody else takes any more."""
        stack = [op]
        while stack:
            for value in stack.pop().operands:
                if value is None:
                    continue
                self.uses[value] -= 1
                source = value.producer
                if source is not None and not any(self.uses.get(other) for other in source.results):
                    self.dead.add(source)
                    stack.append(source)

    def _add_uses(self, op: Operation) -> None:
        for value in op.operands:
            if value is not None:
                self.uses[value] = self.uses.get(value, 0) + 1
