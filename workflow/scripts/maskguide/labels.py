"""How data sets, methods and backbones are called, and in which order they stand, in tables and figures."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from maskguide import region_variants

DATASETS = {
    "leaves": "leaves (generated)",
    "soycultivarvein": "SoyCultivarVein",
    "soycultivarvein_1to1": "SoyCultivarVein 1:1",
    "hainanleaf": "HainanLeaf",
    "btfpis": "BtfPIS",
    "cottoncultivar": "CottonCultivar",
    "soycultivarlocal": "SoyCultivarLocal",
}
METHODS = {
    "mdm": "MDM",
    "dbcsr_uni": "DBCSR(uni)",
    "mort": "MORT",
    "baseline": "baseline",
    "improved_bcnn": "Improved B-CNN",
    "nts_net": "NTS-Net",
    "fast_mpn_cov": "fast-MPN-COV",
    "dcl": "DCL",
    "maskcov": "MaskCOV",
    "attention": "attention",
    "mga": "MGA",
    "mga-truth": "MGA, truth masks",
    "mga-auto": "MGA, automatic masks",
    "mga-segmenter": "MGA, segmenter's masks",
    "mga-shuffled": "MGA, shuffled masks",
}
BACKBONES = {
    "contour": "contour",
    "alexnet": "AlexNet",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "inception_v3": "InceptionV3",
    "resnet18": "ResNet18",
    "resnet50": "ResNet50",
    "mobilenet_v2": "MobileNetV2",
    "densenet161": "DenseNet161",
    "small": "small CNN",
}


def dataset_label(name: str) -> str:
    """The data set's name for a reader; an unknown one stands for itself."""
    return DATASETS.get(name, name)


def method_label(method: str, backbone: str | None = None) -> str:
    """The method's name for a reader, with its backbone where given: "MGA (DenseNet161)"."""
    variant = region_variants.parse(method)
    name = METHODS.get(method, method) if variant is None else variant.label
    if backbone is None or backbone == "contour":
        return name
    return f"{name} ({BACKBONES.get(backbone, backbone)})"


def sort_methods(methods: Iterable[str]) -> list[str]:
    """Each method once: those known here, then MGFE and its variants, then other names as met."""
    known = list(METHODS)
    names = list(dict.fromkeys(methods))
    variants = {name: region_variants.parse(name) for name in names}

    def place(name: str) -> tuple:
        if name in METHODS:
            return (0, known.index(name))
        variant = variants[name]
        return (2,) if variant is None else (1, *variant.place)

    return sorted(names, key=place)


def sort_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by data set (as first met), then method, then backbone; names unknown here come last, as met."""
    keys = pd.DataFrame(index=frame.index)
    keys["dataset"] = pd.factorize(frame["dataset"])[0]
    keys["method"] = frame["method"].map(
        {name: rank for rank, name in enumerate(sort_methods(frame["method"]))}
    )
    ranks = {name: rank for rank, name in enumerate(BACKBONES)}
    names = frame["backbone"].unique()
    ranks |= {name: len(BACKBONES) + rank for rank, name in enumerate(names) if name not in ranks}
    keys["backbone"] = frame["backbone"].map(ranks)
    return frame.loc[keys.sort_values(list(keys.columns), kind="stable").index].reset_index(drop=True)
