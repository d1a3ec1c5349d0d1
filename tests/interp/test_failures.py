"""Operations that fail when they run: the error stands at the operation, and absurd sizes are refused."""

from __future__ import annotations

import numpy as np
import pytest

from nir.errors import RunError
from nir.interp import random_inputs, run
from nir.ir import Function, Module, Operation, Origin, Value, result, tensor
from nir.ops.builder import Builder
from nir.source import Source


def test_an_error_stands_at_its_operation():
    source = Source("net.nir", '  %0 = foreign "relay.nn.foo"(%x) : tensor<1xf32>\n')
    b = Builder()
    x = b.parameter("x", tensor(1))
    outputs = b.foreign(x, operator="relay.nn.foo", types=[tensor(1)], location=source.span(7, 28))
    b.returns(*outputs)
    with pytest.raises(RunError, match="is foreign to NIR and cannot be interpreted") as caught:
        run(b.module, [[1.0]])
    assert caught.value.diagnostics[0].span.location() == "net.nir:1:8"
    b.function.operations[0].location = Origin("%17 of model.relay")
    with pytest.raises(RunError, match=r"it came from %17 of model\.relay"):
        run(b.module, [[1.0]])


class Misbehaving(Operation, name="misbehaving"):
    """Not an operator of NIR: does what `outcome` does."""

    __slots__ = ()
    outcome = staticmethod(lambda: None)
    output: Value = result("anything", elements=tensor(1).element)

    def infer_shapes(self):
        return [(2,)]

    def reference(self, profile, *operands):
        return self.outcome()


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (lambda: np.zeros(3, np.float32), r"declared as tensor<2xf32>, and is float32\[3\]"),
        (lambda: np.zeros(2), r"declared as tensor<2xf32>, and is float64\[2\]"),
        (lambda: (np.zeros(2, np.float32),) * 2, "it gave 2 results where 1 are declared"),
        (lambda: np.zeros(2, np.float32) @ np.zeros(3, np.float32), "misbehaving"),
        (lambda: [][0], "list index out of range"),
        (lambda: np.empty(2**62, np.int8), "there is not enough memory"),
    ],
)
def test_operators_that_fail_or_lie(outcome, message: str, monkeypatch):
    monkeypatch.setattr(Misbehaving, "outcome", staticmethod(outcome))
    b = Builder()
    b.returns(b.emit(Misbehaving))
    with pytest.raises(RunError, match=message):
        run(b.module)


def test_values_that_are_not_defined():
    b = Builder()
    x = b.parameter("x", tensor(1))
    y = b.add(x, x)
    z = b.add(y, y)
    b.returns(z)
    b.function.operations.reverse()
    with pytest.raises(RunError, match="its operand %0 is not defined before it"):
        run(b.module, [[1.0]])
    with pytest.raises(RunError, match="returns %strange, which is not defined"):
        run(Module([Function("main", [], [], [Value(tensor(1), "strange")])]))


def test_absurd_sizes_are_refused_before_they_are_tried():
    b = Builder()
    x = b.parameter("x", tensor((1, 1)))
    b.returns(b.tile(x, multiples=(2**31, 2**31)))
    with pytest.raises(RunError, match="more than this machine has"):
        run(b.module, [[[1.0]]])


def test_absurd_padding_is_refused_where_the_result_is_small():
    b = Builder()
    x, w = b.parameter("x", tensor((1, 2, 2, 1))), b.parameter("w", tensor((1, 1, 1, 1)))
    b.returns(b.conv_2d(x, w, padding=(2**40, 0, 0, 0), strides=(2**40, 1)))
    with pytest.raises(RunError, match="there is not enough memory"):
        run(b.module, random_inputs(b.function))
    b = Builder()
    x, w = b.parameter("x", tensor((1, 2, 2, 1))), b.parameter("w", tensor((1, 1, 1, 1)))
    b.returns(b.transpose_conv_2d(x, w, padding=(0, 2**40, 0, 0), strides=(2**40, 1)))
    with pytest.raises(RunError, match="there is not enough memory"):
        run(b.module, random_inputs(b.function))
