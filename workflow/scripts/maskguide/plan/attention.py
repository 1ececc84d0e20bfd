"""Which networks are measured against the masks of test images: those of tables that show guidance."""

from __future__ import annotations

from typing import Any

from maskguide.plan.cells import Cell, Tables, unique
from maskguide.plan.sources import TRUTH


class Attention(Tables):
    """Whether guidance took hold: in tables with tests, of each network that sees whole images."""

    def __init__(self, *place: Any) -> None:
        super().__init__(*place)
        self._judging: dict[Cell, list[str]] = {}
        for name in self.tables:
            for cell, masks in self.judged(name).items():
                known = self._judging.setdefault(cell, [])
                known += [each for each in masks if each not in known]

    def judged(self, table: str) -> dict[Cell, list[str]]:
        """Of a table's networks, data set × run's name × backbone, the masks that each is measured against.

        A network that is guided, against the true masks where the data set has them, else against those that
        it learns from, each image's own; MGFE's maps against its regions' masks. One that is not guided, the
        comparison, against all that are needed for the data set. None in a table without guidance.
        """
        found: dict[Cell, list[str]] = {}
        if not self.tables[table].tested:
            return found
        for dataset, name, backbone in self.cells(table):
            variant = self.names[name]
            if variant.method in self.trained_methods and not self.averages(variant):
                resolved = self.resolved(dataset, name, backbone)
                if resolved.scale == 1:
                    true = resolved.method.guided_by == "masks" and not self.without_masks(dataset)
                    masks = [TRUTH] if true else list(resolved.own_masks)
                    found[dataset, self.run_name(dataset, name, backbone), backbone] = masks
        needed = {
            dataset: unique(each for cell, each in found.items() if cell[0] == dataset)
            for dataset, *_ in found
        }
        return {cell: masks or needed[cell[0]] for cell, masks in found.items() if needed[cell[0]]}

    def measured_attention(self, table: str) -> list[str]:
        """What was measured of a table's networks."""
        return [
            f"{self.results}/attention/{dataset}/split{split}/{name}/{backbone}/attention.csv"
            for dataset, name, backbone in self.judged(table)
            for split in self.splits(dataset)
        ]

    def judging_masks(self, wc: Any) -> list[str]:
        """The folders of masks, true ones apart, that networks of these wildcards are measured against."""
        place = f"{self.results}/masks/{wc.dataset}/split{wc.split}"
        masks = self._judging[wc.dataset, wc.method, wc.backbone]
        return [f"{place}/{source}" for source in masks if source != TRUTH]

    def looking_runs(self, wc: Any) -> list[str]:
        """Their runs, one for each seed."""
        return [
            self.run(wc.dataset, wc.split, wc.method, wc.backbone, seed) for seed in self.seeds_of(wc.method)
        ]

    def attention_flags(self, wc: Any) -> dict[str, Any]:
        """What measure_attention.py is told."""
        judging = self._judging[wc.dataset, wc.method, wc.backbone]
        return {"truth": TRUTH in judging, "masks": self.judging_masks(wc), "runs": self.looking_runs(wc)}

    def sources(self, name: str) -> dict[str, list[str]]:
        return super().sources(name) | {"attention": self.measured_attention(name)}

    def table_flags(self, name: str) -> dict[str, Any]:
        return super().table_flags(name) | {"attention": self.measured_attention(name)}
