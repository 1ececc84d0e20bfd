"""Through what a trained network sees an image, as its args.yaml tells: whole, blanked, or a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskguide.plan import sources
from maskguide.system.files import InputError


@dataclass(frozen=True)
class Seen:
    """blank: the background is blanked. margin: around the object's box, which alone is seen, as a share of
    its sides; None where it is not. before: the folder of the network whose attended part is seen. masks,
    segmenter: the folder of the masks that show the object, and the model that makes those of new images.
    """

    blank: bool = False
    margin: float | None = None
    before: Path | None = None
    masks: Path | None = None
    segmenter: Path | None = None

    @property
    def whole(self) -> bool:
        """Whether all of an image is seen, in its place."""
        return self.margin is None and self.before is None


def seen_by(folder: Path, options: Mapping[str, Any]) -> Seen:
    """How the network in a seed's folder sees, by the options that it was trained with.

    What these name is looked for in the results that the folder lies in, wherever they were moved to.
    `InputError` for a network that no new image can be shown to.
    """
    zoom, blank = options.get("zoom"), options.get("blank")
    if options.get("background"):
        raise InputError(f"{folder}: learned from backgrounds alone, to ask what they tell; give another run")
    if zoom and "attend" in Path(zoom).parts:
        return Seen(before=folder.parents[4].joinpath(*Path(zoom).parts[-6:-1]))
    if not zoom and not blank:
        return Seen()
    margin = None
    if zoom:
        source, _, said = Path(zoom).parent.name.rpartition("-")
        margin = float(said)
    else:
        source = Path(blank).name
    if sources.base_of(source) != sources.SEGMENTER or sources.twin_of(source):
        raise InputError(
            f"{folder}: sees by the masks of {source}, which new images have not; train it with objects: "
            f"{sources.SEGMENTER}"
        )
    dataset, split = Path(zoom or blank).parts[-4:-2]
    results, fewer = folder.parents[5], sources.fewer_of(source)
    made = results / "masks" / dataset / split / source
    model = results / "segment" / dataset / f"{split}{fewer}" / "model.pt"
    return Seen(bool(blank), margin, None, made, model)
