"""Which annotation programs' files lie in a folder, before anything is known of the images that they mark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from maskguide.marks.coco import is_coco
from maskguide.marks.label_studio import is_label_studio
from maskguide.marks.labelme import is_labelme
from maskguide.marks.parsed import read_json, read_text, read_xml
from maskguide.marks.via import is_via
from maskguide.marks.xml_files import XML_ROOTS
from maskguide.system.files import InputError

PROGRAMS = {"LabelMe": is_labelme, "COCO": is_coco, "VIA": is_via, "Label Studio": is_label_studio}
XML = dict(zip(XML_ROOTS, ("Pascal VOC", "CVAT"), strict=True))
RARE = 0.02  # of the most frequent number of YOLO's: so rare that it may be a slip


def seen(paths: Iterable[Path]) -> list[str]:
    """A line for each kind of marks: how many files, and of YOLO's how often each class's number occurs."""
    kinds: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    holder: dict[str, Path] = {}
    for path in paths:
        kind = kind_of(path)
        if kind:
            kinds[kind] += 1
        for number in yolo_numbers(path) if kind == "YOLO" else ():
            numbers[number] += 1
            holder.setdefault(number, path)
    lines = [f"{count} files of {kind}" for kind, count in sorted(kinds.items())]
    if numbers:
        by_number = sorted(numbers.items(), key=lambda item: (len(item[0]), item[0]))
        lines.append(
            "YOLO's class numbers: " + ", ".join(f"{number} ({count}×)" for number, count in by_number)
        )
        most = max(numbers.values())
        lines += [
            f"class {number} occurs {count}× only, first in {holder[number]}: a slip?"
            for number, count in by_number
            if count <= RARE * most
        ]
    return lines


def kind_of(path: Path) -> str | None:
    """The program whose file this is by its content; None for any other, and for broken ones."""
    try:
        if path.suffix.lower() == ".json":
            content = read_json(path)
            return next((name for name, fits in PROGRAMS.items() if fits(content)), None)
        if path.suffix.lower() == ".xml":
            return XML.get(read_xml(path).tag)
        if path.suffix.lower() == ".txt":
            return "YOLO" if yolo_numbers(path) else None
    except InputError:
        return None
    return None


def yolo_numbers(path: Path) -> list[str]:
    """The class numbers of a file of YOLO's; [] where a line is none of its boxes or polygons."""
    found = []
    for line in read_text(path).splitlines():
        number, *rest = line.split() or [""]
        try:
            fits = len(rest) >= 4 and len(rest) % 2 == 0 and all(-0.5 <= float(each) <= 1.5 for each in rest)
        except ValueError:
            fits = False
        if line.strip() and (not fits or not number.replace(".0", "").isdigit()):
            return []
        if line.strip():
            found.append(number.removesuffix(".0"))
    return found
