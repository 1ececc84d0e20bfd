"""Anybody's own images: a folder for each class, alone or in train/ and test/, and their masks.

Names of folders that mean something (images, masks, train, …) may be written in any case. What lies in none
of the places that are read is left out, never guessed: `found.py` counts and names it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from maskguide.data.layout_files import (
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    Entry,
    alike,
    by_stem,
    images_in,
    mask_of,
    plain_id,
    visible,
)
from maskguide.system.cli import log
from maskguide.system.files import InputError

IMAGES, MASKS = "images", "masks"
TRAIN, VALIDATION, TEST = ("train", "training"), ("val", "valid", "validation"), ("test", "testing")
PARTS = (*TRAIN, *VALIDATION, *TEST)
# 0_mask.png, "benign (4)_mask_1.png", mask-0.png: the image's name is in the parenthesis
MASK_NAMES = (
    re.compile(r"(.+)[ _.-](?:masks?|seg|segmentation|gt)[ _.-]?\d*", re.IGNORECASE),
    re.compile(r"(?:masks?|seg|segmentation|gt)[ _.-](.+)", re.IGNORECASE),
)


class Place(NamedTuple):
    """A folder with images of one class, the folder of their masks if any, its part by a name of `PARTS`."""

    folder: Path
    masks: Path | None
    class_name: str
    part: str = ""


def read_folder(files: Path, folder: str | None = None, masks: Path | None = None) -> list[Entry]:
    """<class>/image.*, or images/<class>/image.* with masks/<class>/<stem>.png beside.

    Around or within the classes' folders, train/ and test/ are the split; val/ is a part of the training
    images where there is a test/, else the test images. Instead of in masks/<class>/ masks may lie beside
    their images, as <stem>_mask.png, or <class>/ may hold images/ and masks/ itself. `masks`: a folder
    elsewhere that holds the masks' <class>/ (or train/<class>/ and test/<class>/).
    """
    root = unwrapped(files)
    images, masks = child(root, IMAGES) or root, masks or child(root, MASKS)
    parts = [path for path in folders_in(images, masks) if path.name.lower() in PARTS]
    if len(parts) > 1 and any(path.name.lower() in TRAIN for path in parts):
        inner = [(path, child(path, IMAGES) or path) for path in parts]
        below = [(path, base, child(path, MASKS) or child(masks, path.name)) for path, base in inner]
        places = [each for path, base, own in below for each in classes_in(base, own, path.name.lower())]
        check_no_stray_mask(masks, {path.name for path in parts})
    else:
        places = classes_in(images, masks)
    if not places and (loose := images_in(images)):
        raise InputError(
            f"{loose[0]}: lies in no class's folder, as {len(loose)} images in all; put those of each class "
            "into a folder of its name"
        )
    side = sides(places, images)
    places.sort(key=lambda place: PARTS.index(place.part) if place.part else 0)
    entries: dict[str, Entry] = {}
    again: list[Entry] = []
    for place, entry in beside(places):
        found = replace(entry, split=side.get(place.part, ""))
        if entry.image_id in entries and entries[entry.image_id].path.parent != entry.path.parent:
            # the same name in another part
            found = replace(found, image_id=plain_id(f"{place.part}-{entry.class_name}-{entry.path.stem}"))
        if entries.setdefault(found.image_id, found) is not found:
            again.append(found)
    return [*entries.values(), *again]


def unwrapped(files: Path) -> Path:
    """The folder itself, or the one in it that it only wraps, beside files that are no images."""
    root = files
    while len(inside := folders_in(root)) == 1 and not images_in(root) and not holds_images(inside[0]):
        root = inside[0]
    return root


def holds_images(folder: Path) -> bool:
    """Whether this is a class's folder or the folder `images`, not one that only wraps the data set."""
    return folder.name.lower() == IMAGES or bool(images_in(folder))


def folders_in(folder: Path, masks: Path | None = None) -> list[Path]:
    """The folders directly in a folder, sorted, but for that of the masks."""
    found = [path for path in visible(folder) if path.is_dir()]
    return [path for path in found if masks is None or path.resolve() != masks.resolve()]


def child(folder: Path | None, name: str) -> Path | None:
    """The folder of that name in a folder, in any case and Unicode form; None where there is none."""
    inside = folders_in(folder) if folder and folder.is_dir() else []
    found = [path for path in inside if path.name == name]
    found = found or [path for path in inside if alike(path.name) == alike(name)]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise InputError(f"{folder}: {names} differ in case alone; make one of them")
    return found[0] if found else None


def classes_in(images: Path, masks: Path | None, part: str = "") -> list[Place]:
    """The places of the classes whose folders lie in `images`."""
    places, classes = [], folders_in(images, masks)
    for folder in classes:
        inside = folders_in(folder)
        own = child(masks, folder.name)
        if own and own.name != folder.name and own.name in {each.name for each in classes}:
            own = None  # that of another class, whose name differs in case alone
        if images_in(folder):
            places.append(Place(folder, own, folder.name, part))
        elif inner := child(folder, IMAGES):
            places.append(Place(inner, child(folder, MASKS) or own, folder.name, part))
        elif inside and not part and all(path.name.lower() in PARTS for path in inside):
            below = [(path, child(path, IMAGES) or path) for path in inside]
            places += [
                Place(base, child(path, MASKS) or child(own, path.name), folder.name, path.name.lower())
                for path, base in below
            ]
        else:
            refuse_empty(folder, inside)
    check_no_stray_mask(masks, {place.class_name for place in places})
    return places


