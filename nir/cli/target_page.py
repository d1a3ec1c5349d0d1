"""The page of targets: each one's rules, and which operators it knows. Markdown, made from the tables."""

from __future__ import annotations

from collections.abc import Iterator

from nir.nnapi.levels import NAMES, neuron_version, operator_level
from nir.ops import OPERATORS
from nir.targets import ALIASES, TARGETS, Target
from nir.targets.litert import LEGALISED

INTRODUCTION = """# Targets

What each target of `nir partition` runs, as rules over NIR operators. This page is made by `nir targets --markdown`.

A target is a table of named rules. An operation is supported where all of them hold; an operation that stays outside of
every region is reported with the rules that it breaks. Rules that do not concern an operator are not asked. Nothing here
says how fast something is, nor what one certain chip or driver adds or leaves out.

A target of one's own is a `nir.targets.Target`, put together from rules or changed from one that there is:

```python
import nir
from nir.targets import get_target, rule


@rule("small-filters", operators={"conv_2d"})
def small_filters(op: nir.Operation) -> bool | str:
    \"\"\"Filters have at most nine taps.\"\"\"
    height, width = op.filter.shape[1:3]
    return height * width <= 9 or f"{height}x{width}"


mine = get_target("neuron").renamed("mine").also(small_filters)
split = nir.passes.partition(module, [mine, "cpu"])
```
"""


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    for target in _shown():
        lines += ["\n".join(section(target)), ""]
    lines += ["\n".join(_operators())]
    return "\n".join(lines) + "\n"


def _shown() -> list[Target]:
    """Targets that have a section: of NNAPI's levels, which differ in a number, one stands for all."""
    return [target for name, target in TARGETS.items() if not name.startswith("nnapi-") or name == ALIASES["nnapi"]]


def section(target: Target) -> Iterator[str]:
    """The section of one target."""
    yield f"## {target.name}"
    yield ""
    others = [alias for alias, name in ALIASES.items() if name == target.name]
    named = f" Also called {', '.join(f'`{other}`' for other in others)}." if others else ""
    levels = " There is one for each level, `nnapi-1` to `nnapi-8`." if target.name.startswith("nnapi-") else ""
    yield f"{target.summary}.{named}{levels}"
    yield ""
    yield "| rule | what has to hold | of |"
    yield "|---|---|---|"
    for each in target.rules:
        about = ", ".join(f"`{name}`" for name in sorted(each.operators)) if each.operators else "all operators"
        yield f"| `{each.name}` | {each.sentence} | {about} |"


def _operators() -> Iterator[str]:
    yield "## Operators"
    yield ""
    yield "Since which feature level NNAPI has an operator, since which version of MediaTek's library the Neuron API has it,"
    yield "and what MediaTek's plug-in for LiteRT makes of it. A dash: the target does not run the operator, whatever its types."
    yield "`cpu` runs all but `foreign`."
    yield ""
    yield "| operator | NNAPI | Neuron API | mtk-litert |"
    yield "|---|---|---|---|"
    for operator in OPERATORS:
        if operator.name not in ("const", "call", "if", "while", "foreign"):
            name = NAMES.get(operator.name)
            level = str(operator_level(name)) if name else "-"
            version = (neuron_version(name) if name else None) or "-"
            yield f"| `{operator.name}` | {level} | {version} | {LEGALISED.get(operator.name, '-')} |"
