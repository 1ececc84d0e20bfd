"""Say what a folder of images, or an archive, holds; write a config that runs with it.

Classes, images, sizes, duplicates, the split that the folders are, masks and marks, and what would be left
out: nothing is changed. --write makes a config with choices for so many images, each explained.

Example:
    python workflow/scripts/inspect_folder.py vines/images --write config/mine.yaml
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path

from maskguide.data import archives, found, inspection, label_masks, layouts, own_folders, pictures, splits
from maskguide.data.layout_files import Entry
from maskguide.marks import marks_seen
from maskguide.system import cli
from maskguide.system.files import InputError, write_text


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("path", type=Path, help="folder or archive of images")
    add("--masks", type=Path, help="folder of their masks, where it lies elsewhere")
    add("--name", default="mine", help="how the config calls the data set")
    add("--write", type=Path, help="config to write; an existing one is not overwritten")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    if not args.path.exists():
        raise InputError(f"{args.path}: does not exist; correct the path")
    if args.write and args.write.exists():
        raise InputError(f"{args.write}: is there already; give another name")
    if args.path.is_dir():
        inspect(args, args.path)
        return
    archives.check_archive(args.path)
    with tempfile.TemporaryDirectory() as folder:
        archives.unpack(args.path, folder)
        try:
            with contextlib.chdir(folder):
                inspect(args, Path())
        except InputError as error:  # a person knows the archive, not the folder that it was unpacked in
            said = str(error)
            raise InputError(f"{args.path}{said[1:]}" if said.startswith(".: ") else said) from error


def inspect(args: argparse.Namespace, files: Path) -> None:
    """Print what `files` holds, which --path is or was packed in; write the config."""
    everything = [Path(path) for path in found.files_below([files])]
    if marks := marks_seen.seen(everything):
        say("marks", marks)
    layout, entries = read(files, args.masks)
    looked_at = pictures.inspect_all(entry.path for entry in entries)
    contents = [each.content for each in looked_at]
    say("classes", [inspection.of_classes(entries)])
    say("images", [f"{len(entries)}, {inspection.of_sizes(looked_at)}"])
    say("split", [inspection.of_parts(entries)])
    say("same pixels", [inspection.of_pairs(inspection.duplicates(entries, looked_at))])
    alike = inspection.near_duplicates(entries, contents)
    too_many = (
        f"{len(alike)} pairs, too many to mean anything: plain pictures, such as silhouettes, look alike here"
    )
    say("alike in two classes", [too_many if len(alike) > len(entries) else inspection.of_pairs(alike)])
    groups = inspection.groups(entries)
    said = f"{len(groups)} by names such as {entries[0].path.name}" if groups else "none seen in names"
    say("groups", [said])
    masks = inspection.of_masks(entries)
    if not args.masks and not any(entry.mask for entry in entries):
        aside = [
            f"{each}, which lies beside, is not read; --masks {each} has it read"
            for each in masks_beside(files)
        ]
        masks = "; ".join([masks, *aside])
    say("masks", [masks])
    classes: list[str] = []
    if layout == "folder":
        try:
            classes, words = inspection.mask_classes(entries)
            if classes:
                say("masks mean", [words])
        except InputError as error:
            say("masks mean", [f"not clear: {error}"])
            if args.write:
                raise
    elif any(entry.mask for entry in entries):
        say("masks mean", [label_masks.MEANINGS.get(layout, f"as the layout {layout} has it")])
    rows = found.table(filter(None, (files, args.masks)), entries, {})
    left = rows[rows["read_as"].isin([found.LEFT_OUT, found.NOWHERE, found.OTHER])]
    said = [f"{row.folder}: {row.files} × {row.read_as}, {row.example}" for row in left.itertuples()]
    say("not read as images or masks", said or ["nothing"])
    if layout != "folder":
        say("layout", [f"{layout}: published, see resources/datasets.yaml; name it in `archives`"])
    if len({entry.class_name for entry in entries}) < 2:
        names = inspection.classes_in_names(entries)
        way_out = (
            f"names begin with {inspection.listed(list(names), 5)}: make a folder of each"
            if names
            else ("make a folder for each class")
        )
        raise InputError(f"{args.path}: holds one class only; {way_out}")
    if args.write:
        if layout != "folder" or args.path.is_file():
            raise InputError(f"{args.path}: a config is written for folders of one's own; unpack it")
        write_text(args.write, config(args, entries, looked_at, bool(groups), classes))
        say("written", [f"{args.write}; run: snakemake --cores 8 --configfile {args.write}"])


def read(files: Path, masks: Path | None) -> tuple[str, list[Entry]]:
    """The layout that fits and its images: one's own, else that of a published data set."""
    try:
        return "folder", layouts.read("folder", files, None, masks)
    except InputError as error:
        for layout in layouts.READERS:
            try:
                return layout, layouts.read(layout, files)
            except InputError:
                continue
        raise error


