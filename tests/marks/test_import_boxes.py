"""Boxes that are published, from masks or automatic; those that judge; options."""

from pathlib import Path

import choose_annotation
import fetch_dataset
import import_boxes
import index_dataset
import numpy as np
import pandas as pd
import pytest
import unpack_dataset
from example_boxes import CHOSEN, WHOLE, arguments, imported, without, write_boxed_dataset
from example_marks import CLASSES, SIZE, choose_all
from maskguide.marks.boxes import read_boxes_table, read_yolo_boxes
from maskguide.system.files import InputError
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def dataset(tmp_path):
    return write_boxed_dataset(tmp_path)


@pytest.fixture
def chosen(dataset, tmp_path):
    return choose_all(dataset, tmp_path / "detect" / "chosen.csv")


def test_published(dataset, chosen, caplog):
    caplog.set_level("INFO", logger="maskguide")
    table, boxes = imported(dataset, chosen, "published")
    assert table["image_id"].tolist() == [*CHOSEN, "leaf.4", "leaf.5"]
    assert table["split"].tolist() == ["train"] * 4 + ["test"] * 2 and set(table["source"]) == {"published"}
    assert boxes["leaf.0"] == boxes["leaf.4"] == [(0, 15, 12, 25, 18), (1, *WHOLE)]
    raw = pd.read_csv(chosen.parent / "boxes.csv")
    assert raw["boxes"][0] == "boxes/leaf.0.txt"
    assert "leaves: 4 images, published boxes: vein 4 boxes in 4 images, contour 4 in 4" in caplog.text
    assert "leaves: 2 test images with known boxes: vein 2 boxes in 2 images" in caplog.text
    assert Image.open(chosen.parent / "sheet.png").width > 400


def test_published_boxes_that_are_absent_are_named(dataset, chosen):
    without(dataset, "boxes", ["leaf.1", "leaf.2", "leaf.4"])
    with pytest.raises(InputError, match=r"2 of 4 chosen images have no published boxes: leaf\.2, leaf\.1;"):
        imported(dataset, chosen, "published")
    assert [path.name for path in chosen.parent.iterdir()] == ["chosen.csv"]
    without(dataset, "mask", ["leaf.0"])
    with pytest.raises(
        InputError, match=r"1 of 4 chosen images have no published masks of the regions: leaf\.0"
    ):
        imported(dataset, chosen, "masks")


def test_masks_give_trimmed_veins_and_the_whole_outline(dataset, chosen):
    outline = np.zeros(SIZE, dtype=np.uint8)
    outline[2:28, 3:37] = 255
    Image.fromarray(outline).save(dataset.parent / "outline.png")
    table = pd.read_csv(dataset, keep_default_na=False)
    table.loc[table["image_id"] == "leaf.1", "outline"] = "outline.png"
    table.to_csv(dataset, index=False)
    table, boxes = imported(dataset, chosen, "masks")
    assert set(table["source"]) == {"masks"} and len(table) == 6
    labels = np.array(Image.open(dataset.parent / "leaf.0_mask.png"))
    rows, columns = np.nonzero(labels)
    left, right = np.percentile(columns, [15, 85])
    top, bottom = np.percentile(rows, [15, 85])
    vein = (0, *np.round([left, top, right + 1, bottom + 1], 3).tolist())
    assert boxes["leaf.0"] == [vein, (1, 5, 5, 21, 25)]  # without an outline, all mask classes
    assert boxes["leaf.1"] == [vein, (1, 3, 2, 37, 28)]


def test_a_region_of_one_mask_class(dataset, chosen):
    made_of = {"main": ["main_vein"], "side": ["second_order_vein"]}
    _, boxes = imported(dataset, chosen, "masks", made_of=made_of, regions=["main", "side"])
    assert boxes["leaf.4"] == [(0, 20, 5, 21, 25), (1, 5, 10, 20, 11)]


def test_regions_that_no_mask_shows(dataset, chosen):
    with pytest.raises(
        InputError, match=r"region contour: mode masks gives no box .* \(no mask class is named"
    ):
        imported(dataset, chosen, "masks", made_of={"vein": CLASSES, "contour": []})
    with pytest.raises(InputError, match="4 of 4 chosen images have no published masks"):
        imported(dataset, chosen, "masks", made_of={})
    assert [path.name for path in chosen.parent.iterdir()] == ["chosen.csv"]


