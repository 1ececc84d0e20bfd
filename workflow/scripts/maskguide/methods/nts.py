"""NTS-Net: a navigator proposes parts of the image, a teacher judges them, a scrutinizer answers.

"Learning to Navigate for Fine-grained Classification". Its numbers are of images of 448 pixels; on others all
lengths are times side/448, the shorter side's (ours). The published code drops features at test too, by a
slip; here nothing is dropped at test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import nms

from maskguide.learning.backbones import Backbone, last_linear
from maskguide.learning.interface import Batch, Output
from maskguide.system.files import InputError

SIDE = 448  # of the paper's images; in its pixels:
SIZES, PART = (48, 96, 192), 224
SCALES = ((2 ** (1 / 3), 2 ** (2 / 3)), (2 ** (1 / 3), 2 ** (2 / 3)), (1.0, 2 ** (1 / 3), 2 ** (2 / 3)))
RATIOS = (2 / 3, 1.0, 1.5)
LEAST = 4  # cells: the navigator's maps then have 4, 2 and 1
OVERLAP = 0.25  # of two parts, as intersection over union
CHANNELS = 128


@dataclass
class PartsOutput(Output):
    """raw: logits [B, C] of the whole image. parts: logits [B, M, C]. scores: the navigator's, [B, M]."""

    raw: Tensor | None = None
    parts: Tensor | None = None
    scores: Tensor | None = None


class NavigatorTeacherScrutinizer(nn.Module):
    """Whole image and parts go through the same backbone; the answer reads the whole and the K best parts.

    At test too, so that an image costs as much as two and a half. A backbone whose head drops features itself
    keeps that instead of the 0.5.

    options: proposals M, parts that are judged; parts K, of these in the answer.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.proposals, self.parts = options["proposals"], options["parts"]
        if self.parts > self.proposals:
            raise InputError(f"--parts {self.parts}: more than --proposals {self.proposals}; take fewer")
        last = last_linear(backbone.head)[1]
        backbone.head[-1] = nn.Identity()
        drops = any(isinstance(layer, nn.Dropout) for layer in backbone.head.modules())
        self.backbone = backbone
        self.dropout = nn.Dropout(0.0 if drops else 0.5)
        self.navigator = Navigator(backbone.channels)
        self.raw = nn.Linear(last.in_features, last.out_features)
        self.teacher = nn.Linear(last.in_features, last.out_features)
        self.scrutinizer = nn.Linear(last.in_features * (1 + self.parts), last.out_features)

    def forward(self, images: Tensor) -> PartsOutput:
        """images [B, 3, H, W] float32 → logits [B, C] of whole and parts, and what the loss needs besides.

        `InputError` where the last map is too small for the anchors.
        """
        size, features = tuple(images.shape[2:]), self.backbone.features(images)
        grid = tuple(features.shape[2:])
        if min(grid) < LEAST:
            raise InputError(
                f"--method nts: the last map has {grid[0]}×{grid[1]} cells of an image of {size[0]}×"
                f"{size[1]} pixels, anchors need {LEAST}×{LEAST}; take larger images"
            )
        whole = self.dropout(self.backbone.head(features))
        kept, boxes = (torch.from_numpy(each).to(images.device) for each in anchors(size, grid))
        scores = self.navigator(features.detach())[:, kept]  # of the navigator's own loss alone
        chosen = torch.stack([best(each, boxes, self.proposals) for each in scores.detach().float()])
        side = max(1, round(PART * min(size) / SIDE))
        read = self.backbone.head(self.backbone.features(cut_out(images, boxes[chosen], side)))
        parts = self.dropout(read).unflatten(0, chosen.shape)  # [B, M, …]
        together = torch.cat([parts[:, : self.parts].flatten(1), whole], dim=1)
        found = self.raw(whole), self.teacher(parts), scores.gather(1, chosen)
        return PartsOutput(self.scrutinizer(together), None, *found)

    def loss(self, output: PartsOutput, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropies of the answer, of the whole image "raw", of the "parts"; and "ranking"."""
        labels = batch.labels
        of_parts = labels[:, None].expand(output.parts.shape[:2])
        each = functional.cross_entropy(output.parts.float().transpose(1, 2), of_parts, reduction="none")
        return {
            "cross_entropy": functional.cross_entropy(output.logits.float(), labels),
            "raw": functional.cross_entropy(output.raw.float(), labels),
            "parts": each.mean(),
            "ranking": ranking(output.scores.float(), each.detach()),
        }


