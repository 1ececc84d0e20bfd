"""Logistic regression on a frozen network's features: the rival `scikit-learn` of bench/against.py."""

import json
import sys

import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torchvision import transforms
from torchvision.models import mobilenet_v2

told = json.loads(sys.argv[1])
torch.set_num_threads(told["threads"])
model = mobilenet_v2()
model.load_state_dict(torch.load(told["weights"], weights_only=True))
prepare = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(told["crop"]),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)


@torch.inference_mode()
def features(rows):
    """Means of the last map, [images, 1280]."""
    batch = [prepare(Image.open(path).convert("RGB")) for path, _ in rows]
    parts = torch.stack(batch).split(told["batch"])
    return torch.cat([model.eval().features(part).mean(dim=(2, 3)) for part in parts]).numpy()


classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
classifier.fit(features(told["train"]), [label for _, label in told["train"]])
right = classifier.score(features(told["test"]), [label for _, label in told["test"]])
print(json.dumps({"top1": 100 * right, "images": 0, "training": 0}))
