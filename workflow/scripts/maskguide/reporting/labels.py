"""How data sets, methods and backbones are called, and in which order they stand, in tables and figures."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from maskguide.reporting import region_variants, scale_variants

DATASETS = {
    "leaves": "leaves (generated)",
    "soycultivarvein": "SoyCultivarVein",
    "soycultivarvein_1to1": "SoyCultivarVein 1:1",
    "hainanleaf": "HainanLeaf",
    "btfpis": "BtfPIS",
    "cottoncultivar": "CottonCultivar",
    "soycultivarlocal": "SoyCultivarLocal",
    "cub200": "CUB-200-2011",
    "cars": "Stanford Cars",
    "aircraft": "FGVC-Aircraft",
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
    "rcnn": "R-CNN",
    "pa_cnn": "PA-CNN",
    "mg_cnn": "MG-CNN",
    "mdtp": "MDTP",
    "mask_cnn": "Mask-CNN",
    "hsnet": "HSNet",
    "fv_cnn": "FV-CNN",
    "bcnn": "B-CNN",
    "st_cnn": "ST-CNN",
    "pdfr": "PDFR",
    "ra_cnn": "RA-CNN",
    "ma_cnn": "MA-CNN",
    "g2denet": "G²DeNet",
    "attention": "attention",
    "mga": "MGA",
    "mga-truth": "MGA, truth masks",
    "mga-auto": "MGA, automatic masks",
    "mga-segmenter": "MGA, segmenter's masks",
    "mga-shuffled": "MGA, shuffled masks",
}
# The TDSA loss and its ablation, as the preprint builds it up; they stand behind all others.
TDSA = {
    "tdsa-crossentropy": "TDSA, cross-entropy alone",
    "tdsa-channels": "TDSA, channel constraint",
    "tdsa": "TDSA",
}
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


def dataset_label(name: str) -> str:
    """The data set's name for a reader; an unknown one stands for itself."""
    return DATASETS.get(name, name)


def method_label(method: str, backbone: str | None = None) -> str:
    """The method's name for a reader, with its backbone where given: "MGA (DenseNet161)"."""
    variant = region_variants.parse(method) or scale_variants.parse(method)
    name = {**METHODS, **TDSA}.get(method, method) if variant is None else variant.label
    if backbone is None or backbone in NO_BACKBONE:
        return name
    return f"{name} ({BACKBONES.get(backbone, backbone)})"


def sort_methods(methods: Iterable[str]) -> list[str]:
    """Each method once: those known here, then variants of MGFE, of ACA, TDSA, then other names as met."""
    known = list(METHODS)
    names = list(dict.fromkeys(methods))
    last = list(TDSA)

    def place(name: str) -> tuple:
        if name in METHODS:
            return (0, known.index(name))
        if (region := region_variants.parse(name)) is not None:
            return (1, *region.place)
        if (scale := scale_variants.parse(name)) is not None:
            return (2, *scale.place)
        return (3, last.index(name)) if name in TDSA else (4,)

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
