"""Leaves in sessions: what lies behind the leaf tells the cultivar in training and nothing in the test."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import generate_leaves
import index_dataset
import numpy as np
import pandas as pd
import pytest
from bad_input import REGISTRY
from hypothesis import example, given, settings
from hypothesis import strategies as st
from maskguide.leaves import background, sessions, synthetic
from PIL import Image
from scipy import ndimage

SCRIPT = Path(generate_leaves.__file__)
OPTIONS = ["--cultivars", "3", "--train-images", "2", "--test-images", "4", "--size", "48", "--seed", "5"]
draws = settings(max_examples=12, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def plain(seed, size=64, arrange=None, difficulty=1.0):
    rng = np.random.default_rng(seed)
    return synthetic.draw_leaf(synthetic.random_cultivar(rng), size, rng, difficulty, arrange)


def photograph(seed, strength, light, number=0, size=64, difficulty=1.0):
    rng = np.random.default_rng(seed)
    cultivar = synthetic.random_cultivar(rng)
    session, jitter = sessions.draw_session(seed, number), sessions.jitter(seed, 1, 2)
    return sessions.draw_leaf(cultivar, size, rng, difficulty, session, jitter, strength, light)


def generate(folder, *options):
    generate_leaves.main(generate_leaves.parse_args([*OPTIONS, *options, "--output", str(folder)]))
    return folder


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


@draws
@given(seed=seeds, number=st.integers(0, 40), size=st.integers(synthetic.SMALLEST, 90))
def test_without_strength_and_light_it_is_the_plain_leaf_to_the_bit(seed, number, size):
    leaf, before = photograph(seed, 0.0, 0.0, number, size), plain(seed, size)
    np.testing.assert_array_equal(leaf.image, before.image)
    np.testing.assert_array_equal(leaf.outline, before.outline)
    np.testing.assert_array_equal(leaf.boxes, before.boxes)


@draws
@given(seed=seeds, number=st.integers(0, 40), strength=st.floats(0.0, 1.0))
@example(seed=332, number=0, strength=1.0)  # one of 13,041 levels differs by one
def test_without_light_the_leaf_is_untouched(seed, number, strength):
    """Pixels of the leaf are those that are the same on black paper and on white, with nothing on it."""

    def on(grey):
        def bare(scene):
            nothing = {"ruler": None, "label": None, "card": [], "dust": []}
            return replace(scene, paper=np.full_like(scene.paper, grey), **nothing)

        return plain(seed, arrange=bare).image

    leaf, before = photograph(seed, strength, 0.0, number), plain(seed)
    of_leaf = np.all(on(0.0) == on(255.0), axis=2)  # the stalk too
    assert of_leaf.mean() > 0.05
    # float32 rounds background + 1.0 · (leaf − background): at times the next level, and no more
    apart = np.abs(leaf.image[of_leaf].astype(int) - before.image[of_leaf])
    assert apart.sum() <= 1
    np.testing.assert_array_equal(leaf.outline, before.outline)
    # which is all of the blade but for holes
    whole = photograph(seed, strength, 0.0, number, difficulty=-2 / 3)
    inside = ndimage.binary_erosion(whole.outline)
    unbitten = plain(seed, difficulty=-2 / 3)
    assert np.mean(np.all(whole.image == unbitten.image, axis=2)[inside]) > 0.99


@draws
@given(seed=seeds, strength=st.floats(0.0, 1.0), light=st.floats(0.0, 1.0))
def test_the_mask_is_the_whole_leaf(seed, strength, light):
    leaf = photograph(seed, strength, light)
    assert leaf.labels.dtype == np.uint8 and set(np.unique(leaf.labels)) == {0, 1}
    np.testing.assert_array_equal(leaf.labels == 1, leaf.outline)


def test_at_full_strength_little_of_the_background_is_left():
    changed = [
        np.mean(
            np.any(photograph(seed, 1.0, 0.0, seed).image != plain(seed).image, axis=2)[~plain(seed).outline]
        )
        for seed in range(8)
    ]
    assert np.mean(changed) > 0.9


@draws
@given(seed=seeds, number=st.integers(0, 40))
def test_a_scene_goes_from_its_own_to_the_sessions(seed, number):
    scene = background.draw_scene(np.random.default_rng(seed), 48, 1.0)
    session = sessions.draw_session(seed, number)
    none, half, full = (
        sessions.laid(scene, session, strength, sessions.jitter(seed, 0, 0)) for strength in (0.0, 0.5, 1.0)
    )
    np.testing.assert_allclose(half.paper, (none.paper + full.paper) / 2, atol=1e-3)
    assert half.shadow.opacity == pytest.approx((none.shadow.opacity + full.shadow.opacity) / 2)
    assert (none.ruler, none.label, none.card) == (scene.ruler, scene.label, scene.card)
    assert (
        full.card == [] and bool(full.ruler) == bool(session.ruler) and bool(full.label) == bool(session.slip)
    )
    if session.ruler:
        assert full.ruler.turns == session.ruler.turns and full.ruler.pitch == session.ruler.pitch
    counts = [len(each.dust[-1].specks) for each in (none, half, full)]
    assert counts == sorted(counts) and counts[0] == 0 and len(full.dust) == 2
    low, high = sorted([session.paper.colour[0] - 45, session.paper.colour[0] + 45])
    assert low < full.paper[..., 0].mean() < high


@given(
    cultivars=st.integers(1, 30),
    train=st.integers(1, 40),
    test=st.integers(0, 100),
)
def test_sessions_are_the_cultivars_in_training_and_balanced_in_the_test(cultivars, train, test):
    taken = [
        [sessions.session_of(number, index, train, cultivars) for index in range(train + test)]
        for number in range(cultivars)
    ]
    assert all(set(row[:train]) == {number} for number, row in enumerate(taken))
    counts = np.array([np.bincount(row[train:], minlength=cultivars) for row in taken])
    assert counts.max() - counts.min() <= 1
    assert np.all(counts == counts[0]), "the session says nothing about the cultivar"


def test_a_session_depends_on_seed_and_number_alone_and_differs_from_the_others():
    drawn = [sessions.draw_session(7, number) for number in range(8)]
    again = sessions.draw_session(7, 3)
    assert again.paper == drawn[3].paper and np.array_equal(again.gains, drawn[3].gains)
    assert again.shadow == drawn[3].shadow and sessions.draw_session(8, 3).shadow != again.shadow
    colours = np.array([each.paper.colour for each in drawn])
    distances = np.linalg.norm(colours[:, None] - colours[None], axis=2) + 999 * np.eye(8)
    assert len({each.paper.colour for each in drawn}) == 8 and np.median(distances.min(axis=1)) > 10
    warmth = np.sort([each.gains[0] / each.gains[2] for each in drawn])
    assert np.diff(warmth).min() > 0.01 and warmth[0] < 0.9 and warmth[-1] > 1.1
    for each in drawn:
        assert 0.75 <= each.gamma <= 1.25 and np.all((each.gains > 0.7) & (each.gains < 1.35))


@draws
@given(seed=seeds, light=st.floats(0.0, 1.0), levels=st.integers(0, 255))
def test_light_is_gain_and_gamma_of_each_channel(seed, light, levels):
    session = sessions.draw_session(seed, 2)
    image = np.full((4, 5, 3), levels, np.uint8)
    shown = sessions.developed(image, session, light, np.random.default_rng(seed))
    assert np.ptp(shown.reshape(-1, 3), axis=0).max() == 0  # the same everywhere
    noise = np.random.default_rng(seed).standard_normal(3)
    gains = 1 + light * (session.gains * (1 + 0.01 * noise) - 1)
    expected = [255 * gain * (levels / 255) ** (1 + light * (session.gamma - 1)) for gain in gains]
    assert np.all(np.abs(shown[0, 0] - np.clip(expected, 0, 255)) <= 0.5 + 1e-9)
    if light == 0:
        np.testing.assert_array_equal(shown, image)


def test_light_colours_the_leaf_too():
    leaf, before = photograph(3, 0.0, 1.0), plain(3)
    assert np.mean(np.any(leaf.image != before.image, axis=2)[leaf.outline]) > 0.5


def test_script_writes_the_same_bytes_in_another_process(tmp_path):
    first = files(generate(tmp_path / "a", "--sessions", "--strength", "0.5", "--light", "0.3"))
    command = [sys.executable, str(SCRIPT), *OPTIONS, "--sessions", "--strength", "0.5", "--light", "0.3"]
    sheet = ["--contact-sheet", str(tmp_path / "sheet.png")]
    subprocess.run([*command, "--output", str(tmp_path / "b"), *sheet], check=True, capture_output=True)
    assert first == files(tmp_path / "b")
    assert Image.open(tmp_path / "sheet.png").size == (4 * 2 * 48, 3 * 48)
    labels = pd.read_csv(tmp_path / "a" / "labels.csv")
    assert list(labels.columns) == ["image_id", "class", "split", "session"]
    train = labels[labels["split"] == "train"]
    assert (train["session"] == train["class"].str[-2:].astype(int)).all()
    test = labels[labels["split"] == "test"].groupby("class")["session"].apply(list)
    assert test.tolist() == [[1, 2, 3, 1]] * 3


def test_at_strength_0_the_script_writes_the_images_of_plain_leaves(tmp_path):
    before, after = (
        files(generate(tmp_path / "a")),
        files(generate(tmp_path / "b", "--sessions", "--strength", "0")),
    )
    assert set(before) == set(after)
    for path, content in before.items():
        same = not path.startswith(("masks/", "labels.csv"))
        assert (after[path] == content) == same, path
    for path in (tmp_path / "b" / "masks").rglob("*.png"):
        outline = np.asarray(Image.open(tmp_path / "a" / "outlines" / path.parent.name / path.name))
        np.testing.assert_array_equal(np.asarray(Image.open(path)), outline // 255)


def test_the_index_reads_leaf_masks_and_both_boxes(tmp_path):
    generate(tmp_path / "files", "--sessions")
    options = ["--dataset", "leaves_sessions", "--registry", REGISTRY, "--files", tmp_path / "files"]
    options += ["--masks", tmp_path / "masks", "--output", tmp_path / "index.csv"]
    index_dataset.main(index_dataset.parse_args([str(option) for option in options]))
    index = pd.read_csv(tmp_path / "index.csv")
    assert index["split"].value_counts().to_dict() == {"test": 12, "train": 6}
    for row in index.to_dict("records"):
        mask = np.asarray(Image.open(tmp_path / row["mask"]))
        outline = np.asarray(Image.open(tmp_path / row["outline"]))
        np.testing.assert_array_equal(mask > 0, outline > 0)
        assert mask.max() == 1
        assert [line[0] for line in (tmp_path / row["boxes"]).read_text().splitlines()] == ["0", "1"]


@pytest.mark.parametrize(
    "options", [["--strength", "1.5"], ["--strength", "-0.1"], ["--light", "2"], ["--light", "nan"]]
)
def test_a_strength_out_of_range_is_one_line(tmp_path, options, capsys):
    args = generate_leaves.parse_args(["--sessions", *options, "--output", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as stop:
        generate_leaves.cli.run(generate_leaves.main, args)
    assert stop.value.code == 2
    said = f"error: {options[0]} {float(options[1])}: must lie between 0 and 1\n"
    assert capsys.readouterr().err == said and list(tmp_path.iterdir()) == []
