"""Mask-guided feature extraction (MGFE): one supervised attention map for each region.

"Mask Guided Feature Extraction and Augmentation for Ultra-Fine-Grained Visual Categorization", equations 2–8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning.backbones import Backbone, last_linear
from maskguide.learning.interface import Batch, MaskUse, Output, mean_where
from maskguide.system.files import InputError

# The published code's own, by the number of regions: what it mixes, the features and each region's attended
# ones; and the weights of the attention losses.
CODED_WEIGHTS = {1: ((0.65, 0.35), (0.2,)), 2: ((0.2, 0.7, 0.1), (0.1, 0.1))}


class MaskGuidedFeatureExtraction(nn.Module):
    """F = α·M + Σᵣ βᵣ·Aᵣ×M, each Aᵣ taught by the mask of its region r; masks are not used at test time.

    options: regions, their names; feature_weight α and region_weights βᵣ (the paper's β of the veins and γ of
    the contour), divided by their sum so that they add up to 1 (equation 6) whichever regions there are;
    region_loss_weights δᵣ (the paper's δ and λ), classification_weight μ; activation, "softmax" over
    positions as published, whose values add up to 1 and so cannot reach a target whose maximum is 1, or
    "sigmoid".

    reading, "printed"; or "coded", what the published code means (github.com/zichengpan/
    DICTA-Masked_Guided_ultra_FGVC, `models/LoadModel.py`): one conv1×1 without a bias, so that all maps are
    one, weights of its own in place of those options, a ReLU after the mix, a classifier without a bias; or
    "slips", what that code does: masks cut and flipped apart from their images, the first mask the target of
    every map.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.regions = list(options["regions"])
        weights = [options["feature_weight"], *options["region_weights"]]
        self.region_loss_weights = list(options["region_loss_weights"])
        self.classification_weight = options["classification_weight"]
        self.activation = options["activation"]
        self.coded, slips = options["reading"] != "printed", options["reading"] == "slips"
        self.mask_use, self.first_mask_for_all = MaskUse(own_crops=slips), slips
        if not self.regions or len(set(self.regions)) < len(self.regions):
            raise InputError(f"--regions {' '.join(self.regions)}: name at least one region, each once")
        for name, given in (("weights", weights[1:]), ("loss-weights", self.region_loss_weights)):
            if len(given) != len(self.regions):
                counts = f"{len(given)} given for {len(self.regions)} regions"
                raise InputError(f"--region-{name}: {counts}; give one for each")
        if self.coded:
            if len(self.regions) not in CODED_WEIGHTS:
                raise InputError(
                    f"--reading {options['reading']}: the published code has one or two regions, not "
                    f"{len(self.regions)}; name those in --regions"
                )
            weights, self.region_loss_weights = CODED_WEIGHTS[len(self.regions)]
        if sum(weights) <= 0:
            raise InputError(f"--feature-weight, --region-weights {weights}: their sum must be above 0")
        self.feature_weight, *self.region_weights = (weight / sum(weights) for weight in weights)
        self.backbone = backbone
        # one conv1×1 of equation 4 for each region; they read the same two maps, so one layer holds them all
        self.attention = nn.Conv2d(2, 1 if self.coded else len(self.regions), 1, bias=not self.coded)
        if self.coded:
            last_linear(backbone.head)[1].register_parameter("bias", None)

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, classes]; attention A [B, regions, h, w] in 0…1."""
        features = self.backbone.features(images)  # M_img [B, C, h, w]
        mean = features.mean(dim=1, keepdim=True)  # M_mean, equation 2
        maximum = features.amax(dim=1, keepdim=True)  # M_max, equation 3
        answers = self.attention(torch.cat([maximum, mean], dim=1))
        answers = answers.expand(-1, len(self.regions), -1, -1)
        if self.activation == "softmax":
            attention = answers.flatten(start_dim=2).softmax(dim=2).view_as(answers)  # M_fea, equation 4
        else:
            attention = answers.sigmoid()
        shares = attention.new_tensor(self.region_weights).view(1, -1, 1, 1)
        attended = (shares * attention).sum(dim=1, keepdim=True)  # Σᵣ βᵣ·Aᵣ
        final = self.feature_weight * features + attended * features  # F_final, equation 5
        if self.coded:
            final = final.relu()
        return Output(self.backbone.head(final), attention)

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """The terms of equation 8: μ·L_ce, and δᵣ·Lᵣ of each region r (equation 7) as "attention_r"."""
        cross_entropy = functional.cross_entropy(output.logits.float(), batch.labels)
        terms = {"cross_entropy": self.classification_weight * cross_entropy}
        attention = output.attention.float()
        for place, (name, weight) in enumerate(zip(self.regions, self.region_loss_weights, strict=True)):
            target = 0 if self.first_mask_for_all else place
            difference = batch.masks[:, target] - attention[:, place]  # [B, h, w]
            distance = difference.square().flatten(start_dim=1).mean(dim=1)  # [B], equation 7
            terms[f"attention_{name}"] = weight * mean_where(distance, batch.mask_present[:, target])
        return terms
