"""Where what a run learns from and writes lies, by its wildcards, and that of the networks that guide it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from maskguide.plan import declared, sources
from maskguide.plan.config_check import way_out
from maskguide.plan.runs import Resolved, Runs
from maskguide.plan.seeing import WHOLE
from maskguide.system.files import InputError


class RunFiles(Runs):
    """The files and folders of a run's job; empty lists stand for none."""

    def learns_by(self, wc: Any) -> Resolved:
        """What the run of these wildcards (dataset, method, backbone) is."""
        return self.resolved(wc.dataset, wc.method, wc.backbone)

    def code_of_run(self, wc: Any, script: str = declared.TRAINED) -> list[str]:
        """The modules of a job that makes or reads a run's network: its method's, its view's, no other's."""
        resolved = self.learns_by(wc)
        views = [f"views/{name}" for name in resolved.views]
        return self.modules(script, [f"methods/{resolved.method.module}", *views])

    def code_of_runs(self, script: str, names: Iterable[str]) -> list[str]:
        """The modules of a job that reads networks of these names."""
        chosen = dict.fromkeys(declared.methods()[self.names[name].method].module for name in names)
        zoomed = any(
            self.averages(self.names[name]) or self.names[name].options.get("scale", 1) > 1 for name in names
        )
        return self.modules(script, [f"methods/{module}" for module in chosen] + ["views/zoom"] * zoomed)

    def inputs_of_run(self, wc: Any) -> dict[str, str | list[str]]:
        """What a training needs besides images and split, by name: what guides it, what it starts from.

        One input function for all of it: snakemake takes its time for each, of thousands of trainings.
        """
        found = {
            "masks": self.mask_stores(wc),
            "counterparts": self.counterpart_stores(wc),
            "annotated": self.mask_annotation(wc),
            "zoom": self.zoom_of(wc),
            "objects": self.objects_store(wc),
            "blank": self.blanked_by(wc),
            "background": self.blanked_by(wc, "background"),
            "weights": self.starting_weights(wc),
        }
        return {name: files for name, files in found.items() if files}

    def mask_stores(self, wc: Any) -> list[str]:
        place = f"{self.results}/store/{wc.dataset}/split{self.guided_as(wc.split)}/masks"
        return [f"{place}/{source}" for source in self.learns_by(wc).masks]

    def counterpart_stores(self, wc: Any) -> list[str]:
        """The masked training images that a run learns from besides."""
        resolved = self.learns_by(wc)
        place = f"{self.results}/store/{wc.dataset}/split{self.guided_as(wc.split)}/counterparts"
        return [f"{place}/{source}" for source in resolved.masks] if resolved.counterparts else []

    def mask_annotation(self, wc: Any) -> str | list:
        """The marks behind a run's masks: their kind stands in every table."""
        resolved, split = self.learns_by(wc), self.guided_as(wc.split)
        if resolved.from_detector:
            return f"{self.detector(wc.dataset, split, self.annotated(wc.dataset, wc.method))}/boxes.csv"
        place = f"{self.results}/annotate/{wc.dataset}/split{split}{resolved.fewer}"
        return f"{place}/annotated.csv" if resolved.from_segmenter else []

    def objects_store(self, wc: Any) -> str | list:
        """The masks that show the object where training images are changed; none without."""
        resolved = self.learns_by(wc)
        if resolved.objects in ("", sources.RECTANGLES) or not {*resolved.seen} - {*WHOLE}:
            return []
        place = f"{self.results}/store/{wc.dataset}/split{self.guided_as(wc.split)}/masks"
        return f"{place}/{resolved.objects_folder}"

    def objects_said(self, wc: Any) -> str | None:
        """The same as a training is told, rectangles by their name."""
        resolved = self.learns_by(wc)
        rectangles = resolved.objects == sources.RECTANGLES
        return sources.RECTANGLES if rectangles else self.objects_store(wc) or None

    def blanked_by(self, wc: Any, view: str = "blank") -> str | list:
        """The masks, those of test images too, by which a run sees through a view; none without."""
        resolved = self.learns_by(wc)
        place = f"{self.results}/store/{wc.dataset}/split{self.guided_as(wc.split)}/objects"
        return f"{place}/{resolved.objects_folder}" if resolved.seen.get(view) else []

    def twin_of(self, wc: Any) -> str | list:
        """The folder of the masks that a source is a twin of; none of masks that are made by themselves."""
        source = sources.KNOWN[wc.mask_source]
        return f"{self.results}/masks/{wc.dataset}/split{wc.split}/{source.base}" if source.twin else []

    def starting_weights(self, wc: Any) -> str | list:
        return self.weights_file(wc.backbone, self.learns_by(wc).weights)

    def zoom(self, dataset: str, split: int | str, name: str, backbone: str, seed: int | str) -> str | list:
        """The boxes, attended or the object's, that cut out what this run sees; none of whole images."""
        resolved = self.resolved(dataset, name, backbone)
        if "crop_box" in resolved.seen:
            boxes = f"{resolved.objects_folder}-{resolved.seen['crop_box']}"
            return f"{self.results}/objects/{dataset}/split{self.guided_as(split)}/{boxes}/attended.csv"
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

    def cell(self, wc: Any, split: str = "") -> str:
        """The folder that holds a run's seeds; split: another than that of the wildcards."""
        return f"{self.results}/runs/{wc.dataset}/split{split or wc.split}/{wc.method}/{wc.backbone}"

    def calibrated_by(self, wc: Any) -> dict[str, Any]:
        """What calibrate.py is told of a run: its folder, and that of each fold with its index."""
        if "index" in self.stored(wc.dataset):
            raise InputError(
                f"config: {wc.dataset}: no training image can be held back to calibrate by, as test images "
                "have a size of their own; leave classify.test_resize out"
            )
        folds = self.folds_of(wc.split)
        return {
            "run": self.cell(wc),
            "fold_runs": [self.cell(wc, fold) for fold in folds],
            "fold_indexes": [f"{self.results}/data/{wc.dataset}/split{fold}/index.csv" for fold in folds],
        }

    def calibrating_runs(self, wc: Any) -> list[str]:
        """The runs, of the split and of its folds, that must be there to calibrate."""
        cells = [self.cell(wc), *self.calibrated_by(wc)["fold_runs"]]
        return [f"{cell}/seed{seed}" for cell in cells for seed in self.seeds_of(wc.method)]

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
