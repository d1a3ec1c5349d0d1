"""What a notebook shows of NIR's objects."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

import nir
import nir.draw
from nir.display import LONGEST, SHOWN, SideBySide, Table, bundle
from nir.errors import NirError
from nir.ir import Module, tensor
from nir.ops.builder import Builder
from nir.passes import partition

pytest.importorskip("pygraphviz")

WRONG = "func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  return %y\n}\n"


class Balanced(HTMLParser):
    """Raises where an element is not closed, or a script stands."""

    VOID = frozenset({"br", "meta", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        assert tag != "script"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def network(operations: int = 3) -> Module:
    b = Builder("main")
    value = b.parameter("x<b>", tensor((1, 8, 8, 4)))
    for _ in range(operations):
        value = b.erf(b.relu(value))
    b.returns(value)
    return b.module


def error() -> NirError:
    with pytest.raises(NirError) as caught:
        nir.parse(WRONG, name="wrong.nir")
    return caught.value


def things() -> list[object]:
    module = network()
    found = partition(module, ["apu"])
    relay_module = nir.relay.load('#[version = "0.0.5"]\ndef @main(%x: Tensor[(1, 4), float32]) { nn.relu(%x) }\n')
    told = [nir.interp.explain(module, "0", (0, 0, 0, 0)), nir.compare(module, module, seed=1)]
    return [module, module.main, found, found.report, relay_module, error(), *told]


@pytest.mark.parametrize("thing", things(), ids=lambda thing: type(thing).__name__)
def test_everything_has_a_page_and_a_text(thing: object) -> None:
    shown = thing._repr_mimebundle_()  # type: ignore[attr-defined]
    assert set(shown) == {"text/plain", "text/html"}
    Balanced(shown["text/html"])
    assert shown["text/plain"].strip()
    assert "x<b>" not in shown["text/html"]


def test_every_class_is_tested() -> None:
    assert {kind for kind in SHOWN for thing in things() if isinstance(thing, kind)} == set(SHOWN)
    with pytest.raises(TypeError, match="nothing that NIR shows"):
        bundle(3)


def test_a_module_shows_its_picture_and_coloured_text() -> None:
    page = bundle(network())["text/html"]
    assert "<svg" in page
    assert '<span style="color: #007020">erf</span>' in page
    assert bundle(network())["text/plain"].startswith("nir 1.0")


def test_a_partition_tells_what_is_outside_and_why() -> None:
    page = bundle(partition(network(), ["apu"]))["text/html"]
    assert "3 erf" in page
    assert "not offloaded: apu: " in page
    assert "0.0 % of the operators" in page or "of 6 operators" in page


def test_an_error_in_a_notebook_is_its_message_without_a_traceback() -> None:
    found = error()
    assert found._render_traceback_() == str(found).split("\n")
    assert "wrong.nir:2:10" in bundle(found)["text/html"]


def test_long_modules_are_shortened() -> None:
    shown = bundle(network(2000))
    assert shown["text/plain"].count("\n") == LONGEST
    assert shown["text/plain"].endswith("lines more")
    assert len(shown["text/html"]) < 1_000_000


def test_without_a_layout_engine_there_is_still_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    page = bundle(network())["text/html"]
    assert "neuron-ir[draw]" in page
    assert "erf" in page


def test_a_table_sets_numbers_to_the_right() -> None:
    found = Table(("name", "count", "share"), [("a<b", 1234, 0.5), ("c", 1, 12345.6)])
    assert repr(found).split("\n") == ["name  count   share", "a<b   1,234     0.5", "c         1  12,346"]
    page = found._repr_html_()
    Balanced(page)
    assert "a&lt;b" in page
    assert page.count("text-align: right") == 6


def test_things_stand_side_by_side() -> None:
    module = network()
    found = SideBySide({"the <first>": module, "an error": error()})
    page = found._repr_html_()
    Balanced(page)
    assert page.count("<svg") == 1
    assert "the &lt;first&gt;" in page
    assert bundle(module)["text/plain"] in repr(found)
    folded = SideBySide({"overview": network(100)}, folded=True)._repr_html_()
    assert "<details" not in folded
    assert folded.count("<text") < SideBySide({"all": network(100)}, folded=False)._repr_html_().count("<text")


def test_large_weights_are_shown_by_name() -> None:
    b = Builder("main")
    x = b.parameter("x", tensor((1, 300)))
    b.returns(b.fully_connected(x, b.const(np.ones((200, 300), np.float32) / 3 + np.eye(200, 300, dtype=np.float32))))
    for thing in (b.module, b.module.main):
        shown = bundle(thing)
        assert len(shown["text/plain"]) < 1000
        assert "const @" in shown["text/plain"]
        assert len(shown["text/html"]) < 20_000
    assert bundle(b.module.main)["text/plain"].startswith("func @main")
