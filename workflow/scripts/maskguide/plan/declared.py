"""What is declared of methods and views: options, needs, labels. Read from the YAML beside each one's code.

A declaration holds a fact once: the command line, the config's schema, `config/README.md`, the plan and the
labels of tables and figures read it here. Plain Python, so that a plan needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from maskguide.system.files import InputError, read_yaml

PACKAGE = Path(__file__).parents[1]
TRAINED = "train_classifier"


@dataclass(frozen=True)
class Method:
    """One method. Its code: `methods/<module>.py`, class `class_name` (None where torch trains nothing).

    label, colour: for readers. place: in the order of tables. section: of the config that holds its options
    and settings. options: what its network is given, by name: JSON schemas with `symbol`, the paper's, `of`,
    where a value comes from if not from the config, `by`, the option that lists the names of an object's
    values, and `short`, what stands before a value in the name of a sweep's variant. settings: what else its
    section says. guided_by: "masks" (a mask store), "regions" (one each) or "". unguided: the method that is
    the same without the guidance. averages_scales: a run of it averages the networks of all scales. attends:
    where it looks is what the next scale sees. script: the program that makes a run of it. backbone: its only
    one.
    """

    name: str
    label: str
    place: int
    summary: str
    colour: str | None = None
    module: str = ""
    class_name: str | None = None
    section: str = ""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    guided_by: str = ""
    unguided: str = ""
    averages_scales: bool = False
    attends: bool = False
    script: str = TRAINED
    backbone: str | None = None


def for_each(values: Mapping[str, Any], names: Iterable[str]) -> list[Any]:
    """Of an option by name (`by`) its values for these names: `default` for those that it does not have."""
    return [values.get(name, values["default"]) for name in names]


@dataclass(frozen=True)
class View:
    """What changes what a network sees. Its code: `views/<name>.py`, `class_name`.

    description: of the file that `--<name>` takes, or of what it does, where it is of training images alone.
    options: of variants, as those of methods; of a view of training images alone flags too, the first of them
    the probability that an image is changed. place: in the order in which views are applied.
    """

    name: str
    class_name: str
    description: str
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training_only: bool = False
    place: int = 0


@cache
def views(folder: Path = PACKAGE / "views") -> dict[str, View]:
    """Every view by name, in the order in which they are applied."""
    found = {path.stem: read_yaml(path) for path in sorted(folder.glob("*.yaml"))}
    made = [View(name, facts.pop("class"), **facts) for name, facts in found.items()]
    return {each.name: each for each in sorted(made, key=lambda each: each.place)}


@cache
def methods(folder: Path = PACKAGE / "methods") -> dict[str, Method]:
    """Every method by name, in the order of tables."""
    found = {path.stem: read_yaml(path) for path in sorted(folder.glob("*.yaml"))}
    made = []
    for name, facts in found.items():
        facts = dict(facts)
        for kind in ("options", "settings"):
            other = facts.pop(f"{kind}_of", None)
            facts[kind] = {**(found[other].get(kind, {}) if other else {}), **facts.get(kind, {})}
        class_name = facts.pop("class", None)
        made.append({"name": name, "module": name, "section": name, "class_name": class_name, **facts})
    try:
        return {each["name"]: Method(**each) for each in sorted(made, key=lambda each: each["place"])}
    except (TypeError, KeyError) as error:
        raise InputError(f"{folder}: a declaration lacks a key or has one too many ({error})") from error
