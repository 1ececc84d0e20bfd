"""What a person should hear before anything is made: marks to draw by hand, masks that are not there."""

from __future__ import annotations

from pathlib import Path

from maskguide.plan import sources
from maskguide.plan.datasets import MARKS
from maskguide.plan.forecast import networks
from maskguide.plan.plan import Plan


def marked_by_hand(plan: Plan) -> list[str]:
    """The files that hold a person's marks once they are read, of all that this run's networks learn from."""
    found = networks(plan)
    masks = [
        f"{plan.results}/annotate/{dataset}/split{split}/annotated.csv"
        for dataset, split in found["segmenters"]
        if plan.mode(dataset, "annotate") == "manual"
    ]
    boxes = [
        f"{plan.detector(dataset, split, count)}/boxes.csv"
        for dataset, split, count in found["detectors"]
        if plan.mode(dataset, "boxes") == "manual"
    ]
    return sorted(masks + boxes)


def lines(plan: Plan) -> list[str]:
    """What is to be done by hand, and what the data sets cannot give."""
    said = []
    for path in marked_by_hand(plan):
        if not Path(path).exists():
            dataset, section = parts_of(plan, path)
            said.append(
                f"{dataset}: your marks come first: nothing is trained before they are read from "
                f"{plan.marks_place(dataset, section)} (for {Path(path).parent})"
            )
    said += outlines(plan)
    for dataset in plan.datasets:
        if not plan.without_masks(dataset):
            continue
        drawn = [section for section in MARKS if automatic(plan, dataset, section)]
        for section in drawn:
            said.append(
                f"{dataset}: has no masks, so image processing draws what is learnt from ({section}.mode: "
                "automatic); with mode manual you mark a few images yourself"
            )
        for name, table in plan.tables.items():
            if table.kind == "segmenters" and dataset in plan.shown(name):
                said.append(f"{name}: {dataset} has no masks, so how good those in use are cannot be told")
    return said


def outlines(plan: Plan) -> list[str]:
    """Where whole objects are shown by others than the masks that were asked for."""
    names: dict[tuple[str, str], list[str]] = {}
    for run in plan.all_runs:
        *_, dataset, _, name, backbone, _ = Path(run).parts
        objects = plan.resolved(dataset, name, backbone).objects if name in plan.names else ""
        if objects and plan.only_parts(dataset) and objects in sources.KNOWN:
            names.setdefault((dataset, sources.base_of(objects)), []).append(name)
    words = {sources.OUTLINE: "the outlines that came with the images"}
    words[sources.SILHOUETTE] = "silhouettes, found by image processing,"
    return [
        f"{dataset}: masks show {', '.join(plan.mask_classes(dataset))} alone, no whole object; "
        f"{words[base]} are taken for {', '.join(dict.fromkeys(found))}"
        for (dataset, base), found in names.items()
    ]


def parts_of(plan: Plan, path: str) -> tuple[str, str]:
    """The data set and the section of the config behind a file of `marked_by_hand`."""
    place, dataset, *_ = Path(path).relative_to(plan.results).parts
    return dataset, "annotate" if place == "annotate" else "boxes"


def automatic(plan: Plan, dataset: str, section: str) -> bool:
    """Whether image processing marks only because nothing else was said, and something learns from that."""
    found = networks(plan)["segmenters" if section == "annotate" else "detectors"]
    unsaid = plan.settings(section, dataset)["mode"] is None
    return unsaid and plan.mode(dataset, section) == "automatic" and any(dataset == each[0] for each in found)
