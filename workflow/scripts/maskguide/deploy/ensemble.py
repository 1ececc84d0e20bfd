"""The networks of a finished run, asked about new images: what each of them sees, and their average."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from maskguide import methods
from maskguide.data import masks
from maskguide.data.pictures import no_longer
from maskguide.data.store import Resize, resized
from maskguide.deploy.seeing import Seen, seen_by
from maskguide.learning import attend, backbones, evaluation, looking
from maskguide.learning.batches import images_on
from maskguide.plan import declared
from maskguide.system.files import InputError, read_yaml
from maskguide.views.blank import blanked
from maskguide.views.objects import box_of
from maskguide.views.zoom import enlarged, grown


class Pictures:
    """Images [h, w, 3] uint8 in memory, as `evaluation` asks for them."""

    def __init__(self, images: Sequence[np.ndarray]):
        self.images = images
        sizes = np.array([image.shape[:2] for image in images]).reshape(-1, 2)
        self.layout = pd.DataFrame(sizes, columns=["height", "width"])

    def image(self, i: int) -> np.ndarray:
        return self.images[i]


class Shown(NamedTuple):
    """A new image in the size that the networks see, uint8 [h, w, 3], and its object's mask, uint8 [h, w],
    where they see by one."""

    pixels: np.ndarray
    mask: np.ndarray | None = None


class Answer(NamedTuple):
    """What one network says of N images: probabilities float32 [N, classes]; features float32 [N, channels],
    the means of its last map; boxes float [N, 4] of what it attends to, for the next scale, or None."""

    probabilities: np.ndarray
    features: np.ndarray
    boxes: np.ndarray | None


@dataclass
class Network:
    """A trained network, ready for inference, and how it sees.

    maps: what its backbone made of the images of the last call, which a hook keeps.
    """

    model: nn.Module
    info: dict[str, Any]
    seen: Seen
    grid: tuple[float, float]
    before: Network | None = None
    maps: list[Tensor] = field(default_factory=list)


class Guide(NamedTuple):
    """A segmenter, and the image scales that its masks are made at."""

    model: nn.Module
    scales: list[float]

    def mask(self, pixels: np.ndarray, device: str) -> np.ndarray:
        """The object's mask in an image uint8 [H, W, 3], uint8 [H, W]."""
        from maskguide.segment import segmenters  # a heavy import, for the few that see by masks

        probability = segmenters.predict(self.model, pixels, self.scales, device)
        return masks.soft_of_probability(1 - probability[0])


class Ensemble:
    """All networks of a run: for each seed the networks of its scales, most often one.

    run: the folder of one seed, or the folder that holds those of all seeds. `InputError` where it holds no
    finished training, or one that sees what a new image has not.
    """

    def __init__(self, run: Path, device: str):
        self.device, self._networks, self.guide = device, {}, None
        folders = seed_folders(run)
        self.members = [[self._network(each) for each in scales_of(folder)] for folder in folders]
        networks = [network for scales in self.members for network in scales]
        for folder, scales in zip(folders, self.members, strict=True):
            for network in scales:
                for key in ("classes", "sees"):
                    if network.info.get(key) != networks[0].info.get(key):
                        other = f"has other {key} than {folders[0]}"
                        raise InputError(f"{folder}: {other}; give runs of one method and data set")
        info = networks[0].info
        if "sees" not in info:
            raise InputError(
                f"{run}: its networks do not say in which size they see an image; train them again"
            )
        self.classes, sees = info["classes"], info["sees"]
        self.resize = Resize(None, sees["square"], sees["short_edge"])
        self.largest = sees["largest"] if self.resize == Resize(None, None) else None

    def _network(self, folder: Path) -> Network:
        """The network of one seed's folder, each loaded once."""
        if folder not in self._networks:
            seen = seen_by(folder, options_of(folder))
            model, info = methods.load(folder / "model.pt")
            grid = backbones.cell_grid(model.backbone.features)
            model = evaluation.for_inference(model).requires_grad_(False).to(self.device)
            before = self._network(seen.before) if seen.before else None
            network = Network(model, info, seen, grid, before)
            model.backbone.features.register_forward_hook(lambda *call: network.maps.append(call[-1]))
            if seen.segmenter and self.guide is None:
                from maskguide.segment import segmenters

                scales = read_yaml(seen.masks / "args.yaml")["options"]["scales"]
                self.guide = Guide(segmenters.load(seen.segmenter), scales)
            self._networks[folder] = network
        return self._networks[folder]

    def reduced(self, pixels: np.ndarray) -> np.ndarray:
        """An image uint8 [H, W, 3] no larger than the largest in training, where images keep their size:
        beyond that an object would be of a size that the networks have never seen."""
        return no_longer(pixels, self.largest) if self.largest else pixels

    def show(self, pixels: np.ndarray) -> Shown:
        """An image uint8 [H, W, 3], `reduced`, as the networks see it."""
        mask = self.guide.mask(pixels, self.device) if self.guide else None
        size = self.resize.of("test", pixels.shape[:2])
        return Shown(resized(pixels, size), mask if mask is None else resized(mask, size))

    def ask(self, images: Sequence[Shown]) -> list[list[Answer]]:
        """What the networks of each seed and scale say of images."""
        known: dict[int, Answer] = {}
        return [[self._answer(network, images, known) for network in scales] for scales in self.members]

    def _answer(self, network: Network, images: Sequence[Shown], known: dict[int, Answer]) -> Answer:
        """What one network says; known: answers of this call, for each is asked once."""
        if id(network) in known:
            return known[id(network)]
        parts = self._parts(network, images, known)
        pictures, count = Pictures(seen_images(network.seen, images, parts)), len(images)
        probabilities = np.zeros((count, len(self.classes)), np.float32)
        features = np.zeros((count, network.model.backbone.channels), np.float32)
        attends = declared.methods()[network.info["method"]].attends
        boxes = np.zeros((count, 4)) if attends else None
        network.maps.clear()
        for rows, output in evaluation.outputs_of(network.model, pictures, range(count), self.device):
            probabilities[rows] = output.logits.float().softmax(dim=1).cpu().numpy()
            # the first of this size: a method may look again at parts, or had to try with fewer images
            maps = next(each for each in network.maps if len(each) == len(rows))
            features[rows] = maps.float().mean(dim=(2, 3)).cpu().numpy()
            network.maps.clear()
            if attends:
                attended = (output.mask[:, 0] > 0).cpu().numpy()
                size = pictures.images[rows[0]].shape[:2]
                boxes[rows] = attend.attended_boxes(attended, parts[rows], size, *network.grid)
        known[id(network)] = Answer(probabilities, features, boxes)
        return known[id(network)]

    def _parts(self, network: Network, images: Sequence[Shown], known: dict[int, Answer]) -> np.ndarray:
        """The part of each image that a network sees, float [N, 4]: left, top, right, bottom."""
        sizes = np.array([image.pixels.shape[:2] for image in images])
        if network.before:
            boxes = self._answer(network.before, images, known).boxes
        elif network.seen.margin is not None:
            boxes = np.array([box_of(image.mask, network.seen.margin) for image in images])
        else:
            return np.pad(sizes[:, ::-1].astype(float), ((0, 0), (2, 0)))
        return grown(boxes, sizes)

    def where(self, image: Shown, class_id: int) -> np.ndarray:
        """Where the networks look in an image that they name as `class_id`, float [h, w] in 0…1, of its size.

        The mean over seeds of the first scale's attention or class activation map, each divided by its
        maximum; 0 outside of the part that a network sees.
        """
        found = np.zeros((len(self.members), *image.pixels.shape[:2]))
        for seed, (network, *_) in enumerate(self.members):
            parts = self._parts(network, [image], {})
            left, top, right, bottom = (round(side) for side in parts[0])
            pixels = seen_images(network.seen, [image], parts)[0]
            labels = torch.tensor([class_id], device=self.device)
            maps, _ = looking.maps_of(network.model, images_on(pixels[None].copy(), self.device), labels)
            heat = over_pixels(maps[0].mean(dim=0).clamp(min=0).cpu().numpy(), pixels.shape[:2], network.grid)
            heat = resized(heat, (bottom - top, right - left))  # of the part that is seen, in its place
            found[seed, top:bottom, left:right] = heat / max(heat.max(), 1e-12)
            network.maps.clear()
        return found.mean(axis=0)