def refuse_empty(folder: Path, inside: list[Path]) -> None:
    """`InputError` for a class folder that holds no image itself: what lies below may be of any class."""
    count = sum(len(images_in(path)) for path in folder.rglob("*") if path.is_dir())
    if count:
        names = ", ".join(path.name for path in inside[:3])
        raise InputError(
            f"{folder}: has no image of its own, but {count} in folders below ({names}); put the images of a "
            "class directly into its folder, and masks into a folder called masks"
        )
    kinds = ", ".join(sorted(IMAGE_SUFFIXES))
    raise InputError(f"{folder}: a class folder without an image ({kinds}); add some or move it elsewhere")


def sides(places: list[Place], images: Path) -> dict[str, str]:
    """The side of the split of each part's name; said, since nothing is drawn then."""
    parts = {place.part for place in places if place.part}
    if not parts:
        return {}
    if whole := [place.folder for place in places if not place.part]:
        raise InputError(f"{whole[0]}: has no train/ and test/ within, as other classes have; give it both")
    testing = parts & set(TEST) or parts & set(VALIDATION)
    side = {part: "test" if part in testing else "train" for part in parts}
    if set(side.values()) != {"train", "test"}:
        raise InputError(
            f"{images}: its classes have {' and '.join(sorted(parts))} alone; add train and test"
        )
    training, tested = (
        " and ".join(f"{part}/" for part in PARTS if side.get(part) == each) for each in ("train", "test")
    )
    log.info("%s: the folders are the split: %s for training, %s for the test", images, training, tested)
    return side


def beside(places: list[Place]) -> list[tuple[Place, Entry]]:
    """The images of all places with their masks, those that lie beside them too."""
    pairs = {place: masks_beside(images_in(place.folder)) for place in places}
    found = []
    for place, paired in pairs.items():
        images = [path for path in images_in(place.folder) if path not in paired]
        if any(pairs.values()):
            check_alone(images)
        own = {image: mask for mask, image in paired.items()}
        masks = by_stem(place.masks, MASK_SUFFIXES) if place.masks else {}
        strange = set(masks.values()) - {mask_of(image, masks) for image in images}
        if strange:
            way_out = "give it its image's name, or move it elsewhere"
            raise InputError(f"{min(strange)}: no image in {place.folder} belongs to this mask; {way_out}")
        others = [path.name for path in visible(place.folder) if path.suffix.lower() not in IMAGE_SUFFIXES]
        others = [name for name in others if (place.folder / name).is_file()]
        if others:
            log.warning("%s: %d files are passed over, not images: %s", place.folder, len(others), others[0])
        for image in images:
            mask = mask_of(image, masks)
            if mask and image in own:
                raise InputError(f"{own[image]}: {image.name} has another mask, {mask}; keep one of them")
            image_id = plain_id(f"{place.class_name}-{image.stem}")
            found.append((place, Entry(image_id, image, place.class_name, mask=mask or own.get(image))))
    masks = [mask for paired in pairs.values() for mask in paired]
    if masks:
        log.info("%s: is a mask, as its name says; so are %d files beside their images", masks[0], len(masks))
    return found


def masks_beside(images: list[Path]) -> dict[Path, Path]:
    """The masks among a folder's files, by their names, with the image that each belongs to."""
    stems = {alike(path.stem): path for path in images}
    found: dict[Path, Path] = {}
    for path in images:
        image = next((stems[name] for name in meant_by(path) if name in stems), None)
        if image and path.suffix.lower() in MASK_SUFFIXES:
            if image in found.values():
                first = next(mask for mask, other in found.items() if other == image)
                raise InputError(
                    f"{path}: is a second mask of {image.name}, beside {first.name}; join them in one file"
                )
            found[path] = image
    return found


def meant_by(path: Path) -> list[str]:
    """The names of images, as `alike` has them, whose mask a file's name says it is."""
    matches = (pattern.fullmatch(path.stem) for pattern in MASK_NAMES)
    return [alike(match[1]) for match in matches if match]


def check_alone(images: list[Path]) -> None:
    """Refuse, where masks lie beside images, one that is called a mask and has no image."""
    for path in images:
        if meant_by(path):
            raise InputError(
                f"{path}: is called a mask, as others in this data set are, but its image is missing; add "
                "the image, or move the mask elsewhere"
            )


def check_no_stray_mask(masks: Path | None, folders: set[str]) -> None:
    """Refuse what lies in the masks' folder beside its `folders`: nobody would see that it is not used."""
    known = {alike(name) for name in folders}
    for path in visible(masks) if masks and masks.is_dir() else []:
        if alike(path.name) not in known and (path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES):
            rule = "masks lie in a folder for each class, named as its images' one"
            raise InputError(f"{path}: belongs to no class; {rule}")