def test_automatic_boxes_say_so_and_never_judge(dataset, chosen):
    for number in range(6):
        picture = np.full((*SIZE, 3), 240, dtype=np.uint8)
        picture[4:26, 5:35] = (40, 90, 30)
        picture[14:16, 6:34] = (150, 190, 120)
        if number < 5:
            Image.fromarray(picture).save(dataset.parent / f"leaf.{number}.png")
    table, boxes = imported(dataset, chosen, "automatic")
    assert table["source"].tolist() == ["automatic"] * 4 + ["published"] * 2
    (vein, contour) = sorted(boxes["leaf.0"])
    np.testing.assert_allclose(contour, (1, 5, 4, 35, 26), atol=1)
    assert vein[0] == 0 and 5 < vein[1] < vein[3] < 35 and 10 < vein[2] < vein[4] < 20
    without(dataset, "boxes")
    assert imported(dataset, chosen, "automatic")[0]["source"].tolist() == ["automatic"] * 4 + ["masks"] * 2
    without(dataset, "mask")
    assert len(imported(dataset, chosen, "automatic")[0]) == 4


def test_published_boxes_are_checked_too(dataset, chosen):
    (dataset.parent / "leaf.4.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    with pytest.raises(InputError, match=r"leaf\.4\.txt: line 1: class 7 is unknown"):
        imported(dataset, chosen, "published")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"made_of": {"veins": CLASSES}}, "region masks .*: must be an object with keys among vein, contour"),
        ({"made_of": {"vein": ["midrib"]}}, "region masks: vein: .*neither 'outline' nor a list of the mask"),
        ({"regions": ["vein", "vein"]}, "regions vein vein: a name occurs twice"),
    ],
)
def test_options_that_contradict(dataset, chosen, options, complaint):
    with pytest.raises(InputError, match=complaint):
        imported(dataset, chosen, "published", **options)


def test_options_that_are_missing_or_no_json(dataset, chosen):
    with pytest.raises(InputError, match="mode manual needs --marks"):
        imported(dataset, chosen, "manual")
    with pytest.raises(InputError, match=r"--region-masks \{: is no JSON"):
        imported(dataset, chosen, "published", "--region-masks", "{")


@pytest.mark.slow
def test_real_butterflies(shared, tmp_path):
    """Sixty photographs: boxes from the published masks, and automatic ones that overlap with most."""
    scripts = {"--dataset": "btfpis", "--registry": str(ROOT / "resources" / "datasets.yaml")}
    options = [word for pair in scripts.items() for word in pair]
    source, files, index = tmp_path / "source.json", tmp_path / "files", tmp_path / "index.csv"
    archive = str(shared / "data" / "leedsbutterfly_176px.zip")
    fetch_dataset.main(
        fetch_dataset.parse_args(
            [*options, "--resources", str(tmp_path), "--archive", archive, "--output", str(source)]
        )
    )
    unpack_dataset.main(unpack_dataset.parse_args(["--source", str(source), "--output", str(files)]))
    more = ["--files", str(files), "--masks", str(tmp_path / "masks"), "--output", str(index)]
    index_dataset.main(index_dataset.parse_args([*options, *more]))
    chosen = tmp_path / "detect" / "chosen.csv"
    choose_annotation.main(
        choose_annotation.parse_args(["--index", str(index), "--count", "60", "--output", str(chosen)])
    )
    kinds = {"made_of": {"butterfly": ["butterfly"]}, "regions": ["butterfly"], "classes": ["butterfly"]}
    found = {}
    for mode in ("masks", "automatic"):
        import_boxes.main(import_boxes.parse_args(arguments(index, chosen, mode, **kinds)))
        table = read_boxes_table(chosen.parent / "boxes.csv")
        assert table.groupby("split")["source"].unique().map(list).to_dict() == {
            "test": ["masks"],
            "train": [mode],
        }
        assert len(table) == 460
        learnt = table[table["split"] == "train"]
        found[mode] = [read_yolo_boxes(path, ["butterfly"], (1, 1)) for path in learnt["boxes"]]
    assert all(len(boxes) == 1 for boxes in found["masks"])
    overlaps = [
        intersection_over_union(*true, *guessed)
        for true, guessed in zip(found["masks"], found["automatic"], strict=True)
        if guessed
    ]
    assert len(overlaps) > 50 and np.median(overlaps) > 0.5  # 0.65 measured


def intersection_over_union(one, other):
    """Of two boxes (region, left, top, right, bottom)."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(width, 0) * max(height, 0)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (one, other)]
    return common / (sum(areas) - common)