class Navigator(nn.Module):
    """How informative is what each anchor surrounds: map [B, C, h, w] → scores [B, anchors] by level."""

    def __init__(self, channels: int):
        super().__init__()
        inputs = (channels, CHANNELS, CHANNELS)
        down = [nn.Conv2d(each, CHANNELS, 3, 1 + (level > 0), 1) for level, each in enumerate(inputs)]
        self.down = nn.ModuleList(down)
        self.score = nn.ModuleList(nn.Conv2d(CHANNELS, len(each) * len(RATIOS), 1) for each in SCALES)

    def forward(self, features: Tensor) -> Tensor:
        found = []
        for down, score in zip(self.down, self.score, strict=True):
            features = down(features).relu()
            found.append(score(features).flatten(1))
        return torch.cat(found, dim=1)


@cache
def anchors(size: tuple[int, int], grid: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Which of the navigator's scores count, int64 [A], and their boxes, float32 [A, 4]: x₀, y₀, x₁, y₁.

    In whole pixels. size: of the image, [H, W]. grid: of the last map. A level's anchors are centred on its
    cells, which are image/map pixels apart, twice and four times that; by scale, ratio, row, column. Those
    centred beyond the image are left out (ours; the paper has none).
    """
    found, centres = [], []
    for level, (length, scales) in enumerate(zip(SIZES, SCALES, strict=True)):
        axes = []
        for side, cells in zip(size, grid, strict=True):
            axes.append((np.arange(math.ceil(cells / 2**level)) + 0.5) * 2**level * side / cells)
        y, x = np.meshgrid(*axes, indexing="ij")
        for scale in scales:
            for ratio in RATIOS:
                half = length * scale * min(size) / SIDE / 2
                tall, wide = half / math.sqrt(ratio), half * math.sqrt(ratio)
                found.append(np.stack([x - wide, y - tall, x + wide, y + tall], axis=-1).reshape(-1, 4))
                centres.append(np.stack([y, x], axis=-1).reshape(-1, 2))
    boxes = np.floor(np.concatenate(found))
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    inside = (np.concatenate(centres) <= np.asarray(size) + 1e-6).all(axis=1)
    return np.flatnonzero(inside), boxes[inside].astype(np.float32)


def best(scores: Tensor, boxes: Tensor, count: int) -> Tensor:
    """The `count` best of A anchors that overlap little, int64, best first; too few: the next best as well.

    scores: [A], boxes: [A, 4].
    """
    chosen = nms(boxes, scores, OVERLAP)[:count]
    if len(chosen) < count:
        others = scores.index_fill(0, chosen, -torch.inf)
        chosen = torch.cat([chosen, others.topk(count - len(chosen)).indices])
    return chosen


def cut_out(images: Tensor, boxes: Tensor, side: int) -> Tensor:
    """[B·M, 3, side, side]: what the boxes [B, M, 4] (whole pixels) surround, zeros beyond the image."""
    height, width = images.shape[2:]
    found = []
    for image, of_image in zip(images, boxes.long().tolist(), strict=True):
        for left, top, right, bottom in of_image:
            rows = [min(max(each, 0), height) for each in (top, bottom)]
            columns = [min(max(each, 0), width) for each in (left, right)]
            inside = image[None, :, slice(*rows), slice(*columns)]
            beyond = (columns[0] - left, right - columns[1], rows[0] - top, bottom - rows[1])
            part = functional.pad(inside, beyond)
            found.append(functional.interpolate(part, (side, side), mode="bilinear", align_corners=True))
    return torch.cat(found).contiguous(memory_format=torch.channels_last)


def ranking(scores: Tensor, losses: Tensor) -> Tensor:
    """(1/B)·Σᵢⱼ max(0, 1 − sᵢ + sⱼ) over pairs of an image's parts with lossⱼ > lossᵢ; both [B, M]."""
    worse = losses[:, None, :] > losses[:, :, None]  # [B, i, j]
    short = (1 - scores[:, :, None] + scores[:, None, :]).relu()
    return (short * worse).sum() / len(scores)
