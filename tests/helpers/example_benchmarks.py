"""Small archives in the true layouts of CUB-200-2011, FGVC-Aircraft and Stanford Cars."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

WIDTH, HEIGHT = 40, 30
BIRDS = ["001.Black_footed_Albatross", "002.Laysan_Albatross"]
VARIANTS = ["707-320", "Boeing F/A-18", "Cessna 172"]
CARS = ["Acura TL Sedan 2012", "Ram C/V Cargo Van Minivan 2012"]


def pixels(seed, mode="RGB"):
    """A random image in one of the modes that JPEG knows."""
    image = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return Image.fromarray(image).convert(mode)


def save(image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def cub(root, images_per_class=4):
    """CUB_200_2011/ and segmentations/ under `root`; half of each class for training. Image 1 is grey, 2 is
    CMYK, 3 has a box that exceeds it by one pixel."""
    base = root / "CUB_200_2011"
    lists = {"images": [], "image_class_labels": [], "train_test_split": [], "bounding_boxes": []}
    number = 0
    for label, name in enumerate(BIRDS, 1):
        for count in range(images_per_class):
            number += 1
            stem = f"{name[4:]}_{count:04d}_{796000 + number}"
            mode = {1: "L", 2: "CMYK"}.get(number, "RGB")
            save(pixels(number, mode), base / "images" / name / f"{stem}.jpg")
            votes = np.zeros((HEIGHT, WIDTH), np.uint8)
            votes[5:20, 10:30], votes[8:15, 12:25] = 102, 204  # 2 of 5 annotators, then 4 of 5
            save(Image.fromarray(votes), root / "segmentations" / name / f"{stem}.png")
            lists["images"].append(f"{number} {name}/{stem}.jpg")
            lists["image_class_labels"].append(f"{number} {label}")
            lists["train_test_split"].append(f"{number} {1 if count % 2 else 0}")
            width = 31.0 if number == 3 else 20.0
            lists["bounding_boxes"].append(f"{number} 10.0 5.0 {width} 15.0")
    for name, lines in lists.items():
        (base / f"{name}.txt").write_text("\n".join(lines) + "\n")
    (base / "classes.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(BIRDS, 1)))
    (root / "attributes.txt").write_text("1 has_bill_shape::curved_(up_or_down)\n")
    return base


def aircraft(root):
    """fgvc-aircraft-2013b/ under `root`: two training images and one test image of each variant."""
    data = root / "fgvc-aircraft-2013b" / "data"
    lists = {"trainval": [], "test": []}
    boxes = []
    for label, variant in enumerate(VARIANTS):
        for count in range(3):
            image = f"{34309 + 10 * label + count:07d}"
            save(pixels(10 * label + count), data / "images" / f"{image}.jpg")
            lists["test" if count == 2 else "trainval"].append(f"{image} {variant}")
            boxes.append(f"{image} 1 6 {WIDTH} 25")
    for part, lines in lists.items():
        (data / f"images_variant_{part}.txt").write_text("\n".join(lines) + "\n")
    (data / "images_box.txt").write_text("\n".join(boxes) + "\n")
    (data / "variants.txt").write_text("\n".join(VARIANTS) + "\n")
    return data


def cars(root, labels=((1, 1, 2, 2), (1, 2, 2))):
    """stanford_cars/ under `root`; `labels` are the classes of its training and test images, from 1."""
    base = root / "stanford_cars"
    (base / "devkit").mkdir(parents=True)
    places = {"train": base / "devkit/cars_train_annos.mat", "test": base / "cars_test_annos_withlabels.mat"}
    for (part, place), classes in zip(places.items(), labels, strict=True):
        for number in range(1, len(classes) + 1):
            mode = "L" if number == 2 else "RGB"
            save(pixels(100 * len(part) + number, mode), base / f"cars_{part}" / f"{number:05d}.jpg")
        boxes = [(1, 6, WIDTH, 25, label, f"{i:05d}.jpg") for i, label in enumerate(classes, 1)]
        annotations(place, boxes)
    names = np.empty((1, len(CARS)), object)
    names[0] = CARS
    savemat(base / "devkit" / "cars_meta.mat", {"class_names": names})
    return base


def annotations(path, rows, compressed=False):
    """A list of the cars: rows of x1, y1, x2, y2 (from 1), class (from 1), file name."""
    fields = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname"][-len(rows[0]) :]
    table = np.empty((1, len(rows)), [(field, object) for field in fields])
    for i, row in enumerate(rows):
        table[0, i] = row
    savemat(path, {"annotations": table}, do_compression=compressed)


def pack(folder: Path, archive: Path, *tops: str) -> Path:
    """What lies in `folder` (all of it, or `tops`) as a compressed tar."""
    with tarfile.open(archive, "w:gz") as packed:
        for top in tops or sorted(path.name for path in folder.iterdir()):
            packed.add(folder / top, top)
    return archive


def pack_with_outsider(archive: Path) -> Path:
    """A tar with a member that would lie outside of its folder."""
    with tarfile.open(archive, "w:gz") as packed:
        member = tarfile.TarInfo("segmentations/../../outside.png")
        member.size = 1
        packed.addfile(member, io.BytesIO(b"x"))
    return archive
