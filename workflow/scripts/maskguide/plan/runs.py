"""Runs: what a name stands for on a data set with a backbone; two names of the same options are one run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maskguide.plan import declared, sources
from maskguide.plan.names import LEARNING
from maskguide.plan.seeing import WHOLE, Seeing, views_of
from maskguide.plan.variants import Variant
from maskguide.system.files import InputError


@dataclass(frozen=True)
class Resolved:
    """A name on a data set with a backbone: everything that decides its result besides split and seed.

    options: what its script is told, by name. masks: the folders of masks that it learns from. weights: the
    kind of its starting weights. scale: which scale's images it sees, 1 whole ones. own_masks: the masks that
    are in their images' own places, of those that it learns from; of twins, what they were made of. seen:
    what it says of views. objects: the source of the masks that show these the object, "" none;
    objects_folder: its folder.
    """

    method: declared.Method
    options: dict[str, Any]
    weights: str
    masks: tuple[str, ...] = ()
    counterparts: bool = False
    scale: int = 1
    own_masks: tuple[str, ...] = ()
    seen: dict[str, Any] = field(default_factory=dict)
    objects: str = ""
    objects_folder: str = ""

    @property
    def from_segmenter(self) -> bool:
        """Whether masks of it are the segmenter's, as they are or a twin of them."""
        guides = self.masks if self.method.guided_by == "masks" else ()
        return sources.SEGMENTER in map(sources.base_of, [*guides, self.objects])

    @property
    def fewer(self) -> str:
        """Which segmenter's they are: "" the configured one's, else of another number of annotated images."""
        return next(filter(None, map(sources.fewer_of, [*self.masks, self.objects_folder])), "")

    @property
    def from_detector(self) -> bool:
        """Whether boxes of it are the detector's."""
        return self.method.guided_by == "regions" or self.objects == sources.DETECTOR

    @property
    def views(self) -> list[str]:
        """The views that it sees through, by name."""
        return views_of(self.seen, self.scale)

    @property
    def identity(self) -> str:
        parts = [self.options, self.weights, self.masks, self.counterparts, self.scale]
        parts += [self.seen, self.objects_folder]
        return json.dumps(parts, sort_keys=True)


def times(factor: int, epochs: int | list[int]) -> int | list[int]:
    return [factor * each for each in epochs] if isinstance(epochs, list) else factor * epochs


