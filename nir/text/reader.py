"""What all parts of the reader share while one text is read: its source, weights, caches, and the errors so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nir.errors import Diagnostic, ParseError, suggestion
from nir.ir import ConstantData, ElementType, TensorType, Value
from nir.source import Source, Span
from nir.text.lexical import brief, write_name

MOST_ERRORS = 50
"""Errors of one text that are reported; one mistake may cause many."""


class Reader:
    """The state of reading one text. `weights` None means that the text may not refer to any.

    With `placeholders` nothing is looked up: named constants become zeros, which is all that formatting needs.
    """

    def __init__(
        self, source: Source, weights: Mapping[str, np.ndarray] | None = None, *, placeholders: bool = False
    ) -> None:
        self.source = source
        self.weights = weights
        self.placeholders = placeholders
        self.types: dict[str, TensorType] = {}
        """Types by their text: the same text gives the same object."""
        self.attributes: dict[tuple[type, str], dict[str, Any]] = {}
        """Attributes in normal form by operator and text."""
        self.scope: dict[str, Value] = {}
        """The values of the function that is being read, by name."""
        self.errors: list[Diagnostic] = []

    def span(self, start: int, end: int) -> Span:
        """The span from offset `start` up to `end`."""
        return Span(self.source, start, end)

    def report(self, error: ParseError) -> None:
        """Keeps an error and goes on; raises what there is when there are too many."""
        self.errors.extend(error.diagnostics)
        if len(self.errors) >= MOST_ERRORS:
            self.finish()

    def finish(self) -> None:
        """Raises `ParseError` with all errors in source order, if there are any."""
        if self.errors:
            raise ParseError(sorted(self.errors, key=lambda error: error.span.start if error.span else 0))

    def weight(self, name: str, span: Span) -> np.ndarray:
        """The array called `name`. Raises `ParseError` where there is none."""
        shown = brief(write_name("@", name))
        if self.weights is None:
            raise ParseError(
                f"there is no weight {shown}, for the text names no weights file",
                span,
                hint='a line such as `weights "model.safetensors"` after the version says where weights are kept',
            )
        try:
            return self.weights[name]
        except KeyError:
            raise ParseError(f"there is no weight {shown}", span, hint=suggestion(name, self.weights)) from None
        except ValueError as error:
            raise ParseError(f"the weight {shown} cannot be used", span, found=str(error)) from None

    def constant(self, name: str, type: TensorType, span: Span) -> ConstantData:
        """The weight called `name` as a constant of `type`. Raises `ParseError` where it is missing or of another."""
        if self.placeholders:
            return ConstantData(_zeros(type, span), name)
        array, shown = self.weight(name, span), brief(write_name("@", name))
        if array.dtype != type.element.numpy or array.shape != type.shape:
            raise ParseError(
                f"the weight {shown} is not of the declared type", span, expected=str(type), found=stored_type(array)
            )
        return ConstantData(array, name)

    def scales(self, name: str, span: Span) -> np.ndarray:
        """The float32 scales called `name`. Raises `ParseError` where they are missing or of another type."""
        if self.placeholders:
            return np.ones(1, np.float32)
        array, shown = self.weight(name, span), brief(write_name("@", name))
        if array.dtype != np.float32 or array.ndim != 1 or array.size == 0:
            raise ParseError(
                f"the weight {shown} does not hold scales",
                span,
                expected="an f32 tensor of one dimension, not empty",
                found=stored_type(array),
            )
        return array


def stored_type(array: np.ndarray) -> str:
    """An array's type as NIR writes it, or numpy's name for what NIR does not have."""
    try:
        return str(TensorType(ElementType.from_numpy(array.dtype), array.shape))
    except KeyError:
        return f"an array of {array.dtype} of shape {list(array.shape)}"


def _zeros(type: TensorType, span: Span) -> np.ndarray:
    try:
        return np.broadcast_to(np.zeros((), type.element.numpy), [size or 0 for size in type.shape])
    except ValueError:
        raise ParseError("the constant is too large", span, found=str(type)) from None
