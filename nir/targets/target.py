"""What a target is: a name and a table of small named rules, each with the sentence that a user reads.

A rule is a function of one operation whose docstring is the sentence. A target is data: make another one from an
existing one by adding, leaving out or restricting, and hand it to whatever takes a target's name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from nir.errors import ConvertError
from nir.ir import Operation

Test = Callable[[Operation], "bool | str"]
"""True where the rule holds; false, or what was found instead, where it does not."""


@dataclass(frozen=True)
class Reason:
    """Why a target does not run an operation: the rule that does not hold, its sentence, and what was found."""

    target: str
    rule: str
    sentence: str
    found: str | None = None

    def __str__(self) -> str:
        found = f", but found: {self.found}" if self.found else ""
        return f"{self.target}: {self.rule}: {self.sentence}{found}"


@dataclass(frozen=True)
class Rule:
    """One thing that has to hold. `operators` are those that it is about, None for all; where a `decisive` rule does
    not hold, the rules behind it are not asked.
    """

    name: str
    sentence: str
    test: Test
    operators: frozenset[str] | None = None
    decisive: bool = False

    def violation(self, op: Operation, target: str) -> Reason | None:
        """The reason why `op` breaks the rule, or None."""
        if self.operators is not None and op.name not in self.operators:
            return None
        try:
            outcome = self.test(op)
        except ConvertError as error:  # what NNAPI cannot say
            outcome = error.diagnostics[0].message
        if outcome is True:
            return None
        return Reason(target, self.name, self.sentence, outcome or None)


def rule(name: str, operators: Iterable[str] | None = None, decisive: bool = False) -> Callable[[Test], Rule]:
    """Makes a rule of a function, whose docstring becomes the sentence."""

    def made(test: Test) -> Rule:
        sentence = " ".join(inspect.cleandoc(test.__doc__ or name).split()).rstrip(".")
        return Rule(name, sentence, test, None if operators is None else frozenset(operators), decisive)

    return made


@dataclass(frozen=True)
class Target:
    """Something that runs operations: an accelerator, or the host. Constants go with what uses them, and are not
    asked about.
    """

    name: str
    summary: str
    rules: tuple[Rule, ...]

    def reasons(self, op: Operation) -> tuple[Reason, ...]:
        """Why the target does not run `op`: the rules that do not hold, in order; empty where it does."""
        found = []
        for each in self.rules:
            reason = each.violation(op, self.name)
            if reason is not None:
                found.append(reason)
                if each.decisive:
                    break
        return tuple(found)

    def supports(self, op: Operation) -> bool:
        """Whether the target runs `op`."""
        return not self.reasons(op)

    def renamed(self, name: str) -> Target:
        """The same target under another name."""
        return replace(self, name=name)

    def also(self, *rules: Rule) -> Target:
        """The target with further rules."""
        return replace(self, rules=(*self.rules, *rules))

    def without(self, *names: str) -> Target:
        """The target without the rules of these names. Raises `ValueError` for a name that no rule has."""
        unknown = set(names) - {each.name for each in self.rules}
        if unknown:
            raise ValueError(f"{self.name} has no rule {', '.join(sorted(unknown))}")
        return replace(self, rules=tuple(each for each in self.rules if each.name not in names))

    @classmethod
    def of_operators(cls, name: str, operators: Iterable[str], summary: str = "") -> Target:
        """A target that runs these operators, whatever their types and attributes."""
        known = frozenset(operators)
        only = Rule("operator", "The operator is one of those that the target runs", lambda op: op.name in known)
        return cls(name, summary or f"{len(known)} operators", (only,))
