"""Structural equality of what does not equal itself in Python."""

from __future__ import annotations

from nir.ir import same
from nir.text import parse, print_module


def test_not_a_number_is_the_same_attribute() -> None:
    """Found by `nir fuzz --against round-trip`."""
    text = """func @main(%x: tensor<2xf32>) -> tensor<3xf32> {
  %0 = pad_v2(%x) {padding = [[0, 1]], value = VALUE} : tensor<3xf32>
  return %0
}
"""
    module = parse(text.replace("VALUE", "nan"))
    assert same(module, parse(print_module(module)))
    assert not same(module, parse(text.replace("VALUE", "1.0")))
