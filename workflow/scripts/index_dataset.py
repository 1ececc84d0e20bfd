"""Write index.csv, one row per image that the split uses, and the masks and boxes in one format.

Before anything is written: every file decodes, every mask is as large as its image, every class is in both
parts, no image is in both (by the content of its pixels; of a publisher's own split it is only said). Images
that EXIF turns are copied upright into the masks' folder, so that later stages need not know of EXIF; their
masks must fit the upright image. Where masks and boxes mean the pixels as stored, the copy is not turned.

What masks mean is worked out of each file and compared over all of them; where they disagree they are
refused, unless `mask_values` in the data set's entry says it. --mask-report and --mask-sheet show what was
read of each.

Images of your own lie in folders that are named here instead, and so may their masks (--own-masks); --entry
then takes the registry's place.

The index is the first split's; --images lists all images, and split_dataset.py draws other splits of them.

Example:
    python workflow/scripts/index_dataset.py --dataset btfpis --registry resources/datasets.yaml \\
        --files results/butterfly/data/btfpis/files --split 10/40 --split-seed 0 \\
        --masks results/butterfly/data/btfpis/masks --images results/butterfly/data/btfpis/images.csv \\
        --output results/butterfly/data/btfpis/split1/index.csv
"""

from __future__ import annotations

