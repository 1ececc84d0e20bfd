"""The leaf generator: its truth fits its pictures, its bytes repeat, and only veins tell cultivars apart."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import generate_leaves
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.leaves import leaf_shape, synthetic
from PIL import Image
from scipy import ndimage

SCRIPT = Path(generate_leaves.__file__)


def draw(seed: int, size: int = 96, difficulty: float = 1.0, cultivar: synthetic.Cultivar | None = None):
    rng = np.random.default_rng(seed)
    return synthetic.draw_leaf(cultivar or synthetic.random_cultivar(rng), size, rng, difficulty)


def yolo_corners(box: np.ndarray, size: int) -> np.ndarray:
    """left, top, right, bottom in pixels of (class, cx, cy, w, h)."""
    _, x, y, width, height = box
    return size * np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


def digest(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(synthetic.SMALLEST, 130),
    difficulty=st.floats(0.0, 2.0),
)
def test_truth_fits_the_picture(seed, size, difficulty):
    leaf = draw(seed, size, difficulty)
    assert leaf.image.shape == (size, size, 3) and leaf.image.dtype == np.uint8
    assert leaf.labels.shape == (size, size) and leaf.labels.dtype == np.uint8
    assert leaf.outline.shape == (size, size) and leaf.outline.dtype == np.bool_
    assert set(np.unique(leaf.labels)) == {0, 1, 2}
    assert not np.any(leaf.labels[~leaf.outline]), "veins lie on the leaf"
    assert 0.08 < leaf.outline.mean() < 0.7
    # the contour's box is tight around the outline: one pixel less on any side would cut it
    rows, columns = np.nonzero(leaf.outline)
    tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(yolo_corners(leaf.boxes[1], size), tight, atol=1e-6)
    # the vein region is the middle of the veins: inside of their box, with most of them in it
    assert leaf.boxes[:, 0].tolist() == [0, 1]
    vein, contour = yolo_corners(leaf.boxes[0], size), yolo_corners(leaf.boxes[1], size)
    assert np.all(vein[:2] >= contour[:2]) and np.all(vein[2:] <= contour[2:])
    rows, columns = np.nonzero(leaf.labels)
    within = (columns >= vein[0] - 0.5) & (columns < vein[2]) & (rows >= vein[1] - 0.5) & (rows < vein[3])
    assert within.mean() > 0.4


def test_veins_are_paler_than_the_blade_beside_them():
    """The picture shows what the labels say: second-order veins stand out from their surroundings."""
    differences = []
    for seed in range(8):
        leaf = draw(seed, 160, difficulty=0.0)
        grey = leaf.image.mean(axis=2)
        vein = leaf.labels == synthetic.SECOND_ORDER_VEIN
        beside = ndimage.binary_dilation(vein, iterations=4) & ~ndimage.binary_dilation(leaf.labels > 0)
        beside &= ndimage.binary_erosion(leaf.outline, iterations=3)
        differences.append(grey[vein].mean() - grey[beside].mean())
    assert min(differences) > 5


def test_main_vein_is_one_piece_through_the_leaf():
    # without bites and holes nothing interrupts it
    for seed in range(30):
        rng = np.random.default_rng(seed)
        leaf = synthetic.draw_leaf(synthetic.SPECIES, 128, rng, difficulty=-2 / 3)  # no nuisance at all
        main = leaf.labels == synthetic.MAIN_VEIN
        assert ndimage.label(main, np.ones((3, 3)))[1] == 1
        assert np.ptp(np.nonzero(main)[0]) > 0.9 * np.ptp(np.nonzero(leaf.outline)[0])


def test_angle_and_number_of_drawn_veins_are_the_cultivars():
    """Measured on the curves of the leaf frame, without variation: the traits mean what they say."""
    cultivar = replace(
        synthetic.SPECIES, angle=47.0, angle_change=0.0, curvature=0.0, looping=0.0, offset=0.0
    )
    shape = leaf_shape.draw_shape(cultivar, np.random.default_rng(0), variation=0.0)
    for vein in shape.second_order:
        step = vein[2] - vein[1]
        assert np.degrees(np.arctan2(abs(step[1]), step[0])) == pytest.approx(47.0, abs=1e-6)
        assert np.all(np.abs(vein[3:, 1]) <= 0.95 * leaf_shape.half_width(cultivar, vein[3:, 0]))
    starts = np.array([vein[0, 0] for vein in shape.second_order if vein[1, 1] > 0])
    assert abs(len(starts) - cultivar.pairs) <= 1
    np.testing.assert_allclose(np.diff(starts), np.diff(starts)[0])
    opposite = np.array([vein[0, 0] for vein in shape.second_order if vein[1, 1] < 0])
    np.testing.assert_allclose(starts, opposite)


def test_half_width_is_greatest_at_the_widest_point():
    x = np.linspace(0, 1, 1001)
    width = leaf_shape.half_width(synthetic.SPECIES, x)
    assert x[width.argmax()] == pytest.approx(synthetic.SPECIES.widest, abs=1e-3)
    assert width.max() == pytest.approx(synthetic.SPECIES.width / 2)
    assert width[0] == width[-1] == 0


def test_siblings_differ_in_the_veins_and_share_the_outline():
    cultivars = synthetic.sibling_cultivars(8, 1.0, np.random.default_rng(0))
    traits = pd.DataFrame([asdict(cultivar) for cultivar in cultivars])
    for name in leaf_shape.OUTLINE:
        assert traits[name].std() <= 0.02 * traits[name].mean()
    for name in leaf_shape.VENATION:
        assert traits[name].nunique() == 8, name
    # a leaf's own width varies far more than the cultivars': the outline cannot tell them apart
    drawn = [
        np.ptp(leaf_shape.draw_shape(cultivars[0], np.random.default_rng(k), 1.0).outline[:, 1])
        for k in range(40)
    ]
    assert np.std(drawn) > 4 * traits["width"].std()


def test_difficulty_halves_the_difference_between_siblings():
    easy, hard = (
        pd.DataFrame(
            [
                asdict(cultivar)
                for cultivar in synthetic.sibling_cultivars(6, difficulty, np.random.default_rng(3))
            ]
        )
        for difficulty in (1.0, 2.0)
    )
    for name in ("angle", "pairs", "curvature"):
        assert np.ptp(easy[name]) == pytest.approx(2 * np.ptp(hard[name]))


def test_nuisance_is_the_same_for_all_cultivars():
    """As much of the picture is brown or red on leaves of one cultivar as of another."""
    siblings = synthetic.sibling_cultivars(2, 1.0, np.random.default_rng(0))
    means = []
    for cultivar in siblings:
        brown = []
        for seed in range(60):
            image = draw(seed, 64, cultivar=cultivar).image.astype(float)
            brown.append(np.mean(image[..., 0] > image[..., 1] + 12))
        means.append(np.array(brown))
    error = np.sqrt(means[0].var() / 60 + means[1].var() / 60)
    assert abs(means[0].mean() - means[1].mean()) < 3 * error


def test_one_cultivar_needs_no_spread():
    assert synthetic.sibling_cultivars(1, 1.0, np.random.default_rng(0))[0].angle == synthetic.SPECIES.angle


def test_script_writes_the_layout_and_the_same_bytes_in_another_process(tmp_path):
    options = ["--cultivars", "2", "--train-images", "2", "--test-images", "1", "--size", "64", "--seed", "5"]
    generate_leaves.main(generate_leaves.parse_args([*options, "--output", str(tmp_path / "a")]))
    sheet = tmp_path / "sheet.png"
    command = [
        sys.executable,
        str(SCRIPT),
        *options,
        "--output",
        str(tmp_path / "b"),
        "--contact-sheet",
        str(sheet),
    ]
    subprocess.run(command, check=True, capture_output=True)
    first, second = digest(tmp_path / "a"), digest(tmp_path / "b")
    assert first == second
    labels = pd.read_csv(tmp_path / "a" / "labels.csv")
    assert list(labels.columns) == ["image_id", "class", "split"]
    assert labels["image_id"].is_unique
    assert labels.groupby(["class", "split"]).size().to_dict() == {
        ("cultivar_01", "test"): 1,
        ("cultivar_01", "train"): 2,
        ("cultivar_02", "test"): 1,
        ("cultivar_02", "train"): 2,
    }
    for image_id, name in labels[["image_id", "class"]].itertuples(index=False):
        places = {kind: f"{kind}/{name}/{image_id}.png" for kind in ("images", "masks", "outlines")}
        assert set(places.values()) | {f"boxes/{name}/{image_id}.txt"} <= set(first)
        modes = [Image.open(tmp_path / "a" / path).mode for path in places.values()]
        assert modes == ["RGB", "L", "L"]
    assert len(first) == 4 * 6 + 1
    # four leaves of two cultivars at most, each with its labels; here three
    assert Image.open(sheet).size == (3 * 2 * 64, 2 * 64)
    generate_leaves.main(generate_leaves.parse_args([*options[:-1], "6", "--output", str(tmp_path / "c")]))
    third = digest(tmp_path / "c")
    assert all(third[path] != content for path, content in first.items() if path.startswith("images/"))


def test_a_leaf_depends_neither_on_the_number_of_images_nor_of_order(tmp_path):
    common = ["--cultivars", "2", "--size", "64", "--test-images", "0"]
    for name, count in (("few", "1"), ("more", "3")):
        args = [*common, "--train-images", count, "--output", str(tmp_path / name)]
        generate_leaves.main(generate_leaves.parse_args(args))
    few, more = digest(tmp_path / "few"), digest(tmp_path / "more")
    images = [path for path in few if path.startswith("images/")]
    assert len(images) == 2 and all(few[path] == more[path] for path in images)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--cultivars", "0"], "--cultivars 0"),
        (["--train-images", "0"], "--train-images 0"),
        (["--size", "20"], "--size 20"),
        (["--difficulty", "-1"], "--difficulty -1.0"),
        (["--difficulty", "nan"], "--difficulty nan"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(tmp_path, options, complaint, capsys):
    args = generate_leaves.parse_args([*options, "--output", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as stop:
        generate_leaves.cli.run(generate_leaves.main, args)
    message = capsys.readouterr().err
    assert stop.value.code == 2
    assert complaint in message and message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_bad_option_through_the_command_line(tmp_path):
    command = [sys.executable, str(SCRIPT), "--cultivars", "0", "--output", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --cultivars 0") and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
