"""What is said about text that the grammar does not allow: where, what was expected, what was found.

Lark says at which place which terminals could have stood; here that becomes a sentence in the words of the language.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.lexer import PatternStr

from nir.errors import ParseError, suggestion
from nir.source import Source, Span
from nir.text.advice import Mistake, advice
from nir.text.lexical import language, quote, terminal

_WORDS = {
    "VALUE": "a value such as %x",
    "SYMBOL": "a name such as @main",
    "STRING": "a string in double quotes",
    "NUMBER": "a number",
    "BOOLEAN": "true or false",
    "VERSION": "a version such as 1.0",
    "SHAPE": "dimensions and element type such as 1x224x224x3xu8",
    "ELEMENTS": "elements such as [1, 2], or one number for all",
    "NIR": "'nir 1.0'",
    "$END": "the end of the text",
}
"""Terminals whose own text says nothing to a reader; keywords and marks are shown as they are."""

_WORD_IN = {
    "a list": "a word",
    "the attributes": "an attribute's name",
    "a tensor type": "a parameter such as scale",
    "the body of a function": "an operator such as call",
    "an operation": "an operator such as conv_2d",
}
"""What a bare word is, by where it stands."""

_SETS = (
    ({"NUMBER", "BOOLEAN", "STRING", "SYMBOL", "WORD", "LSQB"}, "a number, word, string, @name or list"),
    ({"WORD", "STRING"}, "an attribute's name"),
    ({"VALUE", "WORD", "RETURN"}, "an operation such as '%y = relu(%x) : tensor<4xf32>', or 'return'"),
    ({"VALUE", "NONE"}, "a value such as %x, or none"),
    ({"SYMBOL", "STRING", "DENSE"}, None),
    ({"NUMBER", "SYMBOL", "LSQB"}, "a number, a list of numbers, or the @name of a weight"),
)
"""Terminals that are always expected together, and what they are together (None: not worth mentioning)."""

_FOUND = re.compile(rf"{terminal('VALUE')}|{terminal('SYMBOL')}|{terminal('STRING')}|->|[-+.\w$]+|.", re.DOTALL)
_OPEN_QUOTE = re.compile(rf'(?!{terminal("VALUE")}|{terminal("SYMBOL")}|{terminal("STRING")})[%@]?"')
_SHAPE_WORD = re.compile(r"[^\s,<>(){}\"]+")
_SIZE = re.compile(r"[0-9]+|\?")


def explain(source: Source, parser: Lark, error: UnexpectedInput) -> ParseError:
    """The `ParseError` for text at which `parser` stopped with `error`."""
    accepted, stack = _state(source, parser)
    if isinstance(error, UnexpectedToken):
        end = error.token.type == "$END"
        position = len(source.text) if end else error.token.start_pos or 0
    else:
        assert isinstance(error, UnexpectedCharacters)
        position, end = error.pos_in_stream or 0, False
    special = None if end else _special(source, position, accepted)
    if special is not None:
        return special
    where = _context(stack)
    expected, keywords = _expectation(accepted, where, stack)
    if end:
        span = _end(source)
        return ParseError(f"the text ends in {where}", span, expected=expected, found="the end of the text")
    match = _FOUND.match(source.text, position)
    found = match[0] if match else ""
    hint = suggestion(found, keywords)
    if hint is None and stack and _kind(stack[-1]) == "WORD":
        hint = f"a value's name begins with %: %{stack[-1]}" if found == "=" else suggestion(str(stack[-1]), ["return"])
    hint = hint or advice(Mistake(source.text, position, found, where))
    visible = found if found.isprintable() else quote(found)[1:-1]
    shown = "'" + (visible if len(visible) <= 40 else visible[:37] + "...") + "'"
    return ParseError(
        f"unexpected {shown} in {where}",
        source.span(position, position + len(found)),
        expected=expected,
        found=shown,
        hint=hint,
    )


def _end(source: Source) -> Span:
    """The empty span behind the last thing that is not space."""
    end = len(source.text.rstrip())
    return source.span(end, end)


def _state(source: Source, parser: Lark) -> tuple[set[str], list[Token | Tree[Token]]]:
    """What could stand where parsing stops, and the parser's stack there."""
    interactive = parser.parse_interactive(source.text, start="module")
    try:
        for _ in interactive.iter_parse():
            pass
    except UnexpectedInput:
        pass
    accepted = {name for name in interactive.accepts() if not name.startswith("PLAIN_")}
    return accepted, list(interactive.parser_state.value_stack)