class Runs(Seeing):
    """Which runs there are, what each needs and where it lies."""

    def __init__(self, *place: Any) -> None:
        super().__init__(*place)
        self._resolved: dict[tuple[str, str, str], Resolved] = {}
        self._first: dict[tuple[str, str, str], dict[str, str]] = {}

    def resolved(self, dataset: str, name: str, backbone: str) -> Resolved:
        """What a name stands for; `InputError` where the data set has not what it wants."""
        key = dataset, name, backbone
        if key not in self._resolved:
            self._resolved[key] = self._resolve(dataset, self.names[name], backbone)
        return self._resolved[key]

    def _resolve(self, dataset: str, variant: Variant, backbone: str) -> Resolved:
        method, classify = declared.methods()[variant.method], self.settings("classify", dataset)
        own = {**self.section(method, dataset), **self.taught(variant, dataset), **variant.options}
        rates = classify["learning_rate"]
        learning = {key: own.get(key, classify[key]) for key in LEARNING if key != "weights"}
        for key in ("epochs", "learning_rate_steps"):
            learning[key] = times(own.get("budget", 1), learning[key])
        learning["learning_rate"] = own.get("learning_rate", rates.get(backbone, rates["default"]))
        scale = own.get("scale", 1)
        if scale > self.config["aca"]["scales"]:
            raise InputError(
                f"config: method '{variant.name}' sees scale {scale}, but aca.scales is "
                f"{self.config['aca']['scales']}; raise it, or take a lower scale"
            )
        options = {key: own.get(key, option.get("default")) for key, option in method.options.items()}
        source, masks, counterparts, own_masks = None, (), False, ()
        if method.guided_by == "masks":
            source = own.get("mask_source", classify["mask_source"])
            masks = (self.learned_from(dataset, source, own),)
            own_masks = masks if sources.fewer_of(*masks) else (sources.base_of(source),)
        elif method.guided_by == "regions":
            options["regions"] = self.guiding(dataset, variant.name, options["regions"])
            for key, option in method.options.items():
                if "by" in option:
                    options[key] = declared.for_each(options[key], options[option["by"]])
            count = own.get("annotated") or self.settings("boxes", dataset)["count"]
            source = f"{own['content']}-{count}{'-shuffled' * own.get('shuffled', False)}"
            masks = tuple(f"{region}-{source}" for region in options["regions"])
            own_masks = tuple(f"{region}-{own['content']}-{count}" for region in options["regions"])
            counterparts = own["counterparts"]
        seen, objects, folder = self.seen(own), "", ""
        if seen:
            said = self.shown_by(dataset, own)
            self.check_seen(dataset, variant.name, own, said)
            objects = folder = self.objects_of(dataset, said)
            if objects == sources.DETECTOR:
                count = own.get("annotated") or self.settings("boxes", dataset)["count"]
                folder = f"{self.object_region(dataset)}-filled-{count}"
            else:
                folder = self.learned_from(dataset, objects, own)
            source = source or objects
            options |= {key: value for key, value in seen.items() if key not in WHOLE}
        options = {**learning, **options, "mask_source": source}
        weights = own.get("weights", classify["weights"])
        return Resolved(
            method, options, weights, masks, counterparts, scale, own_masks, seen, objects, folder
        )

    def learned_from(self, dataset: str, source: str, own: Mapping[str, Any]) -> str:
        """The folder of a source's masks: the segmenter's own where it learns from `annotated` images.

        Twins are made of the configured segmenter's masks alone.
        """
        count = own.get("annotated")
        as_configured = count in (None, self.settings("annotate", dataset)["count"])
        return source if as_configured or source != sources.SEGMENTER else source + sources.fewer(count)

    def section(self, method: declared.Method, dataset: str) -> dict[str, Any]:
        """What the config says of a method's options and settings."""
        declares = {**method.options, **method.settings}
        said = (
            self.settings("classify", dataset)
            if method.section == "classify"
            else self.config.get(method.section, {})
        )
        return {key: value for key, value in said.items() if key in declares}

    def taught(self, variant: Variant, dataset: str) -> dict[str, Any]:
        """What the section of the method that a variant `learns_as` says of learning."""
        if "learns_as" not in variant.options:
            return {}
        said = self.section(declared.methods()[variant.options["learns_as"]], dataset)
        return {key: value for key, value in said.items() if key in (*LEARNING, "learning_rate")}

    def guiding(self, dataset: str, name: str, regions: list[str] | None) -> list[str]:
        """The regions that guide: those named, else all; `InputError` for one that the data set has not."""
        there = self.regions(dataset)
        for region in regions or ():
            if region not in there:
                raise InputError(
                    f"config: method '{name}': {dataset} has no region '{region}'; it has {', '.join(there)}"
                )
        return list(regions or there)

    def run_name(self, dataset: str, name: str, backbone: str) -> str:
        """The name whose folder holds the run: the first of the same options, the method's own foremost."""
        variant = self.names[name]
        asked = self.resolved(dataset, name, backbone)
        key = dataset, f"{variant.method}{' averaged' * self.averages(variant)}", backbone
        if key not in self._first:
            first: dict[str, str] = {}
            alike = [each for each in self.names.values() if each.method == variant.method]
            alike.sort(key=lambda each: (bool(each.options), each.place))
            for each in alike:
                if self.averages(each) == self.averages(variant) and self.fits(each, dataset):
                    first.setdefault(self.resolved(dataset, each.name, backbone).identity, each.name)
            self._first[key] = first
        return self._first[key][asked.identity]

    def fits(self, variant: Variant, dataset: str) -> bool:
        """Whether the data set has the regions and the masks, the run the scale, that a name speaks of."""
        options = variant.options
        regions = set(options.get("regions", ())) <= set(self.regions(dataset))
        seen, said = self.seen(options), self.shown_by(dataset, options)
        if seen and (
            not self.objects_of(dataset, said) or (said == sources.RECTANGLES and {*WHOLE} & {*seen})
        ):
            return False
        return regions and options.get("scale", 1) <= self.config["aca"]["scales"]

    def seeds_of(self, name: str) -> list[int]:
        """The seeds of a name's runs; 0 alone where nothing is drawn."""
        return self.config["seeds"] if self.names[name].method in self.trained_methods else [0]

    @property
    def trained_methods(self) -> list[str]:
        return [name for name, each in declared.methods().items() if each.script == declared.TRAINED]

    def runs(self, dataset: str, name: str, backbone: str, splits: Sequence[str] = ()) -> list[str]:
        """The folders of a table's cell, one for each split (none: all of the data set's) and seed."""
        backbone = declared.methods()[self.names[name].method].backbone or backbone
        name = self.run_name(dataset, name, backbone)
        return [
            self.run(dataset, split, name, backbone, seed)
            for split in splits or self.splits(dataset)
            for seed in self.seeds_of(name)
        ]

    def run(self, dataset: str, split: int | str, name: str, backbone: str, seed: int | str) -> str:
        """The folder of one run."""
        return f"{self.results}/runs/{dataset}/split{split}/{name}/{backbone}/seed{seed}"

    def named_alike(self, names: Iterable[str]) -> str:
        """A pattern of these names."""
        return "|".join(sorted(name.replace(".", r"\.") for name in names)) or "none"

    @property
    def networks(self) -> str:
        """A pattern of the names whose runs are one network each."""
        return self.named_alike(
            name
            for name, each in self.names.items()
            if each.method in self.trained_methods and not self.averages(each)
        )

    @property
    def averaged(self) -> str:
        """A pattern of the names whose runs average networks."""
        return self.named_alike(name for name, each in self.names.items() if self.averages(each))
