"""Hypothesis strategies for modules as the text sees them: every operator and attribute, but no sense in them.

Types need not fit: that is the verifier's business, and the text must carry any module.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from hypothesis import strategies as st

from nir.ir import (
    Comments,
    ConstantData,
    ElementType,
    Function,
    Keyword,
    Module,
    Operation,
    Quantisation,
    Symbol,
    TensorType,
    Trait,
    Value,
)
from nir.ir.kinds import (
    BooleanKind,
    ConstantKind,
    EnumKind,
    FloatKind,
    IntegerKind,
    Kind,
    SequenceKind,
    StringKind,
    SymbolKind,
    UnionKind,
)
from nir.ops import OPERATORS

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=8)  # also control characters and halves of surrogates
PLAIN_NAMES = st.from_regex(r"[A-Za-z0-9_.$-]{1,6}", fullmatch=True)
NAMES = PLAIN_NAMES | ANY_TEXT
SINGLES = st.floats(width=32, allow_nan=False)


@st.composite
def quantisations(draw: st.DrawFn) -> Quantisation:
    if draw(st.booleans()):
        return Quantisation.per_tensor(draw(SINGLES), draw(st.integers(-(2**31), 2**31 - 1)))
    scales = draw(st.lists(SINGLES, min_size=1, max_size=4))
    points = draw(st.none() | st.lists(st.integers(-300, 300), min_size=len(scales), max_size=len(scales)))
    return Quantisation.per_channel(scales, draw(st.integers(-1, 4)), points)


def types(sizes: st.SearchStrategy[Any]) -> st.SearchStrategy[TensorType]:
    return st.builds(TensorType, st.sampled_from(ElementType), st.lists(sizes, max_size=4), st.none() | quantisations())


ANY_TYPES = types(st.none() | st.integers(0, 2**62))


@st.composite
def constants(draw: st.DrawFn) -> tuple[ConstantData, TensorType]:
    type = draw(types(st.integers(0, 3)))
    count = type.size * type.element.numpy.itemsize
    content = draw(st.binary(min_size=count, max_size=count))
    if type.element is ElementType.BOOL:
        content = bytes(byte % 2 for byte in content)
    array = np.frombuffer(content, type.element.numpy).reshape(type.shape)
    if type.element.is_float:
        array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array).reshape(type.shape)
    return ConstantData(array, None), type


def of_kind(kind: Kind) -> st.SearchStrategy[Any]:
    """Values of one kind of attribute, as Python writes them."""
    if isinstance(kind, IntegerKind):
        return st.integers(-(2**63) if kind.minimum is None else kind.minimum, 2**63 - 1)
    if isinstance(kind, FloatKind):
        return SINGLES
    if isinstance(kind, BooleanKind):
        return st.booleans()
    if isinstance(kind, StringKind):
        return ANY_TEXT
    if isinstance(kind, SymbolKind):
        return st.builds(Symbol, NAMES)
    if isinstance(kind, EnumKind):
        return st.sampled_from(list(kind.members))
    if isinstance(kind, SequenceKind):
        bounds = (0, 4) if kind.length is None else (kind.length, kind.length)
        return st.lists(of_kind(kind.element), min_size=bounds[0], max_size=bounds[1]).map(tuple)
    assert isinstance(kind, UnionKind), kind
    return st.one_of(map(of_kind, kind.choices))


WORDS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,5}", fullmatch=True)
_FREE_WORDS = WORDS.filter(lambda word: word not in ("true", "false", "inf", "nan")).map(Keyword)
_SCALARS = (
    st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.booleans()
    | ANY_TEXT
    | st.builds(Symbol, NAMES)
    | _FREE_WORDS
)
FREE_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=5)
FREE_ATTRIBUTES = st.dictionaries(WORDS | ANY_TEXT, FREE_VALUES, max_size=3)


@st.composite
def attributes(draw: st.DrawFn, operator: type[Operation]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, field in operator.attribute_fields.items():
        if isinstance(field.kind, ConstantKind):
            continue
        if field.required or draw(st.booleans()):
            given[name] = draw(of_kind(field.kind))
    if operator.open_attributes:
        given |= {k: v for k, v in draw(FREE_ATTRIBUTES).items() if k not in operator.attribute_fields}
    return given


@st.composite
def operations(draw: st.DrawFn, scope: list[Value]) -> Operation:
    operator = draw(st.sampled_from([*OPERATORS, *[op for op in OPERATORS if op.subject is not None] * 5]))
    if Trait.CONSTANT in operator.traits:
        data, type = draw(constants())
        return operator((), {"value": data}, [type])
    operands: list[Value | None] = []
    if scope:
        operands = draw(st.lists(st.sampled_from(scope), max_size=4))
        if operands and draw(st.integers(0, 9)) == 0:
            operands.insert(0, None)
    fields = operator.result_fields
    variadic = bool(fields) and fields[-1].variadic
    count = draw(st.integers(len(fields) - 1, 3)) if variadic else len(fields)
    given = operator.normalise_attributes(draw(attributes(operator)))
    return operator(operands, given, draw(st.lists(ANY_TYPES, min_size=count, max_size=count)))


COMMENT_LINES = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=10).map(
    lambda text: f"// {text}".strip()
)


@st.composite
def comments(draw: st.DrawFn) -> Comments | None:
    if draw(st.integers(0, 3)):
        return None
    return Comments(draw(st.lists(COMMENT_LINES, max_size=2)), draw(st.none() | COMMENT_LINES))


@st.composite
def functions(draw: st.DrawFn, name: str) -> Function:
    names = draw(st.lists(NAMES, unique=True, min_size=12, max_size=12))
    parameters = [Value(draw(ANY_TYPES), names.pop(), None, i) for i in range(draw(st.integers(0, 3)))]
    function = Function(name, parameters, attributes=draw(FREE_ATTRIBUTES))
    scope = list(parameters)
    for _ in range(draw(st.integers(0, 4))):
        op = draw(operations(scope))
        if len(op.results) > len(names):
            break
        for value in op.results:
            value.name = names.pop()
        op.comments = draw(comments())
        function.operations.append(op)
        scope += op.results
    function.results = draw(st.lists(st.sampled_from(scope), max_size=3)) if scope else []
    function.declared_result_types = tuple(draw(st.lists(ANY_TYPES, max_size=3)))
    function.comments, function.return_comments = draw(comments()), draw(comments())
    function.closing_comments = draw(comments())
    return function


@st.composite
def modules(draw: st.DrawFn) -> Module:
    module = Module()
    for name in draw(st.lists(NAMES, unique=True, max_size=3)):
        module.add(draw(functions(name)))
    module.comments = draw(comments())
    leading = draw(st.lists(COMMENT_LINES, max_size=2))
    module.closing_comments = Comments(leading) if leading else None
    return module


_TOKENS = re.compile(r'[%@]?"(?:[^"\\\n]|\\.)*"|//[^\n]*|->|[%@]?[-+?$A-Za-z0-9_.]+|\S')


def tokens(text: str) -> list[str]:
    """The tokens of a text, comments too, for spacing it differently or putting mistakes into it."""
    return _TOKENS.findall(text)


@st.composite
def spaced(draw: st.DrawFn, text: str) -> str:
    """`text` with the same tokens, separated otherwise."""
    separators = draw(st.lists(st.sampled_from([" ", "\n", "\t \r\n", " // c\n", "\n\n//\n"]), min_size=1, max_size=9))
    parts = []
    for index, token in enumerate(tokens(text)):
        parts.append(token)
        parts.append("\n" if token.startswith("//") else separators[index % len(separators)])
    return "".join(parts)


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """`text` with a few mistakes: tokens left out, doubled, exchanged, or cut in two."""
    parts = re.split(r"(\s+)", text)
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(parts) - 1))
        other = parts[draw(st.integers(0, len(parts) - 1))]
        action = draw(st.integers(0, 5))
        cut = draw(st.integers(0, max(0, len(parts[index]) - 1)))
        odd = draw(
            st.sampled_from(
                ["[", "]", "(", ")", "{", "}", "<", ">", ",", ":", "=", '"', "%", "@", "\\", "//", "9" * 30]
            )
        )
        part = parts[index]
        parts[index] = ("", part * 2, other, part[:cut] + odd + part[cut:], part[:cut] + part[cut + 1 :], odd)[action]
    return "".join(parts)
