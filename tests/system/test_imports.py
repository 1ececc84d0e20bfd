"""What a job imports is what it uses: heavy packages wait until they are needed."""

import json
import subprocess
import sys

HEAVY = ("torch", "torchvision", "ultralytics", "segmentation_models_pytorch", "sklearn", "matplotlib")

# What each script has loaded once it is imported, before it reads an option; each in a process of its own.
AT_START = """
import importlib, json, os, sys
import pandas, scipy.ndimage, skimage.morphology  # shared by the forks; they load nothing heavy

heavy, *names = sys.argv[1:]
for name in names:
    if os.fork() == 0:
        importlib.import_module(name)
        print(json.dumps([name, [each for each in json.loads(heavy) if each in sys.modules]]), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, name
"""

# A training of the small backbone, and its tests, as train_classifier.py makes them.
TRAINING = """
import sys
import torch
from maskguide import methods
from maskguide.data.store import ImageStore, MaskStore
from maskguide.learning import attend, backbones, checkpoints, evaluation, training
from maskguide.learning.loop import Learner
from maskguide.learning.batches import TrainingImages

model = methods.create("baseline", backbones.create("small", None, 3), {"feature_scale": 1.0})
evaluation.top1([0, 1], [0, 0]), evaluation.macro_f1([0, 1], [0, 0], 2)
for optimizer in ("sgd", "adam"):
    schedule = training.Schedule(1, 0.1, 0.9, 0.0, optimizer=optimizer)
    learner = Learner(model, schedule.create_optimizer, "cpu", "training")
    learner.step(2, lambda part: ({"loss": model.backbone(torch.zeros(2, 3, 32, 32)).sum()}, None), 0.1)
print([each for each in sys.argv[1:] if each in sys.modules])
backbones.create("resnet18", None, 3)
print("torchvision" in sys.modules)
"""

# Jobs that compute on files alone: region masks from detections, figures of boxes, overlaps, stores.
FILES = """
import sys
from maskguide.data import datasets, store
from maskguide.data import masks
from maskguide.detect import detections, region_masks
from maskguide.learning import attend
from maskguide.reporting import attended_boxes
from maskguide.marks import annotation, boxes, box_sources
from maskguide.reporting import compare, runs, tables

print([each for each in sys.argv[1:] if each in sys.modules])
"""


def python(root, code, *words):
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_scripts_start_without_heavy_packages(root):
    """An option that is wrong is said at once, and a GPU is leased before torch is there."""
    names = sorted(path.stem for path in (root / "workflow" / "scripts").glob("*.py"))
    assert len(names) > 30
    loaded = dict(json.loads(line) for line in python(root, AT_START, json.dumps(HEAVY), *names))
    expected = {name: ["matplotlib"] if name.startswith("plot_") else [] for name in names}
    assert loaded == {
        **expected,
        "fetch_weights": ["torch", "torchvision"],  # it checks the file against torchvision's own network
        "fetch_detector_weights": ["torch"],
        "match_contours": ["sklearn"],
    }


def test_a_training_of_the_small_backbone_needs_torch_alone(root):
    assert python(root, TRAINING, *HEAVY, "torch._dynamo") == ["['torch']", "True"]


def test_jobs_without_a_network_need_no_torch(root):
    assert python(root, FILES, *HEAVY) == ["[]"]
