"""Class activation maps: which parts of the last map speak for a class (the grad-cam library)."""

from __future__ import annotations

import copy

import numpy as np
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from maskguide.learning.batches import images_on
from maskguide.system.files import InputError

# Those of the library that depend on the class asked for and look at the one layer they are given.
METHODS = (
    *("GradCAM", "GradCAMPlusPlus", "GradCAMElementWise", "HiResCAM", "LayerCAM", "XGradCAM"),
    *("EigenGradCAM", "ScoreCAM", "AblationCAM"),
)


class _Logits(nn.Module):
    """A method as the library wants it: images in, logits out."""

    def __init__(self, method: nn.Module):
        super().__init__()
        self.method = method

    def forward(self, images: Tensor) -> Tensor:
        return self.method(images).logits


class ClassActivation:
    """Class activation maps of a trained method at its final map F, which is what enters the head.

    For a method that attends, F is the map after attention. Grad-CAM weighs channel k of F by the mean over
    positions of ∂y_c/∂F_k, sums, and keeps what is positive; where the head is average pooling and one linear
    layer, that is the original CAM up to its scale.

    method: any of `maskguide.methods`, in evaluation mode; it is copied, not changed. name: of `METHODS`,
    in any case of letters.
    """

    def __init__(self, method: nn.Module, name: str = "GradCAM"):
        known = {each.lower(): each for each in METHODS}
        if name.lower() not in known:
            raise InputError(f"--method {name}: unknown; choose one of {', '.join(METHODS)}")
        method = copy.deepcopy(method).eval()
        final_map = nn.Identity()  # a layer to hook, for F is no layer's output
        method.backbone.head = nn.Sequential(final_map, method.backbone.head)
        self.logits = _Logits(method)
        self.maps = getattr(pytorch_grad_cam, known[name.lower()])(self.logits, [final_map])

    def map_of(self, image: np.ndarray, class_id: int) -> np.ndarray:
        """image uint8 [H, W, 3] → what speaks for `class_id`, float32 [H, W] in 0…1: the map less its
        minimum, divided by its maximum, resized bilinearly; 0 everywhere where nothing speaks for it."""
        return self.maps(_batch(image), [ClassifierOutputTarget(class_id)])[0]

    @torch.inference_mode()
    def predict(self, image: np.ndarray) -> tuple[int, float]:
        """image uint8 [H, W, 3] → predicted class id and its probability."""
        probabilities = self.logits(_batch(image))[0].float().softmax(dim=0)
        return int(probabilities.argmax()), float(probabilities.max())


def _batch(image: np.ndarray) -> Tensor:
    """uint8 [H, W, 3] → normalised float32 [1, 3, H, W]; of a copy, for PyTorch wants to be able to write."""
    return images_on(image[None].copy(), "cpu")
