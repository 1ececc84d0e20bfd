"""A run's config, checked and filled in, and what it says of each data set."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from maskguide.plan import code, config_check, config_values, datasets, inputs, schema, sources, stamps
from maskguide.system.files import InputError

REGISTRY = "resources/datasets.yaml"
NUMERICS = ("deterministic", "precision")  # what digits depend on besides the seed
PUBLISHED = "published"
READ = ("licence", "citation", "homepage")  # of a data set's entry: changes no result
OF_SESSIONS = ("strength", "light")  # options of `generate` that plain leaves have not
FOLD, FOLDS = "fold", 3  # parts of the training images that a run is calibrated by
KINDS = ("imagenet", "generated", "coco")  # starting weights that a rule makes or fetches


def flags(options: Mapping[str, Any], *keys: str) -> str:
    """Render options as quoted command-line flags; only `keys` where given. None, False and [] are left out.

    Sorted, so that the order of keys in a config changes nothing. Snakemake re-runs a job whose params
    changed, but looks away from params that are functions of `input`: options from the config and flags for
    input files must be params of their own.
    """
    words = []
    for key in keys or sorted(options):
        value = options[key]
        if value is None or value is False or value == []:
            continue
        words.append(f"--{key.replace('_', '-')}")
        if value is not True:
            words += map(str, value) if isinstance(value, list) else [str(value)]
    return " ".join(map(shlex.quote, words))


class Settings:
    """The config and the registry of data sets. `InputError` where either is wrong, in one line.

    config: as Snakemake read it; filled in, in place. scripts: the folder of scripts. Paths of the plan are
    relative to where snakemake works. code_folder: where the code of each job is summed up in one file (see
    `stamps`); None: each module is an input.
    """

    def __init__(
        self,
        config: dict[str, Any],
        scripts: Path,
        registry: str = REGISTRY,
        code_folder: str | None = None,
    ) -> None:
        config_values.check_names(config)
        config_values.read(config, schema.config_schema())
        wrong = config_check.complaint(config, schema.config_schema())
        if wrong:
            raise InputError(wrong)
        config_check.fill_in(config, schema.config_schema())
        self.config, self.scripts, self.code_folder = config, scripts, code_folder
        self._without_masks: dict[str, bool] = {}
        self.results = f"results/{config['run']}"
        known = datasets.registry(registry)
        self.entries = datasets.entries(config, known, registry)
        self.registry = registry
        self.datasets = list(config["datasets"])
        self.generated = [name for name in self.datasets if "generator" in self.entries[name]["source"]]
        self.own = [name for name in self.datasets if datasets.is_own(config["datasets"][name])]
        self.published = [name for name in self.datasets if name not in (*self.generated, *self.own)]
        self.unregistered = [name for name in self.datasets if name not in known]
        self.check_splits()
        self.check_sessions()
        self.check_paths()

    def settings(self, section: str, dataset: str) -> dict[str, Any]:
        """A config section, with what the data set says otherwise put over it."""
        own = self.config["datasets"][dataset][section]
        return {**self.config[section], **{key: value for key, value in own.items() if value is not None}}

    def check_paths(self) -> None:
        """`InputError` for a path of the config that is not there, though everything was made before."""
        used = [(key, name) for key in ("archives", "splits") for name in self.config[key]]
        named = {f"{key}.{name}": self.config[key][name] for key, name in used if name in self.datasets}
        weights = {f"weights.{name}": path for name, path in self.config["weights"].items()}
        inputs.check_named(named | weights)
        inputs.check_holdable(weights)

    def given(self, dataset: str) -> tuple[str | None, bool]:
        """What `archives` names of a data set, and whether a person must put it in place."""
        return self.config["archives"].get(dataset), "local" in self.entries[dataset]["source"]

    def own_files(self, dataset: str) -> list[str]:
        """The files of a data set that lies in a person's own folder, so that each of them is looked at."""
        options = self.config["datasets"][dataset]
        return inputs.files_in(datasets.folders(dataset, options, *self.given(dataset)))

    def own_archives(self, dataset: str) -> list[str]:
        """The archives that a person gives of a data set."""
        return [] if dataset in self.own else datasets.packed(dataset, *self.given(dataset))

    def without_masks(self, dataset: str) -> bool:
        """Whether it is known that no image has a true mask; of one's own by the names of their files."""
        if dataset not in self._without_masks:
            entry = self.entries[dataset]
            if entry["masks"] == PUBLISHED or entry["layout"] != "folder":
                self._without_masks[dataset] = entry["masks"] != PUBLISHED
            else:
                archives = [inputs.names_in(path) for path in self.own_archives(dataset)]
                names = [*self.own_files(dataset), *chain.from_iterable(filter(None, archives))]
                known = bool(names) and None not in archives
                self._without_masks[dataset] = known and not any(map(inputs.may_be_mask, names))
        return self._without_masks[dataset]

    def split_file(self, dataset: str) -> list[str]:
        """The CSV that the config names for a data set's split, if any."""
        return [self.config["splits"][dataset]] if dataset in self.config["splits"] else []

    def described(self, dataset: str) -> dict[str, Any]:
        """What decides how a data set is read: its entry without what is only for readers."""
        return {**self.entries[dataset], **dict.fromkeys(READ, ""), "title": dataset}

    def check_splits(self) -> None:
        """`InputError` where a data set asks for several of a split that is one, or to draw a given one."""
        for name, options in self.config["datasets"].items():
            rule = self.split_rule(name)
            if options["repeats"] > 1 and rule == "published":
                given = "that of a CSV in `splits`" if name in self.config["splits"] else "the publisher's"
                raise InputError(
                    f"config: datasets.{name}.repeats: {options['repeats']} splits, but its split is {given} "
                    f"alone; leave it out, or have splits drawn, as by datasets.{name}.split: '2:1'"
                )

    def in_sessions(self, dataset: str) -> bool:
        """Whether a data set is generated as photographed in sessions."""
        return self.entries[dataset]["source"].get("sessions", False)

    def check_sessions(self) -> None:
        """`InputError` for sessions where there are none, and for another split where there are some."""
        for name in self.generated:
            said, place = self.config["datasets"][name], f"config: datasets.{name}"
            if self.in_sessions(name) and (
                name in self.config["splits"] or self.split_rule(name) != PUBLISHED
            ):
                raise InputError(
                    f"{place}: only its own split has a session for each class in training and all in the "
                    f"test; leave datasets.{name}.split and splits.{name} out"
                )
            for key in () if self.in_sessions(name) else OF_SESSIONS:
                if said["generate"][key] is not None:
                    raise InputError(f"{place}.generate.{key}: {name} has no sessions; take leaves_sessions")

    def generating(self, dataset: str) -> list[str]:
        """The modules of generate_leaves.py: those of sessions where it draws some."""
        return self.modules("generate_leaves", ["leaves/sessions"] if self.in_sessions(dataset) else [])

    def generate_flags(self, dataset: str) -> dict[str, Any]:
        """What generate_leaves.py is told of a data set."""
        options = self.settings("generate", dataset)
        if self.in_sessions(dataset):
            return {**options, "sessions": True}
        return {key: value for key, value in options.items() if key not in OF_SESSIONS}

    def split_rule(self, dataset: str) -> str:
        """How a data set is split: a ratio, counts, or published, where it is given with the images."""
        given = dataset in self.config["splits"]
        said = self.config["datasets"][dataset]["split"] or self.entries[dataset]["split"]
        return "published" if given else said

    def index_flags(self, dataset: str) -> dict[str, Any]:
        """What index_dataset.py is told of a data set."""
        options, entry = self.config["datasets"][dataset], self.described(dataset)
        split = {
            "split": options["split"],
            "split_seed": options["split_seed"],
            "group": options["group"],
            "longest_side": options["longest_side"],
        }
        files, told = f"{self.results}/data/{dataset}/files", {"registry": self.registry}
        if dataset in self.unregistered:
            told = {"entry": json.dumps(entry, ensure_ascii=False)}
        if dataset in self.own:
            files, told["own_masks"] = options["images"], options["masks"]
        return {**told, "files": files, **split}

    def split_flags(self, dataset: str, split: str) -> dict[str, Any]:
        """What split_dataset.py is told of a split such as "2", "1-validation" or "1-fold2"."""
        options, (number, _, held) = self.config["datasets"][dataset], split.partition("-")
        fold = held.removeprefix(FOLD) if held.startswith(FOLD) else None
        rule, folders = self.split_rule(dataset), self.entries[dataset]["layout"] == "folder"
        drawn = folders and options["split"] is None and rule != "published"
        return {
            "split": None if drawn else rule,
            "default_split": rule if drawn else None,  # unless the folders are the split
            "split_seed": options["split_seed"],
            "number": number,
            "validation": options["validation"] if held and not fold else None,
            "fold": fold,
            "folds": FOLDS if fold else None,
        }

    def splits(self, dataset: str) -> list[str]:
        """The names of the data set's splits: 1, 2, …"""
        return [str(number + 1) for number in range(self.config["datasets"][dataset]["repeats"])]

    def folds_of(self, split: str) -> list[str]:
        """The names of a split's folds: each holds a part of its training images back."""
        return [f"{split}-{FOLD}{number + 1}" for number in range(FOLDS)]

    def guided_as(self, split: int | str) -> str:
        """The split whose masks and boxes a split's networks have: of a fold, those of its split."""
        return str(split).partition(f"-{FOLD}")[0]

    def choosing_splits(self, dataset: str) -> list[str]:
        """Those that options are chosen by: with a validation part in the test images' place, if there is."""
        held = self.config["datasets"][dataset]["validation"]
        return [f"{split}-validation" if held else split for split in self.splits(dataset)]

    def stored(self, dataset: str) -> dict[str, str]:
        """What build_store.py reads: all images, or one split's where its test images differ in size."""
        options, place = self.settings("classify", dataset), f"{self.results}/data/{dataset}"
        one_size = options["test_resize"] in (None, options["resize"])
        if one_size or self.choosing_splits(dataset) != ["1"]:
            return {"images": f"{place}/images.csv"}
        return {"index": f"{place}/split1/index.csv"}

    def script(self, name: str) -> str:
        """The path of a rule's script."""
        return str(self.scripts / f"{name}.py")

    def code(self, name: str) -> dict[str, Any]:
        """The inputs of a rule that are code: its script, and the modules that this imports."""
        return {"script": self.script(name), "modules": self.modules(name)}

    def modules(self, name: str, further: Sequence[str] = ()) -> list[str]:
        """The modules that a script imports, `further` ones by name: an edit in one re-runs its jobs."""
        found = code.of_job(self.scripts / f"{name}.py", tuple(further))
        if self.code_folder is None or not found:
            return list(found)
        return [stamps.stamped(found, f"{self.code_folder}/{stamps.name_of(name, further)}")]

    def marking(self, name: str, automatic: bool) -> list[str]:
        """The modules of a script that marks by image processing where it is asked to."""
        return self.modules(name, ["marks/automatic"] if automatic else [])

    def mask_classes(self, dataset: str) -> list[str]:
        """The names of the data set's mask classes, background left out."""
        return self.entries[dataset]["mask_classes"]

    def choosing(self, dataset: str, section: str, fewer: str = "") -> dict[str, Any]:
        """How images of a section are chosen: masked ones alone where the marks are their masks.

        fewer: `sources.fewer` of another number of them than configured, of which the smaller is a part.
        """
        from_masks = {"annotate": "published", "boxes": "masks"}[section]
        count = {"count": int(fewer.removeprefix(sources.fewer("")))} if fewer else {}
        return {
            **self.settings(section, dataset),
            "masked": self.mode(dataset, section) == from_masks,
            **count,
        }

    def mask_values(self, dataset: str) -> dict[str, Any]:
        """What is said of the values of masks, as flags for label masks that a person draws."""
        entry, drawn = self.entries[dataset], self.mode(dataset, "annotate") == "manual"
        said = entry.get("mask_values") if drawn else None
        return {
            "mask_values": json.dumps(said) if said else None,
            "void": entry.get("void", []) if drawn else [],
        }

    def regions(self, dataset: str) -> list[str]:
        """The names of the data set's regions, in the order of the detector's classes."""
        return list(self.entries[dataset]["regions"])

    def device_flags(self) -> dict[str, Any]:
        """Where a job computes, which changes no result: among params that are functions of `input`."""
        device = self.config["device"]
        return {"device": None if device == "auto" else device, "slots": self.config["classify"]["slots"]}

    def numerics(self, section: Mapping[str, Any]) -> dict[str, Any]:
        """What the digits of a result depend on besides the seed, of a section of the config."""
        return {key: section[key] for key in NUMERICS}

    def weights_file(self, backbone: str, kind: str) -> str | list:
        """The file that holds a backbone's starting weights; an empty list stands for none."""
        if backbone in self.config["weights"]:
            return self.config["weights"][backbone]
        return f"resources/weights/{backbone}-{kind}.pth" if kind in KINDS else []

    def mode(self, dataset: str, section: str) -> str:
        """Where the marks of the section `annotate` or `boxes` come from."""
        said, own = self.settings(section, dataset)["mode"], self.entries[dataset]["layout"] == "folder"
        if said:
            return said
        if self.without_masks(dataset) and (own or section == "annotate"):
            return "automatic"
        return "masks" if own and section == "boxes" else PUBLISHED

    def marks_place(self, dataset: str, section: str) -> str:
        """Where a person puts the marks of the section `annotate` or `boxes`."""
        return self.settings(section, dataset)["marks"] or f"resources/{dataset}/{datasets.MARKS[section]}"

    def marks_folder(self, dataset: str, section: str) -> str | None:
        """Where a person's marks lie; None unless the mode is manual."""
        return self.marks_place(dataset, section) if self.mode(dataset, section) == "manual" else None

    def manual_marks(self, dataset: str, section: str) -> list[str]:
        """A person's mark files that are there by now, so that a new or edited one is imported.

        Hidden ones, which a file manager leaves behind, are not: they would have everything trained again.
        """
        folder = self.marks_folder(dataset, section)
        return inputs.files_in([folder]) if folder else []

    def test_size(self, dataset: str) -> int | None:
        """The side of the squares that test images are brought to; None where they keep their size."""
        options = self.settings("classify", dataset)
        return options["test_resize"] or options["resize"]
