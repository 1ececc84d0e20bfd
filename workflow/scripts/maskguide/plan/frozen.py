"""The table `probe`: what frozen features tell of the classes, by whose masks, over which folds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskguide.plan import sources
from maskguide.plan.places import PROBE
from maskguide.plan.uses import Uses


class Frozen(Uses):
    """Features of networks that learn nothing, and the classifiers of them."""

    def probed(self, table: str) -> list[str]:
        """What the classifiers of a table answered, for each data set and backbone."""
        if self.tables[table].kind != PROBE:
            return []
        backbones = self.config["tables"][table]["backbones"]
        return [
            f"{self.results}/probe/{dataset}/{backbone}/answers.csv"
            for dataset in self.shown(table)
            for backbone in backbones
        ]

    def places_masks(self, dataset: str) -> str | list:
        """The folder of masks that tell inside from outside, by the first split's guide; [] without any."""
        shown = self.showing(dataset, of_every_image=True)
        source = shown and self.objects_of(dataset, shown)
        return f"{self.results}/masks/{dataset}/split1/{source}" if source else []

    def kept_in_folds(self, dataset: str) -> str | list:
        """The images that taught that guide; [] where nothing learned."""
        masks = self.places_masks(dataset)
        learned = masks and Path(masks).name == sources.SEGMENTER
        return f"{self.results}/annotate/{dataset}/split1/annotated.csv" if learned else []

    def folded(self, dataset: str) -> dict[str, Any]:
        """Over which parts classifiers are judged: the run's splits where there are several, or one is given.

        Folds else, and where a guide that learned on the first split draws the masks: it has seen test images
        of the others.
        """
        several = len(self.splits(dataset)) > 1 and not self.kept_in_folds(dataset)
        if several or self.split_rule(dataset) == "published":
            return {"splits": self.indexes(dataset)}
        said = self.config["tables"][PROBE]
        return {"folds": said["folds"], "repeats": said["repeats"]}

    def indexes(self, dataset: str) -> list[str]:
        """Each split's index.csv."""
        return [f"{self.results}/data/{dataset}/split{split}/index.csv" for split in self.splits(dataset)]

    def sources(self, name: str) -> dict[str, list[str]]:
        return super().sources(name) | {"probes": self.probed(name)}

    def table_flags(self, name: str) -> dict[str, Any]:
        return super().table_flags(name) | {"probes": self.probed(name)}
