"""What is done to the SVG that Graphviz writes: it learns to be dark where the reader's screen is."""

from __future__ import annotations

from nir.draw.style import dark_colours


def follow_the_screen(svg: str) -> str:
    """The picture with rules that exchange its colours where the reader prefers dark ones.

    Programs that know no such rules, such as converters, show the light picture.
    """
    rules = "".join(
        f'[{attribute}="{light}"]{{{attribute}:{dark}}}'
        for light, dark in dark_colours().items()
        for attribute in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    head, mark, rest = svg.partition("<svg")
    opening, close, body = rest.partition(">")
    return f"{head}{mark}{opening}{close}\n{style}{body}"
