"""What a detector found in the images of a data set: detections.csv. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from maskguide.system.files import InputError, read_csv

COLUMNS = ["image_id", "region", "left", "top", "right", "bottom", "confidence"]


def above(
    detections: pd.DataFrame, region: str, confidence: float, best_only: bool
) -> dict[str, list[tuple[float, ...]]]:
    """One region's boxes (left, top, right, bottom) above a confidence by image id, or the best alone.

    detections: DataFrame with the columns `COLUMNS`, each image's most confident first.
    """
    rows = detections[(detections["region"] == region) & (detections["confidence"] >= confidence)]
    if best_only:
        rows = rows.sort_values("confidence", ascending=False, kind="stable").drop_duplicates("image_id")
    boxes: dict[str, list[tuple[float, ...]]] = {}
    for row in rows.itertuples():
        boxes.setdefault(row.image_id, []).append((row.left, row.top, row.right, row.bottom))
    return boxes


def read(path: Path, regions: Sequence[str]) -> pd.DataFrame:
    """Read detections.csv as a DataFrame; `InputError` where a column is missing or a region is not there."""
    table = read_csv(path, COLUMNS, "delete it and run again", dtype={"image_id": str, "region": str})[
        COLUMNS
    ]
    strange = sorted(set(table["region"]) - set(regions))
    if strange:
        raise InputError(f"{path}: region {strange[0]!r} is not one of {', '.join(regions)}; detect again")
    return table
