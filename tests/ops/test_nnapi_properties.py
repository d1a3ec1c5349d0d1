"""What NNAPI says of many operators at once, as properties of every operator that it concerns, driven by the classes.

Layout, scales per channel, batches (also of nothing), broadcasting, saturation, fused activations, float16. Operations are
those of the operators' examples, with other sizes, types and elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerics_arithmetic import zero
from numerics_cases import MAKERS, Draw

from nir.ir import ElementType, InferenceError, Operation, Quantisation, Shape, TensorType, Value, walk
from nir.ops import OPERATORS
from nir.ops.common import Activation, Layout
from nir.ops.profiles import ACTIVATION_RANGES, PROFILES, activation_bounds, get_profile
from nir.text import parse

F16, F32 = ElementType.F16, ElementType.F32
BY_NAME = {operator.name: operator for operator in OPERATORS}
IMAGES_IN = {"generate_proposals": 2}
"""Operands that have the layout, where it is not the first alone."""
BATCHED = [
    o.name
    for o in OPERATORS
    if "layout" in o.attribute_fields and not o.name.startswith(("batch", "roi", "heat", "gen"))
]
RECURRENT = [o.name for o in OPERATORS if o.name.endswith(("lstm", "rnn", "svdf"))]

profiles = st.sampled_from(list(PROFILES))
seeds = st.integers(0, 2**32 - 1)


def example(name: str) -> Operation:
    """The operation of an operator's example."""
    return next(op for op in walk(parse(BY_NAME[name].example())) if op.name == name)


def names_with(attribute: str) -> list[str]:
    return [o.name for o in OPERATORS if attribute in o.attribute_fields]


def operands_of(op: Operation, seed: int) -> list[Any]:
    """Constants of the example as they are; all else at random."""
    random = np.random.default_rng(seed)
    arrays: list[Any] = []
    for value in op.operands:
        producer = None if value is None else value.producer
        if value is None:
            arrays.append(None)
        elif producer is not None:
            arrays.append(producer.reference(get_profile("tflite")))
        else:
            arrays.append(elements(value.type, random))
    return arrays


def elements(type: TensorType, random: np.random.Generator) -> np.ndarray:
    shape = [size or 0 for size in type.shape]
    if type.element is ElementType.BOOL:
        return np.asarray(random.integers(0, 2, shape) > 0)
    if type.element.is_integer:
        low, high = max(type.element.minimum, -(2**12)), min(type.element.maximum, 2**12)
        return np.asarray(random.integers(low, high, shape, endpoint=True)).astype(type.element.numpy)
    return np.asarray(random.standard_normal(shape) * 3).astype(type.element.numpy)


def remade(op: Operation, types: list[TensorType | None], **attributes: Any) -> Operation:
    """The same operator with operands of other types; results keep their parameters where there are any."""
    parameters = op.results[0].type.quantisation
    values = [None if t is None else Value(t) for t in types]
    made = type(op).create(
        *values, element=op.results[0].element, quantisation=parameters, **{**op.attributes, **attributes}
    )
    assert [c.sentence for c in made.constraints if not c.check(made)] == []
    return made


def results(op: Operation, profile: str, arrays: list[Any]) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        outcome = op.reference(get_profile(profile), *arrays)
    return list(outcome) if isinstance(outcome, tuple) else [outcome]


def types_of(op: Operation) -> list[TensorType | None]:
    return [None if value is None else value.type for value in op.operands]


def scaled(shape: Shape, factors: tuple[int, int]) -> Shape:
    batch, height, width, channels = shape
    return batch, (height or 0) * factors[0], (width or 0) * factors[1], channels


# --- layout ---


