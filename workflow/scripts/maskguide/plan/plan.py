"""What tables and figures show: cells of data set × method × backbone, and their runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from maskguide.plan import config_check
from maskguide.plan.runs import Runs
from maskguide.plan.tables import table, tables
from maskguide.system.files import InputError

Cell = tuple[str, str, str]  # data set, method, backbone
WITH_CURVES = ("table4", "mgfe_table3", "tdsa_table1")  # their runs' training is drawn
WITH_STRIPS, WITH_CAM = "table4", "mgfe_table3"
WITH_REGIONS = ("mgfe_table1", "mgfe_table3")
WITH_ATTENTION = ("aca_table2", "aca_table3", "aca_table4", "aca_table6")  # ACA's scales are drawn
WITH_BOXES = "aca_boxes"


class Plan(Runs):
    """All that the rules ask: settings, names, runs; and here the tables and figures."""

    def __init__(self, *place: Any) -> None:
        super().__init__(*place)
        self.tables = {
            name: table(name, options.get("title", "")) for name, options in self.config["tables"].items()
        }
        self.check()
        self.all_runs = self._all_runs()
        # names that tables ask for → those of their runs, where these are others
        cells = chain.from_iterable(self.cells(name) for name in self.tables)
        self.same = {cell[1]: run for cell in cells if (run := self.run_name(*cell)) != cell[1]}

    def check(self) -> None:
        """`InputError` for a table or sweep of a data set, backbone or method that is none."""
        figures = {
            f"{kind}_figure": self.config.get(f"{kind}_figure") for kind in ("annotation", "classifiers")
        }
        shown = {f"tables.{name}": options for name, options in self.config["tables"].items()}
        shown |= {f"sweeps.{name}": options for name, options in self.config["sweeps"].items()}
        shown |= {name: options for name, options in figures.items() if options}
        for place, options in shown.items():
            for dataset in options["datasets"]:
                if dataset not in self.datasets:
                    raise InputError(
                        f"config: {place}.datasets names '{dataset}', not a data set of this run."
                    )
            for backbone in [*options.get("backbones", []), options.get("backbone")]:
                unknown = backbone and config_check.unknown_backbone(backbone, place)
                if unknown:
                    raise InputError(unknown)
        for name, each in self.tables.items():
            for method in chain.from_iterable(self.listed(name, row) for row in each.rows if "config" in row):
                self.known_method(method, f"tables.{name}")

    # Tables

    def listed(self, name: str, row: dict[str, str]) -> list[str]:
        """The methods that the config lists for a row such as {config: controls, prefix: mga-}."""
        return [
            f"{row.get('prefix', '')}{each}" for each in self.config["tables"][name].get(row["config"], [])
        ]

    def rows(self, name: str, dataset: str) -> Iterator[tuple[str, str]]:
        """The (method, backbone) that a table shows for a data set, see `tables.yaml`."""
        options = self.config["tables"][name]
        backbone = options.get("backbone", "")
        for row in self.tables[name].rows:
            if isinstance(row, str):
                yield row, backbone
            elif "config" in row:
                yield from ((method, backbone) for method in self.listed(name, row))
            elif "each_backbone" in row:
                yield from ((row["each_backbone"], each) for each in options["backbones"])
            elif "each_region" in row:
                method, regions = row["each_region"], self.regions(dataset)
                yield from ((f"{method}-{region}", backbone) for region in regions if len(regions) > 1)
            else:
                rebuilt = backbone.startswith("vgg") and backbone.endswith("_bn")
                yield (row["plain"] if rebuilt else "baseline"), backbone

    def cells(self, name: str) -> list[Cell]:
        """The (data set, method, backbone) that a table shows."""
        return [(dataset, *row) for dataset in self.shown(name) for row in self.rows(name, dataset)]

    def shown(self, *names: str) -> list[str]:
        """The data sets of tables; none of a table that is not made."""
        made = (self.config["tables"][name]["datasets"] for name in names if name in self.tables)
        return list(dict.fromkeys(chain.from_iterable(made)))

    def table_runs(self, name: str) -> list[str]:
        """The runs that a table shows, each once."""
        return unique(self.runs(*cell) for cell in self.cells(name))

    def table_files(self) -> list[str]:
        """Every file that the tables consist of."""
        made = [f"{self.results}/tables/{name}.{suffix}" for name in self.tables for suffix in ("csv", "md")]
        return made + [
            f"{self.results}/tables/{name}_tests.csv" for name, each in self.tables.items() if each.tested
        ]

    def pattern(self, tested: bool) -> str:
        """A pattern of the tables with paired tests, or of those without."""
        return self.named_alike(name for name, each in self.tables.items() if each.tested == tested)

    def sources(self, name: str) -> dict[str, list[str]]:
        """The measurements that a table is made of, by the flag that names them."""
        each, runs = self.tables[name], self.table_runs(name) if self.tables[name].of_runs else []
        found = {"metrics": measured(runs), "segments": [], "detectors": [], "attended": []}
        if each.kind == "segmenters":
            found["segments"] = self.segmenters(self.shown(name))
        elif each.kind == "detectors":
            found["detectors"] = unique(self.detectors(dataset, [None]) for dataset in self.shown(name))
        elif each.kind == "boxes":
            found["attended"] = self.overlaps(name)
        elif each.kind == "comparison":
            found |= self.guides(name)
        return found

    def guides(self, name: str) -> dict[str, list[str]]:
        """The segmenters and detectors behind the masks of a table's methods."""
        segmented, detected = [], []
        for dataset, method, backbone in self.cells(name):
            found = self.resolved(dataset, method, backbone)
            if found.method.guided_by == "masks" and found.options["mask_source"] in (
                "segmenter",
                "shuffled",
            ):
                segmented.append(dataset)
            if found.method.guided_by == "regions":
                detected.append(self.detectors(dataset, [self.annotated(dataset, method)]))
        return {"segments": self.segmenters(dict.fromkeys(segmented)), "detectors": unique(detected)}

    def segmenters(self, datasets: Iterable[str]) -> list[str]:
        return [
            f"{self.results}/segment/{dataset}/split{split}/metrics.json"
            for dataset in datasets
            for split in self.splits(dataset)
        ]

    def detectors(self, dataset: str, counts: Iterable[int | None]) -> list[str]:
        """The measurements of detectors that learnt from so many images; None as configured."""
        return [
            f"{self.detector(dataset, split, count)}/metrics.json"
            for count in counts
            for split in self.splits(dataset)
        ]

    def overlaps(self, name: str) -> list[str]:
        """How the boxes of each scale, with each seed, agree with the true ones."""
        backbone = self.config["tables"][name]["backbone"]
        looked = (
            self.looked_at(dataset, method, backbone)
            for dataset in self.shown(name)
            for method in self.scales(self.attending)
        )
        return beside(chain.from_iterable(looked), "iou.json")

    def looked_at(self, dataset: str, method: str, backbone: str) -> list[str]:
        """Where the networks of one scale look, with each split and seed."""
        name = self.run_name(dataset, method, backbone)
        return [
            self.attended(dataset, split, name, backbone, seed)
            for split in self.splits(dataset)
            for seed in self.config["seeds"]
        ]

    def source_files(self, name: str) -> list[str]:
        """The files that a table is made of."""
        return unique(self.sources(name).values())

    def table_flags(self, name: str) -> dict[str, Any]:
        """What make_table.py is told: of which runs and measurements, how a person's own table is called."""
        found = self.sources(name)
        title = self.tables[name].title if name not in tables() else None
        guides = {key: found[key] for key in ("segments", "detectors", "attended")}
        runs = self.table_runs(name) if self.tables[name].of_runs else []
        return {"runs": runs, "title": title, **guides, **self.readers(name)}

    def readers(self, name: str) -> dict[str, Any]:
        """What make_table.py and plot_table.py must be told of names that only this run has."""
        runs = self.table_runs(name) if self.tables[name].of_runs else []
        looked_at = self.overlaps(name) if self.tables[name].kind == "boxes" else []
        return self.readers_of([*runs, *(str(Path(each).parent) for each in looked_at)], *self.shown(name))

    def readers_of(self, runs: Iterable[str], *datasets: str) -> dict[str, Any]:
        """The same for scripts that read these runs."""
        told = self.names_for_readers(dict.fromkeys(Path(run).parts[-3] for run in runs), datasets)
        return {"names": json.dumps(told, ensure_ascii=False) if told else None}

    @property
    def labels(self) -> list[str]:
        """The files that hold labels, colours, titles and notes: an edit makes tables and figures again."""
        package = self.scripts / "maskguide"
        files = [
            *package.glob("methods/*.yaml"),
            *package.glob("plan/*.yaml"),
            *package.glob("reporting/*.yaml"),
        ]
        return [*sorted(map(str, files)), self.registry]

    # Figures

    def figures(self) -> list[str]:
        """Every picture of this run."""
        made = [*self.tables]
        for dataset in self.datasets:
            if dataset in self.shown(WITH_STRIPS):
                made.append(f"strips_{dataset}")
            if dataset in self.shown(*WITH_REGIONS):
                made.append(f"regions_{dataset}")
            if dataset in self.shown(WITH_CAM):
                made.append(f"cam_{dataset}")
            if dataset in self.shown(*WITH_ATTENTION):
                made.append(f"attention_{dataset}")
            if dataset in self.shown(WITH_BOXES):
                made.append(f"attended_{dataset}")
            if self.curve_runs(dataset):
                made += [f"curves_{dataset}", f"confusion_{dataset}"]
            made += [
                f"{name}_{dataset}" for name, sweep in self.sweeps.items() if dataset in sweep["datasets"]
            ]
        return [f"{self.results}/figures/{name}.png" for name in made]

    def first_run(self, dataset: str, method: str, backbone: str) -> str:
        """The run with the first split and seed."""
        return self.runs(dataset, method, backbone)[0]

    def curve_runs(self, dataset: str) -> list[str]:
        """The runs of one data set whose training is drawn, each once."""
        made = [name for name in WITH_CURVES if name in self.tables]
        return unique(self.runs(*cell) for name in made for cell in self.cells(name) if cell[0] == dataset)

    def strip_run(self, dataset: str) -> str:
        """The guided run whose attention the strips show."""
        return self.first_run(dataset, "mga", self.config["tables"][WITH_STRIPS]["backbone"])

    def cam_runs(self, dataset: str) -> list[str]:
        """The paper's conditions: without regions, each alone, all."""
        controls = self.listed(WITH_CAM, {"config": "controls"})
        shown = [row for row in self.rows(WITH_CAM, dataset) if row[0] not in controls]
        return [self.first_run(dataset, *row) for row in shown]

    def region_masks(self, dataset: str, split: int | str = 1) -> list[str]:
        """The region masks as configured, in the regions' order."""
        masks = self.resolved(dataset, "mgfe", "small").masks
        return [f"{self.results}/masks/{dataset}/split{split}/{source}" for source in masks]

    def attention_backbone(self, dataset: str) -> str:
        """The backbone whose attention is drawn."""
        tables = (self.config["tables"][name] for name in WITH_ATTENTION if dataset in self.shown(name))
        return next(tables)["backbone"]

    def attention_runs(self, dataset: str) -> list[str]:
        """ACA's networks, first scale first, with the first seed."""
        backbone = self.attention_backbone(dataset)
        return [self.first_run(dataset, method, backbone) for method in self.scales(self.attending)]

    def attention_boxes(self, dataset: str) -> list[str]:
        """Where they look, but the last, that cuts nothing out."""
        backbone = self.attention_backbone(dataset)
        return [self.looked_at(dataset, method, backbone)[0] for method in self.scales(self.attending)][:-1]

    def first_attended(self, dataset: str) -> list[str]:
        """Where the first scale looks, with each seed."""
        backbone = self.config["tables"][WITH_BOXES]["backbone"]
        return self.looked_at(dataset, self.scales(self.attending)[0], backbone)

    def sweep_runs(self, name: str, dataset: str) -> list[str]:
        """The runs of a sweep, each once."""
        sweep = self.sweeps[name]
        names = [
            self.value_name(self.names[method], sweep["option"], value)
            for method in sweep["methods"]
            for value in sweep["values"]
        ]
        return unique(self.runs(dataset, each, sweep["backbone"]) for each in names)

    def sweep_baselines(self, name: str, dataset: str) -> list[str]:
        return self.runs(dataset, "baseline", self.sweeps[name]["backbone"])

    def sweep_detectors(self, name: str, dataset: str) -> list[str]:
        """The detectors that learnt from the swept numbers of images; none in other sweeps."""
        sweep = self.sweeps[name]
        return self.detectors(dataset, sweep["values"]) if sweep["option"] == "annotated" else []

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
        tables = [self.table_runs(name) for name, each in self.tables.items() if each.of_runs]
        sweeps = [
            self.sweep_runs(name, dataset)
            for name, sweep in self.sweeps.items()
            for dataset in sweep["datasets"]
        ]
        return unique([*tables, *sweeps])


def measured(runs: Iterable[str]) -> list[str]:
    return [f"{run}/metrics.json" for run in runs]


def beside(files: Iterable[str], name: str) -> list[str]:
    """The file of that name in the folder of each."""
    return [str(Path(file).with_name(name)) for file in files]


def unique(lists: Iterable[Iterable[str]]) -> list[str]:
    """All of the lists' entries, each once, in their order."""
    return list(dict.fromkeys(chain.from_iterable(lists)))
