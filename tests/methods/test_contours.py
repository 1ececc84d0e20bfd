"""Contours: distances between them against their definitions, their invariances, and the script."""

import json
import subprocess
import sys
from pathlib import Path

import match_contours
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.methods import dbcsr
from maskguide.methods.contours import contour_points, nearest_neighbour
from maskguide.methods.mdm import multiscale_distance_matrix
from maskguide.system.files import InputError
from PIL import Image
from skimage.draw import ellipse, polygon

ROOT = Path(__file__).parents[2]


def by_definition(points):
    """Loops instead of indexing: full matrix, columns shifted up, rows sorted, the doubled half left out."""
    count = len(points)
    full = [[np.hypot(*(points[i] - points[j])) for j in range(count)] for i in range(count)]
    largest = max(max(row) for row in full)
    shifted = [[None] * count for _ in range(count)]
    for j in range(count):
        column = [full[i][j] for i in range(count)]
        for i, value in enumerate(column[j:] + column[:j]):
            shifted[i][j] = value / largest
    assert all(value == 0 for value in shifted[0])
    return np.array([sorted(row) for row in shifted[1 : count // 2 + 1]])


contours = st.integers(4, 13).flatmap(
    lambda count: st.lists(
        st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=count, max_size=count, unique=True
    ).map(lambda points: np.array(points, dtype=float))
)


def test_square_by_hand():
    square = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], dtype=float)
    side = 1 / np.sqrt(2)  # the diagonal is the largest distance
    np.testing.assert_allclose(multiscale_distance_matrix(square), [[side] * 4, [1.0] * 4])


@settings(deadline=None)
@given(contours)
def test_equals_its_definition(points):
    np.testing.assert_allclose(multiscale_distance_matrix(points), by_definition(points), atol=1e-12)


@settings(deadline=None)
@given(
    contours,
    st.floats(0, 2 * np.pi),
    st.floats(0.01, 100),
    st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
    st.integers(0, 12),
    st.booleans(),
    st.booleans(),
)
def test_invariances(points, angle, scale, shift, start, backwards, mirrored):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = scale * np.roll(points, start, axis=0) @ turn.T + np.array(shift)
    if backwards:
        moved = moved[::-1]
    if mirrored:
        moved = moved * [1, -1]
    np.testing.assert_allclose(
        multiscale_distance_matrix(moved), multiscale_distance_matrix(points), atol=1e-6
    )


def dbcsr_by_definition(asked, known):
    """Loops over points, start points, directions and mirror images, with matrices for the turns."""

    def normalised(points):
        points = points - points.mean(axis=0)
        return points / np.sqrt((points**2).sum())

    def turn(angle):
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def represented(points):
        found = []
        for here, there in zip(points, np.roll(points, -1, axis=0), strict=True):
            angle = np.arctan2(here[0] * there[1] - here[1] * there[0], here @ there)
            found.append((angle, there - turn(angle) @ here))
        return found

    asked, known, best = normalised(asked), normalised(known), np.inf
    for mirrored in (asked, asked * [1, -1]):
        for directed in (mirrored, mirrored[::-1]):
            for start in range(len(asked)):
                moved = np.roll(directed, -start, axis=0)
                left, _, right = np.linalg.svd(known.T @ moved)  # Procrustes, rotations alone
                rotation = left @ np.diag([1, np.linalg.det(left @ right)]) @ right
                squares = 0
                for (own, step), (other, their_step) in zip(
                    represented(moved @ rotation.T), represented(known), strict=True
                ):
                    wrapped = (own - other + np.pi) % (2 * np.pi) - np.pi
                    squares += wrapped**2 + ((step - their_step) ** 2).sum()
                best = min(best, squares)
    return np.sqrt(best)


def random_contours(seed, number, count):
    """Star-shaped, so that no point lies near the centre, where a turn is anything."""
    generator = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radii = generator.uniform(5, 10, (number, count))
    return np.stack([radii * np.sin(angles), radii * np.cos(angles)], axis=2)


@pytest.mark.parametrize("count", [5, 12])
def test_dbcsr_equals_its_definition(count, monkeypatch):
    shapes = random_contours(count, 5, count)
    monkeypatch.setattr(dbcsr, "CELLS_AT_ONCE", 2 * count**2)  # two known contours at a time
    found = dbcsr.distances(shapes[:2], shapes[2:])
    expected = [[dbcsr_by_definition(asked, known) for known in shapes[2:]] for asked in shapes[:2]]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@settings(deadline=None)
@given(
    st.integers(0, 1000),
    st.floats(0, 2 * np.pi),
    st.floats(0.01, 100),
    st.integers(0, 12),
    st.booleans(),
    st.booleans(),
)
def test_dbcsr_knows_a_contour_again(seed, angle, scale, start, backwards, mirrored):
    shapes = random_contours(seed, 2, 13)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = scale * np.roll(shapes[0], start, axis=0) @ turn.T + [3, -8]
    moved = moved[::-1] if backwards else moved
    moved = moved * [1, -1] if mirrored else moved
    same, other = dbcsr.distances(moved[None], shapes)[0]
    assert same < 1e-6 < other


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(4, 100))
def test_contour_points_are_equidistant_along_a_rectangle(height, width, count):
    mask = np.zeros((60, 60), dtype=bool)
    mask[5 : 5 + height, 3 : 3 + width] = True
    points = contour_points(mask, count)
    assert points.shape == (count, 2)
    # the contour at level 0.5 runs half a pixel outside the pixel centres and cuts the four corners
    perimeter = 2 * (height - 1) + 2 * (width - 1) + 4 * np.sqrt(0.5)
    steps = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    assert (steps <= perimeter / count + 1e-6).all()
    np.testing.assert_allclose(np.median(steps), perimeter / count, rtol=0.35 if count < 12 else 0.05)
    assert points[:, 0].min() >= 4.5 and points[:, 0].max() <= 4.5 + height
    assert points[:, 1].min() >= 2.5 and points[:, 1].max() <= 2.5 + width