def over_pixels(map_: np.ndarray, size: tuple[int, int], grid: tuple[float, float]) -> np.ndarray:
    """A map [h, w] over an image of `size`, float32 [H, W], smoothed between its cells.

    grid: start and stride; cell j is centred on pixel start + j·stride, and the outermost reach to the sides.
    """
    start, stride = grid
    for _ in size:  # rows, then columns
        side, centres = size[0], start + stride * np.arange(len(map_))
        map_ = np.stack([np.interp(np.arange(side), centres, line) for line in map_.T])
        size = size[::-1]
    return map_.astype(np.float32)


def averaged(answers: Iterable[Iterable[Answer]]) -> np.ndarray:
    """Probabilities float64 [N, classes]: the mean over seeds of the mean over their scales."""
    of_seeds = [np.mean([each.probabilities for each in scales], axis=0, dtype=float) for scales in answers]
    return np.mean(of_seeds, axis=0)


def first_features(answers: Iterable[Sequence[Answer]]) -> np.ndarray:
    """Features float32 [seeds, N, channels] of each seed's first scale."""
    return np.stack([scales[0].features for scales in answers])


def seen_images(seen: Seen, images: Sequence[Shown], parts: np.ndarray) -> list[np.ndarray]:
    """What a network sees of images, uint8 [h, w, 3] each: parts of them, or blanked ones."""
    if seen.blank:
        return [blanked(image.pixels, image.mask) for image in images]
    if seen.whole:
        return [image.pixels for image in images]
    return [enlarged(image.pixels, part) for image, part in zip(images, parts, strict=True)]


def seed_folders(run: Path) -> list[Path]:
    """The folders of a run's seeds, in their order; the run itself where it is one."""
    if (run / "metrics.json").is_file():
        return [run]
    found = [each.parent for each in run.glob("seed*/metrics.json")]
    if not found:
        raise InputError(
            f"{run}: holds no finished training; give the folder of one, or of all seeds, such as "
            "results/demo/runs/leaves/split1/mga/small"
        )
    return sorted(found, key=lambda folder: int(folder.name.removeprefix("seed")))


def options_of(folder: Path) -> dict[str, Any]:
    """What the script that made a run was told."""
    return read_yaml(folder / "args.yaml")["options"]


def scales_of(folder: Path) -> list[Path]:
    """The folders of the networks that a run averages, first scale first; itself where it is one network.

    They lie beside it, wherever the results were moved to.
    """
    runs = options_of(folder).get("runs")
    return [folder.parents[4].joinpath(*Path(each).parts[-5:]) for each in runs] if runs else [folder]
