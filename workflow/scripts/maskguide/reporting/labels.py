"""How data sets, methods and backbones are called, and in which order they stand, in tables and figures."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from maskguide.plan import declared, variants
from maskguide.plan.variants import Variant
from maskguide.system import cli
from maskguide.system.files import InputError, read_yaml

REGISTRY = Path(__file__).parents[4] / "resources" / "datasets.yaml"
ONLY_PUBLISHED = Path(__file__).with_name("published_methods.yaml")
LAST = (math.inf, 0)  # the place of names that are not known
_more: dict[str, dict] = {"variants": {}, "datasets": {}}  # what `know` made known
# Backbones that say nothing to a reader: contours have none, and some published rows do not name theirs.
NO_BACKBONE = ("contour", "unnamed")
BACKBONES = {
    "contour": "contour",
    "alexnet": "AlexNet",
    "vgg16": "VGG16",
    "vgg16_bn": "VGG16-BN",
    "vgg19": "VGG19",
    "inception_v3": "InceptionV3",
    "resnet18": "ResNet18",
    "resnet50": "ResNet50",
    "mobilenet_v2": "MobileNetV2",
    "densenet161": "DenseNet161",
    "small": "small CNN",
}


def parser(docstring: str | None) -> argparse.ArgumentParser:
    """The parser of a script that calls things by their names, with `--names`, a config's own, for `know`."""
    parser = cli.parser(docstring)
    parser.add_argument(
        "--names",
        default="{}",
        help="names that the repository does not know: variants with their method, label, colour, options, "
        'titles of data sets; {"variants": {"mine": {"method": "mga"}}, "datasets": {"vines": "Vines"}}',
    )
    return parser


def know(names: str) -> None:
    """Make the names of `--names` known besides the repository's; those of a call before are forgotten."""
    try:
        given = json.loads(names)
        more, titles = dict(given.get("variants", {})), dict(given.get("datasets", {}))
        for name, facts in more.items():
            check_method(facts["method"], f"--names: {name}")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"--names: is no JSON such as --help shows ({error!r})") from error
    _more.update(variants=more, datasets=titles)
    _known.cache_clear()


def check_method(method: str, place: str) -> None:
    """`InputError` for a method that is not declared; `place`: where it stands."""
    if method not in declared.methods():
        raise InputError(f"{place}: method '{method}' is none; known are {', '.join(declared.methods())}")


@cache
def _known() -> dict[str, Variant]:
    return variants.known(_more["variants"])


@cache
def _titles() -> dict[str, str]:
    return {name: each["title"] for name, each in read_yaml(REGISTRY).items()}


@cache
def only_published() -> dict[str, dict]:
    """Label and place of the methods that only published rows are of, by name."""
    return read_yaml(ONLY_PUBLISHED)


def variant(name: str, method: str = "") -> Variant:
    """What a name stands for; one not known, for itself, as a variant of `method` that is nobody's twin."""
    if name in _known():
        return _known()[name]
    facts = only_published().get(name, {})
    place = (facts["place"], 0) if facts else LAST
    return Variant(name, method, {"name": name}, facts.get("label", name), None, place)


def without(name: str, method: str, option: str | None) -> Variant:
    """A variant but for one option, with a name made up where none has it; of an unknown name, its method."""
    if option is None or name not in _known():
        return variant(name if option is None else method, method)
    own = variant(name)
    twin = variants.without(own, option, _known())
    if twin is not None:
        return twin
    others = [f"{key.replace('_', ' ')} {value}" for key, value in own.options.items() if key != option]
    label = ", ".join([declared.methods()[own.method].label, *others])
    return Variant(label, own.method, label=label)


def dataset_label(name: str) -> str:
    """The data set's name for a reader; an unknown one stands for itself."""
    return {**_titles(), **_more["datasets"]}.get(name, name)


def backbone_label(name: str) -> str:
    """The backbone's name for a reader; an unknown one stands for itself."""
    return BACKBONES.get(name, name)


def method_label(name: str, backbone: str | None = None) -> str:
    """The method's name for a reader, with its backbone where given: "MGA (DenseNet161)"."""
    label = variant(name).label
    return label if backbone is None or backbone in NO_BACKBONE else f"{label} ({backbone_label(backbone)})"


def shared_backbone(backbones: Iterable[str]) -> str | None:
    """The backbone of all rows that have one; None where they have several, or none."""
    found = set(backbones).difference(NO_BACKBONE)
    return found.pop() if len(found) == 1 else None


def row_labels(rows: pd.DataFrame) -> list[str]:
    """The labels of a panel's rows, with their backbones where they have several."""
    shared = shared_backbone(rows["backbone"])
    pairs = rows[["method", "backbone"]].to_numpy()
    return [method_label(method, None if shared else backbone) for method, backbone in pairs]


def panel_title(dataset: str, rows: pd.DataFrame) -> str:
    """The data set of a panel and the backbone that its rows share, if any: "BtfPIS, MobileNetV2"."""
    shared = shared_backbone(rows["backbone"])
    return ", ".join([dataset_label(dataset), *([backbone_label(shared)] if shared else [])])


def without_scale(name: str) -> str:
    """The label of a method with scales without what it says of them: "ACA, 4 classifiers"."""
    scale = variant(name).options.get("scale")
    return method_label(name).removesuffix(", all scales" if scale is None else f", scale {scale}")


def sort_methods(names: Iterable[str]) -> list[str]:
    """Each name once, in the order of tables; names unknown here come last, as met."""
    return sorted(dict.fromkeys(names), key=lambda name: variant(name).place)


def sort_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by data set (as first met), then method, then backbone; names unknown here come last, as met."""
    backbones = list(dict.fromkeys([*BACKBONES, *frame["backbone"]]))
    orders = [frame["dataset"].unique().tolist(), sort_methods(frame["method"]), backbones]
    columns = ["dataset", "method", "backbone"]
    places = [frame[name].map(order.index) for name, order in zip(columns, orders, strict=True)]
    return frame.iloc[np.lexsort(places[::-1])].reset_index(drop=True)
