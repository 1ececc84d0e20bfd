"""The data sets of a run: those of the registry, and a person's own, which the config describes.

An own data set is one that the registry does not know: `datasets: {vines: {images: PATH, masks: PATH}}` says
where its folders lie, and `entry` makes of it what the registry would hold. `{half: {like: leaves_sessions}}`
is a generated one under a further name, so that a run may hold it with several options.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from maskguide.plan.config_check import complaint, way_out
from maskguide.system.files import InputError, read_yaml

SCHEMA = Path(__file__).parents[3] / "schemas" / "datasets.schema.yaml"
FOLDERS = ("images", "masks")
OUTLINE = "outline"
MARKS = {"annotate": "annotations", "boxes": "boxes"}  # folders of resources/<data set>/ for a person's marks
Entry = dict[str, Any]


@cache
def schema() -> dict[str, Any]:
    """The schema of the registry."""
    return read_yaml(SCHEMA)


def registry(path: str | Path) -> dict[str, Entry]:
    """The registry of data sets by name; `InputError` where it does not fit its schema."""
    found = read_yaml(path)
    refuse(complaint(found, schema(), str(path), SCHEMA.name))
    return found


def entry_of(path: str | Path, name: str, described: str | None = None) -> Entry:
    """One data set's entry: that of the registry at `path`, else the one that the JSON `described` holds."""
    if described is None:
        found = registry(path)
        if name not in found:
            raise InputError(f"{path}: has no data set {name!r}; it has {', '.join(found)}")
        return found[name]
    try:
        found = {name: json.loads(described)}
    except ValueError as error:
        raise InputError(f"--entry {described}: is no JSON ({error})") from error
    refuse(complaint(found, schema(), "--entry", SCHEMA.name))
    return found[name]


def own_keys() -> dict[str, dict[str, Any]]:
    """What the config may say of an own data set, under `datasets.<name>`: JSON schemas; all may be null."""
    registered = schema()["additionalProperties"]["properties"]
    path = {"type": "string", "minLength": 1}
    said = {
        "images": (
            path,
            "Folder of your own images, one for each class in it, or in train/ and test/ in it. Null: a "
            "published data set.",
        ),
        "masks": (
            path,
            "Folder of their masks, <class>/<image's name>.png. Null: masks/ beside images/, or files as "
            "<image's name>_mask.png beside the images, if any.",
        ),
        "mask_classes": (registered["mask_classes"], "Null: object."),
        "mask_values": (registered["mask_values"], "Null: worked out of the files, which must agree."),
        "void": (registered["void"], "Null: none; of labels with VOC's border, 255."),
        "regions": (registered["regions"], "Null: one for each mask class, of its name."),
        "title": (registered["title"], "Null: the name used here."),
        "like": (
            path,
            "A generated data set under a name of your own, with options of its own under `generate`: "
            "leaves_sessions. Null: none.",
        ),
    }
    return {
        key: {
            **of_key,
            "description": f"{of_key.get('description', '')} {words}".strip(),
            "type": [of_key["type"], "null"],
            "default": None,
        }
        for key, (of_key, words) in said.items()
    }


def is_own(options: Mapping[str, Any]) -> bool:
    """Whether the config's `datasets.<name>` describes a data set of a person's own."""
    return options.get("images") is not None


def entries(config: Mapping[str, Any], known: Mapping[str, Entry], path: str) -> dict[str, Entry]:
    """The entries of the registry `known`, which lies at `path`, and of the own data sets of a config.

    `InputError` for a name that nobody describes, and for an own data set that has a published one's name.
    """
    found = dict(known)
    for name, options in config["datasets"].items():
        said = next((key for key in own_keys() if options.get(key) is not None), None)
        if name not in known and said:
            like = options.get("like") is not None
            found[name] = entry_like(name, options, known) if like else entry(name, options)
        elif said:
            raise InputError(
                f"config: datasets.{name}.{said}: {name} is published, in {path}; give your own another name"
            )
    for name in [*config["datasets"], *config["archives"], *config["splits"]]:
        if name not in found:
            raise InputError(
                f"config: data set '{name}' is not in {path}; one of your own needs datasets.{name}.images, "
                f"else: {way_out(name, found)}"
            )
    for name in config["archives"]:
        if name not in known:
            key = "images" if is_own(config["datasets"][name]) else "like"
            raise InputError(
                f"config: archives.{name}: datasets.{name}.{key} says where it is; leave one of them out"
            )
    return found