def _context(stack: Sequence[Token | Tree[Token]]) -> str:
    """What is being read, from the parser's stack: the innermost thing that has begun and not ended."""
    innermost = "the text"
    closed, complete = 0, False
    for index in range(len(stack) - 1, -1, -1):
        kind = _kind(stack[index])
        if kind in _CLOSING:
            closed += 1
        elif kind in _OPENING and closed:
            closed -= 1
            if kind == "LBRACE" and not closed and _inside(kind, _below(stack, index), innermost) != "the attributes":
                return "the text"
        elif closed:
            continue
        elif kind in ("LPAR", "LBRACE"):
            return _inside(kind, _below(stack, index), innermost)
        elif kind == "COLON" and index < len(stack) - 1:
            complete = True  # an operation ends with the type behind its colon
        elif kind in ("VALUE", "WORD", "EQUAL") and not complete:
            innermost = "an operation"
        elif kind in _CONTEXTS:
            return _CONTEXTS[kind]
    return innermost


def _below(stack: Sequence[Token | Tree[Token]], index: int) -> list[str]:
    return [_kind(symbol) for symbol in stack[max(0, index - 2) : index]]


def _inside(bracket: str, below: list[str], innermost: str) -> str:
    """What an open bracket belongs to, from what stands before it."""
    if bracket == "LBRACE":
        opens_body = below[-1] == "types" or below == ["ATTRIBUTES", "attributes"]
        return (innermost if innermost != "the text" else "the body of a function") if opens_body else "the attributes"
    if below == ["FUNC", "SYMBOL"]:
        return "the signature of a function"
    return "a list of types" if below[-1] in ("COLON", "ARROW") else "the operands"


_OPENING = frozenset({"LPAR", "LBRACE", "LSQB", "TENSOR", "DENSE"})
_CLOSING = frozenset({"RPAR", "RBRACE", "RSQB", "MORETHAN"})
_CONTEXTS = {
    "TENSOR": "a tensor type",
    "DENSE": "a constant",
    "LSQB": "a list",
    "RETURN": "the return statement",
    "FUNC": "the signature of a function",
    "ARROW": "the signature of a function",
    "NIR": "the header",
    "WEIGHTS": "the header",
}


def _kind(symbol: Token | Tree[Token]) -> str:
    name = str(symbol.type if isinstance(symbol, Token) else symbol.data)
    return "ARROW" if isinstance(symbol, Token) and symbol == "->" else name


def _expectation(accepted: set[str], where: str, stack: Sequence[Token | Tree[Token]]) -> tuple[str, list[str]]:
    """What could stand here as a phrase, and the keywords among it."""
    rest, phrases, keywords = set(accepted), [], []
    for names, phrase in _SETS:
        if names <= rest:
            rest -= names
            phrases += [phrase] if phrase else []
    for name in sorted(rest, key=lambda name: (name == "COLON", name)):
        literal = _literals().get(name)
        if literal is not None and literal.isalpha():
            keywords.append(literal)
        if name == "COLON":
            phrases.append("':' before the type" if where.startswith("the sig") else "':' before the result type")
        elif name == "WORD":
            phrases.append(_WORD_IN.get(where, "a word"))
        elif name == "LBRACE":
            phrases.append("'{' before the body" if where.startswith("the sig") else "'{' before the attributes")
        elif name == "LPAR":
            phrases.append("'(' before the parameters" if where.startswith("the sig") else "'(' before the operands")
        else:
            phrases.append(_WORDS.get(name) or f"'{literal or name}'")
    return ", or ".join(phrases), keywords


@functools.cache
def _literals() -> dict[str, str]:
    """Terminals that are always the same text, with that text."""
    return {t.name: t.pattern.value for t in language().terminals if isinstance(t.pattern, PatternStr)}


def _special(source: Source, position: int, accepted: set[str]) -> ParseError | None:
    """Mistakes that deserve their own words: quotes that are not closed, and shapes."""
    text = source.text
    if _OPEN_QUOTE.match(text, position) and accepted & {"VALUE", "SYMBOL", "STRING"}:
        end = text.find("\n", position)
        span = source.span(position, len(text) if end < 0 else end)
        return ParseError("the closing quote is missing", span, expected="'\"' on the same line")
    if "SHAPE" in accepted:
        return _wrong_shape(source, position)
    return None


def _wrong_shape(source: Source, position: int) -> ParseError | None:
    """Says which part of the dimensions is wrong."""
    match = _SHAPE_WORD.match(source.text, position)
    if match is None:
        return None
    *sizes, last = match[0].split("x")
    start = position
    for size in sizes:
        if not _SIZE.fullmatch(size):
            return ParseError(
                "this is not a dimension",
                source.span(start, start + max(1, len(size))),
                expected="a size, or ? for one that is not known",
                found=f"'{size[:40]}'",
            )
        start += len(size) + 1
    span = source.span(start, max(start + 1, match.end()))
    message = "the element type is missing" if _SIZE.fullmatch(last) else "this is not an element type"
    return ParseError(
        message, span, expected="an element type such as f32 behind the dimensions", found=f"'{last[:40]}'"
    )