def test_contour_follows_the_largest_part_and_may_touch_the_border():
    mask = np.zeros((30, 40), dtype=bool)
    mask[0:20, 0:20] = True
    mask[25:27, 35:37] = True
    points = contour_points(mask, 64)
    assert points[:, 1].max() <= 19.5 and points.min() >= -0.5
    with pytest.raises(ValueError, match="empty"):
        contour_points(np.zeros((5, 5), dtype=bool), 8)


def test_nearest_neighbour_by_hand():
    distances = np.array([[0.5, 1.5, 9.5], [10.0, 8.0, 0.0], [6.0, 4.0, 4.0]])
    predicted, confidence = nearest_neighbour(distances, np.array([2, 2, 7]))
    assert predicted.tolist() == [2, 7, 2]
    np.testing.assert_allclose(confidence, [9.5 / 10, 1, 0.5])


def write_index(folder, with_outline, with_mask):
    """Twelve shapes of two classes, ellipses and triangles, turned and scaled; 6 for training."""
    random, rows = np.random.default_rng(0), []
    for number in range(12):
        class_id, angle, size = number % 2, random.uniform(0, 6), random.uniform(14, 22)
        if class_id == 0:
            shape = ellipse(32, 32, size, size / 2, (64, 64), rotation=angle)
        else:
            corners = angle + np.array([0, 2 * np.pi / 3, 4 * np.pi / 3])
            shape = polygon(32 + size * np.sin(corners), 32 + size * np.cos(corners), (64, 64))
        picture = np.full((64, 64, 3), 235, dtype=np.uint8)
        picture[shape] = (30, 120, 40)
        outline = np.zeros((64, 64), dtype=np.uint8)
        outline[shape] = 255
        name = f"shape_{number}"
        Image.fromarray(picture).save(folder / f"{name}.png")
        Image.fromarray(outline).save(folder / f"{name}_outline.png")
        Image.fromarray(outline // 255).save(folder / f"{name}_mask.png")
        rows.append(
            {
                "image_id": name,
                "path": f"{name}.png",
                "class": ["ellipse", "triangle"][class_id],
                "class_id": class_id,
                "split": "train" if number < 6 else "test",
                "mask": f"{name}_mask.png" if with_mask else "",
                "outline": f"{name}_outline.png" if with_outline else "",
                "boxes": "",
            }
        )
    pd.DataFrame(rows).to_csv(folder / "index.csv", index=False)
    return folder / "index.csv"


@pytest.mark.parametrize(
    ("with_outline", "with_mask", "source"),
    [(True, True, "outline"), (False, True, "mask"), (False, False, "automatic silhouette")],
)
@pytest.mark.parametrize(("method", "points"), [("mdm", 128), ("dbcsr", 100)])
def test_run(tmp_path, caplog, with_outline, with_mask, source, method, points):
    index = write_index(tmp_path, with_outline, with_mask)
    caplog.set_level("INFO", logger="maskguide")
    output = tmp_path / "runs"
    arguments = ["--method", method, "--index", str(index), "--dataset", "shapes"]
    match_contours.main(match_contours.parse_args([*arguments, "--output-dir", str(output)]))
    assert f"contours from the {source} of 12 images" in caplog.text
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["top1_best"] == metrics["top1_last"] == metrics["macro_f1_last"] == 100
    assert (metrics["num_train"], metrics["num_test"], metrics["epochs"]) == (6, 6, 0)
    assert metrics["method"] == method
    assert metrics["parameters"] == 0 and metrics["classes"] == ["ellipse", "triangle"]
    predictions = pd.read_csv(output / "predictions.csv")
    assert (predictions["predicted_last"] == predictions["class_id"]).all()
    assert predictions["confidence_last"].between(0.5, 1).all()
    assert list(pd.read_csv(output / "history.csv").columns) == match_contours.HISTORY
    assert yaml.safe_load((output / "args.yaml").read_text())["options"]["points"] == points


def test_masks_of_several_classes_are_no_contour(tmp_path, caplog):
    index = write_index(tmp_path, False, True)
    veins = np.array(Image.open(tmp_path / "shape_3_mask.png"))
    Image.fromarray(veins * 2).save(tmp_path / "shape_3_mask.png")
    source, _ = match_contours.contour_source(match_contours.read_index(index))
    assert source == "automatic silhouette"


def test_bad_input_is_one_line(tmp_path):
    index = write_index(tmp_path, True, False)
    Image.fromarray(np.zeros((64, 64), dtype=np.uint8)).save(tmp_path / "shape_4_outline.png")
    command = [
        sys.executable,
        "workflow/scripts/match_contours.py",
        "--index",
        str(index),
        "--dataset",
        "shapes",
    ]
    done = subprocess.run(
        [*command, "--output-dir", str(tmp_path / "run")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: ") and "shape_4.png" in done.stderr
    assert not (tmp_path / "run").exists()


def test_too_few_points_or_classes(tmp_path):
    index = write_index(tmp_path, True, False)
    arguments = ["--index", str(index), "--dataset", "shapes", "--output-dir", str(tmp_path / "run")]
    with pytest.raises(InputError, match="at least 4"):
        match_contours.main(match_contours.parse_args([*arguments, "--points", "3"]))
    frame = pd.read_csv(index)
    frame[frame["class_id"] == 0].to_csv(index, index=False)
    with pytest.raises(InputError, match="two classes"):
        match_contours.main(match_contours.parse_args(arguments))
