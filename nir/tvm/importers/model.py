"""What loading a model gives: the Relax module, and what goes in and comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from nir.errors import ConvertError, suggestion

Shapes: TypeAlias = Mapping[str, Sequence[int]]
"""Shapes of inputs by name, for models that leave dimensions open."""


MEMORY = "<memory>"
"""What to call a model that comes from no file."""


@dataclass(frozen=True)
class Opened:
    """A model whose format is known, not read yet: bytes of a file, or an object in memory; and what to call it.

    `path` is where the file lies, for weights in files beside it.
    """

    format: str
    content: Any = field(repr=False)
    name: str = MEMORY
    path: str | None = None


@dataclass(frozen=True)
class Settings:
    """What a user says about a model besides: see `nir.tvm.load_model`."""

    shapes: dict[str, tuple[int, ...]]
    params: Mapping[str, Any] | None = None
    example_inputs: Sequence[Any] | None = None


@dataclass(frozen=True)
class ModelInput:
    """An input of a model: its name as the file spells it, its shape, and its element type as numpy calls it."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.name}: {shape_text(self.shape)} {self.dtype}"


@dataclass(frozen=True)
class LoadedModel:
    """A model as a Relax module whose function `main` takes `inputs` in order and returns `outputs` in order.

    `format` names what it was read from. `outputs` are names, empty where the format has none. `notes` are remarks of
    the reader and of TVM's front end. `import_seconds` is the time that TVM's front end took.
    """

    module: Any = field(repr=False)
    format: str
    inputs: tuple[ModelInput, ...]
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    import_seconds: float = 0.0


def shape_text(shape: Sequence[int | None]) -> str:
    """`1x3x?x?`, and `scalar` where there is no dimension."""
    return "x".join("?" if extent is None else str(extent) for extent in shape) or "scalar"


def given_shapes(shapes: Shapes | None) -> dict[str, tuple[int, ...]]:
    """The shapes that a user gave. Raises ConvertError where an extent is no positive whole number."""
    checked = {}
    for name, shape in (shapes or {}).items():
        extents = tuple(shape)
        if not all(isinstance(extent, int) and 0 < extent < 1 << 31 for extent in extents):
            raise ConvertError(
                f"the shape for '{name}' is none", expected="positive whole numbers", found=repr(list(shape))[:100]
            )
        checked[name] = extents
    return checked


def reject_unknown_names(shapes: Mapping[str, Sequence[int]], known: Iterable[str]) -> None:
    """Raises ConvertError for a shape that no input takes."""
    names = list(known)
    for name in shapes:
        if name not in names:
            raise ConvertError(
                f"the model has no input '{name}' to give a shape to",
                expected="one of " + ", ".join(names) if names else "no shape",
                hint=suggestion(name, names),
            )


def fixed_shape(name: str, open_shape: Sequence[int | None], given: Sequence[int] | None) -> tuple[int, ...]:
    """The shape of input `name`: `open_shape`, whose None are open, made definite by what was `given`.

    Raises ConvertError where dimensions stay open, or where what was given contradicts the model.
    """
    if given is not None:
        fits = len(given) == len(open_shape) and all(
            extent in (None, wanted) for extent, wanted in zip(open_shape, given, strict=True)
        )
        if not fits:
            raise ConvertError(
                f"the shape given for input '{name}' does not fit",
                expected=shape_text(open_shape),
                found=shape_text(given),
            )
        return tuple(given)
    if None in open_shape:
        proposal = tuple(extent or 1 for extent in open_shape)
        option = ",".join(map(str, proposal))
        raise ConvertError(
            f"input '{name}' has no fixed shape",
            expected="a number for every dimension",
            found=shape_text(open_shape),
            hint=f"--shape {name}={option}, or shapes={{{name!r}: {proposal}}} in Python",
        )
    return tuple(extent for extent in open_shape if extent is not None)
