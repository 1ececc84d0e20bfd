"""ultralytics' classifier with its defaults: a rival in bench/against.py, in its own environment."""

import json
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml
from ultralytics import YOLO

told = json.loads(sys.argv[1])
torch.set_num_threads(told["threads"])
place = Path(tempfile.mkdtemp())
network = {"nc": len(told["classes"])}
network |= {"backbone": [[-1, 1, "TorchVision", [1280, "mobilenet_v2", None, True, 1]]]}
network |= {"head": [[-1, 1, "Classify", ["nc"]]]}
(place / "mobilenet-cls.yaml").write_text(yaml.safe_dump(network))
for part, rows in (("train", told["train"]), ("test", told["test"])):
    for number, (path, label) in enumerate(rows):
        link = place / "data" / part / label / f"{number}{Path(path).suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)

model = YOLO(place / "mobilenet-cls.yaml", task="classify")
trained = torch.load(told["weights"], weights_only=True)
features = {name.removeprefix("features."): value for name, value in trained.items() if "features" in name}
model.model.model[0].m.load_state_dict(features)
model.ckpt = {"model": model.model}  # else it begins anew

spent = {"seconds": 0.0, "started": 0.0}
model.add_callback("on_train_epoch_start", lambda _: spent.update(started=time.perf_counter()))
model.add_callback(
    "on_train_epoch_end",
    lambda _: spent.update(seconds=spent["seconds"] + time.perf_counter() - spent["started"]),
)
shared = {"imgsz": told["crop"], "batch": told["batch"], "device": "cpu", "workers": 0, "project": str(place)}
model.train(
    data=str(place / "data"),
    epochs=told["epochs"],
    seed=told["seed"],
    val=False,
    plots=False,
    verbose=False,
    **shared,
)
last = YOLO(next(place.rglob("last.pt")))
found = last.val(data=str(place / "data"), split="test", plots=False, verbose=False, **shared)
images = told["epochs"] * len(told["train"])
print(json.dumps({"top1": 100 * float(found.top1), "images": images, "training": spent["seconds"]}))
