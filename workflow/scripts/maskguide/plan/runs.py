"""Runs: what a name stands for on a data set with a backbone; two names of the same options are one run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from maskguide.plan import declared
from maskguide.plan.config_check import way_out
from maskguide.plan.names import LEARNING, Names
from maskguide.plan.variants import Variant
from maskguide.system.files import InputError


@dataclass(frozen=True)
class Resolved:
    """A name on a data set with a backbone: everything that decides its result besides split and seed.

    options: what its script is told, by name. masks: the folders of masks that it learns from. weights: the
    kind of its starting weights. scale: which scale's images it sees, 1 whole ones.
    """

    method: declared.Method
    options: dict[str, Any]
    weights: str
    masks: tuple[str, ...] = ()
    counterparts: bool = False
    scale: int = 1

    @property
    def from_segmenter(self) -> bool:
        """Whether its masks are the segmenter's, as they are or shuffled."""
        return self.method.guided_by == "masks" and self.options["mask_source"] in ("segmenter", "shuffled")

    @property
    def identity(self) -> str:
        parts = [self.options, self.weights, self.masks, self.counterparts, self.scale]
        return json.dumps(parts, sort_keys=True)


def times(factor: int, epochs: int | list[int]) -> int | list[int]:
    return [factor * each for each in epochs] if isinstance(epochs, list) else factor * epochs


class Runs(Names):
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
        source, masks, counterparts = None, (), False
        if method.guided_by == "masks":
            source = own.get("mask_source", classify["mask_source"])
            masks = (source,)
        elif method.guided_by == "regions":
            options["regions"] = self.guiding(dataset, variant.name, options["regions"])
            for key, option in method.options.items():
                if "by" in option:
                    options[key] = declared.for_each(options[key], options[option["by"]])
            count = own.get("annotated") or self.settings("boxes", dataset)["count"]
            source = f"{own['content']}-{count}{'-shuffled' * own.get('shuffled', False)}"
            masks = tuple(f"{region}-{source}" for region in options["regions"])
            counterparts = own["counterparts"]
        weights = own.get("weights", classify["weights"])
        return Resolved(
            method, {**learning, **options, "mask_source": source}, weights, masks, counterparts, scale
        )

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
        """Whether the data set has the regions, the run the scale, that a name speaks of."""
        regions = set(variant.options.get("regions", ())) <= set(self.regions(dataset))
        return regions and variant.options.get("scale", 1) <= self.config["aca"]["scales"]

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

    # Of one run, by its wildcards

    def learns_by(self, wc: Any) -> Resolved:
        """What the run of these wildcards (dataset, method, backbone) is."""
        return self.resolved(wc.dataset, wc.method, wc.backbone)

    def code_of_run(self, wc: Any, script: str = declared.TRAINED) -> list[str]:
        """The modules of a job that makes or reads a run's network: its method's, its view's, no other's."""
        resolved = self.learns_by(wc)
        views = ["views/zoom"] if resolved.scale > 1 else []
        return self.modules(script, [f"methods/{resolved.method.module}", *views])

    def code_of_runs(self, script: str, names: Iterable[str]) -> list[str]:
        """The modules of a job that reads networks of these names."""
        chosen = dict.fromkeys(declared.methods()[self.names[name].method].module for name in names)
        zoomed = any(
            self.averages(self.names[name]) or self.names[name].options.get("scale", 1) > 1 for name in names
        )
        return self.modules(script, [f"methods/{module}" for module in chosen] + ["views/zoom"] * zoomed)

    def mask_stores(self, wc: Any) -> list[str]:
        place = f"{self.results}/store/{wc.dataset}/split{wc.split}/masks"
        return [f"{place}/{source}" for source in self.learns_by(wc).masks]

    def counterpart_stores(self, wc: Any) -> list[str]:
        """The masked training images that a run learns from besides."""
        resolved = self.learns_by(wc)
        place = f"{self.results}/store/{wc.dataset}/split{wc.split}/counterparts"
        return [f"{place}/{source}" for source in resolved.masks] if resolved.counterparts else []

    def mask_annotation(self, wc: Any) -> str | list:
        """The marks behind a run's masks: their kind stands in every table."""
        resolved = self.learns_by(wc)
        if resolved.method.guided_by == "regions":
            return f"{self.detector(wc.dataset, wc.split, self.annotated(wc.dataset, wc.method))}/boxes.csv"
        place = f"{self.results}/annotate/{wc.dataset}/split{wc.split}"
        return f"{place}/annotated.csv" if resolved.from_segmenter else []

    def starting_weights(self, wc: Any) -> str | list:
        return self.weights_file(wc.backbone, self.learns_by(wc).weights)

    def zoom(self, dataset: str, split: int | str, name: str, backbone: str, seed: int | str) -> str | list:
        """The attended boxes that cut out the images of this run; none where it sees whole images."""
        scale = self.names[name].options.get("scale", 1)
        if scale == 1:
            return []
        attends = declared.methods()[self.names[name].method].attends
        guide = self.at_scale(name if attends else self.attending, scale - 1)
        return self.attended(dataset, split, self.run_name(dataset, guide, backbone), backbone, seed)

    def zoom_of(self, wc: Any) -> str | list:
        """The same by wildcards."""
        return self.zoom(wc.dataset, wc.split, wc.method, wc.backbone, wc.seed)

    def attended(self, dataset: str, split: int | str, name: str, backbone: str, seed: int | str) -> str:
        """Where a network of one scale looks: what the next scale sees."""
        return f"{self.results}/attend/{dataset}/split{split}/{name}/{backbone}/seed{seed}/attended.csv"

    def scale_runs(self, wc: Any) -> list[str]:
        """The folders of the networks that a run averages."""
        return [
            self.run(wc.dataset, wc.split, self.run_name(wc.dataset, each, wc.backbone), wc.backbone, wc.seed)
            for each in self.scales(wc.method)
        ]

    def scale_zooms(self, wc: Any) -> list[str]:
        """What cuts out the images of those networks, from the second on."""
        return [
            self.zoom(wc.dataset, wc.split, each, wc.backbone, wc.seed) for each in self.scales(wc.method)[1:]
        ]

    # Guides

    def annotated(self, dataset: str, name: str) -> int:
        """How many annotated images stand behind a name's regions."""
        return self.names[name].options.get("annotated") or self.settings("boxes", dataset)["count"]

    def detector(self, dataset: str, split: int | str, count: int | str | None = None) -> str:
        """The detector that learnt from so many annotated images; without a count, as configured."""
        count = count or self.settings("boxes", dataset)["count"]
        return f"{self.results}/detect/{dataset}/split{split}/{count}"

    def detector_weights(self, dataset: str) -> str | list:
        """The detector's starting weights; an empty list stands for none."""
        options = self.settings("detect", dataset)
        return self.weights_file(options["architecture"], options["weights"])

    def segmenter_weights(self, dataset: str) -> str | list:
        """The encoder's starting weights; none where another data set's segmenter is the start."""
        options = self.settings("segment", dataset)
        return [] if options["init_from"] else self.weights_file(options["encoder"], options["weights"])

    def segmenter_ancestor(self, dataset: str) -> str | list:
        """The segmenter of the data set that `init_from` names: of its first split."""
        ancestor = self.settings("segment", dataset)["init_from"]
        if ancestor and ancestor not in self.datasets:
            raise InputError(
                f"config: datasets.{dataset}.segment.init_from names '{ancestor}', not a data set of this run"
                f"; {way_out(ancestor, self.datasets)}"
            )
        return f"{self.results}/segment/{ancestor}/split1/model.pt" if ancestor else []
