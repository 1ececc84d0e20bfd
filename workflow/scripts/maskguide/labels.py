"""How data sets, methods and backbones are called, and in which order they stand, in tables and figures."""

from __future__ import annotations

import pandas as pd

DATASETS = {
    "leaves": "leaves (generated)",
    "soycultivarvein": "SoyCultivarVein",
    "soycultivarvein_1to1": "SoyCultivarVein 1:1",
    "hainanleaf": "HainanLeaf",
    "btfpis": "BtfPIS",
}
METHODS = {
    "mdm": "MDM",
    "dbcsr_uni": "DBCSR(uni)",
    "mort": "MORT",
    "baseline": "baseline",
    "attention": "attention",
    "mga": "MGA",
    "mga-truth": "MGA, truth masks",
    "mga-auto": "MGA, automatic masks",
    "mga-segmenter": "MGA, segmenter's masks",
    "mga-shuffled": "MGA, shuffled masks",
}
BACKBONES = {
    "contour": "contour",
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
    name = METHODS.get(method, method)
    if backbone is None or backbone == "contour":
        return name
    return f"{name} ({BACKBONES.get(backbone, backbone)})"


def sort_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by data set (as first met), then method, then backbone; names unknown here come last, as met."""
    keys = pd.DataFrame(index=frame.index)
    keys["dataset"] = pd.factorize(frame["dataset"])[0]
    for column, known in (("method", METHODS), ("backbone", BACKBONES)):
        ranks = {name: rank for rank, name in enumerate(known)}
        names = frame[column].unique()
        ranks |= {name: len(known) + rank for rank, name in enumerate(names) if name not in ranks}
        keys[column] = frame[column].map(ranks)
    return frame.loc[keys.sort_values(list(keys.columns), kind="stable").index].reset_index(drop=True)
