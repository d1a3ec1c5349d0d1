"""Names of variables and functions in text: what TVM writes, what its producers put into it, and what is read back."""

from __future__ import annotations

import re

from nir.relay.text.scanner import Scanner, unescape

MAX_NAME = 2000
"""Characters of a name. Layers of TFLite files concatenate the names of what they fuse, but end somewhere."""

# A colon ends a name where a type or nothing follows; a semicolon where no word follows. Both stand in names that
# TFLite gives, and so do dots, dashes and slashes.
_LOCAL_NAME = re.compile(
    r"%(?:\"((?:[^\"\\\n]|\\.)*)\""
    r"|((?:[^\s,(){}\[\]=\"%@:;/^]|:(?![\s,()=;]|Tensor\s*\[|(?:u?int|float|bfloat|bool)\d*\b|\Z)"
    r"|;(?=[\w/])|/(?![*/]))+))"
)
_GLOBAL_NAME = re.compile(r"@(?:\"((?:[^\"\\\n]|\\.)*)\"|([\w./:$-]+))")
_PLAIN_LOCAL_NAME = re.compile(r"[A-Za-z_](?:[\w.-]*\w)?")
_PLAIN_GLOBAL_NAME = re.compile(r"[A-Za-z_][\w.$-]*")


def plain_local_name(name: str) -> bool:
    """Whether a local variable of this name is read back without quotes, whatever follows it."""
    return _PLAIN_LOCAL_NAME.fullmatch(name.replace("/", "_")) is not None and "//" not in name and name[-1:] != "/"


def plain_global_name(name: str) -> bool:
    """Whether a function of this name is read back without quotes."""
    return _PLAIN_GLOBAL_NAME.fullmatch(name) is not None


def local_name(scanner: Scanner) -> str:
    """The name of a local variable that comes next, with its `%`."""
    match = scanner.match(_LOCAL_NAME)
    if match is None:
        raise scanner.error_here("no variable here", expected="a name such as %x")
    if match.end() - match.start() > MAX_NAME:
        raise scanner.error(f"names have at most {MAX_NAME} characters", match.start(), match.start() + 40)
    return "%" + (unescape(match[1]) if match[1] is not None else match[2])


def global_name(scanner: Scanner) -> str:
    """The name of a function that comes next, without its `@`."""
    match = scanner.match(_GLOBAL_NAME)
    if match is None:
        raise scanner.error_here("no function's name here", expected="a name such as @main")
    return unescape(match[1]) if match[1] is not None else match[2]
