"""The `.nir` text: reading, writing, formatting; weights beside it."""

from nir.text.format import format_text
from nir.text.parser import parse
from nir.text.printer import print_function, print_module, print_operation

__all__ = ["format_text", "parse", "print_function", "print_module", "print_operation"]
