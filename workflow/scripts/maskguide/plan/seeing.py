"""What networks get to see: which views a name asks for, and whose masks show them the object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskguide.plan import declared, sources
from maskguide.plan.datasets import OUTLINE
from maskguide.plan.names import Names
from maskguide.system.files import InputError

WHOLE = ("blank", "crop_box", "background")  # options that change test images too
PART = "vein"  # in the name of a mask class that is a part of the object, no outline of it


def views_of(seen: Mapping[str, Any], scale: int = 1) -> list[str]:
    """The views behind these options, by name."""
    named = [name for name, view in declared.views().items() if {*view.options} & {*seen}]
    return sorted({*named, *(["zoom"] if scale > 1 else [])})


class Seeing(Names):
    """What a name's networks see, of each data set."""

    def seen(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What a name says of views but the scale; of those of training images only where p is above 0."""
        found = {}
        for view in declared.views().values():
            for key in view.options:
                said = options.get(key) if key != "scale" else None
                drawn = said and options.get(view.name)
                if drawn if view.training_only else said is not None and said is not False:
                    found[key] = said
        return found

    def only_parts(self, dataset: str) -> bool:
        """Whether masks show parts of the object alone, such as veins."""
        return all(PART in name for name in self.mask_classes(dataset))

    def objects_of(self, dataset: str, said: str) -> str | None:
        """The source of masks that show whole objects where masks of `said` are asked for; None without."""
        if said == sources.DETECTOR and self.object_region(dataset) is None:
            return None
        outlined = OUTLINE in self.entries[dataset]["regions"].values()
        return sources.of_parts(said, outlined) if self.only_parts(dataset) else said

    def showing(self, dataset: str, of_every_image: bool = False) -> str | None:
        """Whose masks tell objects from backgrounds: the true ones, else the guide's; None without any.

        of_every_image: a person's own masks may be of some images alone, so that the segmenter's are taken
        where `objects` does not ask for the true ones.
        What image processing drew, without being asked to, is nobody's mask.
        """
        said = sources.base_of(self.settings("classify", dataset)["objects"])
        some = of_every_image and dataset in self.own and said != sources.TRUTH
        true = not self.without_masks(dataset) and not some
        asked = [said] if said == sources.AUTO else []
        drawn = self.mode(dataset, "annotate") != "automatic"
        tried = [*([sources.TRUTH] if true else []), *asked, *([sources.SEGMENTER] if drawn else [])]
        return next((each for each in tried if self.objects_of(dataset, each)), None)

    def shown_by(self, dataset: str, options: Mapping[str, Any]) -> str:
        """Whose masks show a name's networks the object; of backgrounds alone those of `showing`."""
        shown = self.showing(dataset, of_every_image=True) if options.get("background") else None
        return options.get("objects") or shown or self.settings("classify", dataset)["objects"]

    def object_region(self, dataset: str) -> str | None:
        """The region that is the whole object: its outline, else all mask classes, else the first no part."""
        regions, classes = self.entries[dataset]["regions"], set(self.mask_classes(dataset))
        whole = [name for name, parts in regions.items() if parts == OUTLINE]
        whole += [name for name, parts in regions.items() if set(parts) == classes]
        return next((name for name in [*whole, *regions] if PART not in name), None)

    def check_seen(self, dataset: str, name: str, own: Mapping[str, Any], said: str) -> None:
        """`InputError` where what a name says of views contradicts itself or the data set."""
        seen, place = self.seen(own), f"config: method '{name}'"
        whole = [key for key in WHOLE if key in seen]
        averages = declared.methods()[self.names[name].method].averages_scales
        if whole and (own.get("scale", 1) > 1 or (averages and "scale" not in own)):
            raise InputError(f"{place}: {whole[0]} goes with whole images; give it scale: 1")
        if whole and said == sources.RECTANGLES:
            raise InputError(f"{place}: {whole[0]} needs masks; rectangles stand in for swap and tint alone")
        if self.objects_of(dataset, said) is None:
            shown = ", ".join(self.mask_classes(dataset))
            raise InputError(
                f"config: {dataset}: {name} needs masks of whole objects, but those of {said} show {shown} "
                f"alone; leave it out there, or take objects: {sources.AUTO}, by image processing"
            )