@pytest.mark.parametrize("name", names_with("layout"))
@settings(max_examples=12)
@given(seed=seeds, profile=profiles, factors=st.tuples(st.sampled_from([1, 3]), st.sampled_from([1, 3])))
def test_nchw_is_nhwc_transposed(name: str, seed: int, profile: str, factors: tuple[int, int]) -> None:
    model = example(name)
    images = IMAGES_IN.get(name, 1)
    factors = (max(factors),) * 2 if name == "heatmap_max_keypoint" else factors
    types = [t.with_shape(scaled(t.shape, factors)) if i < images and t else t for i, t in enumerate(types_of(model))]
    last = remade(model, types)
    first_types = [t.with_shape(channels_first(t.shape)) if i < images and t else t for i, t in enumerate(types)]
    first = remade(model, first_types, layout=Layout.NCHW)
    given_ = operands_of(model, seed)
    given_[:images] = [elements(t, np.random.default_rng(seed)) for t in types[:images] if t is not None]
    moved = [np.ascontiguousarray(a.transpose(0, 3, 1, 2)) if i < images else a for i, a in enumerate(given_)]
    for a, b in zip(results(last, profile, given_), results(first, profile, moved), strict=True):
        assert np.array_equal(a, b.transpose(0, 2, 3, 1) if b.ndim == 4 else b)


def channels_first(shape: Shape) -> Shape:
    return shape[0], shape[3], shape[1], shape[2]


# --- batches ---


@pytest.mark.parametrize("name", [*BATCHED, "fully_connected"])
@settings(max_examples=12)
@given(seed=seeds, profile=profiles, batch=st.integers(0, 3))
def test_images_of_a_batch_do_not_know_each_other(name: str, seed: int, profile: str, batch: int) -> None:
    """The result for some images, none included, is that part of the result for four."""
    model = example(name)
    types = types_of(model)
    assert types[0] is not None
    arrays = operands_of(model, seed)
    four = types[0].with_shape((4, *types[0].shape[1:]))
    arrays[0] = elements(four, np.random.default_rng(seed))
    (whole,) = results(remade(model, [four, *types[1:]]), profile, arrays)
    some = types[0].with_shape((batch, *types[0].shape[1:]))
    (part,) = results(remade(model, [some, *types[1:]]), profile, [arrays[0][:batch], *arrays[1:]])
    count = batch * whole.shape[0] // 4
    assert part.shape == (count, *whole.shape[1:])
    if name == "space_to_batch_nd":  # batches run fastest in its result
        whole = whole.reshape(-1, 4, *whole.shape[1:])[:, :batch].reshape(part.shape)
    np.testing.assert_allclose(part, whole[:count], rtol=1e-6, atol=1e-6 if part.dtype.kind == "f" else 0)


# --- scales per channel ---


@pytest.mark.parametrize(
    "name", ["conv_2d", "depthwise_conv_2d", "grouped_conv_2d", "transpose_conv_2d", "fully_connected"]
)
@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=6)
@given(data=st.data())
def test_a_scale_per_channel_is_one_scale_for_each(name: str, profile: str, data: st.DataObject) -> None:
    case = MAKERS[name](Draw(data), profile, name)
    x, w, bias = types_of(case.op)
    assert x is not None
    assert w is not None
    assert bias is not None
    assert w.quantisation is not None
    if not w.quantisation.is_per_channel:
        return
    (whole,) = results(case.op, profile, case.arrays)
    axis, outputs = w.quantisation.axis or 0, len(w.quantisation.scales)
    inputs = case.arrays[0].shape[-1]
    depth = inputs if name not in ("depthwise_conv_2d", "grouped_conv_2d") else 1 if axis else case.arrays[1].shape[3]
    for o in range(outputs):
        start = o // (outputs // (inputs // depth)) * depth
        part = np.take(case.arrays[1], [o], axis)
        alone = None if bias.quantisation is None else Quantisation.per_tensor(bias.quantisation.scales[o])
        types: list[TensorType | None] = [
            x.with_shape((*x.shape[:-1], depth)),
            w.with_shape(part.shape).with_quantisation(Quantisation.per_tensor(w.quantisation.scales[o])),
            TensorType(bias.element, (1,)) if alone is None else TensorType(bias.element, (1,), alone),
        ]
        fields = {"groups": 1} if name == "grouped_conv_2d" else {}
        arrays = [np.ascontiguousarray(case.arrays[0][..., start : start + depth]), part, case.arrays[2][o : o + 1]]
        (slice_,) = results(remade(case.op, types, **fields), profile, arrays)
        assert np.array_equal(whole[..., o : o + 1], slice_)


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=10)
@given(seed=seeds, axis=st.integers(0, 2))
def test_dequantize_per_channel(profile: str, seed: int, axis: int) -> None:
    random = np.random.default_rng(seed)
    shape = (2, 3, 4)
    array = random.integers(-128, 127, shape).astype(np.int8)
    scales = random.uniform(0.001, 2, shape[axis]).astype(np.float32).tolist()
    dequantize = BY_NAME["dequantize"]
    along = dequantize.create(Value(TensorType(ElementType.I8, shape, Quantisation.per_channel(scales, axis))))
    (whole,) = results(along, profile, [array])
    for place, scale in enumerate(scales):
        part = np.take(array, [place], axis)
        one = dequantize.create(Value(TensorType(ElementType.I8, part.shape, Quantisation.per_tensor(scale))))
        assert np.array_equal(results(one, profile, [part])[0], np.take(whole, [place], axis))


