"""The figure of regions, and its script."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import plot_regions
import pytest
from legibility import assert_legible, words
from maskguide.drawing import regions as regions_on_images
from maskguide.system.files import InputError
from PIL import Image

REGIONS = ["vein", "contour"]
SIZES = [(60, 90), (120, 60), (48, 48)]  # height, width


def region_row(size: tuple[int, int], found: dict, truth: list | None) -> regions_on_images.RegionRow:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    mask = np.zeros(size, dtype=np.uint8)
    mask[5:30, 5:40] = 255
    masks = {region: mask if found[region] else None for region in REGIONS}
    return regions_on_images.RegionRow("an exceedingly long name of a class", image, found, truth, masks)


def test_regions_are_legible_for_images_of_any_shape():
    box = (4.0, 6.0, 41.0, 31.0)
    rows = [
        region_row(SIZES[0], {"vein": [(box, 0.9)], "contour": [(box, 0.8)]}, [box, box]),
        region_row(SIZES[1], {"vein": [], "contour": [((0.0, 0.0, 60.0, 120.0), 0.5)]}, None),
        region_row(SIZES[2], {"vein": [(box, c) for c in (0.9, 0.8, 0.7)], "contour": [(box, 0.3)]}, []),
    ]
    figure = regions_on_images.regions_figure(rows, REGIONS)
    assert_legible(figure)
    texts = [text for text, _ in words(figure)]
    assert [texts.count(each) for each in ("0.90", "0.80", "0.30", "no detection,\nno mask")] == [2, 2, 1, 1]
    assert {"vein alone", "contour alone", "vein, detected", "true box"} <= set(texts)
    unknown = regions_on_images.regions_figure(rows[1:2], REGIONS)
    assert "true box" not in [text for text, _ in words(unknown)]


def test_the_masked_image_is_black_outside_the_mask():
    image = np.full((2, 3, 3), 200, dtype=np.uint8)
    mask = np.array([[0, 255, 128], [0, 0, 255]], dtype=np.uint8)
    expected = np.array([[0, 200, 100], [0, 0, 200]], dtype=np.uint8)
    np.testing.assert_array_equal(
        regions_on_images.masked(image, mask), np.repeat(expected[..., None], 3, axis=2)
    )


def write_data(folder: Path, known: int = 2) -> list[str]:
    """Two classes, two test images each; true boxes of the first `known`; the options of plot_regions."""
    rows, detections, table = [], [], [("train_0", "train", "boxes/train_0.txt", "published")]
    (folder / "boxes").mkdir()
    (folder / "boxes" / "train_0.txt").write_text("")
    for number in range(5):
        split = "train" if number == 0 else "test"
        image_id, (height, width) = f"{split}_{number}", SIZES[number % 3]
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{image_id}.png")
        rows.append((image_id, f"{image_id}.png", f"class {number % 2}", number % 2, split, "", "", ""))
        if 1 <= number <= known:
            table.append((image_id, "test", f"boxes/{image_id}.txt", "published"))
            (folder / "boxes" / f"{image_id}.txt").write_text("0 0.5 0.5 0.4 0.4\n1 0.5 0.5 1 1\n")
        for place, region in enumerate(REGIONS):
            detections += [
                (image_id, region, 2.0, 3.0, 40.0, 42.0, confidence)
                for confidence in ((0.4, 0.9) if place or number % 2 else (0.1,))
            ]
            mask = np.zeros((height, width), dtype=np.uint8)
            mask[3:42, 2:40] = 255 if place or number % 2 else 0
            path = folder / f"{region}-filled-30" / "soft" / f"{image_id}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(path)
    columns = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "index.csv", index=False)
    columns = ["image_id", "region", "left", "top", "right", "bottom", "confidence"]
    pd.DataFrame(detections, columns=columns).to_csv(folder / "detections.csv", index=False)
    columns = ["image_id", "split", "boxes", "source"]
    pd.DataFrame(table, columns=columns).to_csv(folder / "boxes.csv", index=False)
    return [
        *("--index", str(folder / "index.csv"), "--detections", str(folder / "detections.csv")),
        *("--boxes", str(folder / "boxes.csv"), "--regions", *REGIONS, "--count", "2"),
        *("--output", str(folder / "regions.png")),
        *("--masks", *(str(folder / f"{region}-filled-30") for region in REGIONS)),
    ]


def drawn(monkeypatch, options: list[str]) -> list[regions_on_images.RegionRow]:
    """The rows of the figure that the script draws."""
    seen = []

    def figure(rows, regions):
        seen.extend(rows)
        return regions_on_images.regions_figure(rows, regions)

    monkeypatch.setattr(plot_regions, "regions_figure", figure)
    plot_regions.main(plot_regions.parse_args(options))
    return seen


def test_regions_of_test_images_with_their_truth(tmp_path, monkeypatch):
    rows = drawn(monkeypatch, write_data(tmp_path))
    assert len(rows) == 2
    assert (tmp_path / "regions.png").is_file()
    for row in rows:
        height, width = row.image.shape[:2]
        assert row.found["contour"] == [((2.0, 3.0, 40.0, 42.0), 0.9)]
        assert bool(row.found["vein"]) == (row.masks["vein"] is not None) == (row.name == "class 1")
        expected = [0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height, 0, 0, width, height]
        np.testing.assert_allclose(np.ravel(row.truth), expected, atol=1e-6)


def test_all_detections_above_the_confidence(tmp_path, monkeypatch):
    options = write_data(tmp_path)
    rows = drawn(monkeypatch, [*options, "--keep", "all"])
    assert [confidence for _, confidence in rows[0].found["contour"]] == [0.9, 0.4]
    rows = drawn(monkeypatch, [*options, "--keep", "all", "--confidence", "0.5"])
    assert [confidence for _, confidence in rows[0].found["contour"]] == [0.9]


@pytest.mark.parametrize("known", [0, 1])
def test_images_without_known_truth_are_shown_where_there_are_no_others(tmp_path, monkeypatch, known):
    rows = drawn(monkeypatch, [*write_data(tmp_path, known), "--count", "4"])
    assert sorted(row.truth is not None for row in rows) == [False] * (4 - known) + [True] * known


def test_the_region_script_refuses_what_it_cannot_show(tmp_path, root):
    options = write_data(tmp_path)
    folders = options[-2:]
    for bad, complaint in [
        (["--count", "0"], "--count 0: must be at least 1"),
        (["--confidence", "1.5"], "must lie in 0…1"),
        (["--masks", folders[0]], "1 folders for 2 regions"),
        (["--masks", *folders[::-1]], "stands in the place of vein"),
        (["--regions", "vein", "leaf"], "'contour' is not one of vein, leaf"),
    ]:
        with pytest.raises(InputError, match=re.escape(complaint)):
            plot_regions.main(plot_regions.parse_args([*options, *bad]))
    Image.new("L", (5, 5)).save(Path(folders[0]) / "soft" / "test_1.png")
    with pytest.raises(InputError, match=r"test_1.png: is of another size"):
        plot_regions.main(plot_regions.parse_args([*options, "--count", "2"]))
    command = [sys.executable, "workflow/scripts/plot_regions.py", *options, "--confidence", "-1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: --confidence -1.0: must lie in 0…1\n"
    index = pd.read_csv(tmp_path / "index.csv", keep_default_na=False)
    index.assign(split="train").to_csv(tmp_path / "index.csv", index=False)
    with pytest.raises(InputError, match="no test image"):
        plot_regions.main(plot_regions.parse_args(options))
    assert not (tmp_path / "regions.png").exists()
