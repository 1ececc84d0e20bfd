"""The masks of a data set at their extremes, over their images: where a wrong reading shows first."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from PIL import Image

from maskguide.data.masks import read_grey
from maskguide.data.pictures import read_rgb
from maskguide.drawing.contact_sheets import BACKGROUND, contact_sheet, tile

EACH = 6  # masks of each extreme
EXTREMES = (
    ("least covered", "covered", True),
    ("most covered", "covered", False),
    ("most of the border", "border", False),
)


def mask_sheet(
    report: pd.DataFrame, files: Mapping[str, tuple[str, str]], dataset: str, classes: list[str]
) -> Image.Image:
    """Three rows of images under their masks: the least and most covered, and most at the border.

    report: `mask_report.table`. files: image_id → the files of its image and of its label mask.
    """
    if report.empty:
        return contact_sheet([], f"{dataset}: no masks")
    sheets = [contact_sheet([], f"{dataset}, {len(report)} masks: {report['meaning'].iloc[0]}", classes)]
    for title, column, ascending in EXTREMES:
        shown = report if column == "covered" else report[report[column] > 0]
        rows = shown.sort_values(column, ascending=ascending, kind="stable")[:EACH]
        title = title if len(rows) else f"{title}: no mask reaches it"
        tiles = []
        for row in rows.itertuples():
            image, mask = files[row.image_id]
            said = f"{100 * row.covered:.1f} % covered, border {100 * row.border:.0f} %"
            tiles.append((row.image_id, said, tile(read_rgb(image), read_grey(mask))))
        sheets.append(contact_sheet(tiles, title, columns=EACH))
    page = Image.new(
        "RGB", (max(each.width for each in sheets), sum(each.height for each in sheets)), BACKGROUND
    )
    top = 0
    for each in sheets:
        page.paste(each, (0, top))
        top += each.height
    return page
