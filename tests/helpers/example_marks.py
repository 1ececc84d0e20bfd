"""A data set of five small images, and marks on them, for the tests of annotation."""

import choose_annotation
import import_annotation
import numpy as np
import pandas as pd
from PIL import Image

CLASSES = ["main_vein", "second_order_vein"]
SIZE = (30, 40)  # height, width


def write_dataset(folder):
    """Four training images and one test image of two classes, with masks and boxes; the index's path."""
    random = np.random.default_rng(0)
    images = folder / "data"
    images.mkdir()
    rows = []
    for number, split in enumerate(["train"] * 4 + ["test"]):
        name = f"leaf.{number}"
        Image.fromarray(random.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(images / f"{name}.png")
        labels = np.zeros(SIZE, dtype=np.uint8)
        labels[5:25, 20] = 1
        labels[10, 5:20] = 2
        Image.fromarray(labels).save(images / f"{name}_mask.png")
        (images / f"{name}.txt").write_text("0 0.5 0.5 0.25 0.25\n")
        row = {"image_id": name, "path": f"{name}.png", "class": "ab"[number % 2], "class_id": number % 2}
        rows.append(row | {"split": split, "mask": f"{name}_mask.png", "outline": "", "boxes": f"{name}.txt"})
    rows.append(rows[-1] | {"image_id": "leaf.5", "class": "b", "class_id": 1})
    pd.DataFrame(rows).to_csv(images / "index.csv", index=False)
    return images / "index.csv"


def choose_all(index, path):
    """chosen.csv of all four training images at `path`."""
    options = ["--index", str(index), "--count", "4", "--output", str(path)]
    choose_annotation.main(choose_annotation.parse_args(options))
    return path


def arguments(dataset, chosen, mode, *more, classes=CLASSES):
    """The options of import_annotation.py; its results lie beside chosen.csv."""
    folder = chosen.parent
    return [
        *("--index", str(dataset), "--chosen", str(chosen), "--classes", *classes, "--mode", mode),
        *("--dataset", "leaves", "--output", str(folder / "annotated.csv")),
        *("--marks-output", str(folder / "marks"), "--contact-sheet", str(folder / "sheet.png"), *more),
    ]


def imported(dataset, chosen, mode, *more, classes=CLASSES):
    """Run the import; the rows of annotated.csv and the label masks by image id."""
    import_annotation.main(
        import_annotation.parse_args(arguments(dataset, chosen, mode, *more, classes=classes))
    )
    rows = pd.read_csv(chosen.parent / "annotated.csv", dtype=str, keep_default_na=False)
    masks = {row.image_id: np.array(Image.open(chosen.parent / row.mask)) for row in rows.itertuples()}
    return rows, masks


def save_mask(path, labels=None):
    """Write a label mask, by default with a rectangle of label 1; it is returned."""
    if labels is None:
        labels = np.zeros(SIZE, dtype=np.uint8)
        labels[3:6, 3:9] = 1
    Image.fromarray(labels).save(path)
    return labels


def labelme(shapes, **more):
    """A LabelMe file's content with (label, type, points) shapes."""
    entries = [{"label": name, "shape_type": kind, "points": points} for name, kind, points in shapes]
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": entries,
        "imagePath": "x.png",
        "imageData": None,
    } | more
