"""What an oracle is: something that draws examples, and says what is wrong with one. Knows nothing of campaigns."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st

import nir
from nir.errors import NirError
from nir.ir import Module
from nir.reduction import reduce
from nir.testing.equivalence import NoErrorBound, NotEquivalent
from nir.testing.strategies import modules
from nir.text import parse, print_module

_ROOT = str(Path(nir.__file__).parent.parent)


@dataclass(frozen=True)
class Problem:
    """What is wrong with an example. Problems of equal `kind` and `operator` are taken for one."""

    kind: str
    """"differs", or the name of an exception."""
    operator: str
    """The first operator that differs, or where the exception was raised."""
    message: str

    @property
    def key(self) -> tuple[str, str]:
        """What problems of one cause have in common."""
        return self.kind, self.operator


class Refused(Exception):
    """This example is none for the oracle: a back end does not take it, and says so."""


class Oracle:
    """One property. The docstring's first line says what is compared with what."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    """Packages that have to be installed."""
    batch: ClassVar[int] = 20
    """Examples that are looked at together."""
    suffix: ClassVar[str] = ".nir"
    """Of files with examples."""

    def summary(self) -> str:
        """The property, in a sentence."""
        return (self.__doc__ or "").split("\n", 1)[0].rstrip(".")

    def strategy(self) -> st.SearchStrategy[Any]:
        """What is drawn."""
        raise NotImplementedError

    def examine(self, example: Any, seed: int) -> None:
        """Raises whatever shows that the example is a failure; `Refused` where it says nothing."""
        raise NotImplementedError

    def write(self, example: Any, seed: int) -> str:
        """The example as text."""
        raise NotImplementedError

    def read(self, text: str) -> Any:
        """The example that `write` wrote."""
        raise NotImplementedError

    def smallest(self, example: Any, holds: Callable[[Any], bool], seconds: float) -> Any:
        """The smallest example for which `holds` is still true that comes of this one."""
        raise NotImplementedError

    def check(self, example: Any, seed: int) -> Problem | None:
        """What is wrong with one example, or None."""
        try:
            self.examine(example, seed)
        except (Refused, NoErrorBound):
            return None
        except Exception as error:  # any exception is a finding
            return problem_of(error)
        return None

    def check_all(self, examples: Sequence[Any], seeds: Sequence[int]) -> list[Problem | None]:
        """What is wrong with each of many examples."""
        return [self.check(example, seed) for example, seed in zip(examples, seeds, strict=True)]


class ModuleOracle(Oracle):
    """A property of NIR modules."""

    def strategy(self) -> st.SearchStrategy[Any]:
        return modules(max_operators=12)

    def write(self, example: Any, seed: int) -> str:
        return print_module(example)

    def read(self, text: str) -> Any:
        return parse(text)

    def smallest(self, example: Module, holds: Callable[[Any], bool], seconds: float) -> Any:
        return reduce(example, holds, seconds=seconds)


def problem_of(error: Exception) -> Problem:
    """What an exception says is wrong."""
    if isinstance(error, NotEquivalent):
        operation = error.operation
        return Problem("differs", "parameter" if operation is None else operation.name, str(error))
    if isinstance(error, AssertionError):
        return Problem("differs", str(error).partition(":")[0] or _place(error), str(error))
    message = str(error) if isinstance(error, NirError) else f"{type(error).__name__}: {error}"
    return Problem(type(error).__name__, _place(error), message)


def _place(error: Exception) -> str:
    """Where in the project an exception was raised; of errors for users also how their message begins."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_ROOT)]
    frames = [frame for frame in frames if f"{_ROOT}/nir/testing/" not in frame.filename] or frames
    place = f"{Path(frames[-1].filename).stem}.{frames[-1].name}" if frames else "?"
    if isinstance(error, NirError) and error.diagnostics:
        words = re.sub(r"[%@][\w.$-]+|\d[\w.]*|\[[^]]*\]|<[^>]*>", " ", error.diagnostics[0].message)
        return f"{place} {' '.join(words.split())[:40]}"
    return place
