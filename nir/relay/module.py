"""Relay modules: functions by name, and binding values to the parameters of `main`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nir.errors import ConvertError, suggestion
from nir.relay.expr import Attributes, Constant, Expr, Function, Var
from nir.relay.provenance import Provenance
from nir.relay.types import FuncType, TensorType
from nir.relay.visitor import ExprMutator
from nir.shown import Shown
from nir.source import Source


class Module(Shown):
    """Functions by name (without the `@`), in the order in which they stand in the text, and the text itself.

    `provenance` says what the module was read from, and what is missing; None for one that a program made.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        source: Source | None = None,
        attrs: Attributes | None = None,
        provenance: Provenance | None = None,
    ) -> None:
        self.functions = dict(functions)
        self.source = source
        self.attrs: Attributes = attrs if attrs is not None else {}
        self.provenance = provenance

    @property
    def main(self) -> Function:
        """The function `@main`. Raises ConvertError when the module has none."""
        if "main" not in self.functions:
            raise ConvertError(
                "the module has no function '@main'", found=", ".join("@" + name for name in self.functions)[:200]
            )
        return self.functions["main"]

    def __getitem__(self, name: str) -> Function:
        return self.functions[name]

    def __contains__(self, name: str) -> bool:
        return name in self.functions

    def __repr__(self) -> str:
        return f"Module({', '.join('@' + name for name in self.functions)})"

    def bind(self, params: Mapping[str, Any]) -> Module:
        """A module whose `main` has constants where its parameters named in `params` were.

        `params` maps names to arrays (anything that `numpy.asarray` takes). The constants keep the names, and types
        that were inferred stay. A name that does not begin with a letter also means the parameter that TVM's printer
        makes of it (`_param_1` is printed as `%v_param_1`). Raises ConvertError for a name that is no parameter, and
        for an array of another shape or element type.
        """
        main = self.main
        binder = _Binder()
        for variable, name, value in _matched(main, params):
            constant = Constant(_array(name, value), name=name, span=variable.span, origin=variable.origin)
            constant.checked_type = constant.type
            _check(variable, constant)
            binder.memo[variable] = constant
        bound = binder.bind(main)
        return Module({**self.functions, "main": bound}, self.source, self.attrs, self.provenance)


class _Binder(ExprMutator):
    """Replaces what `memo` holds from the start; all types stay as they are."""

    def bind(self, function: Function) -> Function:
        kept = [parameter for parameter in function.params if parameter not in self.memo]
        body = self.visit(function.body)
        for old, new in self.memo.items():
            if new is not old and not isinstance(new, Constant):
                new.checked_type = old.checked_type
        bound = Function(
            kept, body, function.ret_type, function.attrs, function.type_params, function.span, function.origin
        )
        if isinstance(function.checked_type, FuncType):
            types = [parameter.checked_type for parameter in kept]
            bound.checked_type = FuncType(
                tuple(kind for kind in types if kind is not None), function.checked_type.ret_type
            )
        return bound

    def visit_function(self, function: Function) -> Expr:
        body = self.visit(function.body)  # parameters of local functions are not bound
        if body is function.body:
            return function
        return Function(
            function.params,
            body,
            function.ret_type,
            function.attrs,
            function.type_params,
            function.span,
            function.origin,
        )


def _matched(function: Function, params: Mapping[str, Any]) -> Iterable[tuple[Var, str, Any]]:
    """The parameter, the name it was given by, and the value, for each of `params`."""
    variables = {parameter.name_hint: parameter for parameter in function.params}
    taken: dict[str, str] = {}
    for name, value in params.items():
        printed = name
        if name not in variables and not name[:1].isalpha():
            printed = "v" + name
        if printed not in variables:
            raise ConvertError(
                f"'@main' has no parameter '{name[:200]}'", function.span, hint=suggestion(name, variables)
            )
        if printed in taken:
            raise ConvertError(f"'{taken[printed]}' and '{name}' are the same parameter", variables[printed].span)
        taken[printed] = name
        yield variables[printed], name, value


def _array(name: str, value: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    if array.dtype.kind not in "iufb" and array.dtype.name != "bfloat16":
        raise ConvertError(f"'{name}' is no array of numbers", found=str(array.dtype))
    return array


def _check(variable: Var, constant: Constant) -> None:
    """Raises ConvertError unless the constant has the variable's type, as far as that is known."""
    declared = variable.type_annotation or variable.checked_type
    if declared is None:
        return
    fits = (
        isinstance(declared, TensorType)
        and declared.dtype == constant.dtype
        and declared.rank == constant.data.ndim
        and all(one in (None, other) for one, other in zip(declared.shape, constant.data.shape, strict=True))
    )
    if not fits:
        raise ConvertError(
            f"the value for '{constant.name}' has another type than the parameter",
            variable.span,
            expected=str(declared),
            found=str(constant.type),
        )
