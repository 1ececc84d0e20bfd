"""The plan, all that the rules ask: settings, names, runs, tables, and here the figures of a run."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

from maskguide.plan.cells import unique
from maskguide.plan.frozen import Frozen
from maskguide.plan.places import PROBE
from maskguide.plan.tables import BACKGROUNDS

CHART = (
    "Accuracy of each method on the test images. Large marks: the mean over trainings, with one standard "
    "deviation to each side; small marks: single trainings."
)
STRIPS = (
    "Test images, the masks drawn of them, and where MGA's network looks; the number below is the area under "
    "the ROC curve of its attention against the mask: 0.5 is blind."
)
OF_TABLES = ("strips", "regions", "cam", "attention", "attended")  # kinds of figures that go with tables


class Plan(Frozen):
    """The whole of a run: each of its classes adds what the ones before do not know."""

    def __init__(self, *place: Any) -> None:
        super().__init__(*place)
        self.all_runs = self._all_runs()
        # names that tables ask for → those of their runs, where these are others
        cells = chain.from_iterable(self.cells(name) for name in self.tables)
        self.same = {cell[1]: run for cell in cells if (run := self.run_name(*cell)) != cell[1]}

    def figures(self) -> list[str]:
        """Every picture of this run."""
        made = [*self.tables]
        for dataset in self.datasets:
            made += [f"{kind}_{dataset}" for kind in OF_TABLES if dataset in self.shown(*self.beside(kind))]
            if self.curve_runs(dataset):
                made += [f"curves_{dataset}", f"confusion_{dataset}"]
            made += [
                f"{name}_{dataset}" for name, sweep in self.sweeps.items() if dataset in sweep["datasets"]
            ]
        return [f"{self.results}/figures/{name}.png" for name in made]

    def answering(self) -> list[str]:
        """The tables that the answer of the run is read from; none where nothing is compared."""
        kinds = {name: each.kind for name, each in self.tables.items()}
        if not {"comparison", PROBE} & {*kinds.values()}:
            return []
        return [name for name, kind in kinds.items() if kind in ("comparison", BACKGROUNDS, PROBE)]

    def names_of_answer(self) -> dict[str, Any]:
        """What make_answer.py must be told of names that only this run has."""
        return self.readers_of(chain.from_iterable(map(self.shown_runs, self.answering())), *self.datasets)

    def carded(self) -> list[str]:
        """The runs whose cells get a card: networks, judged on test images."""
        trained = (run for run in self.all_runs if Path(run).name != "seed0")
        return [run for run in trained if "-" not in Path(run).parts[-4]]

    def cards(self) -> list[str]:
        """The card of each cell."""
        return unique([[f"{Path(run).parent}/card.md" for run in self.carded()]])

    def data_on_cards(self) -> str:
        """What make_cards.py is told of the data sets, as JSON."""
        read = ("title", "licence", "citation", "homepage")
        told = {
            name: {**{key: self.entries[name].get(key, "") for key in read}, "splits": len(self.splits(name))}
            for name in self.datasets
        }
        return json.dumps(told, ensure_ascii=False)

    def answer_pictures(self) -> dict[str, str]:
        """The pictures of the answer, and what each shows."""
        found = {}
        for name in self.answering():
            table = self.tables[name]
            shown = CHART if table.kind == "comparison" else table.caption or table.what
            found[f"{self.results}/figures/{name}.png"] = shown.replace("``", "`")  # the report's are RST
        for dataset in self.shown(*self.beside("strips")):
            found[f"{self.results}/figures/strips_{dataset}.png"] = STRIPS
        return found

    def beside(self, kind: str) -> list[str]:
        """The tables that figures of this kind go with."""
        return [name for name, each in self.tables.items() if kind in each.figures]

    def backbone_beside(self, kind: str, dataset: str) -> str:
        """The backbone of such a figure: that of its table."""
        return next(
            self.config["tables"][name]["backbone"]
            for name in self.beside(kind)
            if dataset in self.shown(name)
        )

    def first_run(self, dataset: str, method: str, backbone: str) -> str:
        """The run with the first split and seed."""
        return self.runs(dataset, method, backbone)[0]

    def curve_runs(self, dataset: str) -> list[str]:
        """The runs of one data set whose training is drawn, each once: those that are one network."""
        cells = chain.from_iterable(self.cells(name) for name in self.beside("curves"))
        own = (cell for cell in cells if cell[0] == dataset and not self.averages(self.names[cell[1]]))
        return unique(self.runs(*cell) for cell in own)

    def strip_run(self, dataset: str) -> str:
        """The guided run whose attention the strips show."""
        return self.first_run(dataset, "mga", self.backbone_beside("strips", dataset))

    def cam_runs(self, dataset: str) -> list[str]:
        """The paper's conditions: without regions, each alone, all."""
        table = next(name for name in self.beside("cam") if dataset in self.shown(name))
        controls = self.listed(table, {"config": "controls"})
        shown = [row for row in self.rows(table, dataset) if row[0] not in controls]
        return [self.first_run(dataset, *row) for row in shown]

    def region_masks(self, dataset: str, split: int | str = 1) -> list[str]:
        """The region masks as configured, in the regions' order."""
        masks = self.resolved(dataset, "mgfe", "small").masks
        return [f"{self.results}/masks/{dataset}/split{split}/{source}" for source in masks]

    def attention_runs(self, dataset: str) -> list[str]:
        """ACA's networks, first scale first, with the first seed."""
        backbone = self.backbone_beside("attention", dataset)
        return [self.first_run(dataset, method, backbone) for method in self.scales(self.attending)]

    def attention_boxes(self, dataset: str) -> list[str]:
        """Where they look, but the last, that cuts nothing out."""
        backbone = self.backbone_beside("attention", dataset)
        return [self.looked_at(dataset, method, backbone)[0] for method in self.scales(self.attending)][:-1]

    def first_attended(self, dataset: str) -> list[str]:
        """Where the first scale looks, with each seed."""
        backbone = self.backbone_beside("attended", dataset)
        return self.looked_at(dataset, self.scales(self.attending)[0], backbone)

    def sweep_runs(self, name: str, dataset: str) -> list[str]:
        """The runs of a sweep, each once."""
        sweep = self.sweeps[name]
        names = [
            self.value_name(self.names[method], sweep["option"], value)
            for method in sweep["methods"]
            for value in sweep["values"]
        ]
        splits = self.sweep_splits(name, dataset)
        return unique(self.runs(dataset, each, sweep["backbone"], splits) for each in names)

    def sweep_baselines(self, name: str, dataset: str) -> list[str]:
        splits = self.sweep_splits(name, dataset)
        return self.runs(dataset, "baseline", self.sweeps[name]["backbone"], splits)

    def sweep_splits(self, name: str, dataset: str) -> list[str]:
        """A person's sweeps are for choosing; the papers' own figures show test images."""
        chosen_by = name.removeprefix("sweep_") in self.config["sweeps"]
        return self.choosing_splits(dataset) if chosen_by else self.splits(dataset)

    def sweep_detectors(self, name: str, dataset: str) -> list[str]:
        """The detectors that learnt from the swept numbers of images; none in other sweeps, and of masks."""
        sweep = self.sweeps[name]
        if not any(
            self.resolved(dataset, each, sweep["backbone"]).from_detector for each in sweep["methods"]
        ):
            return []
        splits = self.sweep_splits(name, dataset)
        return self.detectors(dataset, sweep["values"], splits) if sweep["option"] == "annotated" else []

    def sweep_flags(self, name: str, dataset: str) -> dict[str, Any]:
        """What plot_sweep.py is told."""
        runs = self.sweep_runs(name, dataset)
        return {
            "option": self.sweeps[name]["option"],
            "runs": runs,
            "baseline_runs": self.sweep_baselines(name, dataset),
            "detectors": self.sweep_detectors(name, dataset),
            **self.readers_of(runs, dataset),
        }

    def _all_runs(self) -> list[str]:
        """Every run of every table and figure, each once."""
        tables = [self.shown_runs(name) for name in self.tables]
        sweeps = [
            made(name, dataset)
            for name, sweep in self.sweeps.items()
            for dataset in sweep["datasets"]
            for made in (self.sweep_runs, self.sweep_baselines)
        ]
        return unique([*tables, *sweeps])
