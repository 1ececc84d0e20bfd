"""Training of a detector from a handful of boxes: ultralytics' trainer, fed from memory, resumed to the bit.

ultralytics would look for the data set's file, a font, a model for its AMP check and its servers; none of
that is reached here. Nothing is chosen on any image: the detector is the last epoch's moving average.
"""

from __future__ import annotations

import logging
import os
import random
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from ultralytics.data.dataset import YOLODataset
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import LOGGER

from maskguide.learning import checkpoints
from maskguide.learning.memory import running_out_is_said
from maskguide.system.files import InputError

log = logging.getLogger("maskguide")


@dataclass(frozen=True)
class Annotated:
    """An image uint8 [H, W, 3] RGB; regions int [N]; boxes float [N, 4], cx cy w h in image sizes."""

    image_id: str
    image: np.ndarray
    regions: np.ndarray
    boxes: np.ndarray


class AnnotatedImages(YOLODataset):
    """The annotated images in ultralytics' form, from memory: no label files, no cache beside the images."""

    def __init__(self, annotated: list[Annotated], **options: Any):
        self.annotated = annotated
        super().__init__(img_path=[], **options)

    def get_img_files(self, img_path: Any) -> list[str]:
        return [each.image_id for each in self.annotated]

    def get_labels(self) -> list[dict[str, Any]]:
        return [
            {
                **{"im_file": each.image_id, "shape": each.image.shape[:2]},
                "cls": each.regions.reshape(-1, 1).astype(np.float32),
                "bboxes": each.boxes.reshape(-1, 4).astype(np.float32),
                **{"segments": [], "keypoints": None, "normalized": True, "bbox_format": "xywh"},
            }
            for each in self.annotated
        ]

    def check_cache_ram(self, safety_margin: float = 1.0) -> bool:
        return True

    def cache_images(self) -> None:
        for i in range(self.ni):
            self.load_image(i)

    def load_image(self, i: int, rect_mode: bool = True, resize_short: bool = False) -> tuple:
        """Image i, BGR, its longer side brought to `imgsz`; its size before and after."""
        if self.ims[i] is None:
            image = cv2.cvtColor(self.annotated[i].image, cv2.COLOR_RGB2BGR)
            height, width = image.shape[:2]
            factor = self.imgsz / max(height, width)
            size = [max(min(round(side * factor), self.imgsz), 1) for side in (width, height)]
            self.ims[i] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
            self.im_hw0[i], self.im_hw[i] = (height, width), self.ims[i].shape[:2]
        return self.ims[i], self.im_hw0[i], self.im_hw[i]