# --- broadcasting ---

BROADCAST = [
    o.name for o in OPERATORS if {f.name for f in o.operand_fields} >= {"left", "right"} and o.name != "batch_matmul"
]


@st.composite
def broadcast_shapes(draw: st.DrawFn, count: int) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """Shapes that broadcast together, sizes 0 included, and the shape of all."""
    common = draw(st.lists(st.sampled_from([0, 1, 2, 3]), max_size=4))
    shapes = []
    for _ in range(count):
        kept = common[draw(st.integers(0, len(common))) :]
        shapes.append(tuple(draw(st.sampled_from([1, size])) for size in kept))
    return shapes, np.broadcast_shapes(*shapes)


@pytest.mark.parametrize("name", BROADCAST)
@settings(max_examples=12)
@given(data=st.data(), seed=seeds, profile=profiles, quantised=st.booleans())
def test_broadcasting_repeats_elements(
    name: str, data: st.DataObject, seed: int, profile: str, quantised: bool
) -> None:
    model = example(name)
    shapes, whole = data.draw(broadcast_shapes(len(model.operands)))
    types = []
    for place, (value, shape) in enumerate(zip(model.operands, shapes, strict=True)):
        assert value is not None
        type = TensorType(value.element, shape)
        if (
            quantised
            and ElementType.U8 in model.operand_fields[place].elements
            and value.element is not ElementType.BOOL
        ):
            type = TensorType(ElementType.U8, shape, Quantisation.per_tensor(0.25 * (place + 1), 100 + place))
        types.append(type)
    target = Quantisation.per_tensor(0.5, 10) if any(t.quantisation for t in types) else None
    operator, random = BY_NAME[name], np.random.default_rng(seed)
    if target is not None and operator.result_fields[0].elements == frozenset({ElementType.BOOL}):
        target = None
    arrays = [elements(type, random) for type in types]
    op = operator.create(*map(Value, types), quantisation=target)
    repeated = operator.create(*(Value(type.with_shape(whole)) for type in types), quantisation=target)
    full = [np.array(np.broadcast_to(array, whole)) for array in arrays]
    (one,), (other,) = results(op, profile, arrays), results(repeated, profile, full)
    assert one.shape == whole
    assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


# --- saturation ---

SATURATING = [
    name
    for name in MAKERS
    if {"i8", "u8"} <= {str(e.value) for f in BY_NAME[name].operand_fields[:1] for e in f.elements}
    and BY_NAME[name].result_fields[0].quantisation.name in ("FREE", "SAME_BY_DEFAULT")
    and name not in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "log", "sqrt", "rsqrt")
]


