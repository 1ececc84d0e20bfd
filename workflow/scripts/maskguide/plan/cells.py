"""What tables show: cells of data set × method × backbone, their runs, and what else a table is made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, product
from pathlib import Path
from typing import Any

from maskguide.plan import config_check, sources
from maskguide.plan.names import longer_name
from maskguide.plan.run_files import RunFiles
from maskguide.plan.tables import BACKGROUNDS, table, tables
from maskguide.system.files import InputError

LONGER = 5  # replicates of a run with twice the epochs

Cell = tuple[str, str, str]  # data set, method, backbone


class Tables(RunFiles):
    """The tables of a run, and of which files they are made."""

    def __init__(self, *place: Any) -> None:
        super().__init__(*place)
        self.tables = {
            name: table(name, options.get("title", "")) for name, options in self.config["tables"].items()
        }
        self.check()

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
            own = options.get("peers", {}).values()
            for backbone in [*options.get("backbones", []), options.get("backbone"), *own]:
                unknown = backbone and config_check.unknown_backbone(backbone, place)
                if unknown:
                    raise InputError(unknown)
        for name, each in self.tables.items():
            for method in chain.from_iterable(self.listed(name, row) for row in each.rows if "config" in row):
                self.known_method(method, f"tables.{name}")
            for dataset, method, backbone in self.cells(name):
                self.check_truth(dataset, method, backbone, f"tables.{name}")
        for name, sweep in self.config["sweeps"].items():
            for dataset, method in product(sweep["datasets"], sweep["methods"]):
                self.check_truth(dataset, method, sweep["backbone"], f"sweeps.{name}")
        for name, sweep in self.sweeps.items():
            if sweep["option"] == "annotated":
                for dataset, method in product(sweep["datasets"], sweep["methods"]):
                    self.check_annotated(
                        dataset, method, sweep["backbone"], name.replace("sweep_", "sweeps.", 1)
                    )

    def check_truth(self, dataset: str, method: str, backbone: str, place: str) -> None:
        """`InputError` for a method that learns from true masks of a data set that has none."""
        resolved = self.resolved(dataset, method, backbone)
        used = map(sources.base_of, [resolved.options["mask_source"], resolved.objects])
        if {*used} & {sources.TRUTH, sources.OUTLINE} and self.without_masks(dataset):
            raise InputError(
                f"config: {place}: {method} learns from true masks, of which {dataset} has none; leave it "
                "out there, or give the masks"
            )

    def check_annotated(self, dataset: str, method: str, backbone: str, place: str) -> None:
        """`InputError` for a sweep of annotated images over what does not come from any."""
        resolved = self.resolved(dataset, method, backbone)
        if not resolved.from_detector and sources.SEGMENTER not in (*resolved.masks, resolved.objects):
            used = " and ".join(filter(None, [*resolved.masks, resolved.objects])) or "none"
            raise InputError(
                f"config: {place}: annotated: on {dataset}, {method} goes by other masks ({used}) than the "
                "segmenter's own, which alone come in several numbers of annotated images; leave it out there"
            )

    def listed(self, name: str, row: dict[str, Any], dataset: str | None = None) -> list[str]:
        """The methods that the config lists for a row such as {config: controls, prefix: mga-}.

        Where it lists none, the row's `else`: but for those that a data set has no masks for.
        """
        said = self.config["tables"][name].get(row["config"])
        prefix, chosen = row.get("prefix", ""), row.get("else", []) if said is None else said
        listed = [f"{prefix}{each}" for each in chosen]
        if said is None and dataset and self.without_masks(dataset):
            said = {each: self.names[each].options.get("mask_source") for each in listed}
            return [each for each in listed if sources.base_of(said[each]) != sources.TRUTH]
        return listed

    def rows(self, name: str, dataset: str) -> Iterator[tuple[str, str]]:
        """The (method, backbone) that a table shows for a data set, see `tables.yaml`."""
        options = self.config["tables"][name]
        backbone = options.get("backbone", "")
        for row in self.tables[name].rows:
            if isinstance(row, str):
                yield row, backbone
            elif "config" in row:
                said = options.get(row["config"])
                own = said if isinstance(said, Mapping) else {}
                yield from ((method, own.get(method, backbone)) for method in self.listed(name, row, dataset))
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

    def longer_runs(self, name: str) -> dict[str, list[str]]:
        """The runs with twice the epochs, five of each, by the name of their row's run."""
        found = {}
        for dataset, method, backbone in (
            self.cells(name) if self.config["tables"][name].get("budget") else ()
        ):
            if longer_name(method) in self.names:
                splits = self.splits(dataset)
                seeds = self.config["seeds"][: -(-LONGER // len(splits))]
                run = self.run_name(dataset, longer_name(method), backbone)
                found.setdefault(self.run_name(dataset, method, backbone), []).extend(
                    self.run(dataset, split, run, backbone, seed) for split in splits for seed in seeds
                )
        return found

    def shown_runs(self, name: str) -> list[str]:
        """All runs that a table is made of."""
        if not self.tables[name].of_runs:
            return []
        return unique([self.table_runs(name), *self.longer_runs(name).values()])

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
        each = self.tables[name]
        found = {"metrics": measured(self.shown_runs(name)), "segments": [], "detectors": [], "attended": []}
        found["index"] = [
            f"{self.results}/data/{dataset}/split{split}/index.csv"
            for dataset in (self.shown(name) if each.tested or each.kind == BACKGROUNDS else [])
            for split in self.splits(dataset)
            if len(self.splits(dataset)) > 1  # whose training images may overlap
        ]
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
            if found.from_segmenter and not found.fewer:
                segmented.append(dataset)
            if found.from_detector:
                detected.append(self.detectors(dataset, [self.annotated(dataset, method)]))
        return {"segments": self.segmenters(dict.fromkeys(segmented)), "detectors": unique(detected)}

    def segmenters(self, datasets: Iterable[str]) -> list[str]:
        return [
            f"{self.results}/segment/{dataset}/split{split}/metrics.json"
            for dataset in datasets
            for split in self.splits(dataset)
        ]

    def detectors(self, dataset: str, counts: Iterable[int | None], splits: Sequence[str] = ()) -> list[str]:
        """The measurements of detectors that learnt from so many images; None as configured."""
        return [
            f"{self.detector(dataset, split, count)}/metrics.json"
            for count in counts
            for split in splits or self.splits(dataset)
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
        guides = {key: found[key] for key in ("segments", "detectors", "attended", "index")}
        longer = {Path(runs[0]).parts[-3]: method for method, runs in self.longer_runs(name).items()}
        return {
            "runs": self.shown_runs(name),
            "longer": json.dumps(longer) if longer else None,
            "title": title,
            **guides,
            **self.readers(name),
        }

    def about(self, name: str) -> tuple[str, str, bool]:
        """What the report says of a table: its title, its caption, and whether its columns are accuracies."""
        shown = self.tables[name]
        return shown.title, shown.caption, shown.of_runs and shown.kind not in ("scales", BACKGROUNDS)

    def readers(self, name: str) -> dict[str, Any]:
        """What make_table.py and plot_table.py must be told of names that only this run has."""
        runs = self.shown_runs(name)
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


def measured(runs: Iterable[str]) -> list[str]:
    return [f"{run}/metrics.json" for run in runs]


def beside(files: Iterable[str], name: str) -> list[str]:
    """The file of that name in the folder of each."""
    return [str(Path(file).with_name(name)) for file in files]


def unique(lists: Iterable[Iterable[str]]) -> list[str]:
    """All of the lists' entries, each once, in their order."""
    return list(dict.fromkeys(chain.from_iterable(lists)))