def entry(name: str, options: Mapping[str, Any]) -> Entry:
    """The entry of an own data set, as the registry would hold it.

    options: the config's `datasets.<name>`; None stands for absent. `InputError` for a folder that is not
    there, and for keys that contradict each other.
    """
    said = {key: value for key, value in options.items() if value is not None}
    place = f"config: datasets.{name}"
    if "images" not in said:
        raise InputError(f"{place}: has no images; give datasets.{name}.images, their folder")
    for key in FOLDERS:
        folder = Path(said.get(key, "."))
        if not folder.is_dir():
            wrong = "is no folder; unpack it" if folder.exists() else "does not exist; correct the path"
            raise InputError(f"{place}.{key}: {folder} {wrong}")
    classes = said.get("mask_classes", ["object"])
    found = {
        "title": said.get("title", name),
        "source": {"local": True, "hint": "the config names its folders"},
        "layout": "folder",
        "mask_classes": classes,
        "regions": said.get("regions", {each: [each] for each in classes}),
        "masks": "published" if "masks" in said else "none",
        "split": said.get("split", "2:1"),
        "licence": "",
        "citation": "",
        "homepage": "",
        **{key: said[key] for key in ("mask_values", "void") if key in said},
    }
    refuse(complaint({"datasets": {name: found}}, {"properties": {"datasets": schema()}}))
    for region, parts in found["regions"].items():
        for part in parts if parts != OUTLINE else ():
            if part not in classes:
                known = way_out(part, classes)
                raise InputError(f"{place}.regions.{region}: '{part}' is no mask class; {known}")
    return found


def entry_like(name: str, options: Mapping[str, Any], known: Mapping[str, Entry]) -> Entry:
    """The entry of a generated data set of the registry `known`, under a further name.

    `InputError` for one that is not generated, and for keys that only images of one's own may have.
    """
    like, place = options["like"], f"config: datasets.{name}"
    made = [each for each in known if "generator" in known[each]["source"]]
    if like not in made:
        raise InputError(f"{place}.like: '{like}' is no generated data set; {way_out(like, made)}")
    for key in own_keys():
        if options.get(key) is not None and key not in ("like", "title"):
            raise InputError(f"{place}.{key}: {like}, which it is like, has its own; leave one of them out")
    found = {**known[like], "title": options.get("title") or name}
    refuse(complaint({"datasets": {name: found}}, {"properties": {"datasets": schema()}}))
    return found


def folders(name: str, options: Mapping[str, Any], archive: str | None, local: bool) -> list[str]:
    """The folders in which a person keeps a data set's files: read where they lie, not packed.

    options: the config's `datasets.<name>`. archive: what its `archives` names. local: whether a person must
    put the data set in its place; of others the download lies there.
    """
    if is_own(options):
        return [options[key] for key in FOLDERS if options.get(key)]
    if archive:
        return [archive] if Path(archive).is_dir() else []
    return [str(path) for path in placed(name, local) if path.is_dir()]


def packed(name: str, archive: str | None, local: bool) -> list[str]:
    """The archives that a person gives of a data set."""
    if archive:
        return [] if Path(archive).is_dir() else [archive]
    return [str(path) for path in placed(name, local) if path.is_file()]


def placed(name: str, local: bool) -> list[Path]:
    """What a person put into resources/<data set>/, but for marks."""
    place = Path("resources", name)
    found = sorted(place.iterdir()) if local and place.is_dir() else []
    return [path for path in found if not path.name.startswith(".") and path.name not in MARKS.values()]


def refuse(wrong: str | None) -> None:
    """Raise the line of what is wrong, where anything is."""
    if wrong:
        raise InputError(wrong)
