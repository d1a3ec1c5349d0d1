"""The grammars, and the one loader: no other file knows Lark's options.

`nir.lark` is the grammar of the `.nir` language. `plain.lark` adds shortcuts to it that change its speed and nothing
else. `elements.lark` is the grammar of what stands between `dense<` and `>`.
"""

if __name__ != "nir.grammar":
    raise ImportError("import this package as nir.grammar")

import functools
from importlib import resources

from lark import Lark


def text(name: str) -> str:
    """The text of a grammar file of this package."""
    return resources.files("nir.grammar").joinpath(name).read_text("utf-8")


@functools.cache
def parser(*names: str, start: tuple[str, ...] = ("module",)) -> Lark:
    """The LALR(1) parser of grammar file `names[0]`, extended by the files that follow, for the rules `start`.

    Trees keep every token, so that each child stands at a known place, and each token its offsets.
    """
    return Lark(
        "\n".join(map(text, names)),
        parser="lalr",
        start=list(start),
        keep_all_tokens=True,
        maybe_placeholders=False,
        import_paths=[str(resources.files("nir.grammar"))],
    )
