"""The segmenter: attention between scales against the paper, losses, weights, what cannot be built."""

from argparse import Namespace

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.data import masks
from maskguide.learning.transforms import IGNORE, Augmentation
from maskguide.segment import segmenter_training, segmenters
from maskguide.segment.segmenters import Architecture, HierarchicalSegmenter, Prediction, combine, resize
from maskguide.system.files import InputError
from torch import nn
from torch.nn import functional

SLIM = Architecture("Unet", "resnet18", ("main_vein", "second_order_vein"), 3, (16, 8, 8))


class Constant(nn.Module):
    """An attention head of one value everywhere."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, features):
        return torch.full_like(features[:, :1], self.value)


def segmenter(architecture=SLIM, attention=None):
    torch.manual_seed(0)
    model = HierarchicalSegmenter(architecture).eval()
    if attention is not None:
        model.network.segmentation_head.attention = Constant(attention)
    return model


def single_scale(model):
    """The plain segmentation-models-pytorch network with the same weights."""
    plain = smp.Unet(
        "resnet18", encoder_weights=None, encoder_depth=3, decoder_channels=[16, 8, 8], classes=3
    )
    plain.encoder.load_state_dict(model.network.encoder.state_dict())
    plain.decoder.load_state_dict(model.network.decoder.state_dict())
    plain.segmentation_head.load_state_dict(model.network.segmentation_head.segmentation.state_dict())
    return plain.eval()


@pytest.mark.parametrize("scales", [(0.5, 1.0), (1.0, 2.0, 0.5)])
def test_attention_fixed_at_one_is_the_single_scale_model_at_the_coarsest_scale(scales):
    model, images = segmenter(attention=1.0), torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        logits, _ = model(images, scales)
        expected = resize(single_scale(model)(resize(images, (32, 48))), (64, 96))
    torch.testing.assert_close(logits, expected)


def test_attention_fixed_at_zero_is_the_single_scale_model_at_the_finest_scale():
    model, images = segmenter(attention=0.0), torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        plain = single_scale(model)
        torch.testing.assert_close(model(images, (0.5, 1.0))[0], plain(images))
        torch.testing.assert_close(model(images, (0.5, 1.0, 2.0))[0][:, :, :1], plain_fine(plain, images))


def plain_fine(plain, images):
    height, width = images.shape[-2:]
    return resize(plain(resize(images, (2 * height, 2 * width))), (height, width))[:, :, :1]


def test_one_scale_is_the_single_scale_model_whatever_the_attention():
    model, images = segmenter(), torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(model(images, (1.0,))[0], single_scale(model)(images))


def test_two_scales_combine_as_in_the_paper():
    model, images = segmenter(), torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        logits, predictions = model(images, (0.5, 1.0))
    low, high = (prediction for prediction in sorted(predictions, key=lambda prediction: prediction.scale))

    def up(maps):
        return functional.interpolate(maps, scale_factor=2, mode="bilinear")

    expected = up(low.attention * low.logits) + (1 - up(low.attention)) * high.logits
    torch.testing.assert_close(logits, expected)
    assert low.attention.min() > 0 and low.attention.max() < 1


@settings(max_examples=40, deadline=None)
@given(
    scales=st.lists(st.sampled_from([0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0]), min_size=1, unique=True),
    height=st.integers(3, 21),
    width=st.integers(3, 21),
    seed=st.integers(0, 2**16),
)
def test_weights_of_the_scales_sum_to_one_at_every_pixel(scales, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    predictions = []
    for place, scale in enumerate(scales):
        size = max(1, round(height * scale)), max(1, round(width * scale))
        chosen = torch.zeros(1, len(scales), *size, dtype=torch.float64)
        chosen[:, place] = 1  # the combination of these is the weight of each scale
        attention = torch.rand(1, 1, *size, generator=generator, dtype=torch.float64)
        predictions.append(Prediction(scale, chosen, attention))
    weights = combine(predictions, (height, width))
    assert weights.shape == (1, len(scales), height, width)
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(1), torch.ones(1, height, width, dtype=torch.float64))


def test_any_image_size_is_padded_to_the_stride_and_cut_back():
    model, images = segmenter(), torch.randn(1, 3, 50, 75)
    with torch.inference_mode():
        prediction = model.predict_at(images, 1.0)
        padded = functional.pad(images, (0, 5, 0, 6))  # stride 8 → 56 × 80
        torch.testing.assert_close(prediction.logits, single_scale(model)(padded)[..., :50, :75])
        assert model(images, (0.5, 1.0))[0].shape == (1, 3, 50, 75)
        exact = functional.pad(images, (0, 5, 0, 6))
        torch.testing.assert_close(model.predict_at(exact, 1.0).logits, single_scale(model)(exact))


def test_loss_and_gradient_ignore_padding():
    criterion = segmenter_training.SegmentationLoss(torch.tensor([1.0, 2.0, 3.0]), 1.0, 0.05)
    labels = torch.randint(0, 3, (2, 8, 8))
    labels[:, :, 5:] = IGNORE
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    other = logits.detach().clone()
    other[..., 5:] = 7.0
    attention = torch.full((2, 1, 8, 8), 0.5)

    def total(values):
        return sum(criterion(values, [Prediction(s, values, attention) for s in (0.5, 1)], labels).values())

    loss = total(logits)
    loss.backward()
    torch.testing.assert_close(loss, total(other))
    assert logits.grad[..., 5:].abs().max() == 0


def test_cross_entropy_against_numpy():
    weights = np.array([0.5, 2.0, 4.0])
    logits, labels = np.random.default_rng(0).normal(size=(1, 3, 4, 4)), np.arange(16).reshape(1, 4, 4) % 3
    log_softmax = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    chosen = np.take_along_axis(log_softmax, labels[:, None], 1)[:, 0]
    expected = -(weights[labels] * chosen).sum() / weights[labels].sum()
    criterion = segmenter_training.SegmentationLoss(torch.tensor(weights), 0.0, 0.0)
    terms = criterion(torch.tensor(logits), [], torch.tensor(labels))
    assert list(terms) == ["cross_entropy"]
    assert terms["cross_entropy"].item() == pytest.approx(expected)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_class_weights(balance):
    labels = np.zeros((10, 10), np.uint8)
    labels[0, :4], labels[1, 0] = 1, 2
    weights = segmenter_training.class_weights([labels], 4, balance).numpy()
    frequency = np.array([0.95, 0.04, 0.01])
    assert (frequency * weights[:3]).sum() == pytest.approx(1)
    assert weights[2] / weights[1] == pytest.approx(4**balance)
    assert weights[3] == 1  # no pixel: no opinion


def test_learning_rate_decays_to_zero():
    for schedule, half in (("polynomial", 0.25), ("cosine", 0.5)):
        training = options(schedule=schedule, power=2.0, learning_rate=1.0)
        rates = [segmenter_training.learning_rate(training, progress) for progress in (0, 0.5, 1)]
        assert rates == pytest.approx([1, half, 0])


def options(**changes):
    values = {
        "scales": (0.5, 1.0), "epochs": 2, "batch_size": 2, "optimizer": "sgd", "learning_rate": 0.01,
        "momentum": 0.9, "weight_decay": 0.0, "schedule": "polynomial", "power": 1.0, "class_balance": 0.5,
        "dice_weight": 1.0, "scale_loss_weight": 0.05, "seed": 0, "workers": 0,
    }  # fmt: skip
    return Namespace(**{**values, **changes})


def test_items_depend_on_seed_epoch_and_position_only():
    rng = np.random.default_rng(0)
    pairs = [(rng.integers(0, 255, (20, 30, 3), np.uint8), np.full((20, 30), k, np.uint8)) for k in range(3)]

    def epoch(seed, number):
        return segmenter_training.AnnotatedImages(pairs, Augmentation(16), seed, number, size=2)

    first, again = epoch(0, 0), epoch(0, 0)
    assert len(first) == 4  # filled up to whole batches
    assert set(first.order) == {0, 1, 2}
    assert all(torch.equal(first[i][0], again[i][0]) for i in (3, 1))
    assert not torch.equal(first[0][0], epoch(1, 0)[0][0])
    assert not torch.equal(first[0][0], epoch(0, 1)[0][0])


def test_diverged_training_is_refused():
    pairs = [(np.full((32, 32, 3), 200, np.uint8), np.zeros((32, 32), np.uint8))]
    model = segmenter()
    with torch.no_grad():
        model.network.segmentation_head.segmentation[0].bias.fill_(torch.inf)
    with pytest.raises(InputError, match="lower the learning rate"):
        segmenter_training.train(model, pairs, Augmentation(32), options(), "cpu")


@pytest.mark.parametrize(
    "name", ["Unet", "UnetPlusPlus", "FPN", "Linknet", "DeepLabV3Plus", "PSPNet", "UPerNet"]
)
def test_architectures(name):
    model = segmenter(Architecture(name, "mobilenet_v2", ("butterfly",)))
    with torch.inference_mode():
        assert model(torch.randn(1, 3, 70, 64), (0.5, 1.0))[0].shape == (1, 2, 70, 64)


def test_what_cannot_be_built_is_refused():
    for wrong, message in (
        (Architecture("Vnet", "resnet18", ("a",)), "choose among .*DeepLabV3Plus"),
        (Architecture("Unet", "resnet19", ("a",)), "resnet19"),
        (Architecture("Unet", "resnet18", ("a",), 3, (8,)), "cannot be built"),
        (Architecture("PSPNet", "resnet18", ("a",), None, (8,)), "PSPNet has no such stages"),
    ):
        with pytest.raises(InputError, match=message) as error:
            HierarchicalSegmenter(wrong)
        assert "\n" not in str(error.value)


def test_save_and_load(tmp_path):
    model, image = segmenter(), np.random.default_rng(0).integers(0, 255, (33, 41, 3), np.uint8)
    segmenters.save(tmp_path / "model.pt", model)
    loaded = segmenters.load(tmp_path / "model.pt")
    assert loaded.architecture == SLIM
    probability = segmenters.predict(loaded, image, (0.5, 1.0))
    np.testing.assert_array_equal(probability, segmenters.predict(model, image, (0.5, 1.0)))
    assert probability.shape == (3, 33, 41)
    np.testing.assert_allclose(probability.sum(0), 1, rtol=1e-5)


def test_load_refuses_other_files(tmp_path):
    (tmp_path / "text.pt").write_text("no")
    torch.save({"state_dict": {}}, tmp_path / "other.pt")
    torch.save([1], tmp_path / "list.pt")
    for name in ("text.pt", "other.pt", "list.pt", "absent.pt"):
        with pytest.raises(InputError, match=name):
            segmenters.load(tmp_path / name)


def test_encoder_weights_fit_strictly(tmp_path, caplog):
    caplog.set_level("INFO", "maskguide")
    for encoder in ("resnet18", "mobilenet_v2"):
        torch.manual_seed(1)
        weights = getattr(torchvision.models, encoder)(weights=None).state_dict()
        torch.save(weights, tmp_path / "weights.pth")
        model = segmenter(Architecture("Unet", encoder, ("a",)))
        caplog.clear()
        segmenters.load_encoder_weights(model, tmp_path / "weights.pth")
        taken = model.network.encoder.state_dict()
        assert all(torch.equal(taken[name], weights[name]) for name in taken)
        assert f"{len(taken)} of its {len(weights)} tensors loaded" in caplog.text
        wrong = segmenter(Architecture("Unet", "resnet34", ("a",)))
        with pytest.raises(InputError, match="does not fit encoder resnet34") as error:
            segmenters.load_encoder_weights(wrong, tmp_path / "weights.pth")
        assert "\n" not in str(error.value)


def test_init_from_keeps_the_head_for_the_same_classes_only(tmp_path):
    source = segmenter()
    segmenters.save(tmp_path / "model.pt", source)
    torch.manual_seed(5)
    same, other = (
        HierarchicalSegmenter(SLIM),
        HierarchicalSegmenter(Architecture(**{**vars(SLIM), "classes": ("a",)})),
    )
    fresh = other.network.segmentation_head.segmentation[0].weight.clone()
    segmenters.load_segmenter_weights(same, tmp_path / "model.pt")
    segmenters.load_segmenter_weights(other, tmp_path / "model.pt")
    assert all(torch.equal(value, same.state_dict()[name]) for name, value in source.state_dict().items())
    for name, value in source.state_dict().items():
        if ".segmentation." not in name:
            assert torch.equal(value, other.state_dict()[name])
    assert torch.equal(other.network.segmentation_head.segmentation[0].weight, fresh)
    deeper = HierarchicalSegmenter(Architecture("Unet", "resnet18", ("a",), 4))
    with pytest.raises(InputError, match="encoder_depth is 3, not 4"):
        segmenters.load_segmenter_weights(deeper, tmp_path / "model.pt")


# The scripts


def test_pixels_are_counted_on_the_device_as_numpy_counts_them():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, (2, 5, 6, 7))
    truth[rng.random(truth.shape) < 0.2] = IGNORE
    truth[truth == 2] = 1  # a class without pixels
    counts = segmenter_training.confusion_matrix(torch.from_numpy(truth), torch.from_numpy(predicted), 4)
    np.testing.assert_array_equal(counts.numpy(), masks.confusion_matrix(truth, predicted, 4))
    assert counts.sum() == (truth != IGNORE).sum() > 0