def masks_beside(files: Path) -> list[Path]:
    """Folders of that name beside the folder of images that a person named."""
    return [
        each for each in files.parent.glob("*") if each.is_dir() and each.name.lower() == own_folders.MASKS
    ]


def say(what: str, lines: list[str]) -> None:
    """Print what there is: one line, or several below a heading."""
    print(f"{what}:", *map(cli.one_line, lines), sep="\n  " if len(lines) > 1 else " ")


def config(
    args: argparse.Namespace,
    entries: list[Entry],
    looked_at: list[pictures.Picture],
    grouped: bool,
    classes: list[str],
) -> str:
    """A config for these images: a small network, so that it runs anywhere; comments say what to change."""
    given = all(entry.split for entry in entries)
    counts = [
        sum(entry.class_name == name for entry in entries) for name in {each.class_name for each in entries}
    ]
    masked = [entry for entry in entries if entry.mask]
    whole = len(masked) == len(entries)
    shortest = min(min(each.size) for each in looked_at)
    longest = max(max(each.size) for each in looked_at)
    seen = shortest * min(1.0, 288 / longest)  # the shortest side after longest_side
    crop = max(32, min(224, int(0.9 * seen) // 32 * 32))
    several = not given and min(counts) >= 50
    if given:
        training = sum(entry.split == "train" for entry in entries)
    else:
        training = len(entries) // 5 if several else len(entries) * 2 // 3
    seeds = "[1, 2]  # of each split" if several else "[1, 2, 3, 4, 5]  # on fewer, a table gives no verdict"
    lines = [
        f"# {len(entries)} images of {len(counts)} classes in {args.path}; written by inspect_folder.py.",
        f"run: {args.name}",
        f"seeds: {seeds}",
        "datasets:",
        f"  {args.name}:",
        f"    images: {quoted(args.path)}",
    ]
    lines += [f"    masks: {quoted(args.masks)}"] if args.masks else []
    if classes:
        lines.append(
            f"    mask_classes: [{', '.join(classes)}]  # your names, in the order of the masks' values"
        )
    if given:
        lines.append("    # split: the folders train/ and test/ are it")
    elif several:
        lines.append(
            '    split: "1:4"  # a fifth of each class trains, so that five splits share no training image'
        )
        lines.append("    repeats: 5")
    else:
        lines.append('    split: "2:1"  # two thirds of each class train; too few images for several splits')
    if grouped and not given:
        lines.append(f"    group: '{splits.LIKELY_GROUP}'  # what names of one plant or session share")
    if longest > 288:
        lines.append("    longest_side: 288  # larger images are brought to it; a GPU can take more")
    mode = "published" if whole else "automatic"
    why = "the masks that are there" if whole else "image processing draws; manual: you mark"
    marked, batch = max(2, min(30, training)), max(2, min(16, training // 4))
    epochs = max(40, -(-400 // max(1, training // batch)))  # 400 steps: 160 had not learnt 32 images
    lines += [
        f"annotate: {{mode: {mode}, count: {marked}}}  # what the segmenter learns from: {why}",
        "weights: {small: resources/small-leaves.pth}",
        "segment: {encoder: resnet18, weights: none, inference_scales: [0.5, 1.0], "
        f"crop: {crop}, epochs: 20, optimizer: adamw, learning_rate: 0.003}}",
        f"classify: {{crop: {crop}, epochs: {epochs}, batch_size: {batch}, optimizer: adam, "
        "learning_rate: {default: 0.005}, test_every: 5}",
        "tables:  # small: no GPU needed; with one, backbone: resnet50 and without the line `weights`",
        f"  mine: {{datasets: [{args.name}], backbone: small, "
        "methods: [baseline, attention, mga, mga-shuffled]}",
    ]
    return "\n".join(lines) + "\n"


def quoted(path: Path) -> str:
    """A path as YAML text."""
    return "'" + str(path).replace("'", "''") + "'"


if __name__ == "__main__":
    cli.run(main, parse_args())