@pytest.mark.parametrize("name", SATURATING)
@pytest.mark.parametrize("element", ["i8", "u8"])
@settings(max_examples=6)
@given(data=st.data(), profile=profiles)
def test_results_saturate_at_both_ends(name: str, element: str, data: st.DataObject, profile: str) -> None:
    """With a result scale 1,024 times finer, what is far from 0 lies at the end on its side; never beyond, never wrapped."""
    draw = Draw(data, element)
    draw.activation, draw.small = "none", True  # so that 64 bits hold what Relay shifts
    case = MAKERS[name](draw, profile, name)
    parameters = case.op.results[0].type.quantisation
    assert parameters is not None
    target = Quantisation.per_tensor(parameters.scale * 2.0**-10, parameters.zero_point)
    fine = type(case.op).create(*case.op.operands, element=element, quantisation=target, **case.op.attributes)
    coarse = np.asarray(case.op.reference(get_profile(profile), *case.arrays)).astype(int) - zero(
        case.op.results[0].type
    )
    (stored,) = results(fine, profile, case.arrays)
    limits = np.iinfo(stored.dtype)
    assert (stored[coarse > 1] == limits.max).all()
    assert (stored[coarse < -1] == limits.min).all()


# --- activations ---


@pytest.mark.parametrize("name", [n for n in names_with("activation") if n not in RECURRENT])
@pytest.mark.parametrize("activation", list(Activation))
@settings(max_examples=8)
@given(seed=seeds, profile=profiles)
def test_a_fused_activation_is_a_clamp(name: str, activation: Activation, seed: int, profile: str) -> None:
    """In real values for floats; for quantised results between zero point + round(bound / scale)."""
    model = example(name)
    arrays = operands_of(model, seed)
    (plain,) = results(remade(model, types_of(model), activation=Activation.NONE), profile, arrays)
    (clamped,) = results(remade(model, types_of(model), activation=activation), profile, arrays)
    low, high = ACTIVATION_RANGES[activation]
    if plain.dtype.kind != "f":
        low, high = activation_bounds(model.results[0].type, activation)
    assert np.array_equal(clamped, np.clip(plain, low, high))


@pytest.mark.parametrize("name", [n for n in names_with("activation") if n in MAKERS])
@pytest.mark.parametrize("activation", list(Activation))
@settings(max_examples=6)
@given(data=st.data(), profile=profiles)
def test_a_fused_activation_of_quantised_tensors(
    name: str, activation: Activation, data: st.DataObject, profile: str
) -> None:
    case = MAKERS[name](Draw(data), profile, name)
    types = types_of(case.op)
    (plain,) = results(remade(case.op, types, activation=Activation.NONE), profile, case.arrays)
    (clamped,) = results(remade(case.op, types, activation=activation), profile, case.arrays)
    low, high = activation_bounds(case.op.results[0].type, activation)
    assert np.array_equal(clamped, np.clip(plain, low, high))


# --- float16 ---


def takes_float16(operator: type[Operation]) -> bool:
    """True for operators whose example can be of float16 throughout, and whose results are floats."""
    model = example(operator.name) if operator.name not in ("call", "if", "while", "foreign", "const") else None
    if model is None or operator.name in RECURRENT or not all(v.element.is_float for v in model.results):
        return False
    fields = [model.operand_fields[min(i, len(model.operand_fields) - 1)] for i in range(len(model.operands))]
    floats = [f for f, v in zip(fields, model.operands, strict=True) if v is not None and v.element is F32]
    return bool(floats) and all(F16 in field.elements for field in floats)


@pytest.mark.parametrize("name", [o.name for o in OPERATORS if takes_float16(o)])
@settings(max_examples=10)
@given(seed=seeds, profile=profiles)
def test_float16_is_float32_rounded_once(name: str, seed: int, profile: str) -> None:
    model = example(name)
    arrays = [a if a is None or a.dtype.kind != "f" else a.astype(np.float16) for a in operands_of(model, seed)]
    types = [t if t is None or t.element is not F32 else TensorType(F16, t.shape) for t in types_of(model)]
    try:
        half = type(model).create(*(t if t is None else Value(t) for t in types), element="f16", **model.attributes)
    except InferenceError:
        pytest.skip("the element type of the result does not follow")
    wide = [a if a is None or a.dtype != np.float16 else a.astype(np.float32) for a in arrays]
    for a, b in zip(results(half, profile, arrays), results(model, profile, wide), strict=True):
        assert a.dtype == np.float16
        with np.errstate(over="ignore"):
            assert np.array_equal(a, b.astype(np.float16), equal_nan=True)
