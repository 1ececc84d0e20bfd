"""What the name of a method with scales says: `aca`, `aca-local-n4-s1`, `maxpool-s2` and their like."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_NAME = re.compile(
    r"(?P<family>aca|maxpool)"
    r"(?:(?<=aca)-(?P<losses>local|object))?"
    r"(?:(?<!maxpool)-n(?P<classifiers>[1-9]\d*))?"
    r"(?:-s(?P<scale>[1-9]))?"
)
FAMILIES = {"aca": "ACA", "maxpool": "max pooling"}


@dataclass(frozen=True)
class ScaleVariant:
    """A network of one scale, or the average of the networks of all scales; None stands for as configured.

    family: aca, or maxpool, its baseline on the same crops. losses: local or object, the only loss that
    teaches (None: both). classifiers: how many local classifiers. scale: 1, 2, 3 (None: all scales together).
    """

    family: str
    losses: str | None = None
    classifiers: int | None = None
    scale: int | None = None

    def at(self, scale: int | None) -> ScaleVariant:
        """The same at one scale (None: all scales together)."""
        return replace(self, scale=scale)

    def guide(self) -> ScaleVariant | None:
        """The network whose attention cuts out this one's images: ACA one scale before; None at scale 1."""
        if self.scale is None or self.scale == 1:
            return None
        own = self if self.family == "aca" else ScaleVariant("aca")
        return own.at(self.scale - 1)

    @property
    def name(self) -> str:
        """The method's name, as its folder says it."""
        words = [self.family, self.losses]
        words += [None if self.classifiers is None else f"n{self.classifiers}"]
        words += [None if self.scale is None else f"s{self.scale}"]
        return "-".join(word for word in words if word)

    @property
    def label(self) -> str:
        """The method's name for a reader: "ACA, local loss alone, 4 classifiers, scale 1"."""
        words = [FAMILIES[self.family], None if self.losses is None else f"{self.losses} loss alone"]
        if self.classifiers is not None:
            words.append(f"{self.classifiers} classifier{'s' * (self.classifiers > 1)}")
        words.append("all scales" if self.scale is None else f"scale {self.scale}")
        return ", ".join(word for word in words if word)

    @property
    def place(self) -> tuple:
        """For sorting: max pooling before ACA, as configured first, one scale before all of them."""
        return (self.family != "maxpool", self.losses or "", self.classifiers or 0, self.scale or 10)


def parse(method: str) -> ScaleVariant | None:
    """The variant that a method's name stands for; None where it is no such name."""
    found = _NAME.fullmatch(method)
    if found is None:
        return None
    words = found.groupdict()
    numbers = {key: None if words[key] is None else int(words[key]) for key in ("classifiers", "scale")}
    return ScaleVariant(words["family"], words["losses"], **numbers)
