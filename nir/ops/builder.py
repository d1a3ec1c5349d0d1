"""The builder for people: every operator is a method.

b = Builder("main")
x = b.parameter("x", tensor((1, 8, 8, 3), "u8", scale=0.5, zero_point=128))
w = b.const(weights, scale=0.1)
y = b.conv_2d(x, w, strides=(2, 2), activation="relu", scale=0.25, zero_point=0)
b.returns(y)
"""

from __future__ import annotations

import functools
import keyword
from typing import Any

import numpy as np

from nir.ir import ElementType, FunctionBuilder, TensorType, Value
from nir.ops import OPERATORS_BY_NAME
from nir.ops.constant import Const


class Builder(FunctionBuilder):
    """Builds one function; `b.<operator>(operands, attributes, scale=..., zero_point=...)` adds an operation.

    Operators whose names are Python's (`if`, `while`) have an underscore behind them: `b.if_(...)`.
    """

    def __getattr__(self, name: str) -> Any:
        operator = OPERATORS_BY_NAME.get(name.removesuffix("_") if keyword.iskeyword(name[:-1]) else name)
        if operator is None:
            raise AttributeError(f"there is no operator '{name}'")
        return functools.partial(self.emit, operator)

    def __dir__(self) -> list[str]:
        names = (f"{name}_" if keyword.iskeyword(name) else name for name in OPERATORS_BY_NAME)
        return sorted({*super().__dir__(), *names})

    def const(self, value: Any, type: TensorType | None = None, *, name: str | None = None, **fields: Any) -> Value:
        """Adds a constant from an array, a list or a number: float32 for floats, int32 for Python integers.

        Its element type and quantisation are those of `type` where it is given.
        """
        array = np.asarray(value)
        if type is not None:
            array = array.astype(type.element.numpy, copy=False)
            fields.setdefault("quantisation", type.quantisation)
        elif not isinstance(value, (np.ndarray, np.generic)):
            array = array.astype({"f": np.float32, "i": np.int32}.get(array.dtype.kind, array.dtype))
        element = ElementType.from_numpy(array.dtype)
        constant: Value = self.emit(Const, value=array, element=element, name=name, **fields)
        return constant