class Trainer(DetectionTrainer):
    """ultralytics' loop around our images, our starting network and our checkpoint."""

    def __init__(
        self,
        model: torch.nn.Module,
        annotated: list[Annotated],
        training: Namespace,
        device: str,
        options: Mapping[str, Any],
        state: dict[str, Any] | None,
    ):
        self.start, self.annotated, self.state = model, annotated, state
        self.regions, self.checkpoint, self.options = training.regions, training.resume, options
        self.rows: list[dict[str, float]] = []
        batch = min(training.batch_size, len(annotated))
        overrides = {
            **{"model": "maskguide.yaml", "task": "detect", "name": "run", "exist_ok": True, "patience": 0},
            **{"val": False, "plots": False, "verbose": False},
            **{"epochs": training.epochs, "close_mosaic": training.epochs // 4},
            **{"imgsz": training.image_size, "optimizer": training.optimizer, "seed": training.seed},
            "batch": batch,
            "nbs": batch,  # ultralytics accumulates gradients up to 64 images: thirty would give no step
            "lr0": training.learning_rate,
            "warmup_bias_lr": training.learning_rate,  # its 0.1 is meant for SGD
            "project": str(Path(os.environ["YOLO_CONFIG_DIR"]).resolve()),  # see `detectors.private_settings`
            "workers": 0,  # the images are in memory
            "amp": False,  # its check fetches a model
            "deterministic": True,  # always: its own default
            "device": "cpu" if device == "cpu" else None,  # never an index
        }
        super().__init__(overrides=overrides)
        self.add_callback("on_train_epoch_start", Trainer.seed_epoch)

    def get_dataset(self) -> dict[str, Any]:
        names = dict(enumerate(self.regions))
        return {"train": "", "val": "", "nc": len(names), "names": names, "channels": 3}

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> YOLODataset:
        cache = "ram" if mode == "train" else None  # mosaics are then drawn from all images
        given = {"imgsz": self.args.imgsz, "hyp": self.args, "batch_size": batch, "data": self.data}
        return AnnotatedImages(self.annotated, **given, cache=cache, augment=mode == "train", task="detect")

    def setup_model(self) -> dict[str, Any] | None:
        self.model = self.start
        return self.state

    def _build_train_pipeline(self) -> None:
        """Called again with a smaller `batch_size` where memory ran out: see `train`."""
        super()._build_train_pipeline()
        if self.batch_size < self.args.nbs:
            told = "detector: out of GPU memory; from now on %d images at a time, batches stay as they are"
            log.info(told, self.batch_size)

    def resume_training(self, ckpt: dict[str, Any] | None) -> None:
        if ckpt is None:
            return
        self.model.load_state_dict(ckpt["model"])
        self.ema.ema.load_state_dict(ckpt["average"])
        self.ema.updates = ckpt["updates"]
        self.optimizer.load_state_dict(ckpt["optimizer"])
        self.rows = ckpt["history"]
        self.start_epoch = len(self.rows)
        log.info("continuing after epoch %d of %d", self.start_epoch, self.epochs)

    def seed_epoch(self) -> None:
        """What an epoch draws depends on (seed, epoch) alone: an interruption changes nothing."""
        self.started = time.perf_counter()
        seed = int(np.random.SeedSequence([self.args.seed, self.epoch]).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        self.train_loader.reset()
        self.train_loader.generator.manual_seed(seed)

    def validate(self) -> tuple[dict[str, float], float]:
        return {}, 0.0

    def final_eval(self) -> None:
        return

    def save_metrics(self, metrics: dict[str, float]) -> None:
        named = {name: float(value) for name, value in metrics.items() if name.startswith("train/")}
        losses = {name.removeprefix("train/"): value for name, value in named.items()}
        first = {"epoch": self.epoch + 1, "learning_rate": float(metrics["lr/pg0"])}
        self.rows.append({**first, **losses, "seconds": round(time.perf_counter() - self.started, 3)})
        text = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
        log.info("epoch %d/%d: %s", self.epoch + 1, self.epochs, text)
        if not all(np.isfinite(list(losses.values()))):
            raise InputError(f"the loss of epoch {self.epoch + 1} is not finite: lower --learning-rate")

    def _handle_nan_recovery(self, epoch: int) -> bool:
        return False

    def save_model(self) -> bool:
        state = {
            "model": self.model.state_dict(),
            "average": self.ema.ema.state_dict(),
            "updates": self.ema.updates,
            "optimizer": self.optimizer.state_dict(),
            "history": self.rows,
        }
        checkpoints.save(self.checkpoint, state, self.options, self.epoch + 1)
        return True


def train(
    model: torch.nn.Module,
    annotated: list[Annotated],
    training: Namespace,
    device: str,
    options: Mapping[str, Any],
) -> tuple[torch.nn.Module, list[dict[str, float]]]:
    """Train the detector; return the moving average of its weights as a network, and the history.

    training: the options of train_detector.py; the learning rate is the highest, of a linear decay. After
    each epoch the state goes to its folder `resume`; one found there under the same `options` is continued,
    on the CPU with the same result to the bit.
    """
    LOGGER.setLevel(logging.WARNING)
    state = checkpoints.load(training.resume, options)
    if state is not None and len(state["history"]) >= training.epochs:
        model.load_state_dict(state["average"])
        return model.eval(), state["history"]
    trainer = Trainer(model, annotated, training, device, options, state)
    # In its first epoch ultralytics itself halves the images computed at a time, three times, and adds their
    # gradients up to `nbs`, so that the batch stays (but for its warm-up, whose first steps take fewer).
    with running_out_is_said(f"detector, {training.batch_size} images of a step"):
        trainer.train()
    return trainer.ema.ema.cpu().float().eval(), trainer.rows
