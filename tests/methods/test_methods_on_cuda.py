"""Every method in half precision on a GPU: finite terms, gradients, the same thresholds as on the CPU."""

import pytest
import torch
from maskguide import methods
from maskguide.learning import backbones, otsu, precision
from maskguide.learning.interface import Batch
from maskguide.plan import declared

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

OPTIONS = {
    **{"feature_weight": 0.3, "attention_weight": 0.7, "guidance_weight": 0.1, "activation": "softmax"},
    **{"mask_pooling": "parts", "reading": "printed", "feature_scale": 1.0},
    **{"regions": ["vein"], "region_weights": [0.7], "region_loss_weights": [0.1]},
    **{"classification_weight": 1.0, "classifiers": 4, "losses": "both", "terms": "attention"},
    **{"discriminality_weight": 1.5, "diversity_weight": 15.0, "explain": "input", "tiles": 2},
}


@pytest.mark.parametrize("method", [name for name, each in declared.methods().items() if each.class_name])
def test_a_step_in_half_precision(method):
    torch.manual_seed(0)
    model = methods.create(method, backbones.create("resnet18", None, 5), OPTIONS).cuda().train()
    images, labels = torch.randn(4, 3, 128, 128, device="cuda"), torch.arange(4, device="cuda")
    masks = torch.rand(4, 1, 4, 4, device="cuda")
    batch = Batch(images, labels, masks, torch.ones(4, 1, dtype=torch.bool, device="cuda"))
    with precision.mixed_precision("cuda"):
        output = model(images)
    terms = model.loss(output, batch)
    torch.stack(list(terms.values())).sum().backward()
    assert all(torch.isfinite(term) for term in terms.values())
    learning = [value for value in model.parameters() if value.requires_grad]
    assert all(value.grad is not None and torch.isfinite(value.grad).all() for value in learning)


def test_thresholds_are_those_of_the_cpu():
    torch.manual_seed(0)
    maps = torch.randn(64, 1, 14, 14, dtype=torch.float64)
    found = otsu.thresholds(maps.cuda()).cpu()
    mask = maps > otsu.thresholds(maps).view(-1, 1, 1, 1)
    assert torch.equal(maps > found.view(-1, 1, 1, 1), mask)