import argparse
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
from maskguide.data import (
    datasets,
    label_masks,
    layouts,
    mask_files,
    mask_meaning,
    mask_report,
    mask_values,
    object_boxes,
    pictures,
    split_files,
    splits,
)
from maskguide.data import found as found_files
from maskguide.data.layouts import Entry
from maskguide.drawing.mask_sheet import mask_sheet
from maskguide.plan.datasets import entry_of
from maskguide.system import cli
from maskguide.system.files import InputError, atomic_directory, atomic_file, sha256, write_csv
from PIL import Image
from tqdm import tqdm


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="name of the data set in the registry")
    add("--registry", type=Path, default=Path("resources/datasets.yaml"), help="the registry")
    add("--entry", help="JSON: what a registry would say of it, of a data set of your own")
    add("--files", type=Path, required=True, help="folder of the unpacked data set, or of your own images")
    add("--own-masks", type=Path, help="folder of their masks, where it is not masks/ beside the images")
    rules = "2:1 (ratio train:test in each class), 10/40 (images per class) or published"
    add("--split", help=f"{rules}; else as folders train/ and test/ say, else the registry's")
    listed = "CSV with the columns image and split, before --split; images not listed are left out"
    add("--split-file", type=Path, help=listed)
    add("--split-seed", type=int, default=0, help="seed of the split")
    name = "regular expression on a file's name: images with the same match stand on one side of the split"
    add("--group", help=name)
    add("--longest-side", type=int, help="pixels; larger images are brought to it, with masks, as copies")
    add("--images", type=Path, help="CSV to write: all images, also those that this split leaves out")
    add("--found", type=Path, help="CSV to write: what each folder holds, read as what, and what is left out")
    add("--masks", type=Path, required=True, help="folder for converted masks; replaced")
    add("--mask-report", type=Path, help="CSV to write: what was read of each mask")
    add("--mask-sheet", type=Path, help="PNG to write: the masks that cover least and most of their images")
    add("--output", type=Path, required=True, help="index.csv to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    cli.check(args, not_below_0=["split_seed"], above_0=["longest_side"])
    registered = entry_of(args.registry, args.dataset, args.entry)
    for folder in filter(None, (args.files, args.own_masks)):
        if not folder.is_dir():
            way_out = "correct the path" if args.entry else "run unpack_dataset.py first"
            raise InputError(f"{folder}: is no folder; {way_out}")
    entries = layouts.read(registered["layout"], args.files, registered.get("folder"), args.own_masks)
    given = bool(registered["layout"] == "folder" and all(entry.split for entry in entries))
    rule = args.split or ("published" if given else registered["split"])
    if given and rule != "published":
        cli.log.warning(
            "%s: its folders train/ and test/ are not the split: --split %s draws one", args.files, rule
        )
    if args.group:
        entries = splits.grouped(entries, args.group)
    elif not args.split_file and rule != "published":
        splits.warn_of_groups(entries)
    if args.split_file:
        entries, rule = split_files.split_by_file(entries, args.split_file), "published"
    chosen = splits.split(entries, rule, args.split_seed)
    found = pictures.inspect_all(entry.path for entry in entries)
    contents = {entry.image_id: each.content for entry, each in zip(entries, found, strict=True)}
    marks = {entry.image_id: marks_of(entry) for entry in entries}
    publishers_own = rule == "published" and not args.split_file and registered["layout"] != "folder"
    splits.check_split(chosen, [contents[entry.image_id] for entry in chosen], publishers_own)
    parts = {entry.image_id: entry.split for entry in chosen}
    held = found_files.table(filter(None, (args.files, args.own_masks)), entries, parts)
    found_files.warn(held)
    masked = [entry for entry in entries if entry.mask]
    if registered["masks"] == "published" and not masked:
        without_masks(args, registered["source"])
    as_stored = registered["layout"] in layouts.AS_STORED
    sizes = [picture.stored_size if as_stored else picture.size for picture in found]
    with atomic_directory(args.masks) as folder:
        entries = object_boxes.write_boxes(entries, sizes, folder / "boxes")
        pairs = zip(entries, found, strict=True)
        published = entries = [without_exif(entry, picture, folder, as_stored) for entry, picture in pairs]
        facts = mask_files.survey_all(entry.mask for entry in masked)
        place = f"datasets.{args.dataset} of the config" if args.entry else f"{args.registry}, {args.dataset}"
        meaning = meaning_of(registered, place, facts)
        with ThreadPoolExecutor(4) as pool:  # Pillow decodes outside the interpreter's lock
            converted = pool.map(lambda *pair: canonical(*pair, meaning.read, folder), entries, sizes)
            entries, shares = zip(
                *tqdm(converted, total=len(entries), desc="masks", disable=None), strict=True
            )
            if args.longest_side:
                smaller = pool.map(lambda *pair: shrunk(*pair, args.longest_side, folder), entries, sizes)
                entries = list(tqdm(smaller, total=len(entries), desc="images", disable=None))
        read = {each.image_id: (each.mask, own) for each, own in zip(published, shares, strict=True) if own}
        check_marked(list(read.values()))
        report = mask_report.table(read, {each.path: each for each in facts}, meaning.words)
        if read:
            said = "%s: %d of %d images have masks: %s"
            cli.log.info(said, args.dataset, len(read), len(entries), meaning.words)
            mask_report.check_borders(report, args.dataset, meaning.settled, place)
        moved = [entry_in(entry, folder, args.masks) for entry in entries]
    if args.mask_report:
        write_csv(args.mask_report, report)
    if args.mask_sheet:
        files = {each.image_id: (each.path, each.mask) for each in moved if each.mask}
        with atomic_file(args.mask_sheet) as path:
            mask_sheet(report, files, args.dataset, registered["mask_classes"]).save(path, format="PNG")
    if args.images:
        images = index_table(moved, args.images.parent, contents, marks)
        groups = images["image_id"].map({entry.image_id: entry.group for entry in moved})
        images.insert(len(datasets.COLUMNS), "group", groups)
        write_csv(args.images, images)
    if args.found:
        write_csv(args.found, held)
    used = [replace(each, split=parts[each.image_id]) for each in moved if each.image_id in parts]
    table = index_table(used, args.output.parent, contents, marks)
    write_csv(args.output, table)
    cli.log.info(
        "%s: %d training and %d test images of %d classes, %d with a mask, %d with boxes",
        *(args.dataset, (table["split"] == "train").sum(), (table["split"] == "test").sum()),
        *(table["class"].nunique(), len(masked), (table["boxes"] != "").sum()),
    )


def without_masks(args: argparse.Namespace, source: dict) -> None:
    """Refuse a data set that lost its masks; where they are a file of their own, the images do without."""
    if "also" not in source:
        raise InputError(f"{args.own_masks or args.files}: holds no mask though {args.dataset} has masks")
    names = ", ".join(each["filename"] for each in source["also"])
    said = "%s: holds no mask; methods that need them want %s of %s beside the images' archive"
    cli.log.warning(said, args.files, names, args.dataset)


def meaning_of(entry: dict, place: str, facts: list[mask_files.Facts]) -> mask_meaning.Meaning:
    """How masks are read: as the entry says, as the publisher's layout has it, or as they agree.

    place: where the entry stands, in words.
    """
    layout, classes = entry["layout"], entry["mask_classes"]
    values = mask_values.given(entry.get("mask_values"), entry.get("void"), classes, place)
    if layout == "folder" or values:
        return mask_meaning.agreed(facts, classes, values, place)
    read = label_masks.reader(layout, [each.path for each in facts], len(classes))
    words = label_masks.MEANINGS.get(layout, f"as the layout {layout} has it")
    return mask_meaning.Meaning(words, read, settled=True)


def without_exif(entry: Entry, picture: pictures.Picture, folder: Path, as_stored: bool) -> Entry:
    """The entry itself, or with a lossless copy of its image, upright or as stored, where EXIF turns it."""
    if not picture.turned:
        return entry
    copy = folder / ("as_stored" if as_stored else "upright") / f"{entry.image_id}.png"
    copy.parent.mkdir(exist_ok=True)
    Image.fromarray(pictures.read_rgb(entry.path, as_stored)).save(copy)
    return replace(entry, path=copy)


def canonical(
    entry: Entry, size: tuple[int, int], read_mask: label_masks.Reader, folder: Path
) -> tuple[Entry, mask_report.Shares | None]:
    """The entry with its mask as a label PNG: the publisher's file where it is one, else a converted copy.

    With it what the mask covers; None where there is none.
    """
    if entry.outline:
        check_size(entry.outline, pictures.open_upright(entry.outline).size, size)
    if entry.mask is None:
        return entry, None
    labels = read_mask(entry.mask)
    check_size(entry.mask, labels.shape[::-1], size)
    covered = mask_report.shares(labels)
    if label_masks.is_canonical(entry.mask, labels):
        return entry, covered
    path = folder / f"{entry.image_id}.png"
    Image.fromarray(labels).save(path)
    return replace(entry, mask=path), covered


def shrunk(entry: Entry, size: tuple[int, int], longest: int, folder: Path) -> Entry:
    """The entry itself, or with smaller copies of its image and mask, where its longest side is longer."""
    if max(size) <= longest:
        return entry
    smaller = tuple(max(1, round(side * longest / max(size))) for side in size)
    copies = {}
    for name in ("path", "mask", "outline"):
        if path := getattr(entry, name):
            copies[name] = folder / f"smaller_{name}" / f"{entry.image_id}.png"
            copies[name].parent.mkdir(exist_ok=True)
            if name == "path":
                image = Image.fromarray(pictures.no_longer(pictures.read_rgb(path), longest))
            else:
                image = pictures.open_upright(path).resize(smaller, Image.Resampling.NEAREST)
            image.save(copies[name])
    return replace(entry, **copies)


def check_marked(masks: list[tuple[Path, mask_report.Shares]]) -> None:
    """Say which masks mark nothing, as is legal where there is nothing; refuse it of all of them."""
    empty = [path for path, shares in masks if not shares.covered]
    if masks and len(empty) == len(masks):
        raise InputError(
            f"{empty[0]}: is zero everywhere, as all {len(masks)} masks of the data set are; mark the "
            "objects, or leave the masks out"
        )
    if empty:
        cli.log.warning("%s: is zero everywhere; so are %d masks in all, kept", empty[0], len(empty))


def check_size(path: Path, size: tuple[int, ...], expected: tuple[int, int]) -> None:
    """Refuse a mask or outline of another size than its upright image."""
    if tuple(size) != expected:
        raise InputError(
            f"{path}: is {size[0]}×{size[1]} pixels, its image (upright) {expected[0]}×{expected[1]}; "
            "give the mask the image's size"
        )


def entry_in(entry: Entry, temporary: Path, folder: Path) -> Entry:
    """The entry with paths in the temporary folder turned into those it has after the rename."""
    paths = {
        name: folder / path.relative_to(temporary)
        for name in ("path", "mask", "outline", "boxes")
        if (path := getattr(entry, name)) and path.is_relative_to(temporary)
    }
    return replace(entry, **paths)


def marks_of(entry: Entry) -> str:
    """A hash of an image's mask, outline and boxes as they came; "" without any."""
    files = [path for path in (entry.mask, entry.outline, entry.boxes) if path]
    said = [sha256(path) for path in files] + ([repr(entry.corners)] if entry.corners else [])
    return hashlib.sha256("".join(said).encode()).hexdigest() if said else ""


def index_table(
    entries: list[Entry], folder: Path, contents: dict[str, str], marks: dict[str, str]
) -> pd.DataFrame:
    """The rows of index.csv, sorted by class and image_id, paths relative to `folder`, hashes by image_id."""
    classes = sorted({entry.class_name for entry in entries})
    table = pd.DataFrame({"image_id": [entry.image_id for entry in entries]})
    table["class"] = [entry.class_name for entry in entries]
    table["class_id"] = table["class"].map(classes.index)
    table["split"] = [entry.split for entry in entries]
    for column in datasets.PATH_COLUMNS:
        table[column] = [datasets.relative(getattr(entry, column) or "", folder) for entry in entries]
    table["content"], table["marks"] = table["image_id"].map(contents), table["image_id"].map(marks)
    table = table[[*datasets.COLUMNS, *datasets.TRACES]]
    return table.sort_values(["class_id", "image_id"], kind="stable")


if __name__ == "__main__":
    cli.run(main, parse_args())
