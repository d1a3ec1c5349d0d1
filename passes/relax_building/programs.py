"""Element-by-element tensor programs: operands broadcast, and the constants that a formula needs found along their axes.

    program = Program(emitter, shape)
    x, scale = program.operand(data), program.parameter(scales, "float32")
    return program.emit(lambda: x.value * scale.value, "scaled")

The formula is called once, for the element that it computes; terms then stand for their elements there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tvm import relax, te, tirx

from nir.passes.relax_building.emitter import Emitter, constant


class Term:
    """An operand or parameter of a program: `value` is its element where the formula is evaluated."""

    __slots__ = ("_program", "_slot", "literal")

    def __init__(self, program: Program, slot: int, literal: Any = None) -> None:
        self._program = program
        self._slot = slot
        self.literal = literal

    @property
    def value(self) -> Any:
        """The element here, as an expression of tirx."""
        return self.literal if self.literal is not None else self._program.load(self._slot)


class Program:
    """One program under construction, with a result of `shape`."""

    def __init__(self, emitter: Emitter, shape: Sequence[int]) -> None:
        self.emitter = emitter
        self.shape = tuple(shape)
        self._arguments: list[relax.Expr] = []
        self._tensors: Sequence[te.Tensor] = ()
        self._index: tuple[Any, ...] = ()

    def operand(self, value: relax.Expr) -> Term:
        """A tensor that broadcasts to the shape of the result: aligned at the last axes, as in numpy."""
        self._arguments.append(value)
        return Term(self, len(self._arguments) - 1)

    def parameter(self, array: Any, dtype: str, *, opaque: bool = False) -> Term:
        """A constant that broadcasts likewise. A single number becomes a literal, unless it is `opaque`.

        TVM turns a division by a literal into a multiplication, which rounds differently: divisors are opaque.
        """
        array = np.asarray(array)
        if array.size == 1 and not opaque:
            return Term(self, -1, tirx.const(array.item(), dtype))
        return self.operand(constant(array.reshape(()) if array.size == 1 else array, dtype))

    def load(self, slot: int) -> Any:
        """The element of an operand where the formula is evaluated."""
        tensor = self._tensors[slot]
        behind = self._index[len(self._index) - len(tensor.shape) :]
        return tensor(*(0 if int(size) == 1 else i for size, i in zip(tensor.shape, behind, strict=True)))

    def emit(self, formula: Callable[[], Any], name: str) -> relax.Expr:
        """Binds the result of `formula` for every element."""

        def program(*tensors: te.Tensor) -> te.Tensor:
            self._tensors = tensors

            def element(*index: Any) -> Any:
                self._index = index
                return formula()

            return te.compute(self.shape, element, name=name)

        return self.emitter.te(program, *self._arguments, name=name)
