"""The `.nir` text: reading, writing, formatting; weights beside it; and where in a text a part of an operation stands.

module = parse(text)                    load(path)              from text, from a file with its weights
text = print_module(module)             save(module, path)      and back
text = format_text(text)                                        canonical form, comments kept
span = locate(op, ("operand", 0))                               for a caret under the first operand
"""

from nir.text.files import load, save, weights_of
from nir.text.format import format_text
from nir.text.locate import locate, locate_parameter, locate_result_type, locate_return
from nir.text.parser import parse
from nir.text.printer import print_function, print_module, print_operation

__all__ = [
    "format_text",
    "load",
    "locate",
    "locate_parameter",
    "locate_result_type",
    "locate_return",
    "parse",
    "print_function",
    "print_module",
    "print_operation",
    "save",
    "weights_of",
]
