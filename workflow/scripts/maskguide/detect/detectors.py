"""Detectors of regions: any YOLO of ultralytics by name, offline, and what it finds in an image.

`model.pt` is a plain dict: architecture, regions, image_size and the state dict. Everything here needs
`private_settings` around it, for ultralytics writes its settings when it is imported.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from maskguide.learning import weights
from maskguide.system.files import InputError

log = logging.getLogger("maskguide")

LEAST_CONFIDENCE = 0.001  # below, detections are not even counted when precision is integrated over recall
OVERLAP = 0.7  # IoU above which the less confident of two boxes of one region is dropped; ultralytics' own
MOST_DETECTIONS = 100  # of one image; COCO's own


@dataclass(frozen=True)
class Detector:
    """A network, its regions in the order of its classes, and the side that images are brought to."""

    model: nn.Module
    architecture: str
    regions: tuple[str, ...]
    image_size: int


@contextmanager
def private_settings(folder: Path) -> Iterator[None]:
    """Let ultralytics keep its settings in `folder` only, deleted at the end, and stay off the network.

    To be entered before anything imports ultralytics: it looks for settings, and for the network, once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # offline: no analytics, no font, no model for the AMP check
    os.environ |= {"YOLO_CONFIG_DIR": str(folder), "YOLO_OFFLINE": "true"}
    os.environ |= {"YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
    try:
        read_image_file = Image.open
        import_module("ultralytics.utils.patches")
        Image.open = read_image_file  # it puts its own there, which fails on a broken file with another error
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def create(architecture: str, num_regions: int) -> nn.Module:
    """The untrained detector of that name (yolov5n, yolov8s, yolo11n, …) for `num_regions` classes."""
    from ultralytics.nn.tasks import DetectionModel
    from ultralytics.utils import LOGGER

    LOGGER.setLevel(logging.WARNING)
    known = "choose one such as yolov5n, yolov5s, yolov8n, yolo11n"
    complaint = InputError(f"--architecture {architecture}: ultralytics has no such YOLO detector; {known}")
    if not re.fullmatch(r"yolo(v\d+|\d+)[a-z]\w*|yolov3(-\w+)?", architecture) or "-" in architecture[6:]:
        raise complaint
    try:
        return DetectionModel(f"{architecture}.yaml", nc=num_regions, verbose=False)
    except (FileNotFoundError, SyntaxError) as error:
        raise complaint from error


def load_matching(model: nn.Module, path: Path) -> tuple[int, int]:
    """Load what fits of a state dict with ultralytics' names, the head for other classes being left new.

    Returns how many tensors fitted, and how many the detector has; `InputError` where none fits.
    """
    own = model.state_dict()
    state = weights.read_weights(path)
    fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise InputError(f"{path}: none of its {len(state)} tensors fits; give a state dict of this detector")
    model.load_state_dict(fitting, strict=False)
    log.info("%s: %d of the detector's %d tensors loaded, the others start new", path, len(fitting), len(own))
    return len(fitting), len(own)


def save(path: Path, detector: Detector) -> None:
    """Write model.pt."""
    info = {name: value for name, value in vars(detector).items() if name != "model"}
    weights.write(path, detector.model, info)


def load(path: Path) -> Detector:
    """The detector of a model.pt, on the CPU in evaluation mode."""
    with weights.refused(path, "is no trained detector", "train it again"):
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = content.pop("state_dict")
        model = create(content["architecture"], len(content["regions"]))
        model.load_state_dict(state)
        return Detector(model.eval(), **content)


def detect(detector: Detector, image: np.ndarray, device: str = "cpu") -> np.ndarray:
    """All boxes that the detector sees in an image uint8 [H, W, 3], RGB, after non-maximum suppression.

    float64 [N, 6]: left, top, right, bottom (pixels, inside the image), confidence 0…1, region's number;
    most confident first, at most `MOST_DETECTIONS`.
    """
    from ultralytics.data.augment import LetterBox
    from ultralytics.utils.nms import non_max_suppression
    from ultralytics.utils.ops import scale_boxes

    model = detector.model.to(device).eval()
    boxed = LetterBox((detector.image_size, detector.image_size), auto=True)(image=image)
    pixels = torch.from_numpy(np.ascontiguousarray(boxed.transpose(2, 0, 1))).to(device)[None].float() / 255
    with torch.inference_mode():
        found = non_max_suppression(
            *(model(pixels), LEAST_CONFIDENCE, OVERLAP),
            **{"nc": len(detector.regions), "max_det": MOST_DETECTIONS, "max_time_img": 60.0},
            end2end=bool(getattr(model, "end2end", False)),
        )[0]
        found[:, :4] = scale_boxes(pixels.shape[2:], found[:, :4], image.shape[:2])
    return found.cpu().double().numpy()
