"""The data set of `example_marks` with boxes of two regions, drawn boxes, and the import of both."""

import json

import import_boxes
import numpy as np
import pandas as pd
from example_marks import CLASSES, SIZE, write_dataset
from maskguide.marks.boxes import read_boxes_table, read_yolo_boxes

REGIONS = ["vein", "contour"]
MADE_OF = {"vein": CLASSES, "contour": "outline"}
CHOSEN = ["leaf.0", "leaf.2", "leaf.1", "leaf.3"]
WHOLE = (0, 0, 40, 30)


def write_boxed_dataset(folder):
    """Four training images, two test images; all with masks and boxes of both regions."""
    index = write_dataset(folder)
    for path in index.parent.glob("*.txt"):
        path.write_text("0 0.5 0.5 0.25 0.2\n1 0.5 0.5 1 1\n")
    return index


def without(dataset, column, image_ids=None):
    """Take a column's files from the index, of some images or of all."""
    table = pd.read_csv(dataset, keep_default_na=False)
    table.loc[table["image_id"].isin(image_ids or table["image_id"]), column] = ""
    table.to_csv(dataset, index=False)


def arguments(dataset, chosen, mode, *more, made_of=MADE_OF, regions=REGIONS, classes=CLASSES):
    folder = chosen.parent
    return [
        *("--index", str(dataset), "--chosen", str(chosen), "--regions", *regions),
        *("--region-masks", json.dumps(made_of), "--classes", *classes, "--mode", mode),
        *("--dataset", "leaves", "--output", str(folder / "boxes.csv")),
        *("--boxes-output", str(folder / "boxes"), "--contact-sheet", str(folder / "sheet.png"), *more),
    ]


def imported(dataset, chosen, mode, *more, **options):
    """Run the import; boxes.csv, and the boxes by image id: lists of (region, left, top, right, bottom)."""
    import_boxes.main(import_boxes.parse_args(arguments(dataset, chosen, mode, *more, **options)))
    table = read_boxes_table(chosen.parent / "boxes.csv")
    regions = options.get("regions", REGIONS)
    found = {row.image_id: read_yolo_boxes(row.boxes, regions, SIZE) for row in table.itertuples()}
    rounded = {
        image_id: [(box.region, *np.round(box[1:], 3).tolist()) for box in boxes]
        for image_id, boxes in found.items()
    }
    return table, rounded


def drawn(folder, **texts):
    """A folder of YOLO files, by default one box of each region; `leaf_2=...` is the file of leaf.2."""
    folder.mkdir(exist_ok=True)
    for number in range(4):
        text = texts.get(f"leaf_{number}", "0 0.5 0.5 0.25 0.2\n1 0.5 0.5 1 1\n")
        if text is not None:
            (folder / f"leaf.{number}.txt").write_text(text)
    return folder
