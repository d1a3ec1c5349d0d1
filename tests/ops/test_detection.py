"""Detection and regions: against plain loops written from the definitions, in floats and in quantised storage."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.errors import RunError, VerifyError
from nir.interp import run
from nir.ir import TensorType, tensor
from nir.ops.builder import Builder
from nir.verify import verify

Arrays = list[np.ndarray]
INTEGERS = {"int32": "i32", "uint8": "u8", "uint16": "u16"}


def evaluate(operator: str, *arrays: np.ndarray, types: list[TensorType] | None = None, **fields: Any) -> Arrays:
    """Results for float32 and int32 operands, or for operands of the types given."""
    builder = Builder()
    if types is None:
        types = [tensor(array.shape, INTEGERS.get(str(array.dtype), "f32")) for array in arrays]
    values = [builder.parameter(f"x{i}", type) for i, type in enumerate(types)]
    results = getattr(builder, operator)(*values, **fields)
    builder.returns(*(results if isinstance(results, tuple) else (results,)))
    verify(builder.module)
    return list(run(builder.module, list(arrays)).values())


def random_boxes(rng: np.random.Generator, count: int, size: float = 16) -> np.ndarray:
    """Boxes x1, y1, x2, y2 of a positive size; several are alike, so that some overlap."""
    corners = rng.uniform(0, size / 2, (count, 2))
    extents = rng.uniform(size / 8, size / 2, (count, 2))
    return np.concatenate([corners, corners + extents], axis=1).astype(np.float32)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    width = max(0.0, float(min(a[2], b[2]) - max(a[0], b[0])))
    height = max(0.0, float(min(a[3], b[3]) - max(a[1], b[1])))
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


KERNELS = {
    "hard": lambda o, threshold, sigma: 1.0 if o < threshold else 0.0,
    "linear": lambda o, threshold, sigma: 1.0 if o < threshold else 1 - o,
    "gaussian": lambda o, threshold, sigma: math.exp(-o * o / sigma),
}


def plain_suppression(
    boxes: np.ndarray, scores: np.ndarray, kernel: str, threshold: float, sigma: float, enter: float, least: float
) -> list[tuple[float, int]]:
    """(score, box) in the order in which boxes are picked: one candidate at a time, by definition."""
    left = {i: float(score) for i, score in enumerate(scores) if score > np.float32(enter)}
    picked = []
    while left:
        best = max(left, key=lambda i: (left[i], -i))
        picked.append((left.pop(best), best))
        damped = {i: s * KERNELS[kernel](overlap(boxes[i], boxes[best]), threshold, sigma) for i, s in left.items()}
        left = {i: s for i, s in damped.items() if s >= least}
    return picked


@given(st.integers(0, 2**32), st.sampled_from(list(KERNELS)), st.integers(0, 12), st.integers(-1, 5))
def test_detections_are_those_of_the_definition(seed: int, kernel: str, count: int, maximum: int) -> None:
    rng = np.random.default_rng(seed)
    classes = 3
    scores = rng.uniform(0, 1, (count, classes)).astype(np.float32)
    boxes = np.stack([random_boxes(rng, count) for _ in range(classes)], axis=1)
    batch = np.sort(rng.integers(0, 2, count)).astype(np.int32)
    found = evaluate(
        "box_with_nms_limit",
        scores,
        boxes.reshape(count, 4 * classes),
        batch,
        score_threshold=0.2,
        maximum=maximum,
        kernel=kernel,
        overlap_threshold=0.3,
        sigma=0.5,
        damped_threshold=0.1,
    )
    expected = []
    for image in sorted(set(batch.tolist())):
        rows = np.flatnonzero(batch == image)
        detections = [
            (label, score, int(rows[i]))
            for label in range(1, classes)
            for score, i in plain_suppression(boxes[rows, label], scores[rows, label], kernel, 0.3, 0.5, 0.2, 0.1)
        ]
        best = sorted(detections, key=lambda d: -d[1])[: None if maximum < 0 else maximum]
        expected += [(image, *d) for d in sorted(best, key=lambda d: (d[0], -d[1]))]
    np.testing.assert_allclose(found[0], [score for _, _, score, _ in expected], rtol=1e-5)
    assert found[1].tolist() == [boxes[row, label].tolist() for _, label, _, row in expected]
    assert found[2].tolist() == [label for _, label, _, _ in expected]
    assert found[3].tolist() == [image for image, _, _, _ in expected]


@given(st.integers(0, 2**32), st.integers(-1, 6), st.integers(-1, 4), st.booleans())
def test_proposals_are_transformed_anchors_best_first(seed: int, before: int, after: int, channels_first: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0, 1, (2, 2, 3, 2)).astype(np.float32)
    deltas = rng.normal(0, 0.3, (2, 2, 3, 8)).astype(np.float32)
    anchors = np.array([[0, 0, 8, 8], [-2, -4, 6, 4]], np.float32)
    images = np.array([[16, 20], [12, 14]], np.float32)
    given = [np.ascontiguousarray(a.transpose(0, 3, 1, 2)) if channels_first else a for a in (scores, deltas)]
    found = evaluate(
        "generate_proposals",
        *given,
        anchors,
        images,
        strides=(5.0, 4.0),
        before=before,
        after=after,
        overlap_threshold=0.5,
        minimum_size=4.0,
        layout="nchw" if channels_first else "nhwc",
    )
    expected = []
    for image, (height, width) in enumerate(images):
        boxes = []
        for y, x, kind in np.ndindex(2, 3, 2):
            anchor = anchors[kind] + np.array([x * 4, y * 5, x * 4, y * 5], np.float32)
            [moved] = evaluate(
                "axis_aligned_bbox_transform",
                anchor[np.newaxis],
                deltas[image, y, x, kind * 4 : kind * 4 + 4][np.newaxis],
                np.array([0], np.int32),
                images[image : image + 1],
            )
            boxes.append((float(scores[image, y, x, kind]), moved[0]))
        boxes = sorted(boxes, key=lambda b: -b[0])[: before if before > 0 else None]
        kept: list[tuple[float, np.ndarray]] = []
        for score, box in boxes:
            large = min(box[2] - box[0], box[3] - box[1]) > 4
            inside = (box[0] + box[2]) / 2 < width and (box[1] + box[3]) / 2 < height
            if large and inside and all(overlap(box, other) < 0.5 for _, other in kept):
                kept.append((score, box))
        expected += [(image, score, box) for score, box in kept[: after if after > 0 else None]]
    np.testing.assert_allclose(found[0], [score for _, score, _ in expected])
    np.testing.assert_allclose(found[1].reshape(-1), np.array([b for _, _, b in expected]).reshape(-1), rtol=1e-5)
    assert found[2].tolist() == [image for image, _, _ in expected]


def test_boxes_without_deltas_stay_and_are_cut_to_the_image() -> None:
    boxes = np.array([[1, 2, 5, 9], [10, 10, 40, 50]], np.float32)
    batch, images = np.array([0, 1], np.int32), np.array([[32, 24], [30, 20]], np.float32)
    [moved] = evaluate("axis_aligned_bbox_transform", boxes, np.zeros((2, 8), np.float32), batch, images)
    assert moved.tolist() == [[1, 2, 5, 9] * 2, [10, 10, 20, 30] * 2]


@pytest.mark.parametrize("regular", [False, True])
def test_unused_rows_are_zero_and_labels_count_from_the_first_object(regular: bool) -> None:
    scores = np.array([[[0.9, 0.1, 0.8], [0.0, 0.7, 0.6]]], np.float32)
    anchors = np.array([[2, 2, 2, 2], [8, 8, 2, 4]], np.float32)
    options = {"scales": (1.0,) * 4, "maximum": 4, "score_threshold": 0.5, "overlap_threshold": 0.5, "regular": regular}
    found = evaluate("detection_postprocessing", scores, np.zeros((1, 2, 4), np.float32), anchors, **options)
    in_all = evaluate(
        "detection_postprocessing",
        scores,
        np.zeros((1, 2, 4), np.float32),
        anchors,
        background_in_labels=True,
        maximum_classes_per_box=2,
        **options,
    )
    first, second = [1.0, 1.0, 3.0, 3.0], [7.0, 6.0, 9.0, 10.0]
    expected = [(0.8, first, 1), (0.7, second, 0)] + ([(0.6, second, 1)] if regular else [])
    rows = [score for score, _, _ in expected] + [0.0] * (4 - len(expected))
    np.testing.assert_allclose(found[0][0], rows)
    assert found[1][0].tolist() == [box for _, box, _ in expected] + [[0.0] * 4] * (4 - len(expected))
    assert found[2][0].tolist() == [label for _, _, label in expected] + [0] * (4 - len(expected))
    assert found[3].tolist() == [len(expected)]
    labels = [2, 1, 2, 0] if regular else [2, 1, 1, 2, 0, 0, 0, 0]  # all labels of a box stand together
    assert in_all[2][0].tolist() == labels
    assert in_all[3].tolist() == [3 if regular else 4]


@given(st.integers(0, 2**32), st.integers(2, 6), st.booleans())
def test_key_points_are_the_extrema_of_parabolas(seed: int, size: int, channels_first: bool) -> None:
    """A map sampled from a parabola with its peak inside gives that peak and its height back."""
    rng = np.random.default_rng(seed)
    size += 2
    peak = rng.uniform(1, size - 2, 2)
    bend = rng.uniform(0.5, 2, 2)
    y, x = np.mgrid[:size, :size]
    height = rng.uniform(-3, 3)
    values = height - bend[0] * (x - peak[0]) ** 2 - bend[1] * (y - peak[1]) ** 2
    maps = values.astype(np.float32)[np.newaxis, ..., np.newaxis]
    box = random_boxes(rng, 1)
    if channels_first:
        maps = np.ascontiguousarray(maps.transpose(0, 3, 1, 2))
    score, point = evaluate("heatmap_max_keypoint", maps, box, layout="nchw" if channels_first else "nhwc")
    cell = (box[0, 2:] - box[0, :2]) / size
    np.testing.assert_allclose(point[0, 0], box[0, :2] + (peak + 0.5) * cell, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(score[0, 0], height, rtol=1e-3, atol=1e-3)


def test_a_flat_map_gives_the_middle_of_its_first_cell() -> None:
    score, point = evaluate(
        "heatmap_max_keypoint", np.full((1, 4, 4, 1), 2, np.float32), np.array([[0, 0, 8, 16]], np.float32)
    )
    assert (score.tolist(), point.tolist()) == ([[2.0]], [[[1.0, 2.0]]])


def bilinear(image: np.ndarray, y: float, x: float) -> np.ndarray:
    y, x = min(max(y, 0.0), image.shape[0] - 1), min(max(x, 0.0), image.shape[1] - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, image.shape[0] - 1), min(left + 1, image.shape[1] - 1)
    upper = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
    lower = image[bottom, left] * (1 - (x - left)) + image[bottom, right] * (x - left)
    return upper * (1 - (y - top)) + lower * (y - top)


@given(st.integers(0, 2**32), st.tuples(st.integers(0, 3), st.integers(0, 3)), st.booleans())
def test_aligned_regions_are_means_of_interpolated_points(
    seed: int, samples: tuple[int, int], channels_first: bool
) -> None:
    rng = np.random.default_rng(seed)
    image, regions = rng.standard_normal((2, 6, 5, 2)).astype(np.float32), random_boxes(rng, 3, 7.5)
    batch = np.sort(rng.integers(0, 2, 3)).astype(np.int32)
    size, ratios = (2, 3), (2.0, 1.5)
    given = np.ascontiguousarray(image.transpose(0, 3, 1, 2)) if channels_first else image
    layout = "nchw" if channels_first else "nhwc"
    fields = {"size": size, "ratios": ratios, "layout": layout}
    [found] = evaluate("roi_align", given, regions, batch, samples=samples, **fields)
    found = found.transpose(0, 2, 3, 1) if channels_first else found
    for r, (x1, y1, x2, y2) in enumerate(regions.astype(np.float64)):
        starts, ends = (y1 / ratios[0], x1 / ratios[1]), (y2 / ratios[0], x2 / ratios[1])
        bins = [max(end - start, 1) / n for start, end, n in zip(starts, ends, size, strict=True)]
        counts = [n or math.ceil(b) for n, b in zip(samples, bins, strict=True)]
        for i, j in np.ndindex(*size):
            points = [
                bilinear(
                    image[batch[r]].astype(np.float64),
                    starts[0] + (i + (a + 0.5) / counts[0]) * bins[0],
                    starts[1] + (j + (b + 0.5) / counts[1]) * bins[1],
                )
                for a, b in np.ndindex(*counts)
            ]
            np.testing.assert_allclose(found[r, i, j], np.mean(points, axis=0), rtol=1e-4, atol=1e-4)


@given(st.integers(0, 2**32), st.booleans())
def test_pooled_regions_are_maxima_of_bins(seed: int, quantised: bool) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (1, 6, 5, 2)).astype(np.uint8)
    regions = (
        np.sort(rng.integers(0, [[61], [97]], (3, 2, 2)), axis=2).transpose(0, 2, 1).reshape(3, 4).astype(np.uint16)
    )
    batch, scales = np.zeros(3, np.int32), np.float32(1) / np.array([2.0, 1.5], np.float32)
    fields: dict[str, Any] = {"size": (2, 3), "ratios": (2.0, 1.5)}
    types = [tensor(image.shape, "u8", scale=0.5, zero_point=7), tensor((3, 4), "u16", scale=0.125), tensor(3, "i32")]
    real = (regions / 8).astype(np.float32)
    if quantised:
        [found] = evaluate("roi_pooling", image, regions, batch, types=types, **fields)
    else:
        [found] = evaluate("roi_pooling", image.astype(np.float32), real, batch, **fields)
    for r, corners in enumerate(real.reshape(-1, 2, 2)[..., ::-1] * scales):
        start, end = np.floor(corners + np.float32(0.5))
        step = (end - start + 1) / np.array([2, 3], np.float32)
        for place in np.ndindex(2, 3):
            low = np.floor(np.array(place, np.float32) * step + start)
            high = np.ceil((np.array(place, np.float32) + 1) * step + start)
            (top, left), (bottom, right) = np.clip([low, high], 0, [6, 5]).astype(int)
            cells = image[0, top:bottom, left:right].reshape(-1, 2)
            expected = cells.max(axis=0) if len(cells) else np.full(2, 7 if quantised else 0)
            assert found[r, place[0], place[1]].tolist() == expected.tolist()


@pytest.mark.parametrize("operator", ["roi_align", "roi_pooling"])
@pytest.mark.parametrize(
    ("region", "index", "message"),
    [
        ([0, 0, 4, 4], 2, "batch index 2 lies outside of the 1 images"),
        ([0, 0, 4, 4], -1, "batch index -1 lies outside"),
        ([0, 0, math.nan, 4], 0, "is no box"),
        ([3, 0, 2, 4], 0, "is no box"),
        ([0, 0, math.inf, 4], 0, "reaches beyond its image"),
        ([0, 0, 4, 4.5], 0, "reaches beyond its image"),
        ([-1, 0, 4, 4], 0, "reaches beyond its image"),
    ],
)
def test_regions_without_image_or_end_are_errors(operator: str, region: list[float], index: int, message: str) -> None:
    image = np.zeros((1, 4, 4, 1), np.float32)
    with pytest.raises(RunError, match=message):
        evaluate(
            operator, image, np.array([region], np.float32), np.array([index], np.int32), size=(1, 1), ratios=(1.0, 1.0)
        )


@pytest.mark.parametrize("kernel", ["hard", "linear"])
def test_a_score_damped_to_nothing_stays_unless_a_threshold_says_otherwise(kernel: str) -> None:
    scores, boxes = np.array([[0, 0.9], [0, 0.8]], np.float32), np.array([[0, 0, 4, 4] * 2] * 2, np.float32)
    for least, count in ((0.0, 2), (0.1, 1)):
        found = evaluate(
            "box_with_nms_limit",
            scores,
            boxes,
            np.zeros(2, np.int32),
            score_threshold=0.0,
            kernel=kernel,
            overlap_threshold=0.5,
            damped_threshold=least,
        )
        assert found[0].tolist() == [np.float32(0.9), 0.0][:count]


def test_coordinates_are_in_eighths_of_a_pixel() -> None:
    types = [
        tensor((1, 4, 4, 1), "u8", scale=0.5),
        tensor((1, 4), "u16", scale=0.25),
        tensor(1, "i32"),
    ]
    arrays = [np.zeros(type.shape, type.element.numpy) for type in types]
    with pytest.raises(VerifyError, match="Q2"):
        evaluate("roi_align", *arrays, types=types, size=(1, 1), ratios=(1.0, 1.0))


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("operator", "operands", "fields", "shapes"),
    [
        ("box_with_nms_limit", [(0, 3), (0, 12), 0], {"score_threshold": 0.1}, [(0,), (0, 4), (0,), (0,)]),
        ("axis_aligned_bbox_transform", [(0, 4), (0, 8), 0, (1, 2)], {}, [(0, 8)]),
        ("axis_aligned_bbox_transform", [(2, 4), (2, 0), 2, (1, 2)], {}, [(2, 0)]),
        ("generate_proposals", [(0, 2, 2, 1), (0, 2, 2, 4), (1, 4), (0, 2)], "proposals", [(0,), (0, 4), (0,)]),
        ("generate_proposals", [(1, 0, 2, 1), (1, 0, 2, 4), (1, 4), (1, 2)], "proposals", [(0,), (0, 4), (0,)]),
        ("generate_proposals", [(1, 2, 2, 0), (1, 2, 2, 0), (0, 4), (1, 2)], "proposals", [(0,), (0, 4), (0,)]),
        ("detection_postprocessing", [(0, 2, 3), (0, 2, 4), (2, 4)], "detector", [(0, 2), (0, 2, 4), (0, 2), (0,)]),
        ("detection_postprocessing", [(1, 0, 3), (1, 0, 4), (0, 4)], "detector", [(1, 2), (1, 2, 4), (1, 2), (1,)]),
        ("heatmap_max_keypoint", [(0, 4, 4, 2), (0, 4)], {}, [(0, 2), (0, 2, 2)]),
        ("heatmap_max_keypoint", [(2, 4, 4, 0), (2, 4)], {}, [(2, 0), (2, 0, 2)]),
        ("roi_align", [(1, 4, 4, 2), (0, 4), 0], "regions", [(0, 2, 3, 2)]),
        ("roi_align", [(1, 4, 4, 0), (1, 4), 1], "regions", [(1, 2, 3, 0)]),
        ("roi_pooling", [(1, 4, 4, 2), (0, 4), 0], "regions", [(0, 2, 3, 2)]),
    ],
)
def test_empty_tensors_give_empty_tensors(
    operator: str, operands: list[Any], fields: Any, shapes: list[tuple[int, ...]]
) -> None:
    """An operand given as a number is that many batch indices."""
    options: dict[str, dict[str, Any]] = {
        "proposals": {"strides": (1.0, 1.0), "overlap_threshold": 0.5},
        "detector": {"scales": (1.0,) * 4, "maximum": 2, "score_threshold": 0.1, "overlap_threshold": 0.5},
        "regions": {"size": (2, 3), "ratios": (1.0, 1.0)},
    }
    arrays = [np.zeros(shape, np.int32) if isinstance(shape, int) else zeros(*shape) for shape in operands]
    found = evaluate(operator, *arrays, **(options[fields] if isinstance(fields, str) else fields))
    assert [array.shape for array in found] == shapes
