"""What the name of a region-guided method says: `mgfe-vein-sigmoid-n5` and its like."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

_NAME = re.compile(
    r"mgfe"
    r"(?:-(?!(?:sigmoid|softmax|filled|binarised|counterparts|shuffled|n\d+)(?:-|$))(?P<region>[a-z][a-z0-9_]*))?"
    r"(?:-(?P<activation>sigmoid|softmax))?"
    r"(?:-(?P<content>filled|binarised))?"
    r"(?P<counterparts>-counterparts)?"
    r"(?P<shuffled>-shuffled)?"
    r"(?:-n(?P<count>[1-9]\d*))?"
)


@dataclass(frozen=True)
class RegionVariant:
    """MGFE and what is not as configured; None or False stands for as configured.

    region: the only region that guides (None: all). activation: softmax or sigmoid. content: of the region
    masks, filled or binarised. counterparts: masked images as extra training images. shuffled: each image has
    the boxes of another. count: annotated images that the detector learnt from.
    """

    region: str | None = None
    activation: str | None = None
    content: str | None = None
    counterparts: bool = False
    shuffled: bool = False
    count: int | None = None

    @property
    def control(self) -> bool:
        """Whether the paper has no such row: anything but all regions, or one alone."""
        return any(getattr(self, field.name) for field in fields(self) if field.name != "region")

    @property
    def name(self) -> str:
        """The method's name, as its folder says it."""
        words = ["mgfe", self.region, self.activation, self.content]
        words += ["counterparts" if self.counterparts else None, "shuffled" if self.shuffled else None]
        words += [None if self.count is None else f"n{self.count}"]
        return "-".join(word for word in words if word)

    @property
    def label(self) -> str:
        """The method's name for a reader: "MGFE, vein, sigmoid"."""
        region = None if self.region is None else self.region.replace("_", " ")
        content = None if self.content is None else f"{self.content} masks"
        words = ["MGFE", region, self.activation, content]
        words += ["masked counterparts" if self.counterparts else None]
        words += ["boxes of other images" if self.shuffled else None]
        words += [None if self.count is None else f"{self.count} annotated"]
        return ", ".join(word for word in words if word)

    @property
    def place(self) -> tuple:
        """For sorting: the paper's rows first, a region alone before all of them."""
        words = (self.content or "", self.activation or "")
        return (self.count or 0, self.shuffled, self.counterparts, *words, self.region is None)


def parse(method: str) -> RegionVariant | None:
    """The variant that a method's name stands for; None where it is no name of MGFE."""
    found = _NAME.fullmatch(method)
    if found is None:
        return None
    words = found.groupdict()
    return RegionVariant(
        region=words["region"],
        activation=words["activation"],
        content=words["content"],
        counterparts=words["counterparts"] is not None,
        shuffled=words["shuffled"] is not None,
        count=None if words["count"] is None else int(words["count"]),
    )
