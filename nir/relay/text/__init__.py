"""Relay's text form: version 0.0.5, as TVM 0.7 to 0.19 print it, and 0.0.4, as TVM 0.6 does.

More is read than TVM's own parser takes: names such as `%x:0`, `%conv1.weight` and `%"a b"`, escapes in strings, and a
text without header or metadata section. Types are not inferred here; what the printer says in comments is taken down.
"""

from __future__ import annotations

import re

from nir.errors import suggestion
from nir.relay.dialect import dialect, stated_dialect
from nir.relay.expr import Expr, Function, Let, Var
from nir.relay.json_graph import JsonGraph
from nir.relay.metadata import MetadataTable, read_json
from nir.relay.module import Module
from nir.relay.provenance import Provenance
from nir.relay.text.blocks import Blocks, open_function
from nir.relay.text.expressions import ExpressionReader
from nir.relay.text.names import global_name
from nir.relay.text.scanner import Scanner
from nir.relay.visitor import post_order
from nir.source import Source

VERSION = "0.0.5"
OLD_VERSION = "0.0.4"

_HEADER = re.compile(r'#\[version\s*=\s*"([^"\n]*)"\]')
_OLD_HEADER = re.compile(r"v(\d+\.\d+\.\d+)")
_METADATA = re.compile(r"^[ \t]*(?:#\[metadata\]|METADATA:)", re.MULTILINE)


def parse(source: Source, tvm_version: str | None = None) -> Module:
    """The module that the text holds. A text that is a single expression becomes the function `main`.

    `tvm_version` says whose operators and defaults hold: text of version 0.0.5 does not say it, and then its metadata
    section does, or TVM 0.15 is assumed. Calls have all their attributes. `checked_type` is what comments say, or None.
    Raises ParseError.
    """
    marker = _METADATA.search(source.text)
    graph = _metadata(source, marker.start(), marker.end(), tvm_version) if marker is not None else None
    scanner = Scanner(source, source.text[: marker.start()] if marker is not None else None)
    header = _header(scanner)
    provenance = _provenance(header, graph.tvm_version if graph is not None else None, tvm_version)
    metadata = MetadataTable(graph) if graph is not None else None
    reader = ExpressionReader(scanner, metadata, Blocks(), dialect(provenance.read_as))
    functions: dict[str, Function] = {}
    if scanner.peek() not in ("d", "t", "e", ""):
        functions["main"] = _as_function(reader.read())
    while scanner.peek():
        name, function = _definition(reader, functions)
        functions[name] = function
    if not functions:
        raise scanner.error_here("no function here", expected="def @main(...) { ... }")
    for reference in reader.references:
        if reference.name_hint not in functions and reference.span is not None:
            span = reference.span
            hint = suggestion(reference.name_hint, functions)
            raise scanner.error(f"there is no function '@{reference.name_hint}'", span.start, span.end, hint=hint)
    return Module(functions, source, provenance=provenance)


def _provenance(header: str | None, stated: str | None, wanted: str | None) -> Provenance:
    """What the header and the metadata section say about who wrote the text."""
    form = f"text {header}" if header is not None else "text without header"
    if wanted is not None:
        return Provenance(form, stated, dialect(wanted).version, "the version that was asked for")
    if header == OLD_VERSION:
        return Provenance(
            form, stated, dialect("0.6").version, f"the header is v{OLD_VERSION}, which only TVM 0.6 wrote"
        )
    if stated is not None:
        said = f"the metadata section states version {stated[:40]}"
        return Provenance(form, stated, stated_dialect(stated).version, said)
    assumed = "text of version 0.0.5 does not say which of TVM 0.7 to 0.19 wrote it"
    return Provenance(form, None, dialect().version, assumed)


def _metadata(source: Source, start: int, end: int, tvm_version: str | None) -> JsonGraph:
    content = read_json(source.text[end:], source.name, lambda offset: source.span(min(end + offset, len(source.text))))
    return JsonGraph(content, source.name, source.span(start, end), tvm_version)


def _header(scanner: Scanner) -> str | None:
    """The version in the header, or None without one."""
    start = scanner.skip()
    header = scanner.match(_HEADER)
    known = VERSION
    if header is None:
        header = scanner.match(_OLD_HEADER)
        known = OLD_VERSION
        if header is None:
            return None
    if header[1] != known:
        raise scanner.error(
            "this version of Relay's text is not known",
            start,
            expected=f'#[version = "{VERSION}"] or v{OLD_VERSION}',
            found=f'"{header[1][:20]}"',
        )
    return known


def _definition(reader: ExpressionReader, functions: dict[str, Function]) -> tuple[str, Function]:
    scanner = reader.scanner
    start = scanner.skip()
    if not scanner.accept_word("def"):
        if scanner.accept_word("type") or scanner.accept_word("extern"):
            raise scanner.error("algebraic data types are not supported", start, hint="NIR has no counterpart")
        if functions:
            raise scanner.error_here(expected="'def' or the end of the text")
        return "main", _as_function(reader.read())
    name_start = scanner.skip()
    name = global_name(reader.scanner)
    if name in functions:
        raise scanner.error(f"the function '@{name}' is defined twice", name_start)
    open_function(reader, start, definition=True)
    function = reader.read()
    assert isinstance(function, Function)
    reader.annotation(function)
    return name, function


def _as_function(expr: Expr) -> Function:
    """`expr`, or a function around it whose parameters are its free variables."""
    if isinstance(expr, Function):
        return expr
    bound: set[Expr] = set()
    mentioned: list[Var] = []
    for node in post_order(expr):
        if isinstance(node, Function):
            bound.update(node.params)
        elif isinstance(node, Var):
            mentioned.append(node)
        elif isinstance(node, Let):
            bound.add(node.var)
    return Function([variable for variable in mentioned if variable not in bound], expr, span=expr.span)
