"""Label Studio's JSON, in full (a list of tasks) or JSON-MIN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from maskguide.marks.parsed import Entry, MarkedImage, Wanted, ellipse_points, pairs, size_of, turned_box
from maskguide.marks.run_lengths import brush_mask
from maskguide.system.files import InputError

KINDS = ("rectanglelabels", "polygonlabels", "ellipselabels", "brushlabels")


def is_label_studio(content: Any) -> bool:
    """Whether a JSON file's content is Label Studio's: a list of tasks."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(task, dict)
            and ({"data", "annotations"} <= task.keys() or {"id", "annotation_id"} <= task.keys())
            for task in content
        )
    )


def read_label_studio(path: Path, content: list[dict[str, Any]], wanted: Wanted) -> list[MarkedImage]:
    """The images of the tasks: rectangles, polygons, ellipses and brush strokes.

    Each annotation of a task, of one annotator each, is a `MarkedImage` of its own. Cancelled ones,
    predictions of models and results that are no marks do not count: `left_out`.
    """
    found = []
    for task in content:
        place = f"{path}: task {task.get('id')}"
        reference = image_of(place, task.get("data", task), task.get("file_upload"))
        left_out = [("task(s) with predictions of a model", "")] if task.get("predictions") else []
        for annotation in task["annotations"] if "data" in task else [{"result": _flat(task)}]:
            if annotation.get("was_cancelled"):
                left_out.append(("cancelled annotation(s)", ""))
                continue
            results = annotation.get("result") or [] if wanted(reference) else []
            marks = [result for result in results if kind_of(result)]
            if len(marks) < len(results):
                left_out.append(("annotation(s) with results that are no marks, as choices are", ""))
            entries = [_entry(place, result) for result in marks]
            sizes = [size_of(mark.get("original_height"), mark.get("original_width")) for mark in marks]
            found.append(MarkedImage(reference, sizes[0] if sizes else None, entries, left_out))
            left_out = []
        if left_out:
            found.append(MarkedImage(reference, None, [], left_out))
    return found


def image_of(place: str, data: dict[str, Any], upload: Any) -> str:
    """The task's image: of its data what names an image, else the uploaded file's name."""
    texts = [value for name, value in data.items() if isinstance(value, str) and name != "file_upload"]
    endings = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
    images = [text for text in texts if text.split("?d=")[-1].split("?")[0].lower().endswith(endings)]
    if len(images) > 1:
        raise InputError(f"{place}: names several images ({', '.join(images[:3])}); export tasks of one each")
    if not images and not isinstance(upload, str):
        raise InputError(f"{place}: names no image file; export it again from a project of images")
    return images[0] if images else upload


def _flat(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of a JSON-MIN task: lists under the names of the project's tags."""

    def results() -> Iterator[dict[str, Any]]:
        for value in task.values():
            for each in value if isinstance(value, list) else []:
                if isinstance(each, dict):
                    kind = next((name for name in KINDS if name in each), None)
                    yield {**each, "type": kind, "value": each}

    return list(results())


def kind_of(result: dict[str, Any]) -> str | None:
    """The kind of a result that is a mark; None for a choice, a text, a relation."""
    return next((kind for kind in KINDS if result.get("type") == kind), None)


def _entry(place: str, result: dict[str, Any]) -> Entry:
    kind, value = kind_of(result), result.get("value") or {}
    names = value.get(kind) or []
    if len(names) > 1:
        raise InputError(f"{place}: one mark has the labels {', '.join(names)}; leave one")
    name = names[0] if names else None
    place = f"{place}: a mark of {name!r}"
    try:
        return _mark(place, kind, value, name, size_of(result["original_height"], result["original_width"]))
    except (KeyError, TypeError, ValueError) as error:
        message = f"cannot be read ({type(error).__name__}: {error})"
        raise InputError(f"{place} {message}; export it again") from error


def _mark(
    place: str, kind: str, value: dict[str, Any], name: str | None, size: tuple[int, int] | None
) -> Entry:
    """One mark; its numbers are hundredths of the image's sides."""
    if size is None:
        raise ValueError("it does not say the image's size")
    percent = np.array([size[1], size[0]]) / 100
    if kind == "polygonlabels":
        return Entry(place, name, "polygon", pairs(place, value["points"]) * percent)
    if kind == "brushlabels":
        if value.get("format") != "rle":
            raise ValueError("its brush is in another format than rle")
        return Entry(place, name, "mask", np.zeros((1, 2)), brush_mask(value["rle"], size), whole=True)
    first, degrees = np.array([value["x"], value["y"]], float) * percent, float(value.get("rotation") or 0)
    if kind == "ellipselabels":
        radii = np.array([value["radiusX"], value["radiusY"]], float) * percent
        return Entry(place, name, "polygon", ellipse_points(*first, *radii, degrees))
    sides = np.array([value["width"], value["height"]], float) * percent
    if degrees % 360:
        return Entry(place, name, "polygon", turned_box(first, sides, degrees, first))
    return Entry(place, name, "box", np.array([first, first + sides]))
