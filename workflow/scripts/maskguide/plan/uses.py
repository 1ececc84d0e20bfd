"""Which networks are asked what they use, by the table `backgrounds`, and by whose masks of test images."""

from __future__ import annotations

from typing import Any

from maskguide.plan.attention import Attention
from maskguide.plan.cells import Cell
from maskguide.plan.tables import BACKGROUNDS
from maskguide.system.files import InputError


class Uses(Attention):
    """What networks use: their answers to test images with other backgrounds or none."""

    def __init__(self, *place: Any) -> None:
        super().__init__(*place)
        for name, table in self.tables.items():
            if table.kind == BACKGROUNDS:
                self.check_asked(name)

    def check_asked(self, table: str) -> None:
        """`InputError` for a data set without masks of whole objects, and for what sees no whole images."""
        place = f"config: tables.{table}"
        for dataset in self.shown(table):
            if self.showing(dataset) is None:
                raise InputError(
                    f"{place}: {dataset} has no masks of whole objects to tell them from backgrounds; leave "
                    "it out there, give masks, mark some images (annotate: {mode: manual}), or take "
                    "classify: {objects: auto}, by image processing"
                )
        for method in self.listed(table, {"config": "methods"}):
            variant = self.names[method]
            one_network = variant.method in self.trained_methods and not self.averages(variant)
            if not one_network or variant.options.get("scale", 1) > 1:
                raise InputError(
                    f"{place}: {method} is no single network that sees whole images; leave it out there"
                )

    def asked(self, table: str) -> list[Cell]:
        """The networks, data set × run's name × backbone, that a table asks: not of backgrounds alone."""
        if self.tables[table].kind != BACKGROUNDS:
            return []
        cells = [cell for cell in self.cells(table) if not self.resolved(*cell).seen.get("background")]
        return list(dict.fromkeys((cell[0], self.run_name(*cell), cell[2]) for cell in cells))

    def answers(self, table: str) -> list[str]:
        """What they answered."""
        return [
            f"{self.results}/backgrounds/{dataset}/split{split}/{name}/{backbone}/backgrounds.csv"
            for dataset, name, backbone in self.asked(table)
            for split in self.splits(dataset)
        ]

    def telling_masks(self, wc: Any) -> str:
        """The folder of masks that tell objects from backgrounds."""
        source = self.objects_of(wc.dataset, self.showing(wc.dataset))
        return f"{self.results}/masks/{wc.dataset}/split{wc.split}/{source}"

    def seen_through(self, wc: Any) -> dict[str, str | list]:
        """What the networks of these wildcards see the images through, by the view's name; none: []."""
        zoom = self.zoom(wc.dataset, wc.split, wc.method, wc.backbone, 0)
        return {"blank": self.blanked_by(wc), "background": self.blanked_by(wc, "background"), "zoom": zoom}

    def sources(self, name: str) -> dict[str, list[str]]:
        return super().sources(name) | {"backgrounds": self.answers(name)}

    def table_flags(self, name: str) -> dict[str, Any]:
        return super().table_flags(name) | {"backgrounds": self.answers(name)}
