"""fastai's `fine_tune` with its defaults: a rival in bench/against.py, in an environment of its own."""

import json
import sys
import time

import pandas as pd
import torch
from fastai.vision.all import (
    Callback,
    ImageDataLoaders,
    Normalize,
    Resize,
    aug_transforms,
    imagenet_stats,
    set_seed,
    vision_learner,
)
from fastai.vision.learner import default_split, model_meta
from torchvision.models import mobilenet_v2

told = json.loads(sys.argv[1])


def network(pretrained=True, weights=None):
    """MobileNetV2 with the weights that all rivals start from."""
    model = mobilenet_v2()
    model.load_state_dict(torch.load(told["weights"], weights_only=True))
    return model


class Clock(Callback):
    """Seconds of the training parts of all epochs, and the images seen."""

    seconds, images = 0.0, 0

    def before_train(self):
        self.started = time.perf_counter()

    def after_batch(self):
        self.images += len(self.x) if self.training else 0

    def after_train(self):
        self.seconds += time.perf_counter() - self.started


torch.set_num_threads(told["threads"])
set_seed(told["seed"])
rows = pd.DataFrame(told["train"], columns=["path", "label"]).assign(valid=False)
watched = pd.DataFrame(told["test"], columns=["path", "label"]).drop_duplicates("label").assign(valid=True)
loaders = ImageDataLoaders.from_df(
    pd.concat([rows, watched]),
    path="/",
    fn_col="path",
    label_col="label",
    valid_col="valid",
    item_tfms=Resize(told["side"]),
    batch_tfms=[*aug_transforms(size=told["crop"]), Normalize.from_stats(*imagenet_stats)],
    bs=told["batch"],
    num_workers=0,
    device=torch.device("cpu"),
)
clock = Clock()
model_meta[network] = {"cut": -1, "split": default_split}  # where its own head begins: fastai knows others
learner = vision_learner(loaders, network, normalize=False, cbs=clock)
with learner.no_bar(), learner.no_logging():
    learner.fine_tune(told["epochs"])
    paths, labels = zip(*told["test"], strict=True)
    answers, _ = learner.get_preds(dl=loaders.test_dl(pd.DataFrame({"path": paths})))
named = [loaders.vocab[index] for index in answers.argmax(dim=1).tolist()]
right = sum(a == b for a, b in zip(named, labels, strict=True))
print(json.dumps({"top1": 100 * right / len(labels), "images": clock.images, "training": clock.seconds}))
