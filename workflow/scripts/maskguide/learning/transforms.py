"""Joint augmentation of an image and its label mask, and the normalisation of images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image, ImageEnhance

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
PADDING_COLOUR = tuple(round(255 * mean) for mean in IMAGENET_MEAN)  # zero after normalisation
IGNORE = 255


@dataclass(frozen=True)
class Augmentation:
    """A random window of an image and of its mask, moved alike; colour changes touch the image only.

    crop: side of the square window in pixels. scale: range of the resizing factor (log-uniform).
    rotation: largest angle in degrees, either way. flip: probability of a horizontal flip.
    jitter: largest relative change of brightness, contrast and saturation.
    """

    crop: int
    scale: tuple[float, float] = (0.5, 2.0)
    rotation: float = 10.0
    flip: float = 0.5
    jitter: float = 0.25

    def __call__(
        self, image: np.ndarray, labels: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Image uint8 [H, W, 3] and labels uint8 [H, W] → both [crop, crop]; outside the image: padding.

        Padding is PADDING_COLOUR in the image and IGNORE in the labels, as void is.
        """
        height, width = labels.shape
        factor = math.exp(rng.uniform(math.log(self.scale[0]), math.log(self.scale[1])))
        angle = math.radians(rng.uniform(-self.rotation, self.rotation))
        mirror = -1.0 if rng.random() < self.flip else 1.0
        centre_y = centre_of_window(height * factor, self.crop, rng) / factor
        centre_x = centre_of_window(width * factor, self.crop, rng) / factor
        matrix = window_matrix(self.crop, factor, angle, mirror, (centre_y, centre_x))
        colours = rng.uniform(1 - self.jitter, 1 + self.jitter, size=3)

        window = ((self.crop, self.crop), Image.Transform.AFFINE, matrix)
        picture = Image.fromarray(image).transform(*window, Image.Resampling.BILINEAR)
        moved = Image.fromarray(labels).transform(*window, Image.Resampling.NEAREST, fillcolor=IGNORE)
        moved = np.array(moved)
        enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
        for enhance, amount in zip(enhancers, colours, strict=True) if self.jitter else ():
            picture = enhance(picture).enhance(amount)
        pixels = np.array(picture)
        outside = moved == IGNORE
        if outside.any() and (labels == IGNORE).any():
            whole = Image.new("L", (width, height), 0)
            outside = np.array(whole.transform(*window, Image.Resampling.NEAREST, fillcolor=IGNORE)) == IGNORE
        pixels[outside] = PADDING_COLOUR
        return pixels, moved


def centre_of_window(length: float, crop: int, rng: np.random.Generator) -> float:
    """Centre of a random window of `crop` pixels: within an axis of `length`, or around it if shorter."""
    start = rng.uniform(min(0.0, length - crop), max(0.0, length - crop))
    return start + crop / 2


def window_matrix(
    crop: int, factor: float, angle: float, mirror: float, centre: tuple[float, float]
) -> tuple[float, ...]:
    """The affine map (a, b, c, d, e, f) from the window's pixels to the image's, as Pillow wants it.

    `x = a·u + b·v + c`, `y = d·u + e·v + f`: about the window's centre, mirrored (−1) or not (1), turned by
    `angle` (radians), divided by `factor`; the window's centre lands on the image's point `centre` (y, x).
    """
    cosine, sine = math.cos(angle) / factor, math.sin(angle) / factor
    a, b, d, e = mirror * cosine, -sine, mirror * sine, cosine
    half = crop / 2
    return (a, b, centre[1] - (a + b) * half, d, e, centre[0] - (d + e) * half)


def normalise(images: torch.Tensor) -> torch.Tensor:
    """uint8 RGB images [B, 3, H, W] → float32 `(image / 255 − mean) / std` with ImageNet's constants.

    In the images' own memory order.
    """
    mean, deviation = constants(images.device)
    lines = images.permute(0, 2, 3, 1)
    if not lines.is_contiguous():
        pixels = images.to(torch.float32, copy=True)
        return pixels.div_(255).sub_(mean.view(1, 3, 1, 1)).div_(deviation.view(1, 3, 1, 1))
    # in channels-last memory a line of pixels at a time: three channels at a time are several times slower
    width = images.shape[3]
    pixels = lines.flatten(start_dim=2).to(torch.float32, copy=True)
    pixels.div_(255).sub_(mean.repeat(width)).div_(deviation.repeat(width))
    return pixels.view(lines.shape).permute(0, 3, 1, 2)


@cache
def constants(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """ImageNet's mean and deviation on the device; made once, as each copy to a GPU waits for it."""
    with torch.inference_mode(False):
        return tuple(torch.tensor(values, device=device) for values in (IMAGENET_MEAN, IMAGENET_STD))
